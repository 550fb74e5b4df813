//! Bodies wait for their turn, and go piece by piece.

use std::task::{Context, Poll};

use delivery::Grant;
use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::stream::{Outlet, Sending, State, Stream};
use super::Driver;
use crate::byte_log::{Event, StreamLog};
use crate::multiplex::Read;
use crate::tap::Tap;

impl<IO> Driver<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Hands a body over at once where that harms no other, else gives it to the scheduler.
    pub(super) fn queue(&mut self, mut stream: Stream) {
        let id = stream.id;
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        let length = sending.source.total();
        self.gate.look_if_due();
        let straight = self.gate.is_open()
            && sending.source.is_over()
            && self.scheduler.is_empty()
            && self.waiting + length <= self.gate.limit()
            && {
                let wanted = usize::try_from(length).unwrap_or(usize::MAX);
                let send = sending.outlet.open(&stream.asked.log);
                send.is_ok_and(|send| {
                    send.reserve_capacity(wanted);
                    send.capacity() >= wanted
                })
            };
        if straight {
            let log = &stream.asked.log;
            if hand_over(sending, &self.tap, id, (usize::MAX, false), log).is_ok() {
                stream.asked.note_sent(&sending.wish, (0, length), None);
                self.waiting += length;
                self.window = self.window.saturating_sub_unsigned(length);
                self.gate.spend(length);
                self.streams.insert(id, Box::new(stream));
                self.scratch.fresh.push(id);
            }
            return;
        }
        if let Outlet::Open(send, _) = &mut sending.outlet {
            send.reserve_capacity(0);
        }
        let plan = stream.asked.plan(&sending.wish);
        self.scheduler.insert(id.into(), plan);
        self.streams.insert(id, Box::new(stream));
        self.scratch.fresh.push(id);
        self.read_ahead(id);
    }

    /// Reads on in a streamed body, as far as is allowed to wait.
    pub(super) fn read_ahead(&mut self, id: u32) {
        let limit = self.context.settings.http2.read_ahead.bytes();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // A unit of a plan must fit, or it would never be complete.
        let limit = limit.max(delivery::RECORD_BODY);
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let whole = matches!(&stream.state, State::Turn(sending) if sending.source.is_over());
        let waker = match whole {
            // A body at hand needs nobody to wake.
            true => self.waker.clone(),
            false => stream.waker(&self.wakes),
        };
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        let read = sending
            .source
            .read_ahead(limit, &mut Context::from_waker(&waker));
        self.scheduler.available(id.into(), sending.source.total());
        match read {
            Read::Later | Read::Enough => {}
            Read::Over => {
                self.scheduler.end(id.into());
                if sending.source.is_spent() {
                    self.finish(id);
                }
            }
            Read::Failed(error) => {
                sending.break_off(&error);
                self.scheduler.end(id.into());
                if sending.is_to_reset() {
                    self.reset(id);
                }
            }
        }
    }

    /// Grants what may leave now.
    pub(super) fn send(&mut self) {
        if self.scheduler.is_empty() {
            return;
        }
        self.gate.look_if_due();
        let limit = self.gate.limit();
        // Nobody can send before the client opens the connection's window.
        while self.window > 0 {
            let Some(grant) = self.scheduler.next(self.gate.grain()) else {
                break;
            };
            let after = self.waiting.saturating_add(grant.bytes as u64);
            if self.waiting > 0 && after > limit {
                break;
            }
            self.send_grant(grant);
        }
    }

    /// Sends what was granted, as far as the client's window goes.
    fn send_grant(&mut self, grant: Grant) {
        let id = u32::try_from(grant.stream).unwrap_or(0);
        let Some(Stream { state, asked, .. }) = self.streams.get_mut(&id).map(|it| &mut **it)
        else {
            return self.scheduler.remove(grant.stream);
        };
        let State::Turn(sending) = state else {
            return self.scheduler.remove(grant.stream);
        };
        let window = usize::try_from(self.window).unwrap_or(usize::MAX);
        let wanted = grant.bytes.min(window);
        let Ok(send) = sending.outlet.open(&asked.log) else {
            return self.end(id, false);
        };
        // Only now: what is reserved early is lost to streams that could use it.
        send.reserve_capacity(wanted);
        let room = send.capacity().min(wanted);
        let before = sending.waiting;
        let part = (room, grant.whole);
        if room > 0 && hand_over(sending, &self.tap, id, part, &asked.log).is_err() {
            return self.end(id, false);
        }
        let bytes = sending.waiting - before;
        if room > 0 && bytes == 0 {
            // Nothing is at hand although the scheduler thinks so: never ask it twice.
            return self.end(id, false);
        }
        if asked.log.is_on() && bytes > 0 {
            let start = self.scheduler.offset(grant.stream);
            asked.note_sent(&sending.wish, (start, start + bytes), Some(&grant));
        }
        self.waiting += bytes;
        self.window = self.window.saturating_sub_unsigned(bytes);
        self.gate.spend(bytes);
        self.scheduler
            .sent(grant.stream, usize::try_from(bytes).unwrap_or(0));
        if sending.finished {
            return self.scheduler.remove(grant.stream);
        }
        if room < wanted {
            self.block(id);
        }
        self.read_ahead(id);
    }

    /// Waits for the client to open the stream's window. One byte is asked for, so that as good as
    /// nothing of the connection's window is kept from others meanwhile.
    fn block(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let waker = stream.waker(&self.wakes);
        let State::Turn(sending) = &mut stream.state else {
            return;
        };
        let Ok(send) = sending.outlet.open(&stream.asked.log) else {
            return self.end(id, false);
        };
        send.reserve_capacity(1);
        match send.poll_capacity(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Pending => {
                sending.blocked = true;
                stream.asked.log.note(|| Event::Blocked);
                self.scheduler.block(id.into());
            }
            Poll::Ready(_) => self.end(id, false),
        }
    }

    /// The last byte was handed over; the end is told, and then waits to leave too.
    pub(super) fn finish(&mut self, id: u32) {
        let Some(Stream { state, asked, .. }) = self.streams.get_mut(&id).map(|it| &mut **it)
        else {
            return;
        };
        let State::Turn(sending) = state else {
            return;
        };
        if sending.is_to_reset() {
            return self.reset(id);
        }
        let told = sending.finish(&asked.log);
        self.scheduler.remove(id.into());
        if told.is_err() {
            self.end(id, false);
        } else if sending.is_done() {
            self.end(id, true);
        }
    }

    /// Tells the client that a response has broken off, after everything that came of it.
    pub(super) fn reset(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id)
            && let State::Turn(sending) = &mut stream.state
        {
            sending.outlet.reset(Reason::INTERNAL_ERROR);
            let by_client = false;
            stream.asked.log.note(|| Event::Reset { by_client });
        }
        self.end(id, false);
    }

    /// Forgets a stream. What it still had waiting will never be counted as written.
    pub(super) fn end(&mut self, id: u32, complete: bool) {
        self.scheduler.remove(id.into());
        let Some(mut stream) = self.streams.remove(&id) else {
            return;
        };
        if complete {
            stream.asked.log.note(|| Event::End);
        }
        if let State::Turn(sending) = &mut stream.state {
            if sending.wish.is_picture() {
                stream.asked.teach(&self.context.learned);
            }
            if sending.wish.is_page() || sending.wish.holds_layout_up(stream.asked.said) {
                self.naming.left();
            }
            self.waiting -= sending.waiting;
            self.window = self.window.saturating_add_unsigned(sending.waiting);
            if !complete {
                self.tap.forget(id);
            }
            if complete {
                self.patience.restore();
            }
            if let Some(ending) = sending.ending.as_mut().filter(|_| complete) {
                ending.complete();
            }
        }
    }
}

/// Hands bytes to the connection, at most so many, and whether they belong together; they must
/// have window.
fn hand_over(
    sending: &mut Sending,
    tap: &Tap,
    id: u32,
    (room, whole): (usize, bool),
    log: &StreamLog,
) -> Result<(), h2::Error> {
    let bytes = sending.source.take(room, whole);
    let length = bytes.len();
    let is_spent = sending.source.is_spent() && !sending.broken;
    let last = is_spent && !sending.source.has_trailers();
    if whole {
        tap.expect_unit(id, length);
    }
    sending.outlet.open(log)?.send_data(bytes, last)?;
    sending.waiting += length as u64;
    if let Some(ending) = &mut sending.ending {
        ending.add_bytes(length as u64);
    }
    sending.finished = last;
    sending.finish(log)
}
