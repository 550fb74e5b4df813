//! Chromium, driven over its debugging pipe: no port, no driver, works in a link's namespace.

mod base64;
mod ending;
mod left_behind;
mod network;
mod page;
mod pipe;
mod session;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Link;
pub use network::WireHeaders;
pub use page::{Activity, Page, Step};
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
/// profile. It ends with this process in any case; a profile left behind by a process that was
/// killed goes when the next one starts a browser.
pub struct Browser {
    child: Child,
    session: Arc<Session>,
    profile: PathBuf,
    /// The browser lives no longer than this.
    _keep: Sender<()>,
}

/// Ends the waiting for a browser from another thread: see [`Browser::interrupter`].
#[derive(Clone)]
pub struct Interrupter(Weak<Session>);

impl Interrupter {
    /// All that waits for the browser fails with [`BrowserError::Gone`], now and later.
    pub fn interrupt(&self) {
        if let Some(session) = self.0.upgrade() {
            session.abandon();
        }
    }
}

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// No background work, no throttling of what is hidden, colours as they are; certificates are
/// not checked. Nothing is written but the profile.
const FLAGS: [&str; 19] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
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
/// HTTP/3 only where it is asked for: a browser that may choose does not choose the same each time.
pub(crate) const NO_QUIC: &str = "--disable-quic";
static NEXT: AtomicU32 = AtomicU32::new(0);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// How long the helpers of a killed browser may take to end.
const END_LIMIT: Duration = Duration::from_secs(2);

impl Browser {
    /// Starts a browser on this machine's network.
    ///
    /// # Errors
    /// [`BrowserError::NotInstalled`], [`BrowserError::Start`], or its silence.
    pub fn launch() -> Result<Self, BrowserError> {
        Self::launch_with(None, &[NO_QUIC.to_owned()])
    }

    /// Starts a browser at the client's end of a link.
    ///
    /// # Errors
    /// Those of [`Browser::launch`].
    pub fn launch_in(link: &Link) -> Result<Self, BrowserError> {
        Self::launch_with(Some(link), &[NO_QUIC.to_owned()])
    }

    /// Starts a browser at the client's end of a link, or on this machine's network where there
    /// is none, with more of its own flags, such as `--host-resolver-rules=…`.
    ///
    /// # Errors
    /// Those of [`Browser::launch`].
    pub fn launch_with(link: Option<&Link>, flags: &[String]) -> Result<Self, BrowserError> {
        let command = |program: &Path| match link {
            Some(link) => link.command(program),
            None => Command::new(program),
        };
        Self::start(command, flags)
    }

    /// Whether a browser is installed.
    pub fn is_installed() -> bool {
        find().is_some()
    }

    /// What ends the waiting for this browser.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(Arc::downgrade(&self.session))
    }

    fn start(
        command: impl FnOnce(&Path) -> Command,
        flags: &[String],
    ) -> Result<Self, BrowserError> {
        let program = find().ok_or(BrowserError::NotInstalled)?;
        left_behind::remove();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let profile = left_behind::folder(std::process::id(), number);
        fs::create_dir_all(&profile)?;
        let mut data = OsString::from("--user-data-dir=");
        data.push(&profile);
        let mut command = command(&program);
        command.args(FLAGS).args(flags).arg(data).arg("about:blank");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(profile.join("stderr.log"))?);
        let (session, child, keep) = Session::start(command).inspect_err(|_| {
            // What could not be started left nothing but the folder.
            let _ = fs::remove_dir_all(&profile);
        })?;
        let browser = Self {
            child,
            session,
            profile,
            _keep: keep,
        };
        browser.version()?;
        Ok(browser)
    }

    /// Name and version, `Chrome/156.0.8078.79` or the like.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn version(&self) -> Result<String, BrowserError> {
        let version = self.session.call(None, "Browser.getVersion", &json!({}))?;
        Ok(text(&version, "product"))
    }

    /// Opens an empty page of a size in CSS pixels, at one device pixel each. Its cache is off.
    ///
    /// # Errors
    /// When the browser refuses or does not answer.
    pub fn open(&self, width: u32, height: u32) -> Result<Page, BrowserError> {
        let call = |page: Option<&str>, method: &str, params: Value| {
            self.session.call(page, method, &params)
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
    pub fn close(self) {
        // A browser that has gone already is closed.
        let _ = self.session.call(None, "Browser.close", &json!({}));
        ending::wait_for(self.child.id(), CLOSE_LIMIT);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also after an end in order, which its helpers outlive for a moment.
        pipe::end_group(&mut self.child, END_LIMIT);
        left_behind::remove_folder(&self.profile);
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

#[cfg(test)]
mod tests;
