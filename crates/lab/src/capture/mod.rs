//! Films a page: the same page from two or more servers, in turns, over the same link.
//!
//! A [`Stage`] is the network between server and browser. A [`Side`] is a page and the way to who
//! answers for it. [`Capture::compare`] and [`Capture::in_turns`] load them in turns, each time in a
//! fresh browser with an empty profile.

mod load;
mod others;
mod stage;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use load::Patience;
pub use stage::{Emulation, Route, Stage, congestion_control};

use crate::browser::{Browser, BrowserError, Interrupter, NO_QUIC};
use crate::link::LinkError;
use crate::run::{Comparison, Conditions, Run, Series};
use load::Camera;

/// Why there is no film.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// There is no link.
    #[error("the link could not be set up")]
    Link(#[source] LinkError),
    /// The browser did not do as asked.
    #[error("the page could not be filmed")]
    Browser(#[source] BrowserError),
    /// No port, no connection.
    #[error("the way to the server could not be opened")]
    Network(#[from] io::Error),
    /// The page's `load` event did not come.
    #[error("the page was not loaded within {0:?}")]
    NotLoaded(Duration),
    /// The page is another's: it sends its visitors to another host.
    #[error("{url} leads to {to}")]
    Elsewhere {
        /// The page.
        url: String,
        /// Where it leads.
        to: String,
    },
    /// The page is an error.
    #[error("{url} answered {status}")]
    Status {
        /// The page.
        url: String,
        /// What it answered.
        status: u64,
    },
    /// Interfaces came and went while the page was loaded, each time it was.
    #[error("the machine's network kept changing")]
    NetworkChanged,
    /// The browser gave no picture of the page.
    #[error("the browser gave no picture of the page")]
    NothingShown,
    /// Somebody called [`Stop::stop`].
    #[error("stopped")]
    Stopped,
}

impl CaptureError {
    /// Whether the machine lacks something, so that a test should skip rather than fail.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Link(error) => error.is_missing(),
            Self::Browser(error) => error.is_missing(),
            _ => false,
        }
    }
}

/// The version of HTTP that a browser speaks with a page's host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1 alone.
    One,
    /// HTTP/2 where the server has it, else HTTP/1.1.
    #[default]
    Two,
    /// HTTP/3 from the first request on, as for a visitor who knows that the server has it. Needs a
    /// way that carries datagrams: a server that listens on [`Stage::server_address`] itself, with
    /// a TUN link or none.
    Three,
}

impl Http {
    /// The browser's flags for it; `authority` is the page's host and port.
    fn flags(self, authority: &str) -> Vec<String> {
        match self {
            Self::One => vec![NO_QUIC.to_owned(), "--disable-http2".to_owned()],
            Self::Two => vec![NO_QUIC.to_owned()],
            Self::Three => vec![
                "--enable-quic".to_owned(),
                format!("--origin-to-force-quic-on={authority}"),
            ],
        }
    }
}

/// A page and the way to who answers for it.
#[derive(Clone, Debug)]
pub struct Side {
    /// What it is called in results.
    pub name: String,
    /// The address of the page.
    pub url: String,
    /// Where connections to the page's own host and port go, which is not where its name leads.
    /// Of all other hosts the stage decides.
    pub server: SocketAddr,
    /// What the browser speaks with it.
    pub http: Http,
    /// What is switched on and off, in words.
    pub features: Vec<(String, String)>,
}

impl Side {
    /// The browser's flags: the page's own host leads to the server, others where the rules say.
    fn flags(&self, others: &str) -> Vec<String> {
        let authority = authority(&self.url);
        let rules = format!("MAP {authority} {}, {others}", self.server);
        let mut flags = self.http.flags(&authority);
        flags.push(format!("--host-resolver-rules={rules}"));
        flags
    }

    fn series(&self) -> Series {
        Series {
            name: self.name.clone(),
            url: self.url.clone(),
            features: self.features.clone(),
            runs: Vec::new(),
        }
    }
}

/// Host and port of an absolute HTTP URL; the port is the scheme's where none is given.
fn authority(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    // A colon inside brackets belongs to an IPv6 address.
    let has_port = host.rsplit(']').next().unwrap_or_default().contains(':');
    match (has_port, scheme) {
        (true, _) => host.to_owned(),
        (false, "https") => format!("{host}:443"),
        (false, _) => format!("{host}:80"),
    }
}

/// How pages are filmed.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Loads of each side that count.
    pub runs: u32,
    /// Loads of each side that are made before, and do not count: what servers keep they then have.
    pub discarded: u32,
    /// Size of the window in CSS pixels, which are device pixels.
    pub viewport: (u32, u32),
    /// How long a page may take.
    pub patience: Patience,
    /// Whether the browser writes a trace of each load, with pictures of its own: for other
    /// tools to judge the same load. It costs the page some time.
    pub trace: bool,
    /// A key whose certificates the browser takes although nobody vouches for them: the base64 of
    /// the SHA-256 of its `SubjectPublicKeyInfo`. Over HTTP/3 it checks certificates even where it
    /// was told not to. Absent: none.
    pub trusted_key: Option<String>,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            runs: 5,
            discarded: 1,
            viewport: (1280, 800),
            patience: Patience::default(),
            trace: false,
            trusted_key: None,
        }
    }
}

