//! The client's unidirectional streams (RFC 9114 §6.2): control, QPACK, and those of no meaning.

use bytes::{Buf, Bytes};
use delivery::Priority;
use smallvec::SmallVec;

use super::code::{Broken, Code};
use super::frames::{Frames, Head, Step, kind};
use super::number::Number;
use super::qpack::Prefixed;

/// Most bytes of a frame of the control stream that are kept: SETTINGS and PRIORITY_UPDATE of any
/// use are far smaller.
const MAX_PAYLOAD: usize = 1024;

/// Settings of QPACK (RFC 9204 §5).
const MAX_TABLE_CAPACITY: u64 = 0x1;
const BLOCKED_STREAMS: u64 = 0x7;

/// What a unidirectional stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The control stream (RFC 9114 §6.2.1).
    Control,
    /// The client's QPACK encoder (RFC 9204 §4.2).
    Encoder,
    /// The client's QPACK decoder.
    Decoder,
    /// Of a type that is not known: to be given up (RFC 9114 §6.2).
    Unknown,
}

/// What a unidirectional stream said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What it is for; comes before all else.
    Opened(Purpose),
    /// The client's SETTINGS have come.
    Settings(Table),
    /// The client has read a head that refers to its table.
    Acknowledged,
    /// So many more entries have come to its table.
    Inserted(u64),
    /// PRIORITY_UPDATE: a complete set for a request (RFC 9218 §7.2).
    Priority {
        /// The request's stream.
        stream: u64,
        /// What the client now says of it.
        priority: Priority,
    },
    /// The client wants no pushes any more and will leave.
    Goaway,
}

/// The QPACK table a client keeps for the server (RFC 9204 §5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its largest size in bytes; 0: it keeps none.
    pub capacity: u64,
    /// How many responses may wait for entries that have not come.
    pub blocked: u64,
}

/// Reads one unidirectional stream of a client from its first byte on.
#[derive(Debug, Default)]
pub struct Unidirectional {
    purpose: Option<Purpose>,
    number: Number,
    frames: Frames,
    payload: SmallVec<[u8; 64]>,
    settled: bool,
    largest_push: Option<u64>,
    goaway: Option<u64>,
    instruction: Option<(Instruction, Prefixed)>,
}

/// An instruction of QPACK that harms nobody.
#[derive(Clone, Copy, Debug)]
enum Instruction {
    /// The capacity of the dynamic table: 0 is all it may be.
    Capacity,
    /// A request was given up.
    Cancellation,
    /// A head was read.
    Acknowledgement,
    /// Entries have come.
    Increment,
}

impl Unidirectional {
    /// What the stream is for, once known.
    pub fn purpose(&self) -> Option<Purpose> {
        self.purpose
    }

