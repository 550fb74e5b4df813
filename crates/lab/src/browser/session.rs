//! Commands and events of the DevTools protocol over a pipe: JSON, a zero byte after each
//! message.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::network::NetworkLog;
use super::page::Step;
use super::{BrowserError, CastFrame, Problem, ProblemKind, Response, base64, pipe};

/// How long one command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// The connection to a browser.
pub struct Session {
    writer: Mutex<File>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    answers: HashMap<u64, Value>,
    pages: HashMap<String, PageState>,
    closed: bool,
}

/// What a page has reported since its last navigation.
#[derive(Default)]
pub struct PageState {
    pub loaded: Option<Instant>,
    pub problems: Vec<Problem>,
    pub responses: Vec<Response>,
    pub frames: Vec<CastFrame>,
    pub network: NetworkLog,
    /// When the last picture came, and the last word of a request.
    pub last_frame: Option<Instant>,
    pub last_network: Option<Instant>,
    /// What has come of a trace that was ended, and whether that is all.
    pub trace: Vec<Value>,
    pub trace_is_whole: bool,
    addresses: HashMap<String, String>,
}

impl Session {
    /// Starts a browser and a thread that reads from it until it closes its end. The browser ends
    /// with the sender at the latest.
    ///
    /// # Errors
    /// Those of starting a process.
    pub fn start(mut command: Command) -> io::Result<(Arc<Self>, Child, Sender<()>)> {
        let (tell, told) = channel();
        let (keep, kept) = channel();
        // The kernel ends the browser with the thread that started it, so this one stays.
        thread::Builder::new()
            .name("browser".into())
            .spawn(move || {
                let started = pipe::spawn(&mut command).map(|(child, writer, reader)| {
                    let session = Self {
                        writer: Mutex::new(writer),
                        state: Mutex::default(),
                        changed: Condvar::new(),
                    };
                    (Arc::new(session), child, reader)
                });
                let (session, child, reader) = match started {
                    Ok(started) => started,
                    // Whoever started this thread waits for one or the other.
                    Err(error) => return drop(tell.send(Err(error))),
                };
                let sent = tell.send(Ok((Arc::clone(&session), child)));
                debug_assert!(sent.is_ok());
                session.listen(reader);
                drop(session);
                // Nothing is ever sent; it fails when the sender is dropped.
                let _: Result<(), _> = kept.recv();
            })?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let (session, child) = told.recv().map_err(|_| gone())??;
        Ok((session, child, keep))
    }

