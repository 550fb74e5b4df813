//! What a client says of the order it wants, and what its silence says.

use delivery::Scheduler;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::signals::amend;
use super::super::stream::{State, Stream};
use super::Driver;
use crate::byte_log::{self, Event};
use crate::multiplex::Asked;
use crate::tap::Said;

impl<IO> Driver<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send,
{
    /// Listens to what the client said of priorities.
    pub(super) fn hear(&mut self) {
        let mut signals = std::mem::take(&mut self.scratch.signals);
        self.tap.take_signals(&mut signals);
        let mut named = false;
        let early = !signals.is_empty() && self.is_too_early_to_name();
        for signal in signals.drain(..) {
            if matches!(signal.said, Said::Opened(Some(_))) {
                self.naming.expect();
            }
            if early && signal.said.names() {
                continue;
            }
            match self.streams.get_mut(&signal.stream) {
                Some(stream) => {
                    if let Some(priority) = amend(stream.asked.said, signal.said) {
                        stream.asked.said = Some(priority);
                        stream.asked.log.note(|| said(signal.said, priority));
                        named |= priority.visible;
                        replan(&mut self.scheduler, stream);
                    }
                }
                None if signal.stream > self.last_accepted => self.early.keep(signal),
                None => {}
            }
        }
        self.scratch.signals = signals;
        if named {
            self.naming.heard();
            self.pass_over_others();
        }
    }

    /// The client has named the pictures that are on screen: all others wait for those, but for
    /// the ones that it could not name because they had begun to come.
    pub(super) fn pass_over_others(&mut self) {
        self.pass_over_with(Asked::pass_over);
    }

    fn pass_over_with(&mut self, pass_over: fn(&mut Asked) -> bool) {
        let round_trip = self.gate.round_trip();
        for stream in self.streams.values_mut() {
            if !stream.has_come(round_trip) && pass_over(&mut stream.asked) {
                replan(&mut self.scheduler, stream);
            }
        }
    }

    /// Takes it as an answer if the client names no picture: what is on screen had begun to come,
    /// and even the previews of the others wait until that is there.
    pub(super) fn hear_silence(&mut self) {
        if self.naming.is_near()
            && !self.is_layout_held_up()
            && !self.is_page_coming()
            && self.naming.is_due(self.gate.round_trip())
        {
            self.pass_over_with(Asked::pass_over_in_silence);
        }
    }

    /// Whether pictures that are named now were named by a layout without the page's stylesheets,
    /// as browsers do it now and then: what is on screen there will not be.
    fn is_too_early_to_name(&self) -> bool {
        self.naming.is_expected()
            && (self.naming.is_fresh(self.gate.round_trip()) || self.is_layout_held_up())
    }

    fn is_layout_held_up(&self) -> bool {
        self.streams.values().any(|stream| match &stream.state {
            State::Answer { .. } => stream.asked.may_hold_layout_up(),
            State::Turn(sending) => sending.wish.holds_layout_up(stream.asked.said),
        })
    }

    fn is_page_coming(&self) -> bool {
        let is_page =
            |stream: &Stream| matches!(&stream.state, State::Turn(it) if it.wish.is_page());
        self.streams.values().any(|stream| is_page(stream))
    }
}

/// A signal for the byte log.
fn said(signal: Said, priority: delivery::Priority) -> Event {
    let source = match signal {
        Said::Update(_) => byte_log::Source::PriorityUpdate,
        Said::Weight(_) | Said::Shown => byte_log::Source::PriorityFrame,
        Said::Opened(_) | Said::Window(_) => byte_log::Source::Request,
    };
    Event::Said(byte_log::Said::new(source, priority))
}

/// Gives a response the plan that what was said of it now asks for.
fn replan(scheduler: &mut Scheduler, stream: &Stream) {
    if let State::Turn(sending) = &stream.state {
        let plan = stream.asked.plan(&sending.wish);
        scheduler.replan(stream.id.into(), plan);
    }
}
