//! One load of a page.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::{CaptureError, Side, Stop, authority};
use crate::browser::{Activity, Browser, BrowserError, Page, Step};
use crate::link::{Link, Meter};
use crate::run::{Frame, Run};

/// How long a page may take, and what counts as rest.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the `load` event, since the navigation.
    pub load: Duration,
    /// How long nothing may move for the page to be at rest. The browser repaints a picture that is
    /// still loading once a second at most, so it is more than that.
    pub quiet: Duration,
    /// For rest, since the `load` event: a page that never rests is filmed until then.
    pub rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            load: Duration::from_secs(120),
            quiet: Duration::from_millis(1300),
            rest: Duration::from_secs(10),
        }
    }
}

/// How often a page is loaded whose browser says that the network has changed.
const ATTEMPTS: u32 = 4;
/// How it says so.
const CHANGED: &str = "ERR_NETWORK_CHANGED";

/// How a page is looked at.
pub(super) struct Camera<'a> {
    pub link: Option<&'a Link>,
    /// The browser's rules for hosts other than the page's own.
    pub others: String,
    pub viewport: (u32, u32),
    pub patience: Patience,
    pub trace: bool,
    /// See [`super::Capture::trusted_key`].
    pub trusted_key: Option<&'a str>,
    pub stop: &'a Stop,
}

impl Camera<'_> {
    /// Loads the page in a fresh browser and keeps what was seen. The browser has gone when this
    /// returns.
    ///
    /// A browser on the machine's own network gives up what it loads when an interface of the
    /// machine comes or goes. The page is loaded again then.
    pub fn film(&self, side: &Side) -> Result<Run, CaptureError> {
        for _ in 1..ATTEMPTS {
            match self.film_once(side) {
                Err(CaptureError::NetworkChanged) => {}
                filmed => return filmed,
            }
        }
        self.film_once(side)
    }

    fn film_once(&self, side: &Side) -> Result<Run, CaptureError> {
        let mut flags = side.flags(&self.others);
        let trusted = self.trusted_key.iter();
        flags.extend(trusted.map(|key| format!("--ignore-certificate-errors-spki-list={key}")));
        let browser = Browser::launch_with(self.link, &flags)?;
        self.stop.watch(&browser)?;
        let run = self.watch(&browser, side).map_err(named);
        // A browser that was given up is killed when it is dropped.
        if run.is_ok() {
            browser.close();
        }
        run
    }

    fn watch(&self, browser: &Browser, side: &Side) -> Result<Run, CaptureError> {
        let mut page = browser.open(self.viewport.0, self.viewport.1)?;
        page.run_first(include_str!("observe.js"))?;
        page.start_screencast()?;
        let meter = self.link.map(Link::meter).transpose()?;
        if self.trace {
            page.start_trace()?;
        }
        page.navigate(&side.url)?;
        self.wait_for_rest(&page)?;
        let mut problems = page.problems().into_iter();
        if problems.any(|problem| problem.message.contains(CHANGED)) {
            return Err(CaptureError::NetworkChanged);
        }
        self.develop(&page, meter.as_ref(), &side.url)
    }

    fn wait_for_rest(&self, page: &Page) -> Result<(), CaptureError> {
        let started = Instant::now();
        let has_come = page.watch(|activity| match activity.loaded {
            None => match self.patience.load.checked_sub(started.elapsed()) {
                Some(left) => Step::Wait(left),
                None => Step::Done(false),
            },
            Some(loaded) => match self.until_rest(&activity, loaded) {
                Some(left) => Step::Wait(left),
                None => Step::Done(true),
            },
        });
        if has_come? {
            Ok(())
        } else {
            Err(CaptureError::NotLoaded(self.patience.load))
        }
    }

    /// How long it is at least until the page rests, or is not waited for any longer; `None` once
    /// that is so.
    fn until_rest(&self, activity: &Activity, loaded: Instant) -> Option<Duration> {
        let patience = self.patience.rest.checked_sub(loaded.elapsed())?;
        if activity.requests > 0 {
            return Some(patience);
        }
        let last = [activity.last_network, activity.last_frame]
            .into_iter()
            .flatten()
            .fold(loaded, Instant::max);
        let quiet = self.patience.quiet.checked_sub(last.elapsed())?;
        Some(quiet.min(patience))
    }

    /// Asks the page for everything that is left to ask.
    fn develop(&self, page: &Page, meter: Option<&Meter>, url: &str) -> Result<Run, CaptureError> {
        let result = page.evaluate(include_str!("result.js"))?;
        let to = result["url"].as_str().unwrap_or(url);
        if !authority(to).eq_ignore_ascii_case(&authority(url)) {
            let (url, to) = (url.to_owned(), to.to_owned());
            return Err(CaptureError::Elsewhere { url, to });
        }
        match result["status"].as_u64() {
            Some(status) if status >= 400 => {
                let url = url.to_owned();
                return Err(CaptureError::Status { url, status });
            }
            _ => {}
        }
        let origin = page.time_origin()?;
        let frames = page.frames()?.into_iter();
        let trace = self.trace.then(|| page.end_trace()).transpose()?;
        let run = Run {
            frames: frames
                .map(|(at, frame)| Frame {
                    at,
                    jpeg: frame.jpeg,
                })
                .collect(),
            resources: page.resources()?,
            fcp: moment(&result["fcp"]),
            lcp: moment(&result["lcp"]),
            load: moment(&result["load"]),
            pictures: boxes(&result["pictures"]),
            viewport: self.viewport,
            arrivals: meter
                .map(|meter| arrivals(meter, origin))
                .unwrap_or_default(),
            trace: trace.map(|events| json!({ "traceEvents": events }).to_string()),
        };
        if run.frames.is_empty() {
            return Err(CaptureError::NothingShown);
        }
        Ok(run)
    }
}

fn named(error: CaptureError) -> CaptureError {
    match error {
        CaptureError::Browser(BrowserError::Navigation { message, .. })
            if message.contains(CHANGED) =>
        {
            CaptureError::NetworkChanged
        }
        error => error,
    }
}

/// Milliseconds, as the page gives them.
fn moment(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()? / 1000.0).ok()
}

fn boxes(value: &Value) -> Vec<[f64; 4]> {
    let numbers = |value: &Value| {
        let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
        <[f64; 4]>::try_from(numbers).ok()
    };
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(numbers).collect()
}

/// What came before the navigation, if anything, counts from its start.
fn arrivals(meter: &Meter, origin: f64) -> Vec<(Duration, u64)> {
    let origin = Duration::try_from_secs_f64(origin).unwrap_or_default();
    let origin = SystemTime::UNIX_EPOCH + origin;
    let after = |moment: SystemTime| moment.duration_since(origin).unwrap_or_default();
    let arrivals = meter.arrivals().into_iter();
    arrivals.map(|(at, bytes)| (after(at), bytes)).collect()
}

impl From<BrowserError> for CaptureError {
    fn from(error: BrowserError) -> Self {
        Self::Browser(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_page_says_is_taken_as_far_as_it_makes_sense() {
        assert_eq!(
            moment(&json!(1500.5)),
            Some(Duration::from_micros(1_500_500))
        );
        for nothing in [json!(null), json!("1"), json!(-3)] {
            assert_eq!(moment(&nothing), None);
        }
        let some = json!([[0, 1, 2.5, 3], [1, 2, 3], "x", [1, 2, 3, null]]);
        assert_eq!(boxes(&some), [[0.0, 1.0, 2.5, 3.0]]);
        assert!(boxes(&json!({})).is_empty());
    }
}