    /// Whether the connection cannot do without the stream.
    pub fn is_critical(&self) -> bool {
        !matches!(self.purpose, None | Some(Purpose::Unknown))
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// How the client broke the protocol; the connection is then of no use.
    pub fn read(&mut self, mut bytes: Bytes, mut heard: impl FnMut(Event)) -> Result<(), Broken> {
        while self.purpose.is_none() && bytes.has_remaining() {
            if let Some(value) = self.number.push(bytes.get_u8()) {
                let purpose = purpose_of(value)?;
                self.purpose = Some(purpose);
                heard(Event::Opened(purpose));
            }
        }
        match self.purpose {
            None | Some(Purpose::Unknown) => Ok(()),
            Some(Purpose::Control) => self.control(&mut bytes, &mut heard),
            Some(Purpose::Encoder) => bytes.iter().try_for_each(|byte| self.encoder(*byte)),
            Some(Purpose::Decoder) => bytes
                .iter()
                .try_for_each(|byte| self.decoder(*byte, &mut heard)),
        }
    }

    fn control(&mut self, bytes: &mut Bytes, heard: &mut impl FnMut(Event)) -> Result<(), Broken> {
        while let Some(step) = self.frames.step(bytes) {
            let head = match step {
                Step::Head(head) => {
                    self.begin(head)?;
                    head
                }
                Step::Payload(head, part) => {
                    let room = MAX_PAYLOAD - self.payload.len();
                    self.payload
                        .extend_from_slice(part.get(..room).unwrap_or(&part));
                    head
                }
            };
            if self.frames.left() == 0 {
                let payload = std::mem::take(&mut self.payload);
                self.finish(head, &payload, heard)?;
            }
        }
        Ok(())
    }

    /// Checks that a frame may come here.
    fn begin(&mut self, head: Head) -> Result<(), Broken> {
        self.payload.clear();
        let first = !self.settled;
        self.settled = true;
        if first != (head.kind == kind::SETTINGS) {
            return Err(match first {
                true => Broken::new(Code::MISSING_SETTINGS, "the first frame is not SETTINGS"),
                false => Broken::new(Code::FRAME_UNEXPECTED, "SETTINGS came twice"),
            });
        }
        match head.kind {
            kind::DATA | kind::HEADERS | kind::PUSH_PROMISE => Err(Broken::new(
                Code::FRAME_UNEXPECTED,
                "a frame of requests on the control stream",
            )),
            known if kind::OF_HTTP2.contains(&known) => Err(of_http2()),
            kind::SETTINGS if head.length > MAX_PAYLOAD as u64 => {
                Err(Broken::new(Code::EXCESSIVE_LOAD, "SETTINGS are too long"))
            }
            kind::GOAWAY | kind::MAX_PUSH_ID | kind::CANCEL_PUSH if head.length > 8 => {
                Err(bad_layout())
            }
            _ => Ok(()),
        }
    }

    fn finish(
        &mut self,
        head: Head,
        payload: &[u8],
        heard: &mut impl FnMut(Event),
    ) -> Result<(), Broken> {
        match head.kind {
            kind::SETTINGS => {
                heard(Event::Settings(read_settings(payload)?));
            }
            kind::GOAWAY => {
                let id = only_number(payload)?;
                if self.goaway.replace(id).is_some_and(|before| id > before) {
                    return Err(Broken::new(Code::ID_ERROR, "GOAWAY takes back its word"));
                }
                heard(Event::Goaway);
            }
            kind::MAX_PUSH_ID => {
                let id = only_number(payload)?;
                if self
                    .largest_push
                    .replace(id)
                    .is_some_and(|before| id < before)
                {
                    return Err(Broken::new(Code::ID_ERROR, "MAX_PUSH_ID became smaller"));
                }
            }
            // Nothing was promised, so nothing can be cancelled.
            kind::CANCEL_PUSH => {
                only_number(payload)?;
                return Err(Broken::new(Code::ID_ERROR, "no such push"));
            }
            kind::PRIORITY_UPDATE => heard(priority_update(payload)?),
            // DEVIATION: a priority for a push that was never promised is no error here (RFC 9218
            // §7.2 says H3_ID_ERROR). Nothing depends on it, and a page is not lost over it.
            _ => {}
        }
        Ok(())
    }

    /// The dynamic table has no room: only its capacity may be set, and only to 0 (RFC 9204
    /// §4.3.1).
    fn encoder(&mut self, byte: u8) -> Result<(), Broken> {
        let error = Broken::new(
            Code::ENCODER_STREAM_ERROR,
            "an insertion into a table of no size",
        );
        let capacity = (byte & 0xe0 == 0x20).then_some((Instruction::Capacity, 5));
        match self.instruction(byte, capacity, error)? {
            Some((Instruction::Capacity, 1..)) => Err(error),
            _ => Ok(()),
        }
    }

    /// What the client says of its table (RFC 9204 §4.4). Whether it makes sense depends on what
    /// was sent.
    fn decoder(&mut self, byte: u8, heard: &mut impl FnMut(Event)) -> Result<(), Broken> {
        let error = Broken::new(
            Code::DECODER_STREAM_ERROR,
            "an acknowledgement of nothing that was sent",
        );
        let instruction = match byte {
            0x80.. => (Instruction::Acknowledgement, 7),
            0x40.. => (Instruction::Cancellation, 6),
            _ => (Instruction::Increment, 6),
        };
        match self.instruction(byte, Some(instruction), error)? {
            Some((Instruction::Acknowledgement, _)) => heard(Event::Acknowledged),
            Some((Instruction::Increment, count)) => heard(Event::Inserted(count)),
            _ => {}
        }
        Ok(())
    }

    /// Takes the next byte of an instruction; `allowed` is what may begin with it.
    fn instruction(
        &mut self,
        byte: u8,
        allowed: Option<(Instruction, u32)>,
        error: Broken,
    ) -> Result<Option<(Instruction, u64)>, Broken> {
        let (instruction, mut number, prefix) = match self.instruction.take() {
            None => {
                let (instruction, prefix) = allowed.ok_or(error)?;
                (instruction, Prefixed::default(), prefix)
            }
            Some((instruction, number)) => (instruction, number, 0),
        };
        let value = number.push(byte, prefix).map_err(|()| error)?;
        self.instruction = value.is_none().then_some((instruction, number));
        Ok(value.map(|value| (instruction, value)))
    }
}

fn purpose_of(kind: u64) -> Result<Purpose, Broken> {
    match kind {
        0 => Ok(Purpose::Control),
        1 => Err(Broken::new(
            Code::STREAM_CREATION_ERROR,
            "a client cannot push",
        )),
        2 => Ok(Purpose::Encoder),
        3 => Ok(Purpose::Decoder),
        _ => Ok(Purpose::Unknown),
    }
}

fn of_http2() -> Broken {
    Broken::new(Code::FRAME_UNEXPECTED, "a frame of HTTP/2")
}

fn bad_layout() -> Broken {
    Broken::new(Code::FRAME_ERROR, "a frame of a wrong size")
}

fn only_number(mut payload: &[u8]) -> Result<u64, Broken> {
    let number = Number::take(&mut payload).ok_or_else(bad_layout)?;
    match payload.is_empty() {
        true => Ok(number),
        false => Err(bad_layout()),
    }
}

/// Of what a client sets only its table concerns us; wrong settings still end the connection
/// (RFC 9114 §7.2.4).
fn read_settings(mut payload: &[u8]) -> Result<Table, Broken> {
    let mut seen: SmallVec<[u64; 16]> = SmallVec::new();
    let mut table = Table::default();
    while !payload.is_empty() {
        let id = Number::take(&mut payload).ok_or_else(bad_layout)?;
        let value = Number::take(&mut payload).ok_or_else(bad_layout)?;
        if matches!(id, 0x0 | 0x2..=0x5) || seen.contains(&id) {
            return Err(Broken::new(
                Code::SETTINGS_ERROR,
                "a setting that may not be sent",
            ));
        }
        match id {
            MAX_TABLE_CAPACITY => table.capacity = value,
            BLOCKED_STREAMS => table.blocked = value,
            _ => {}
        }
        seen.push(id);
    }
    Ok(table)
}

/// Of what is longer than [`MAX_PAYLOAD`] the start is enough: a priority says little.
fn priority_update(mut payload: &[u8]) -> Result<Event, Broken> {
    let stream = Number::take(&mut payload).ok_or_else(bad_layout)?;
    // Requests are on bidirectional streams of the client (RFC 9000 §2.1).
    if stream % 4 != 0 {
        return Err(Broken::new(
            Code::ID_ERROR,
            "a priority for a stream that is no request's",
        ));
    }
    Ok(Event::Priority {
        stream,
        priority: Priority::parse(payload),
    })
}
