//! The module contract.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::StatusCode;

use crate::{Exchange, Response};

/// The phases of a request, in the order they run. A closed set: a feature says which one it
/// belongs to, and the list says its place inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Which site, which client.
    Identify,
    /// Firewall, rate limits, challenges, access.
    Protect,
    /// Redirects, rewrites, workers.
    Route,
    /// Which variant of a picture, which encoding: fixes what the cache is asked for.
    Select,
    /// Answers from what is kept.
    Cache,
    /// Asks the origin.
    Fetch,
    /// Changes the response for this client, after the cache.
    Transform,
    /// Headers and hints of the finished response.
    Finish,
    /// Tells what happened.
    Log,
}

impl Phase {
    /// Every phase in order.
    pub const ALL: [Self; 9] = [
        Self::Identify,
        Self::Protect,
        Self::Route,
        Self::Select,
        Self::Cache,
        Self::Fetch,
        Self::Transform,
        Self::Finish,
        Self::Log,
    ];

    /// The name used in traces and documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Protect => "protect",
            Self::Route => "route",
            Self::Select => "select",
            Self::Cache => "cache",
            Self::Fetch => "fetch",
            Self::Transform => "transform",
            Self::Finish => "finish",
            Self::Log => "log",
        }
    }

    /// Whether modules of this phase see the request on its way in (and the response on its way
    /// back), or only the finished response.
    pub const fn sees_request(self) -> bool {
        (self as u8) <= Self::Fetch as u8
    }
}

/// A set of phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PhaseSet(u16);

impl PhaseSet {
    /// The set of the given phases.
    pub fn of(phases: &[Phase]) -> Self {
        Self(
            phases
                .iter()
                .fold(0, |bits, phase| bits | 1 << *phase as u16),
        )
    }

    /// Whether the set holds `phase`.
    pub fn contains(self, phase: Phase) -> bool {
        self.0 & 1 << phase as u16 != 0
    }

    /// Adds every phase of `other`.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// What a module decides of a request. Nothing else ends a request.
#[derive(Debug)]
pub enum Verdict {
    /// The next module runs.
    Continue,
    /// This is the answer; it goes back from here.
    Respond(Box<Response>),
    /// The next module runs, but none of these phases.
    Skip(PhaseSet),
}

impl Verdict {
    /// [`Verdict::Respond`] with this response.
    pub fn respond(response: Response) -> Self {
        Self::Respond(Box::new(response))
    }
}

/// A module's answer to a request: now, or later. Deciding now costs no allocation.
pub enum Step<'a> {
    /// Decided.
    Ready(Verdict),
    /// Will be decided.
    Later(Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>),
}

impl<'a> Step<'a> {
    /// Goes on to the next module.
    pub fn next() -> Self {
        Self::Ready(Verdict::Continue)
    }

    /// Answers.
    pub fn respond(response: Response) -> Self {
        Self::Ready(Verdict::respond(response))
    }

    /// Decides later.
    pub fn later(verdict: impl Future<Output = Verdict> + Send + 'a) -> Self {
        Self::Later(Box::pin(verdict))
    }
}

/// A module's answer to a response on its way back: now, or later.
pub enum Reply<'a> {
    /// Done.
    Ready(Box<Response>),
    /// Will be done.
    Later(Pin<Box<dyn Future<Output = Box<Response>> + Send + 'a>>),
}

impl<'a> Reply<'a> {
    /// Passes the response on.
    pub fn pass(response: Box<Response>) -> Self {
        Self::Ready(response)
    }

    /// Passes a response on later.
    pub fn later(response: impl Future<Output = Box<Response>> + Send + 'a) -> Self {
        Self::Later(Box::pin(response))
    }
}

/// How a request ended, for the log.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The status sent.
    pub status: StatusCode,
    /// Body bytes handed to the connection.
    pub body_bytes: u64,
    /// Whether the whole body was sent.
    pub complete: bool,
    /// From the request's head to the last byte handed over.
    pub duration: Duration,
}

/// A feature.
///
/// Life: its settings are read and checked, it is built once for each site, serves many requests
/// at once, and is dropped when a newer configuration has taken over and its last request is done.
pub trait Module: Send + Sync + 'static {
    /// Its name: that of its directory, its section in the configuration and its log field.
    fn id(&self) -> &'static str;

    /// When it runs.
    fn phase(&self) -> Phase;

    /// Whether it has anything to do for this request; must be cheap. If not, neither side runs.
    fn concerns(&self, _exchange: &Exchange) -> bool {
        true
    }

    /// Sees the request on its way in. Only for phases up to [`Phase::Fetch`].
    fn request<'a>(&'a self, _exchange: &'a mut Exchange) -> Step<'a> {
        Step::next()
    }

    /// Sees the response: on its way back for phases up to [`Phase::Fetch`], in the order of the
    /// list after that. Runs for every module whose request side ran, whoever answered.
    fn response<'a>(&'a self, _exchange: &'a mut Exchange, response: Box<Response>) -> Reply<'a> {
        Reply::pass(response)
    }

    /// Sees how it ended, after the last byte. Only for [`Phase::Log`].
    fn ended(&self, _exchange: &Exchange, _outcome: &Outcome) {}
}
