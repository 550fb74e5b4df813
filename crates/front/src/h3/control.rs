//! The server's control stream, and the client's streams beside its requests.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, WriteError};

use super::wire::{Broken, Code, Event, Purpose, Unidirectional, kind, write_number};

/// RFC 9114 §7.2.4.1: how large the head of a request may be.
const MAX_FIELD_SECTION_SIZE: u64 = 0x6;

/// How much of a control stream is read at once, in bytes.
const PIECE: usize = 4096;

type Opening = Pin<Box<dyn Future<Output = Result<SendStream, ConnectionError>> + Send>>;

/// What the server says of the connection as a whole.
pub struct ControlStream {
    opening: Option<Opening>,
    send: Option<SendStream>,
    pending: Bytes,
}

impl ControlStream {
    /// A control stream to be opened, which begins with SETTINGS. No QPACK table is offered: what
    /// it would save is little, and a header never waits for another stream.
    pub fn new(connection: &Connection, largest_head: u64) -> Self {
        let connection = connection.clone();
        let mut settings = Vec::new();
        write_number(MAX_FIELD_SECTION_SIZE, &mut settings);
        write_number(largest_head, &mut settings);
        let mut bytes = vec![0];
        write_number(kind::SETTINGS, &mut bytes);
        write_number(settings.len() as u64, &mut bytes);
        bytes.append(&mut settings);
        Self {
            opening: Some(Box::pin(async move { connection.open_uni().await })),
            send: None,
            pending: bytes.into(),
        }
    }

    /// Tells the client that requests from this stream on are not answered.
    pub fn goaway(&mut self, first_refused: u64) {
        let mut id = Vec::new();
        write_number(first_refused, &mut id);
        let mut bytes = Vec::from(std::mem::take(&mut self.pending));
        write_number(kind::GOAWAY, &mut bytes);
        write_number(id.len() as u64, &mut bytes);
        bytes.append(&mut id);
        self.pending = bytes.into();
    }

    /// Sends what there is to say.
    ///
    /// # Errors
    /// The connection is lost, or the client stopped the stream, which it may not.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        if let Some(opening) = &mut self.opening {
            let opened = ready!(opening.as_mut().poll(context));
            self.opening = None;
            // Without a connection there is nothing to say; who accepts requests finds out.
            if let Ok(send) = opened {
                let _ = send.set_priority(i32::MAX);
                self.send = Some(send);
            }
        }
        let Some(send) = &mut self.send else {
            return Poll::Ready(Ok(()));
        };
        while !self.pending.is_empty() {
            let mut chunks = [std::mem::take(&mut self.pending)];
            let written = pin!(send.write_chunks(&mut chunks)).poll(context);
            let [rest] = chunks;
            self.pending = rest;
            match ready!(written) {
                Ok(_) => {}
                Err(WriteError::Stopped(_)) => return Poll::Ready(Err(closed())),
                Err(_) => return Poll::Ready(Ok(())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The client's unidirectional streams.
#[derive(Default)]
pub struct Listening {
    streams: Vec<(RecvStream, Unidirectional)>,
    /// Which of the streams there is only one of have come.
    known: Vec<Purpose>,
}

impl Listening {
    /// Listens to one more stream.
    pub fn add(&mut self, stream: RecvStream) {
        self.streams.push((stream, Unidirectional::default()));
    }

    /// Hears what has come.
    ///
    /// # Errors
    /// How the client broke the protocol.
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut heard: impl FnMut(Event),
    ) -> Result<(), Broken> {
        let Self { streams, known } = self;
        let mut result = Ok(());
        streams.retain_mut(|(stream, reader)| {
            if result.is_err() {
                return true;
            }
            match read(stream, reader, known, context, &mut heard) {
                Ok(keep) => keep,
                Err(broken) => {
                    result = Err(broken);
                    true
                }
            }
        });
        result
    }
}

/// Reads a stream as far as it goes; whether it is to be kept.
fn read(
    stream: &mut RecvStream,
    reader: &mut Unidirectional,
    known: &mut Vec<Purpose>,
    context: &mut Context<'_>,
    heard: &mut impl FnMut(Event),
) -> Result<bool, Broken> {
    loop {
        let Poll::Ready(chunk) = pin!(stream.read_chunk(PIECE, true)).poll(context) else {
            return Ok(true);
        };
        let Ok(Some(chunk)) = chunk else {
            return match reader.is_critical() {
                true => Err(closed()),
                false => Ok(false),
            };
        };
        let mut twice = false;
        reader.read(chunk.bytes, |event| match event {
            Event::Opened(Purpose::Unknown) => {}
            Event::Opened(purpose) => {
                twice |= known.contains(&purpose);
                known.push(purpose);
            }
            event => heard(event),
        })?;
        if twice {
            return Err(Broken::new(
                Code::STREAM_CREATION_ERROR,
                "a stream of which there is one came twice",
            ));
        }
        if reader.purpose() == Some(Purpose::Unknown) {
            let _ = stream.stop(Code::STREAM_CREATION_ERROR.0.into());
            return Ok(false);
        }
    }
}

fn closed() -> Broken {
    Broken::new(
        Code::CLOSED_CRITICAL_STREAM,
        "a stream ended that must live as long as the connection",
    )
}
