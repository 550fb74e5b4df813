//! What ran, what it decided, how long it took.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::Phase;

/// Which way the exchange was going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// On the way in.
    Request,
    /// On the way back, or finishing.
    Response,
}

/// One step of one module.
#[derive(Clone, Debug)]
pub struct Event {
    /// The module.
    pub module: &'static str,
    /// Its phase.
    pub phase: Phase,
    /// Which way the exchange was going.
    pub side: Side,
    /// What the module decided: `continue`, `respond`, `skip`, `pass`, `skipped`, `no concern`,
    /// `panicked`.
    pub verdict: &'static str,
    /// Why, in the module's words; empty where it said nothing.
    pub notes: SmallVec<[Cow<'static, str>; 1]>,
    /// How long the step took.
    pub took: Duration,
}

/// The steps of one request in order.
#[derive(Debug, Default)]
pub struct Trace {
    events: SmallVec<[Event; 12]>,
    pending: SmallVec<[Cow<'static, str>; 1]>,
    detailed: bool,
    /// When the last step ended.
    clock: Option<Instant>,
}

impl Trace {
    /// The first step begins now.
    pub(crate) fn start(&mut self) {
        self.clock = Some(Instant::now());
    }

    /// Asks modules for notes that cost something to make.
    pub fn set_detailed(&mut self, detailed: bool) {
        self.detailed = detailed;
    }

    /// Whether somebody will read the notes.
    pub fn is_detailed(&self) -> bool {
        self.detailed
    }

    /// Says why, for the step that is running. Free if the text is static.
    pub fn note(&mut self, text: &'static str) {
        self.pending.push(Cow::Borrowed(text));
    }

    /// Says why, with a text that is made only if somebody will read it.
    pub fn explain(&mut self, text: impl FnOnce() -> String) {
        if self.detailed {
            self.pending.push(Cow::Owned(text()));
        }
    }

    /// The steps so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub(crate) fn record(
        &mut self,
        module: &'static str,
        phase: Phase,
        side: Side,
        verdict: &'static str,
    ) {
        // A step ends where the next one begins: one look at the clock for both.
        let now = Instant::now();
        let since = self.clock.replace(now).unwrap_or(now);
        let notes = std::mem::take(&mut self.pending);
        let took = now.duration_since(since);
        self.events.push(Event {
            module,
            phase,
            side,
            verdict,
            notes,
            took,
        });
    }
}
