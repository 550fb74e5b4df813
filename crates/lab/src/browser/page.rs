//! A page: navigation, pictures, complaints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::network::WireHeaders;
use super::session::{PageState, Session, text};
use super::{BrowserError, CastFrame, Problem, Response, base64};
use crate::run::Resource;

/// What a page is doing.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    /// When its `load` event came.
    pub loaded: Option<Instant>,
    /// Requests under way.
    pub requests: usize,
    /// When the network last moved.
    pub last_network: Option<Instant>,
    /// When the screen last changed; only while a screencast is on.
    pub last_frame: Option<Instant>,
}

/// What [`Page::watch`] does next.
#[derive(Clone, Copy, Debug)]
pub enum Step<T> {
    /// Ends with this.
    Done(T),
    /// Looks again when the page has reported something, after this time at the latest.
    Wait(Duration),
}

/// A page of a browser. Closed when dropped.
pub struct Page {
    pub(super) session: Arc<Session>,
    pub(super) id: String,
    pub(super) target: String,
    pub(super) started: Instant,
}

/// What a trace tells of: how the page is made and shown, and a picture of each change.
const TRACED: [&str; 4] = [
    "devtools.timeline",
    "loading",
    "blink.user_timing",
    "disabled-by-default-devtools.screenshot",
];
/// How long the browser may take to hand a trace over.
const TRACE_LIMIT: Duration = Duration::from_secs(60);

impl Page {
    /// Starts a navigation and returns once the browser has the first bytes of the answer; loading goes
    /// on. What the page reported before is forgotten.
    ///
    /// # Errors
    /// [`BrowserError::Navigation`] when nothing answers there.
    pub fn navigate(&mut self, url: &str) -> Result<(), BrowserError> {
        self.session.reset(&self.id);
        self.started = Instant::now();
        let result = self.call("Page.navigate", &json!({ "url": url }))?;
        match text(&result, "errorText") {
            message if message.is_empty() => Ok(()),
            message => Err(BrowserError::Navigation {
                url: url.to_owned(),
                message,
            }),
        }
    }

