//! Keeps a picture back until all of its first scan is there.
//!
//! QUIC has no records: a browser sees the bytes of a picture as packets bring them, and paints the
//! little there is. But it sees nothing of a response whose head it cannot read, and it cannot read
//! a head that refers to an entry of the QPACK table that has not come (RFC 9204 §2.1.2). So the
//! head of such a response names its `content-type` by an entry that is sent last, on the stream
//! that fills the table, right after the last byte of the first scan. Whatever was kept back is
//! then there at once, as if it were one record.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use quinn::{Connection, ConnectionError, SendStream};

use super::wire::{Broken, Code, Table, insert_content_type, set_capacity};

/// What an entry takes beside its name and value (RFC 9204 §3.2.1), and its name.
const OVERHEAD: u64 = 32 + "content-type".len() as u64;

/// The largest table that is asked for, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The type of the stream that fills the table (RFC 9204 §4.2).
const ENCODER: u8 = 2;

type Opening = Pin<Box<dyn Future<Output = Result<SendStream, ConnectionError>> + Send>>;

/// The server's side of a client's table. An entry is used by one response and never again, and
/// none is ever driven out: when the table is full, heads are sent as they are.
pub struct Latch {
    connection: Connection,
    opening: Option<Opening>,
    send: Option<SendStream>,
    pending: Vec<u8>,
    /// Bytes of the table that are free.
    room: u64,
    /// Responses that may wait at once.
    most: u64,
    /// Entries that heads refer to.
    promised: u64,
    /// Entries that were sent.
    inserted: u64,
    /// The values of those that were promised and not sent.
    values: VecDeque<Bytes>,
    /// Insertions the client has confirmed in so many words.
    confirmed: u64,
}

impl Latch {
    /// Nothing is kept back before the client has said that it can wait.
    pub fn new(connection: &Connection) -> Self {
        Self {
            connection: connection.clone(),
            opening: None,
            send: None,
            pending: Vec::new(),
            room: 0,
            most: 0,
            promised: 0,
            inserted: 0,
            values: VecDeque::new(),
            confirmed: 0,
        }
    }

    /// The client has said how large a table it keeps, and how many responses may wait for it.
    pub fn settle(&mut self, table: Table) {
        if table.capacity == 0 || table.blocked == 0 {
            return;
        }
        self.room = table.capacity.min(LARGEST);
        self.most = table.blocked;
        self.pending.push(ENCODER);
        set_capacity(self.room, &mut self.pending);
        let connection = self.connection.clone();
        self.opening = Some(Box::pin(async move { connection.open_uni().await }));
    }

    /// Promises an entry with this content type; its number, or `None` if there can be none.
    pub fn promise(&mut self, content_type: &[u8]) -> Option<u64> {
        let takes = OVERHEAD + content_type.len() as u64;
        let waiting = self.values.len() as u64;
        if self.send.is_none() || takes > self.room || waiting >= self.most {
            return None;
        }
        self.room -= takes;
        self.promised += 1;
        self.values.push_back(Bytes::copy_from_slice(content_type));
        Some(self.promised)
    }

    /// Sends the entry of this number, and all before it, with a priority.
    pub fn keep(&mut self, entry: u64, priority: i32, context: &mut Context<'_>) {
        while self.inserted < entry.min(self.promised) {
            let Some(value) = self.values.pop_front() else {
                break;
            };
            insert_content_type(&value, &mut self.pending);
            self.inserted += 1;
        }
        if let Some(send) = &self.send {
            let _ = send.set_priority(priority);
        }
        self.poll(context);
    }

    /// The client confirms insertions, or a head that used one.
    ///
    /// # Errors
    /// It confirms what was never sent (RFC 9204 §4.4).
    pub fn hear(&mut self, insertions: Option<u64>) -> Result<(), Broken> {
        self.confirmed += insertions.unwrap_or(0);
        let nothing = insertions == Some(0) || self.promised == 0;
        match nothing || self.confirmed > self.inserted {
            true => Err(Broken::new(
                Code::DECODER_STREAM_ERROR,
                "an acknowledgement of nothing that was sent",
            )),
            false => Ok(()),
        }
    }

    /// Sends what there is to send. Without a connection there is nothing to say.
    pub fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(opening) = &mut self.opening {
            let Poll::Ready(opened) = opening.as_mut().poll(context) else {
                return;
            };
            self.opening = None;
            self.send = opened.ok();
        }
        let Some(send) = &mut self.send else {
            return;
        };
        while !self.pending.is_empty() {
            let written = pin!(send.write(&self.pending)).poll(context);
            match written {
                Poll::Ready(Ok(written)) => drop(self.pending.drain(..written)),
                Poll::Ready(Err(_)) => self.pending.clear(),
                Poll::Pending => return,
            }
        }
    }
}
