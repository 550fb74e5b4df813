//! Chromium, driven over its debugging pipe: no port, no driver, works in a link's namespace.

mod base64;
mod pipe;
mod session;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Link;
use session::{Session, text};

/// Why a browser did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// None of the known names is on the path.
    #[error("no Chromium on the path\nhint: `apt-get install chromium`")]
    NotInstalled,
    /// It could not be started, or its profile could not be written.
    #[error("the browser could not be started")]
    Start(#[from] io::Error),
    /// It refused a command.
    #[error("the browser refused `{method}`: {message}")]
    Command {
        /// The command.
        method: String,
        /// What it said.
        message: String,
    },
    /// The page could not be opened.
    #[error("the browser could not open {url}: {message}")]
    Navigation {
        /// The address.
        url: String,
        /// What it said.
        message: String,
    },
    /// A script threw.
    #[error("the script threw: {0}")]
    Script(String),
    /// Nothing came in time.
    #[error("the browser did not answer within {0:?}")]
    TimedOut(Duration),
    /// It ended or crashed.
    #[error("the browser has gone")]
    Gone,
    /// It answered what cannot be understood.
    #[error("the browser's answer makes no sense: {0}")]
    Nonsense(&'static str),
}

impl BrowserError {
    /// Whether the machine has no browser, so that a test should skip rather than fail.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotInstalled)
    }
}

/// What a page complained about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it comes from.
    pub kind: ProblemKind,
    /// In the browser's words.
    pub message: String,
    /// The address concerned, if known.
    pub url: String,
}

/// Where a problem comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// An error in the console, written by a script or by the browser.
    Console,
    /// An exception nobody caught.
    Exception,
    /// A request that failed.
    Request,
}

/// A response the page received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The address.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// Media type as the browser took it.
    pub media_type: String,
    /// `h2`, `http/1.1`, `h3`.
    pub protocol: String,
}

/// A picture of the page while it changed.
#[derive(Clone, Debug, PartialEq)]
pub struct CastFrame {
    /// When it was shown, in seconds since 1970; [`Page::frames`] counts from the navigation.
    epoch_seconds: f64,
    /// The picture.
    pub jpeg: Vec<u8>,
}

/// A running browser with a fresh profile. Dropping it ends its processes and removes the
/// profile.
pub struct Browser {
    child: Child,
    session: Arc<Session>,
    profile: PathBuf,
}

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// No background work, no throttling of what is hidden, colours as they are; certificates are
/// not checked.
const FLAGS: [&str; 19] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--ignore-certificate-errors",
    "--disable-extensions",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling",
    "--no-default-browser-check",
    "--mute-audio",
    "--remote-debugging-pipe",
];
static NEXT: AtomicU32 = AtomicU32::new(0);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

impl Browser {
    /// Starts a browser on this machine's network.
    ///
    /// # Errors
    /// [`BrowserError::NotInstalled`], [`BrowserError::Start`], or its silence.
    pub fn launch() -> Result<Self, BrowserError> {
        Self::start(|program| Command::new(program))
    }

    /// Starts a browser at the client's end of a link.
    ///
    /// # Errors
    /// Those of [`Browser::launch`].
    pub fn launch_in(link: &Link) -> Result<Self, BrowserError> {
        Self::start(|program| link.command(program))
    }

    fn start(command: impl FnOnce(&Path) -> Command) -> Result<Self, BrowserError> {
        let program = find().ok_or(BrowserError::NotInstalled)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("firstlight-browser-{}-{number}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        fs::create_dir_all(&profile)?;
        let mut data = OsString::from("--user-data-dir=");
        data.push(&profile);
        let mut command = command(&program);
        command.args(FLAGS).arg(data).arg("about:blank");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(profile.join("stderr.log"))?);
        let (child, writer, reader) = pipe::spawn(&mut command).inspect_err(|_| {
            // What could not be started left nothing but the folder.
            let _ = fs::remove_dir_all(&profile);
        })?;
        let browser = Self {
            child,
            session: Session::start(writer, reader),
            profile,
        };
        browser.version()?;
        Ok(browser)
    }

