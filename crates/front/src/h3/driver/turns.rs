//! Bodies wait for their turn, and go piece by piece.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use delivery::{Grant, Plan};
use quinn::SendStream;

use super::super::stream::{Sending, State, Stream};
use super::super::wire::Code;
use super::super::{pulse_of, rank};
use super::Driver;
use crate::byte_log::Event as Noted;
use crate::multiplex::{Asked, Read};

/// What QUIC may hold, sent or not, in bytes.
const OPEN_WINDOW: u64 = 2 * 1024 * 1024;

/// A unit smaller than this comes in so few packets that it need not be kept together, in bytes.
const LEAST_UNIT: usize = 4096;

/// After how many body bytes the path is looked at again: it may have become another one.
const LOOK_AGAIN: u64 = 32 * 1024;

/// After which time it is looked at again where nothing is heard of it.
const WATCH: Duration = Duration::from_millis(200);

/// How much that is more urgent may wait when less urgent bytes are handed over: two packets.
const EDGE: u64 = 2800;

/// On fast paths as much may wait in QUIC as leaves in this time, in milliseconds.
const SLACK_MILLIS: u64 = 10;

impl Driver {
    /// Sends the head of a response, and gives its body to the scheduler.
    pub(super) fn queue(&mut self, id: u32, plan: Plan) {
        self.aim();
        let Some((stream, sending)) = turn(&mut self.streams, id) else {
            return;
        };
        let waker = stream.waker.clone();
        let context = &mut Context::from_waker(&waker);
        match sending.poll_flush(stream.send, &self.pulse, context) {
            Poll::Ready(Err(_)) => return self.end(id, false),
            Poll::Pending => sending.blocked = true,
            Poll::Ready(Ok(())) => {}
        }
        let blocked = sending.blocked;
        self.scheduler.insert(id.into(), plan);
        if blocked {
            self.scheduler.block(id.into());
        }
        self.read_ahead(id);
    }

    /// There may be room again for a stream that waited for it, or more of its body.
    pub(super) fn resume(&mut self, id: u32) {
        if let Some((_, sending)) = turn(&mut self.streams, id) {
            if sending.blocked {
                sending.blocked = false;
                self.scheduler.unblock(id.into());
            }
            self.read_ahead(id);
        }
    }

    /// Reads on in a streamed body, as far as is allowed to wait.
    fn read_ahead(&mut self, id: u32) {
        let limit = self.context.settings.http3.read_ahead.bytes();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // A unit of a plan must fit, or it would never be complete.
        let limit = limit.max(delivery::RECORD_BODY);
        let Some((stream, sending)) = turn(&mut self.streams, id) else {
            return;
        };
        let waker = stream.waker.clone();
        let context = &mut Context::from_waker(&waker);
        let read = sending.source.read_ahead(limit, context);
        let total = sending.source.total();
        let over = sending.is_spent();
        self.scheduler.available(id.into(), total);
        match read {
            Read::Later | Read::Enough => {}
            Read::Over => {
                self.scheduler.end(id.into());
                if over {
                    self.finish(id);
                }
            }
            Read::Failed(error) => {
                tracing::debug!(error = base::failure::chain(&error), "a response broke off");
                let _ = stream.send.reset(Code::INTERNAL_ERROR.0.into());
                self.end(id, false);
            }
        }
    }

    /// Grants what may leave now: so much that QUIC always has something to send.
    pub(super) fn send(&mut self) {
        if self.scheduler.is_empty() {
            return;
        }
        self.aim();
        while let Some(grant) = self.scheduler.next(self.gate.grain()) {
            let waiting = self.pulse.waiting();
            // Less urgent bytes come when hardly any that are more urgent wait.
            let most = match self.parked.falls_to(grant.level) && !self.gate.is_open() {
                true => self.slack.min(EDGE),
                false => self.slack,
            };
            let parked = self.parked.under(grant.level, waiting);
            if waiting - parked >= most {
                self.pulse.want(parked + most / 2);
                return self.watch();
            }
            self.parked.hand(grant.level, parked);
            self.send_grant(grant);
        }
    }

    /// Looks at the path when it is time.
    fn aim(&mut self) {
        self.gate.look_if_due();
        if self.credit > 0 {
            return;
        }
        self.credit = LOOK_AGAIN;
        self.pulse = pulse_of(&self.connection);
        self.pulse.watch(&self.waker);
        let window = OPEN_WINDOW.max(self.pulse.window() * 2);
        if self.window != window {
            self.window = window;
            self.connection.set_send_window(window);
        }
        let least = self.context.settings.http3.unsent.bytes();
        let soon = self.pulse.rate().unwrap_or(0) * SLACK_MILLIS / 1000;
        self.slack = match self.gate.is_open() {
            true => u64::MAX,
            false => least.max(soon),
        };
        self.ranks.set_held(self.pulse.window() + least.max(soon));
    }

