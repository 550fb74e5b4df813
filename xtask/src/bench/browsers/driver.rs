//! A browser that is driven from outside and shown on a screen of ours: Firefox by Marionette,
//! WebKit by WebDriver.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Link;

use super::screen::Screen;
use crate::shell;

/// How long a browser may take to start, or for an answer.
const LIMIT: Duration = Duration::from_secs(60);

/// Which browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Firefox,
    WebKit,
}

impl Kind {
    /// What must be installed: program and package.
    pub fn needs(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Firefox => [("firefox-esr", "firefox-esr"), ("Xvfb", "xvfb")],
            Self::WebKit => [("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")],
        }
    }
}

/// A server that is asked over HTTP/3 alone.
#[derive(Clone, Copy, Debug)]
pub struct Http3 {
    /// The name by which it is asked.
    pub host: &'static str,
    /// Its UDP port.
    pub port: u16,
}

impl Http3 {
    /// What a profile of Firefox says so with: as if `Alt-Svc` had been seen before, and although
    /// no authority that the browser knows has signed the certificate.
    fn preferences(self) -> String {
        let Self { host, port } = self;
        format!(
            "user_pref(\"network.http.http3.enable\", true);\n\
             user_pref(\"network.http.http3.disable_when_third_party_roots_found\", false);\n\
             user_pref(\"network.http.http3.alt-svc-mapping-for-testing\", \"{host};h3=:{port}\");\n\
             user_pref(\"network.http.http3.force-use-alt-svc-mapping-for-testing\", true);\n"
        )
    }
}

/// A running browser with a profile of its own; ended with the value.
pub struct Driver {
    _process: Process,
    connection: Connection,
    /// Name and version.
    pub version: String,
}

enum Connection {
    /// A connection, and the number of the last command.
    Marionette(TcpStream, u64),
    /// The port of the driver and its name for the session.
    WebDriver(u16, String),
}

impl Driver {
    /// Starts a browser at the client's end of a link, with its profile in `folder`. Of `http3` it
    /// knows from the start; WebKitGTK speaks none.
    ///
    /// # Errors
    /// It does not start or does not answer.
    pub fn start(
        kind: Kind,
        link: &Link,
        screen: &Screen,
        folder: &Path,
        http3: Option<Http3>,
    ) -> Result<Self, String> {
        match kind {
            Kind::Firefox => firefox(link, screen, folder, http3),
            Kind::WebKit => webkit(link, screen, folder),
        }
    }

    /// Begins to load a page; returns at once.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn navigate(&mut self, link: &Link, url: &str) -> Result<(), String> {
        let what = json!({ "url": url });
        self.command(link, "Navigate", "url", &what).map(drop)
    }

    /// Gives the browser's window a place and a size, pixels of the screen.
    ///
    /// # Errors
    /// The browser refuses.
    pub fn place(&mut self, link: &Link, width: u64, height: u64) -> Result<(), String> {
        let what = json!({ "x": 0, "y": 0, "width": width, "height": height });
        self.command(link, "SetWindowRect", "window/rect", &what)
            .map(drop)
    }

    /// Runs the body of a function in the page and returns what it passes to its last argument.
    ///
    /// # Errors
    /// It throws, or the browser refuses.
    pub fn evaluate(&mut self, link: &Link, script: &str) -> Result<Value, String> {
        let what = json!({ "script": script, "args": [] });
        self.command(link, "ExecuteAsyncScript", "execute/async", &what)
    }

    fn command(
        &mut self,
        link: &Link,
        name: &str,
        path: &str,
        what: &Value,
    ) -> Result<Value, String> {
        match &mut self.connection {
            Connection::Marionette(stream, number) => {
                *number += 1;
                let mut value = marionette(stream, *number, &format!("WebDriver:{name}"), what)?;
                Ok(value["value"].take())
            }
            Connection::WebDriver(port, session) => {
                post(link, *port, &format!("/session/{session}/{path}"), what)
            }
        }
    }
}