    /// Name and version, `Chrome/156.0.8078.79` or the like.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn version(&self) -> Result<String, BrowserError> {
        let version = self.session.call(None, "Browser.getVersion", json!({}))?;
        Ok(text(&version, "product"))
    }

    /// Opens an empty page of a size in CSS pixels, at one device pixel each. Its cache is off.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn open(&self, width: u32, height: u32) -> Result<Page, BrowserError> {
        let call = |page: Option<&str>, method: &str, params: Value| {
            self.session.call(page, method, params)
        };
        let blank = json!({ "url": "about:blank" });
        let target = text(&call(None, "Target.createTarget", blank)?, "targetId");
        let attach = json!({ "targetId": target, "flatten": true });
        let id = text(&call(None, "Target.attachToTarget", attach)?, "sessionId");
        if id.is_empty() {
            return Err(BrowserError::Nonsense("no session for the page"));
        }
        self.session.reset(&id);
        let page = Some(id.as_str());
        for domain in ["Page", "Network", "Runtime", "Log"] {
            call(page, &format!("{domain}.enable"), json!({}))?;
        }
        call(
            page,
            "Network.setCacheDisabled",
            json!({ "cacheDisabled": true }),
        )?;
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        call(page, "Emulation.setDeviceMetricsOverride", size)?;
        Ok(Page {
            session: Arc::clone(&self.session),
            id,
            target,
            started: Instant::now(),
        })
    }

    /// Ends the browser in order and removes its profile; one that does not end is killed.
    pub fn close(mut self) {
        // A browser that has gone already is closed.
        let _ = self.session.call(None, "Browser.close", json!({}));
        let deadline = Instant::now() + CLOSE_LIMIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            pipe::kill_group(&self.child);
            // Killed processes can be waited for; there is nobody to tell if not.
            let _ = self.child.wait();
        }
        // Its last children may still write for a moment.
        for _ in 0..50 {
            match fs::remove_dir_all(&self.profile) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    thread::sleep(Duration::from_millis(20));
                }
                _ => return,
            }
        }
    }
}

/// The first browser on the path.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    NAMES
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// A page of a browser. Closed when dropped.
pub struct Page {
    session: Arc<Session>,
    id: String,
    target: String,
    started: Instant,
}

impl Page {
    /// Starts a navigation and returns once the browser has the first bytes of the answer; loading goes
    /// on. What the page reported before is forgotten.
    ///
    /// # Errors
    /// [`BrowserError::Navigation`] when nothing answers there.
    pub fn navigate(&mut self, url: &str) -> Result<(), BrowserError> {
        self.session.reset(&self.id);
        self.started = Instant::now();
        let result = self.call("Page.navigate", json!({ "url": url }))?;
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
        let loaded = |state: &session::PageState| state.loaded.is_some();
        let at = self
            .session
            .page(&self.id, limit, loaded, |state| state.loaded)?;
        Ok(at.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(self.started)
        }))
    }

    /// Waits until a time after the start of the navigation; returns at once if it has passed.
    pub fn wait_until(&self, time: Duration) {
        thread::sleep(time.saturating_sub(self.started.elapsed()));
    }

    /// What the page shows now, as PNG, also in the middle of loading.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn screenshot(&self) -> Result<Vec<u8>, BrowserError> {
        let how = json!({ "format": "png", "optimizeForSpeed": true });
        let picture = self.call("Page.captureScreenshot", how)?;
        base64::decode(&text(&picture, "data")).ok_or(BrowserError::Nonsense("a broken picture"))
    }

    /// From now on every change of the page is kept as a picture, until the next navigation
    /// but one; call it before [`Page::navigate`].
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn start_screencast(&self) -> Result<(), BrowserError> {
        let how = json!({ "format": "jpeg", "quality": 85, "everyNthFrame": 1 });
        self.call("Page.startScreencast", how).map(drop)
    }

    /// The pictures of a screencast since the navigation with their times after it, in order.
    ///
    /// # Errors
    /// When the page cannot say when it started.
    pub fn frames(&self) -> Result<Vec<(Duration, CastFrame)>, BrowserError> {
        let origin = self.evaluate("performance.timeOrigin")?;
        let origin = origin
            .as_f64()
            .ok_or(BrowserError::Nonsense("no time origin"))?
            / 1000.0;
        let any = |_: &session::PageState| true;
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
        let any = |_: &session::PageState| true;
        let read = |state: &mut session::PageState| state.problems.clone();
        self.session
            .page(&self.id, Duration::ZERO, any, read)
            .unwrap_or_default()
    }

    /// The responses received since the navigation, in order of arrival.
    pub fn responses(&self) -> Vec<Response> {
        let any = |_: &session::PageState| true;
        let read = |state: &mut session::PageState| state.responses.clone();
        self.session
            .page(&self.id, Duration::ZERO, any, read)
            .unwrap_or_default()
    }

    /// Runs a script in the page and returns its value; promises are awaited.
    ///
    /// # Errors
    /// [`BrowserError::Script`] with what it threw.
    pub fn evaluate(&self, script: &str) -> Result<Value, BrowserError> {
        let what = json!({
            "expression": script, "returnByValue": true, "awaitPromise": true,
        });
        let mut result = self.call("Runtime.evaluate", what)?;
        if let Some(details) = result.get("exceptionDetails") {
            let thrown = text(&details["exception"], "description");
            return Err(BrowserError::Script(thrown));
        }
        Ok(result["result"]["value"].take())
    }

    fn call(&self, method: &str, params: Value) -> Result<Value, BrowserError> {
        self.session.call(Some(&self.id), method, params)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A browser that has gone has closed its pages.
        let close = json!({ "targetId": self.target });
        let _ = self.session.call(None, "Target.closeTarget", close);
    }
}

#[cfg(test)]
mod tests;