/// What is going on, told before and after each load.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// A load begins.
    Begins {
        /// The side's name.
        side: &'a str,
        /// Which load it is, from 1; 0 for one that does not count.
        number: u32,
        /// How many count.
        of: u32,
    },
    /// It has been filmed.
    Filmed {
        /// The side's name.
        side: &'a str,
        /// What was seen.
        run: &'a Run,
    },
}

impl Capture {
    /// Films both sides in turns, see [`Capture::in_turns`].
    ///
    /// # Errors
    /// Those of [`Capture::in_turns`].
    pub fn compare(
        &self,
        stage: &Stage,
        [without, with]: [&Side; 2],
        stop: &Stop,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Comparison, CaptureError> {
        let load_before = load_average();
        let browser = version(stop)?;
        let series = self.in_turns(stage, &[without, with], stop, tell)?;
        let [without, with] = <[Series; 2]>::try_from(series).unwrap_or_default();
        Ok(Comparison {
            without,
            with,
            conditions: conditions(stage, browser, load_before, self.discarded),
        })
    }

    /// Films any number of sides in turns, and returns their runs in the order of the sides: loads
    /// that do not count first, then one side after the other as often as asked for. Blocks; call
    /// it where that is allowed, with the servers on other threads.
    ///
    /// # Errors
    /// The first failure ends it, and nothing of it is left running.
    pub fn in_turns(
        &self,
        stage: &Stage,
        sides: &[&Side],
        stop: &Stop,
        tell: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Vec<Series>, CaptureError> {
        let camera = Camera {
            link: stage.link(),
            others: stage.rules(),
            viewport: self.viewport,
            patience: self.patience,
            trace: self.trace,
            trusted_key: self.trusted_key.as_deref(),
            stop,
        };
        let mut series: Vec<Series> = sides.iter().map(|side| side.series()).collect();
        let discarded = std::iter::repeat_n(0, self.discarded as usize);
        for number in discarded.chain(1..=self.runs) {
            for (side, series) in sides.iter().zip(&mut series) {
                stop.check()?;
                tell(Progress::Begins {
                    side: &side.name,
                    number,
                    of: self.runs,
                });
                let run = camera.film(side).map_err(|error| stop.explain(error))?;
                tell(Progress::Filmed {
                    side: &side.name,
                    run: &run,
                });
                if number > 0 {
                    series.runs.push(run);
                }
            }
        }
        Ok(series)
    }
}

fn version(stop: &Stop) -> Result<String, CaptureError> {
    stop.check()?;
    let browser = Browser::launch()?;
    stop.watch(&browser)?;
    let version = browser
        .version()
        .map_err(|error| stop.explain(error.into()))?;
    browser.close();
    Ok(version)
}

fn conditions(stage: &Stage, browser: String, load_before: f64, discarded: u32) -> Conditions {
    let emulation = stage.emulation();
    let uncounted = match discarded {
        0 => "",
        1 => " The first load of each side is not counted.",
        _ => " The first loads of each side are not counted.",
    };
    let mut notes = vec![
        format!(
            "Each load had a browser of its own with an empty profile and no cache.{uncounted}"
        ),
        if stage.reaches_others() {
            "Other hosts than the page's own were reached directly, through the same link, on both sides."
        } else {
            "Only the page's own host was reached; other hosts were not found, on both sides."
        }
        .to_owned(),
    ];
    let profile = match emulation {
        Emulation::None => "the machine's own network".to_owned(),
        Emulation::Tun | Emulation::Relay => stage.profile().to_string(),
    };
    if emulation == Emulation::Relay {
        notes.push(
            "Without root the link was a relay that paces bytes, not packets: rankings hold, times are about 10 % off.".to_owned(),
        );
    }
    Conditions {
        profile,
        link: emulation.name().to_owned(),
        browser,
        congestion_control: congestion_control(),
        load_average: (load_before, load_average()),
        notes,
    }
}

/// How busy the machine was in the last minute; 0 where it does not say.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// Stops a capture from another thread.
#[derive(Default)]
pub struct Stop {
    asked: AtomicBool,
    browser: Mutex<Option<Interrupter>>,
}

impl Stop {
    /// Ends the capture as soon as possible, with [`CaptureError::Stopped`].
    pub fn stop(&self) {
        self.asked.store(true, Ordering::SeqCst);
        let browser = self.browser.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(browser) = &*browser {
            browser.interrupt();
        }
    }

    /// # Errors
    /// [`CaptureError::Stopped`] if it was asked to.
    fn check(&self) -> Result<(), CaptureError> {
        if self.asked.load(Ordering::SeqCst) {
            return Err(CaptureError::Stopped);
        }
        Ok(())
    }

    /// From now on a stop ends the waiting for this browser.
    fn watch(&self, browser: &Browser) -> Result<(), CaptureError> {
        let mut watched = self.browser.lock().unwrap_or_else(PoisonError::into_inner);
        *watched = Some(browser.interrupter());
        self.check()
    }

    /// What fails because it was stopped has been stopped.
    fn explain(&self, error: CaptureError) -> CaptureError {
        match self.check() {
            Ok(()) => error,
            Err(stopped) => stopped,
        }
    }
}

#[cfg(test)]
mod tests;