    /// Comes back in a while even if nothing is heard of the path: it may have become another one.
    fn watch(&mut self) {
        if self.watching.is_none() {
            let mut watching = Box::pin(tokio::time::sleep(WATCH));
            let context = &mut Context::from_waker(&self.waker);
            if watching.as_mut().poll(context).is_pending() {
                self.watching = Some(watching);
            }
        }
    }

    /// Whether it is time to look whether the path is still the same.
    pub(super) fn poll_watch(&mut self, context: &mut Context<'_>) {
        let Some(watching) = &mut self.watching else {
            return;
        };
        if watching.as_mut().poll(context).is_ready() {
            self.watching = None;
            self.credit = 0;
            self.pulse.forget();
        }
    }

    /// Sends what was granted, as far as there is room.
    fn send_grant(&mut self, grant: Grant) {
        let id = u32::try_from(grant.stream).unwrap_or(u32::MAX);
        let Some((stream, sending)) = turn(&mut self.streams, id) else {
            return self.scheduler.remove(grant.stream);
        };
        let waiting = self.pulse.waiting();
        sending.set_level(stream.send, grant.level, waiting, &mut self.ranks);
        let waker = stream.waker.clone();
        let context = &mut Context::from_waker(&waker);
        let before = sending.source.at_hand();
        let latch = &mut self.latch;
        let worth = grant.whole && grant.bytes >= LEAST_UNIT;
        sending.begin(worth, |content_type| latch.promise(content_type));
        let wanted = (grant.bytes, grant.whole);
        match sending.poll_send(stream.send, &self.pulse, wanted, context) {
            Poll::Ready(Ok(0)) if before == 0 => {
                // Nothing is at hand although the scheduler thinks so: never ask it twice.
                self.end(id, false);
            }
            Poll::Ready(Ok(bytes)) => {
                if let Some(ending) = &mut sending.ending {
                    ending.add_bytes(bytes as u64);
                }
                let start = self.scheduler.offset(grant.stream);
                let end = start + bytes as u64;
                if let Some(asked) = stream.asked {
                    asked.note_sent(&sending.wish, (start, end), Some(&grant));
                }
                self.clock.progress(bytes as u64);
                self.gate.spend(bytes as u64);
                self.ranks.handed_over(grant.level, bytes as u64);
                if let Some(entry) = sending.let_go(false) {
                    let after = self.ranks.last_of(grant.level);
                    let context = &mut Context::from_waker(&self.waker);
                    self.latch.keep(entry, after, context);
                }
                self.credit = self.credit.saturating_sub(bytes as u64);
                self.scheduler.sent(grant.stream, bytes);
                self.read_ahead(id);
            }
            Poll::Pending => {
                sending.blocked = true;
                self.scheduler.block(grant.stream);
            }
            Poll::Ready(Err(_)) => self.end(id, false),
        }
    }

    /// The last byte was handed over; now the end is.
    fn finish(&mut self, id: u32) {
        let Some((stream, sending)) = turn(&mut self.streams, id) else {
            return;
        };
        let waker = stream.waker.clone();
        let context = &mut Context::from_waker(&waker);
        match sending.poll_finish(stream.send, &self.pulse, context) {
            Poll::Pending => {
                sending.blocked = true;
                self.scheduler.block(id.into());
            }
            Poll::Ready(Err(_)) => self.end(id, false),
            Poll::Ready(Ok(())) => {
                if let Some(ending) = &mut sending.ending {
                    ending.complete();
                }
                note(stream.asked, || Noted::End);
                self.scheduler.remove(id.into());
                self.active -= 1;
                self.patience.restore();
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.state = State::Leaving;
                }
            }
        }
    }

    /// Forgets a stream. If it was not taken to its end, the client is told.
    pub(super) fn end(&mut self, id: u32, complete: bool) {
        self.scheduler.remove(id.into());
        let Some(mut stream) = self.streams.remove(&id) else {
            return;
        };
        if stream.is_active() {
            self.active -= 1;
        }
        if let State::Turn(sending) = &mut stream.state
            && let Some(entry) = sending.let_go(true)
        {
            // Other heads may wait for what comes after it.
            let context = &mut Context::from_waker(&self.waker);
            self.latch.keep(entry, rank::ABOVE_ALL, context);
        }
        if !complete {
            // Dropped without a word a stream would look finished.
            let _ = stream.send.reset(Code::INTERNAL_ERROR.0.into());
        }
    }
}

/// A stream that is sending, and what belongs to it.
struct Out<'a> {
    send: &'a mut SendStream,
    asked: Option<&'a Asked>,
    waker: Waker,
}

fn note(asked: Option<&Asked>, event: impl FnOnce() -> Noted) {
    if let Some(asked) = asked {
        asked.log.note(event);
    }
}

fn turn(streams: &mut BTreeMap<u32, Box<Stream>>, id: u32) -> Option<(Out<'_>, &mut Sending)> {
    let stream = &mut **streams.get_mut(&id)?;
    let waker = stream.waker();
    match &mut stream.state {
        State::Turn(sending) => Some((
            Out {
                send: &mut stream.send,
                asked: stream.asked.as_ref(),
                waker,
            },
            sending,
        )),
        _ => None,
    }
}
