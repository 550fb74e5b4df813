//! Follows the boundaries of HTTP/1 requests and refuses whatever two parties could read in two
//! ways (RFC 9112 §11.2, request smuggling).
//!
//! hyper prefers `Transfer-Encoding` where a request has `Content-Length` too, skips bare line
//! feeds, joins repeated lengths. Legal, but another party before us may have decided otherwise.
//! So the bytes of a connection pass through a [`Guard`] before hyper sees them: a pure state
//! machine that hands on what is unambiguous, byte for byte, and stops at what is not.
//!
//! A head is handed on as a whole or not at all, and so is the size line of a chunk; a handler
//! never sees the beginning of a request that is refused.

mod chunked;
mod head;
mod stream;
mod watch;

use http::StatusCode;
use pipeline::Response;

use chunked::Chunked;
pub use head::{Framing, Length, examine};
pub(crate) use stream::{Guarded, Timeouts};
pub(crate) use watch::{Turn, Watch};

/// Bytes that are waited for ahead of the answer to a request that asks for another protocol.
const MAX_AHEAD: usize = 16 * 1024;

/// How large a request's head, or the trailers of a chunked body, may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes, the final empty line included.
    pub bytes: usize,
    /// Header lines.
    pub headers: usize,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A line does not end with CR LF, or a CR stands alone.
    #[error("a line must end with CR LF")]
    LineEnd,
    /// A control character where there must be none.
    #[error("a control character in the head")]
    Control,
    /// The request line is not method, target and version, one space between.
    #[error("the request line is malformed")]
    RequestLine,
    /// A version that is neither 1.0 nor 1.1.
    #[error("only HTTP/1.0, HTTP/1.1 and HTTP/2 are spoken here")]
    Version,
    /// A header that goes on in the next line (obs-fold, RFC 9112 §5.2).
    #[error("a header is folded over two lines")]
    Folded,
    /// A header with no name, no colon, or a name with characters that no name has.
    #[error("a header is malformed")]
    Header,
    /// The head, or the trailers, are larger than the limit.
    #[error("the head is too large")]
    TooLarge,
    /// More header lines than the limit.
    #[error("too many headers")]
    TooMany,
    /// `Content-Length` more than once, or not a plain number.
    #[error("`Content-Length` must be one plain number")]
    ContentLength,
    /// `Transfer-Encoding` more than once, other than `chunked`, or in HTTP/1.0.
    #[error("`Transfer-Encoding` must be `chunked` and nothing else")]
    TransferEncoding,
    /// `Content-Length` and `Transfer-Encoding` in one request.
    #[error("`Content-Length` and `Transfer-Encoding` exclude one another")]
    TwoLengths,
    /// No `Host`, or more than one.
    #[error("there must be one `Host`")]
    Host,
    /// The framing of a chunked body is broken.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The head was not complete in time.
    #[error("the request took too long")]
    Late,
}

impl Violation {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLarge | Self::TooMany => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Late => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer.
    pub(crate) fn answer(self) -> Response {
        let status = self.status();
        Response::text(status, format!("{status}: {self}\n"))
    }
}

/// What of a whole connection's bytes passes, how many heads that is, and why it ended there if it
/// did.
pub fn passable(bytes: &[u8], limits: Limits) -> (Vec<u8>, u64, Option<Violation>) {
    let mut guard = Guard::new(limits);
    let mut passed = Vec::new();
    let violation = guard.feed(bytes, &mut passed).err();
    (passed, guard.released(), violation)
}

/// What the next byte of a connection belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// A head, the beginning of which may be held.
    Head,
    /// A body of known length: so many bytes to come, at least one.
    Exact(u64),
    /// A chunked body.
    Chunked(Chunked),
    /// A request asked for another protocol; nothing is handed on before the answer.
    Asked,
    /// Another protocol.
    Tunnel,
    /// The last request is over; whatever follows is not read.
    Over,
    /// Refused.
    Refused(Violation),
}

/// The state machine. Feeding a connection's bytes at once or one by one gives the same result.
#[derive(Clone, Debug)]
pub struct Guard {
    limits: Limits,
    state: State,
    /// The beginning of a head or a size line, or bytes ahead of an upgrade; bounded.
    held: Vec<u8>,
    /// Empty lines before the current head.
    empty_lines: u8,
    /// Whether nothing follows the current request.
    last: bool,
    released: u64,
    upgrade: bool,
    broken_body: bool,
}