    /// Waits for the `load` event; returns when it came, counted from the navigation.
    ///
    /// # Errors
    /// [`BrowserError::TimedOut`] when it has not come within `limit` from now.
    pub fn wait_for_load(&self, limit: Duration) -> Result<Duration, BrowserError> {
        let loaded = |state: &PageState| state.loaded.is_some();
        let at = self
            .session
            .page(&self.id, limit, loaded, |state| state.loaded)?;
        Ok(at.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(self.started)
        }))
    }

    /// Waits until a time after the start of the navigation; returns at once if it has passed, or
    /// if the browser has gone.
    pub fn wait_until(&self, time: Duration) {
        let end = self.started + time;
        // A browser that has gone has nothing to wait for.
        let _ = self.watch(|_| match end.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Step::Wait(left),
            _ => Step::Done(()),
        });
    }

    /// What the page shows now, as PNG, also in the middle of loading.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        let how = json!({ "format": "png", "optimizeForSpeed": true });
        let picture = self.call("Page.captureScreenshot", &how)?;
        base64::decode(&text(&picture, "data")).ok_or(BrowserError::Nonsense("a broken picture"))
    }

    /// From now on every change of the page is kept as a picture, until the next navigation
    /// but one; call it before [`Page::navigate`].
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn start_screencast(&self) -> Result<(), BrowserError> {
        let how = json!({ "format": "jpeg", "quality": 85, "everyNthFrame": 1 });
        self.call("Page.startScreencast", &how).map(drop)
    }

    /// The pictures of a screencast since the navigation with their times after it, in order.
    ///
    /// # Errors
    /// When the page cannot say when it started.
    pub fn frames(&self) -> Result<Vec<(Duration, CastFrame)>, BrowserError> {
        let origin = self.time_origin()?;
        let any = |_: &PageState| true;
        let frames = self
            .session
            .page(&self.id, Duration::ZERO, any, |state| state.frames.clone())?;
        let mut frames: Vec<(Duration, CastFrame)> = frames
            .into_iter()
            .filter_map(|frame| {
                let after = Duration::try_from_secs_f64(frame.epoch_seconds - origin).ok()?;
                Some((after, frame))
            })
            .collect();
        frames.sort_by_key(|(after, _)| *after);
        Ok(frames)
    }

    /// What the page complained about since the navigation: console errors, exceptions, failed
    /// requests. A browser that has gone has no more complaints.
    pub fn problems(&self) -> Vec<Problem> {
        let any = |_: &PageState| true;
        let read = |state: &mut PageState| state.problems.clone();
        self.session
            .page(&self.id, Duration::ZERO, any, read)
            .unwrap_or_default()
    }

    /// The responses received since the navigation, in order of arrival.
    pub fn responses(&self) -> Vec<Response> {
        let any = |_: &PageState| true;
        let read = |state: &mut PageState| state.responses.clone();
        self.session
            .page(&self.id, Duration::ZERO, any, read)
            .unwrap_or_default()
    }

    /// The requests since the navigation by their time.
    ///
    /// # Errors
    /// When the page cannot say when it started.
    pub fn resources(&self) -> Result<Vec<Resource>, BrowserError> {
        let origin = self.time_origin()?;
        let any = |_: &PageState| true;
        let read = |state: &mut PageState| state.network.resources(origin);
        self.session.page(&self.id, Duration::ZERO, any, read)
    }

    /// From now on the browser's cache is on, with its dictionaries, or off, as it is at first.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn set_cache(&self, on: bool) -> Result<(), BrowserError> {
        let how = json!({ "cacheDisabled": !on });
        self.call("Network.setCacheDisabled", &how).map(drop)
    }

    /// The headers of the last request for an address since the navigation, as they were on the
    /// wire; `None` if there was none, or it was answered without the network.
    pub fn headers(&self, url: &str) -> Option<WireHeaders> {
        let any = |_: &PageState| true;
        let read = |state: &mut PageState| state.network.headers(url);
        self.session
            .page(&self.id, Duration::ZERO, any, read)
            .ok()
            .flatten()
    }

    /// Looks at what the page is doing now, and again whenever it has reported something, until
    /// `decide` has seen enough.
    ///
    /// # Errors
    /// [`BrowserError::Gone`].
    pub fn watch<T>(&self, mut decide: impl FnMut(Activity) -> Step<T>) -> Result<T, BrowserError> {
        self.session.watch(&self.id, |state| {
            decide(Activity {
                loaded: state.loaded,
                requests: state.network.under_way(),
                last_network: state.last_network,
                last_frame: state.last_frame,
            })
        })
    }

    /// From now on the browser writes a trace of what it does, with a picture of every change of
    /// the page, until [`Page::end_trace`]. Its pictures stop after 450.
    ///
    /// # Errors
    /// When the browser refuses, as while it traces another page, or does not answer.
    pub fn start_trace(&self) -> Result<(), BrowserError> {
        let how = json!({ "transferMode": "ReportEvents", "traceConfig": {
            "includedCategories": TRACED, "excludedCategories": ["*"],
        }});
        self.call("Tracing.start", &how).map(drop)
    }

    /// Ends the trace and returns its events, in the order they came.
    ///
    /// # Errors
    /// When the browser refuses, as where no trace was begun, or does not give all of it.
    pub fn end_trace(&self) -> Result<Vec<Value>, BrowserError> {
        self.call("Tracing.end", &json!({}))?;
        let whole = |state: &PageState| state.trace_is_whole;
        let take = |state: &mut PageState| std::mem::take(&mut state.trace);
        self.session.page(&self.id, TRACE_LIMIT, whole, take)
    }

    /// Has every document run a script before any of its own, from the next navigation on.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn run_first(&self, script: &str) -> Result<(), BrowserError> {
        let what = json!({ "source": script });
        let method = "Page.addScriptToEvaluateOnNewDocument";
        self.call(method, &what).map(drop)
    }

    /// The start of the navigation in seconds since 1970, by the browser's own clock.
    ///
    /// # Errors
    /// When the page cannot say.
    pub fn time_origin(&self) -> Result<f64, BrowserError> {
        let origin = self.evaluate("performance.timeOrigin")?;
        let origin = origin.as_f64();
        origin
            .map(|milliseconds| milliseconds / 1000.0)
            .ok_or(BrowserError::Nonsense("no time origin"))
    }

    /// Runs a script in the page and returns its value; promises are awaited.
    ///
    /// # Errors
    /// [`BrowserError::Script`] with what it threw.
    pub fn evaluate(&self, script: &str) -> Result<Value, BrowserError> {
        let what = json!({
            "expression": script, "returnByValue": true, "awaitPromise": true,
        });
        let mut result = self.call("Runtime.evaluate", &what)?;
        if let Some(details) = result.get("exceptionDetails") {
            let thrown = text(&details["exception"], "description");
            return Err(BrowserError::Script(thrown));
        }
        Ok(result["result"]["value"].take())
    }

    fn call(&self, method: &str, params: &Value) -> Result<Value, BrowserError> {
        self.session.call(Some(&self.id), method, params)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A browser that has gone has closed its pages.
        let close = json!({ "targetId": self.target });
        let _ = self.session.call(None, "Target.closeTarget", &close);
    }
}