/// Settings of a profile that does nothing of its own on the network, and paints as it comes.
const FIREFOX_PREFERENCES: &str = r#"
user_pref("marionette.port", 0);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.page", 0);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.http.http3.enable", false);
user_pref("network.prefetch-next", false);
user_pref("extensions.getAddons.cache.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("privacy.reduceTimerPrecision", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("browser.cache.disk.enable", false);
user_pref("toolkit.legacyUserProfileCustomizations.stylesheets", true);
"#;

/// Words at the edge of the window, such as `Transferring data`, are no part of the page.
const FIREFOX_STYLE: &str = "#statuspanel { display: none !important }";

fn firefox(
    link: &Link,
    screen: &Screen,
    folder: &Path,
    http3: Option<Http3>,
) -> Result<Driver, String> {
    let profile = folder.join("firefox");
    let chrome = profile.join("chrome");
    // Whatever is asked for is at the other end of the link.
    // Of two lines for one thing the later counts.
    let preferences = format!(
        "{FIREFOX_PREFERENCES}user_pref(\"network.dns.forceResolve\", \"{}\");\n{}",
        link.server_address(),
        http3.map(Http3::preferences).unwrap_or_default()
    );
    fs::create_dir_all(&chrome)
        .and_then(|()| fs::write(profile.join("user.js"), preferences))
        .and_then(|()| fs::write(chrome.join("userChrome.css"), FIREFOX_STYLE))
        .map_err(|error| error.to_string())?;
    let mut command = link.command("firefox-esr");
    command.args(["--marionette", "--no-remote", "--new-instance", "--profile"]);
    command.arg(&profile).arg("about:blank");
    let process = Process::start(command, screen, folder)?;
    let file = profile.join("MarionetteActivePort");
    let port = until("Firefox's port", || {
        fs::read_to_string(&file).ok()?.trim().parse().ok()
    })?;
    let mut stream = until("Firefox", || connect(link, port))?;
    let greeting = receive(&mut stream)?;
    if greeting["marionetteProtocol"] != 3 {
        return Err(format!("Firefox greets with {greeting}"));
    }
    let wish = json!({ "acceptInsecureCerts": true, "pageLoadStrategy": "none" });
    let session = marionette(&mut stream, 1, "WebDriver:NewSession", &wish)?;
    Ok(Driver {
        _process: process,
        connection: Connection::Marionette(stream, 1),
        version: version(&session["capabilities"]),
    })
}

/// Where Debian keeps WebKitGTK's browser.
const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

fn webkit(link: &Link, screen: &Screen, folder: &Path) -> Result<Driver, String> {
    let free = || {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        Some(listener.local_addr().ok()?.port())
    };
    let port = link.run(free).map_err(|error| error.to_string())?;
    let port = port.ok_or("no port for WebKitWebDriver")?;
    let mut command = link.command("WebKitWebDriver");
    command.arg(format!("--port={port}"));
    let process = Process::start(command, screen, folder)?;
    until("WebKitWebDriver", || connect(link, port))?;
    let wish = json!({ "capabilities": { "alwaysMatch": {
        "acceptInsecureCerts": true, "pageLoadStrategy": "none",
        "webkitgtk:browserOptions": { "binary": MINI_BROWSER, "args": ["--automation"] },
    } } });
    let session = post(link, port, "/session", &wish)?;
    let name = session["sessionId"].as_str().unwrap_or_default().to_owned();
    Ok(Driver {
        _process: process,
        connection: Connection::WebDriver(port, name),
        version: version(&session["capabilities"]),
    })
}

fn version(capabilities: &Value) -> String {
    let word = |name: &str| capabilities[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", word("browserName"), word("browserVersion"))
}

fn connect(link: &Link, port: u16) -> Option<TcpStream> {
    let stream = link.run(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)));
    let stream = stream.ok()?.ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    Some(stream)
}

/// Sends a command (`[0, number, name, what]` after its length) and returns its result.
fn marionette(
    stream: &mut TcpStream,
    number: u64,
    name: &str,
    what: &Value,
) -> Result<Value, String> {
    let command = json!([0, number, name, what]).to_string();
    let message = format!("{}:{command}", command.len());
    let sent = stream.write_all(message.as_bytes());
    sent.map_err(|error| format!("{name}: {error}"))?;
    let mut answer = receive(stream)?;
    if answer[2].is_null() {
        Ok(answer[3].take())
    } else {
        Err(format!("{name}: {}", answer[2]))
    }
}

/// The longest message of a browser.
const LONGEST: usize = 1 << 20;

fn receive(stream: &mut TcpStream) -> Result<Value, String> {
    let mut length = 0;
    loop {
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).map_err(|e| e.to_string())?;
        match byte[0] {
            b':' => break,
            digit @ b'0'..=b'9' if length < LONGEST => {
                length = length * 10 + usize::from(digit - b'0');
            }
            _ => return Err("Firefox does not speak Marionette".into()),
        }
    }
    let mut text = vec![0; length.min(LONGEST)];
    stream.read_exact(&mut text).map_err(|e| e.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

/// Posts a command to a WebDriver and returns its value.
fn post(link: &Link, port: u16, path: &str, what: &Value) -> Result<Value, String> {
    let mut stream = connect(link, port).ok_or("the driver has gone")?;
    let body = what.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let shown = |error: std::io::Error| format!("{path}: {error}");
    stream.write_all(request.as_bytes()).map_err(shown)?;
    let mut answer = Vec::new();
    stream
        .take(LONGEST as u64)
        .read_to_end(&mut answer)
        .map_err(shown)?;
    let answer = String::from_utf8_lossy(&answer);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let mut answer: Value =
        serde_json::from_str(body).map_err(|error| format!("{path}: {error}: {body}"))?;
    match answer["value"].take() {
        value if value["error"].is_string() => Err(format!("{path}: {value}")),
        value => Ok(value),
    }
}

/// Tries until something is there.
fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> Result<T, String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = attempt() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(format!("{what} is not there after {LIMIT:?}"));
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// A process and its children, ended with the value.
struct Process {
    child: Child,
    home: PathBuf,
}

impl Process {
    fn start(mut command: Command, screen: &Screen, folder: &Path) -> Result<Self, String> {
        let home = folder.join("home");
        fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let line = shell::show(&command);
        command
            .env("DISPLAY", screen.display())
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", &home)
            .env("GDK_BACKEND", "x11")
            .env("GSETTINGS_BACKEND", "memory")
            .env("NO_AT_BRIDGE", "1")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .env("WEBKIT_DISABLE_DMABUF_RENDERER", "1")
            .env_remove("WAYLAND_DISPLAY")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let child = command
            .spawn()
            .map_err(|error| format!("{line}: {error}"))?;
        Ok(Self { child, home })
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args([signal, "--", &group])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal("-TERM");
        let deadline = Instant::now() + Duration::from_secs(3);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        self.signal("-KILL");
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.home);
    }
}
