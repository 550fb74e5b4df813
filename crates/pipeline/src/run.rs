//! Runs a plan.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http::StatusCode;

use crate::{Exchange, Module, Outcome, Phase, PhaseSet, Reply, Response, Side, Step, Verdict};

/// Finds the pipeline for a request. The front asks it once a request, so that a new configuration
/// takes over with the next one.
pub trait Directory: Send + Sync + 'static {
    /// The pipeline for `host` (lower case, no port). An unknown host has a pipeline too: one that
    /// says so.
    fn pipeline(&self, host: &str) -> Arc<Pipeline>;
}

/// The modules of one site in the order they run.
pub struct Pipeline {
    modules: Vec<Box<dyn Module>>,
}

impl Pipeline {
    /// A pipeline of these modules.
    ///
    /// # Errors
    /// The name of the first module whose phase is earlier than its predecessor's, or whose name
    /// was used before: the order of the list and the order of phases must agree.
    pub fn new(modules: Vec<Box<dyn Module>>) -> Result<Self, &'static str> {
        for (place, module) in modules.iter().enumerate() {
            let before = &modules[..place];
            let out_of_order = before
                .last()
                .is_some_and(|last| last.phase() > module.phase());
            if out_of_order || before.iter().any(|other| other.id() == module.id()) {
                return Err(module.id());
            }
        }
        Ok(Self { modules })
    }

    /// The modules in order.
    pub fn modules(&self) -> &[Box<dyn Module>] {
        &self.modules
    }

    /// Answers a request. Never fails: a module that panics is skipped, and if nobody answers the
    /// client gets a 500.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the request; modules see no response.
    pub async fn run(&self, exchange: &mut Exchange) -> Box<Response> {
        exchange.trace.start();
        let mut ran = 0u64;
        let mut skipped = PhaseSet::default();
        let mut answer = None;
        for (place, module) in self.requesting() {
            let (id, phase) = (module.id(), module.phase());
            if skipped.contains(phase) || !module.concerns(exchange) {
                let verdict = if skipped.contains(phase) {
                    "skipped"
                } else {
                    "no concern"
                };
                exchange.trace.record(id, phase, Side::Request, verdict);
                continue;
            }
            ran |= 1 << place;
            let verdict = ask(&**module, exchange).await;
            let name = match &verdict {
                None => "panicked",
                Some(Verdict::Continue) => "continue",
                Some(Verdict::Respond(_)) => "respond",
                Some(Verdict::Skip(_)) => "skip",
            };
            exchange.trace.record(id, phase, Side::Request, name);
            match verdict {
                Some(Verdict::Respond(response)) => {
                    answer = Some(response);
                    break;
                }
                Some(Verdict::Skip(phases)) => skipped.add(phases),
                Some(Verdict::Continue) | None => {}
            }
        }
        let mut response = answer.unwrap_or_else(|| Box::new(nobody_answered()));
        for (_, module) in self
            .requesting()
            .rev()
            .filter(|(place, _)| ran & 1 << place != 0)
        {
            response = answer_through(&**module, exchange, response).await;
        }
        for module in self.finishing() {
            if !skipped.contains(module.phase()) && module.concerns(exchange) {
                response = answer_through(&**module, exchange, response).await;
            }
        }
        response
    }

    /// Tells the log how the exchange ended.
    pub fn ended(&self, exchange: &Exchange, outcome: &Outcome) {
        for module in self
            .modules
            .iter()
            .filter(|module| module.phase() == Phase::Log)
        {
            let told = guarded(|| module.ended(exchange, outcome));
            if told.is_err() {
                tracing::error!(module = module.id(), id = %exchange.id, "a module panicked");
            }
        }
    }

    fn requesting(&self) -> impl DoubleEndedIterator<Item = (usize, &Box<dyn Module>)> {
        self.modules
            .iter()
            .enumerate()
            .filter(|(_, module)| module.phase().sees_request())
    }

    fn finishing(&self) -> impl Iterator<Item = &Box<dyn Module>> {
        self.modules
            .iter()
            .filter(|module| !module.phase().sees_request())
    }
}

/// Asks a module; `None` if it panicked, which ends its say and nothing else.
async fn ask(module: &dyn Module, exchange: &mut Exchange) -> Option<Verdict> {
    let id = exchange.id;
    let verdict = match guarded(move || module.request(exchange)) {
        Ok(Step::Ready(verdict)) => Ok(verdict),
        Ok(Step::Later(future)) => AssertUnwindSafe(future).catch_unwind().await,
        Err(panic) => Err(panic),
    };
    if verdict.is_err() {
        tracing::error!(module = module.id(), %id, "a module panicked");
    }
    verdict.ok()
}

/// Sends the response through a module; a panic loses the response, so the client gets a 500.
async fn answer_through(
    module: &dyn Module,
    exchange: &mut Exchange,
    response: Box<Response>,
) -> Box<Response> {
    let id = exchange.id;
    let inner = &mut *exchange;
    let reply = match guarded(move || module.response(inner, response)) {
        Ok(Reply::Ready(response)) => Ok(response),
        Ok(Reply::Later(future)) => AssertUnwindSafe(future).catch_unwind().await,
        Err(panic) => Err(panic),
    };
    let (response, verdict) = match reply {
        Ok(response) => (response, "pass"),
        Err(_) => {
            tracing::error!(module = module.id(), %id, "a module panicked");
            let text = format!("internal error (request {id})\n");
            (
                Box::new(Response::text(StatusCode::INTERNAL_SERVER_ERROR, text)),
                "panicked",
            )
        }
    };
    exchange
        .trace
        .record(module.id(), module.phase(), Side::Response, verdict);
    response
}

/// Calls a module. What it leaves half-changed after a panic is its own or the exchange's, and the
/// exchange only ever moves on.
fn guarded<T>(call: impl FnOnce() -> T) -> std::thread::Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(call))
}

fn nobody_answered() -> Response {
    Response::text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "no module answered this request\n",
    )
}
