//! What the origin answers.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// A scripted answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    pub(super) steps: Vec<Step>,
    pub(super) framing: Framing,
    pub(super) ending: Ending,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Send(Bytes),
    Wait(Duration),
    Hold(watch::Receiver<()>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    Close,
    Raw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The connection stays open for the next request.
    Proper,
    /// The connection closes before the last promised byte.
    CutOff,
    /// After the head everything is sent back as it comes.
    Echo,
}

/// Holds an answer back until it is dropped.
#[derive(Debug)]
pub struct Gate {
    _open_on_drop: watch::Sender<()>,
}

impl Reply {
    /// An answer with a status and no body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            steps: Vec::new(),
            framing: Framing::Length,
            ending: Ending::Proper,
        }
    }

    /// 200 with a body of a media type.
    pub fn ok(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::new(200)
            .header("content-type", content_type)
            .body(body)
    }

    /// 200 with an HTML page.
    pub fn html(body: impl Into<Bytes>) -> Self {
        Self::ok("text/html; charset=utf-8", body)
    }

    /// These bytes and nothing else, then the connection closes.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            framing: Framing::Raw,
            ending: Ending::CutOff,
            ..Self::new(200).body(bytes)
        }
    }

    /// `101 Switching Protocols` to `protocol`; every byte after it is sent back.
    pub fn echo_upgrade(protocol: &str) -> Self {
        let mut reply = Self::new(101)
            .header("connection", "upgrade")
            .header("upgrade", protocol);
        reply.ending = Ending::Echo;
        reply
    }

    /// Adds a header field as given. A field that says how long the body is replaces ours.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Adds bytes to the body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Waits before what is added next; before the head if nothing was added yet.
    #[must_use]
    pub fn wait(mut self, time: Duration) -> Self {
        self.steps.push(Step::Wait(time));
        self
    }

    /// Sends what was added so far and holds the rest until the gate is dropped.
    #[must_use]
    pub fn then_hold(mut self) -> (Self, Gate) {
        let (sender, receiver) = watch::channel(());
        self.steps.push(Step::Hold(receiver));
        let gate = Gate {
            _open_on_drop: sender,
        };
        (self, gate)
    }

    /// Sends the body in chunks, one for each piece added (RFC 9112 §7.1).
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body without a length and closes the connection after it.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Promises `missing` bytes more than there are, or leaves out the last chunk, and closes
    /// the connection.
    #[must_use]
    pub fn cut_off(mut self, missing: usize) -> Self {
        if self.framing == Framing::Length {
            let length = self.length() + missing;
            self = self.header("content-length", &length.to_string());
        }
        self.ending = Ending::CutOff;
        self
    }

    fn length(&self) -> usize {
        self.steps
            .iter()
            .map(|step| match step {
                Step::Send(bytes) => bytes.len(),
                Step::Wait(_) | Step::Hold(_) => 0,
            })
            .sum()
    }

    /// The head; empty for raw bytes.
    pub(super) fn head(&self) -> Vec<u8> {
        if self.framing == Framing::Raw {
            return Vec::new();
        }
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let has = |name: &str| self.headers.iter().any(|field| field.0 == name);
        let bodiless = self.status < 200 || self.status == 204 || self.status == 304;
        if !bodiless && !has("content-length") && !has("transfer-encoding") {
            match self.framing {
                Framing::Length => head.push_str(&format!("content-length: {}\r\n", self.length())),
                Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
                Framing::Close | Framing::Raw => head.push_str("connection: close\r\n"),
            }
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}