impl Guard {
    /// A guard at the beginning of a connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Head,
            held: Vec::new(),
            empty_lines: 0,
            last: false,
            released: 0,
            upgrade: false,
            broken_body: false,
        }
    }

    /// Takes the next bytes of the connection and appends to `passed` those that may go on.
    ///
    /// # Errors
    /// The violation; it is final, and nothing passes any more.
    pub fn feed(&mut self, input: &[u8], passed: &mut Vec<u8>) -> Result<(), Violation> {
        let mut rest = input;
        while !rest.is_empty() {
            let taken = self.step(rest, passed);
            match taken {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(violation) => {
                    self.refuse(violation);
                    return Err(violation);
                }
            }
        }
        Ok(())
    }

    /// Heads handed on so far.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Whether the last head handed on asks for another protocol.
    pub fn asks_upgrade(&self) -> bool {
        self.upgrade
    }

    /// The answer was 101: what was held, and all that follows, passes unread.
    pub fn accept_upgrade(&mut self, passed: &mut Vec<u8>) {
        if self.state == State::Asked {
            passed.append(&mut self.held);
            self.state = State::Tunnel;
        }
    }

    /// Refuses the connection for a reason of its owner. The first violation stands.
    pub fn refuse(&mut self, violation: Violation) {
        if matches!(self.state, State::Refused(_)) {
            return;
        }
        self.broken_body = self.in_body();
        self.state = State::Refused(violation);
        self.held = Vec::new();
    }

    /// Whether a head has begun and is not complete.
    pub fn in_head(&self) -> bool {
        self.state == State::Head && !self.held.is_empty()
    }

    /// Whether the next byte belongs to a body.
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Exact(_) | State::Chunked(_))
    }

    /// Whether the violation was in the body of the last request handed on, not after it.
    pub fn broke_in_body(&self) -> bool {
        self.broken_body
    }

    /// Whether more should be fed now. Before the answer to a request for another protocol there
    /// is a bound.
    pub fn has_room(&self) -> bool {
        self.state != State::Asked || self.held.len() < MAX_AHEAD
    }

    /// Whether a message has ended and the next one has not begun.
    pub fn is_between(&self) -> bool {
        self.state == State::Head && self.held.is_empty()
    }

    /// Whether nothing more will be handed on.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over | State::Refused(_))
    }

    /// How many of the next bytes pass whatever they are.
    pub fn free_passage(&self) -> u64 {
        match self.state {
            State::Exact(left) => left,
            State::Tunnel => u64::MAX,
            _ => 0,
        }
    }

    /// Notes that `count` bytes of the free passage went past the guard.
    pub fn pass(&mut self, count: u64) {
        if let State::Exact(left) = self.state {
            match left.saturating_sub(count) {
                0 => self.finish_message(),
                left => self.state = State::Exact(left),
            }
        }
    }

    /// Takes at least one byte of `input`, which is not empty.
    fn step(&mut self, input: &[u8], passed: &mut Vec<u8>) -> Result<usize, Violation> {
        match &mut self.state {
            State::Head => self.take_head(input, passed),
            State::Exact(_) | State::Tunnel => {
                let count = self.free_passage().min(input.len() as u64);
                passed.extend_from_slice(input.get(..count as usize).unwrap_or(input));
                self.pass(count);
                Ok(count as usize)
            }
            State::Chunked(chunked) => {
                let count = chunked.take(input, &mut self.held, self.limits, passed)?;
                if chunked.is_over() {
                    self.finish_message();
                }
                Ok(count)
            }
            State::Asked => {
                self.held.extend_from_slice(input);
                Ok(input.len())
            }
            State::Over => Ok(input.len()),
            State::Refused(violation) => Err(*violation),
        }
    }

    fn take_head(&mut self, input: &[u8], passed: &mut Vec<u8>) -> Result<usize, Violation> {
        let before = self.held.last().copied();
        let room = self.limits.bytes.saturating_sub(self.held.len());
        let plain = input.iter().take(room).take_while(|byte| is_plain(**byte));
        let count = plain.count();
        if count > 0 && before != Some(b'\r') {
            self.held
                .extend_from_slice(input.get(..count).unwrap_or_default());
            return Ok(count);
        }
        let Some(byte) = input.first().copied() else {
            return Ok(0);
        };
        check_line_byte(byte, before)?;
        if room == 0 {
            return Err(Violation::TooLarge);
        }
        self.held.push(byte);
        if byte == b'\n' && self.held.len() == 2 {
            self.skip_empty_line()?;
        } else if self.held.ends_with(b"\r\n\r\n") {
            self.release_head(passed)?;
        }
        Ok(1)
    }

    /// One empty line before a request is tolerated (RFC 9112 §2.2) and not handed on.
    fn skip_empty_line(&mut self) -> Result<(), Violation> {
        self.held.clear();
        self.empty_lines += 1;
        if self.empty_lines > 1 {
            return Err(Violation::RequestLine);
        }
        Ok(())
    }

    fn release_head(&mut self, passed: &mut Vec<u8>) -> Result<(), Violation> {
        let framing = examine(&self.held, self.limits)?;
        passed.append(&mut self.held);
        self.empty_lines = 0;
        self.released += 1;
        self.last = framing.last;
        self.upgrade = framing.upgrade;
        self.state = match framing.length {
            _ if framing.upgrade => State::Asked,
            Length::Chunked => State::Chunked(Chunked::default()),
            Length::Exact(0) | Length::None => {
                self.finish_message();
                return Ok(());
            }
            Length::Exact(length) => State::Exact(length),
        };
        Ok(())
    }

    fn finish_message(&mut self) {
        self.state = if self.last { State::Over } else { State::Head };
    }
}

/// A byte that may stand in a line anywhere.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f
}

/// Checks that lines end with CR LF and are free of control characters.
fn check_line_byte(byte: u8, before: Option<u8>) -> Result<(), Violation> {
    match byte {
        b'\n' if before == Some(b'\r') => Ok(()),
        b'\n' => Err(Violation::LineEnd),
        _ if before == Some(b'\r') => Err(Violation::LineEnd),
        b'\t' | b'\r' => Ok(()),
        byte if is_plain(byte) => Ok(()),
        _ => Err(Violation::Control),
    }
}

#[cfg(test)]
mod tests;