    /// Ends all waiting, now and later, as if the browser had gone.
    pub fn abandon(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Sends a command and waits for its result.
    ///
    /// # Errors
    /// [`BrowserError::Command`] when the browser refuses, [`BrowserError::TimedOut`],
    /// [`BrowserError::Gone`].
    pub fn call(
        &self,
        page: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, BrowserError> {
        let id = self.send(page, method, params)?;
        let mut state = self.wait(COMMAND_LIMIT, |state| state.answers.contains_key(&id))?;
        let mut answer = state.answers.remove(&id).unwrap_or_default();
        if let Some(error) = answer.get("error") {
            return Err(BrowserError::Command {
                method: method.to_owned(),
                message: text(error, "message"),
            });
        }
        Ok(answer["result"].take())
    }

    /// Waits until a page's state satisfies `ready` and returns what `read` makes of it.
    ///
    /// # Errors
    /// [`BrowserError::TimedOut`], [`BrowserError::Gone`].
    pub fn page<T>(
        &self,
        page: &str,
        limit: Duration,
        ready: impl Fn(&PageState) -> bool,
        read: impl FnOnce(&mut PageState) -> T,
    ) -> Result<T, BrowserError> {
        let mut state = self.wait(limit, |state| state.pages.get(page).is_some_and(&ready))?;
        Ok(read(state.pages.entry(page.to_owned()).or_default()))
    }

    /// Looks at a page's state now and after each report, until `decide` has seen enough.
    ///
    /// # Errors
    /// [`BrowserError::Gone`].
    pub fn watch<T>(
        &self,
        page: &str,
        mut decide: impl FnMut(&PageState) -> Step<T>,
    ) -> Result<T, BrowserError> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Err(BrowserError::Gone);
            }
            match decide(state.pages.entry(page.to_owned()).or_default()) {
                Step::Done(value) => return Ok(value),
                Step::Wait(limit) => {
                    let waited = self.changed.wait_timeout(state, limit);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Forgets what a page has reported.
    pub fn reset(&self, page: &str) {
        self.lock()
            .pages
            .insert(page.to_owned(), PageState::default());
    }

    fn send(&self, page: Option<&str>, method: &str, params: &Value) -> Result<u64, BrowserError> {
        let id = {
            let mut state = self.lock();
            state.next += 1;
            state.next
        };
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(page) = page {
            message["sessionId"] = page.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(&bytes).map_err(|_| BrowserError::Gone)?;
        Ok(id)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(
        &self,
        limit: Duration,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'_, State>, BrowserError> {
        let waiting = |state: &mut State| !ready(state) && !state.closed;
        let (state, waited) = self
            .changed
            .wait_timeout_while(self.lock(), limit, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        if ready(&state) {
            Ok(state)
        } else if waited.timed_out() {
            Err(BrowserError::TimedOut(limit))
        } else {
            Err(BrowserError::Gone)
        }
    }

    fn listen(&self, reader: File) {
        let mut reader = BufReader::with_capacity(1 << 20, reader);
        let mut message = Vec::new();
        loop {
            message.clear();
            match reader.read_until(0, &mut message) {
                Ok(size) if size > 0 => message.pop(),
                _ => break,
            };
            let now = Instant::now();
            // What is not JSON is not for us; a command without an answer times out.
            if let Ok(message) = serde_json::from_slice::<Value>(&message) {
                self.receive(message, now);
            }
        }
        self.abandon();
    }

    fn receive(&self, mut message: Value, now: Instant) {
        if let Some(id) = message["id"].as_u64() {
            self.lock().answers.insert(id, message);
        } else {
            let page = text(&message, "sessionId");
            let method = text(&message, "method");
            let params = message["params"].take();
            if method == "Page.screencastFrame" {
                // Without it the browser sends no more; the answer is of no interest.
                let ack = json!({ "sessionId": params["sessionId"] });
                let _ = self.send(Some(&page), "Page.screencastFrameAck", &ack);
            }
            self.lock()
                .pages
                .entry(page)
                .or_default()
                .note(&method, params, now);
        }
        self.changed.notify_all();
    }
}

impl PageState {
    fn note(&mut self, method: &str, mut params: Value, now: Instant) {
        if method == "Tracing.dataCollected" {
            if let Value::Array(events) = params["value"].take() {
                self.trace.extend(events);
            }
            return;
        }
        let params = &params;
        if self.network.note(method, params) {
            self.last_network = Some(now);
        }
        match method {
            "Tracing.tracingComplete" => self.trace_is_whole = true,
            "Page.loadEventFired" => self.loaded = Some(now),
            "Page.screencastFrame" => {
                self.last_frame = Some(now);
                self.frames.extend(cast_frame(params));
            }
            "Network.requestWillBeSent" => {
                let url = text(&params["request"], "url");
                self.addresses.insert(text(params, "requestId"), url);
            }
            "Network.responseReceived" => self.responses.push(response(&params["response"])),
            "Network.loadingFailed" if params["canceled"] != true => {
                let url = self.addresses.get(&text(params, "requestId"));
                let message = text(params, "errorText");
                self.problem(
                    ProblemKind::Request,
                    message,
                    url.cloned().unwrap_or_default(),
                );
            }
            "Runtime.exceptionThrown" => {
                let details = &params["exceptionDetails"];
                let mut message = text(&details["exception"], "description");
                if message.is_empty() {
                    message = text(details, "text");
                }
                self.problem(ProblemKind::Exception, message, text(details, "url"));
            }
            "Runtime.consoleAPICalled"
                if params["type"] == "error" || params["type"] == "assert" =>
            {
                let words: Vec<String> = params["args"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|word| match &word["value"] {
                        Value::String(word) => word.clone(),
                        Value::Null => text(word, "description"),
                        other => other.to_string(),
                    })
                    .collect();
                self.problem(ProblemKind::Console, words.join(" "), String::new());
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                let entry = &params["entry"];
                self.problem(
                    ProblemKind::Console,
                    text(entry, "text"),
                    text(entry, "url"),
                );
            }
            _ => {}
        }
    }

    fn problem(&mut self, kind: ProblemKind, message: String, url: String) {
        self.problems.push(Problem { kind, message, url });
    }
}

fn cast_frame(params: &Value) -> Option<CastFrame> {
    Some(CastFrame {
        epoch_seconds: params["metadata"]["timestamp"].as_f64()?,
        jpeg: base64::decode(params["data"].as_str()?)?,
    })
}

fn response(response: &Value) -> Response {
    Response {
        url: text(response, "url"),
        status: response["status"].as_u64().unwrap_or(0) as u16,
        media_type: text(response, "mimeType"),
        protocol: text(response, "protocol"),
    }
}

/// A text field; empty if it is missing.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
