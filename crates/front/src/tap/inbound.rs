//! What a client says of priorities, frame by frame.

use delivery::Priority;
use smallvec::SmallVec;

use super::frames::{Frames, Head, Step};

const HEADERS: u8 = 0x1;
const PRIORITY: u8 = 0x2;
const WINDOW_UPDATE: u8 = 0x8;
/// RFC 9218 §7.1.
const PRIORITY_UPDATE: u8 = 0x10;

/// Flags of HEADERS (RFC 9113 §6.2).
const PADDED: u8 = 0x8;
const HAS_PRIORITY: u8 = 0x20;
/// The bit that makes a dependency exclusive (RFC 7540 §6.3). Chromium sets it always, and means an
/// urgency by its weights. Firefox and WebKit never do, and mean shares of a tree by theirs: a
/// stylesheet of WebKit weighs 120, less than any picture of Chromium.
const EXCLUSIVE: u8 = 0x80;
/// The weight that WebKit raises a picture to when it comes into view.
const RAISED: u16 = 16;

/// Length of the client's connection preface, in bytes (RFC 9113 §3.4).
const PREFACE: usize = 24;

/// Most bytes of a PRIORITY_UPDATE that are looked at.
const MAX_UPDATE: usize = 4 + 256;

/// How many signals besides those of HEADERS a client may send before it has asked for anything,
/// and how many more with every request; what is beyond is not listened to.
const FIRST_ALLOWANCE: u32 = 512;
const ALLOWANCE: u32 = 16;

/// Something a client said of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The stream it is about.
    pub stream: u32,
    /// What it said.
    pub said: Said,
}

/// What a client can say of a stream's priority beside the `Priority` header, and of the
/// connection's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// HEADERS came, with this weight (1–256) if it had one that says an urgency.
    Opened(Option<u16>),
    /// A PRIORITY frame gives this weight (1–256).
    Weight(u16),
    /// A PRIORITY frame of a browser whose weights say no urgency: the picture came into view.
    Shown,
    /// A PRIORITY_UPDATE frame gives a complete set.
    Update(Priority),
    /// The connection's window (stream 0) opens by so many bytes.
    Window(u32),
}

impl Said {
    /// Whether it says that a picture is on screen.
    pub fn names(self) -> bool {
        match self {
            Self::Shown => true,
            Self::Weight(weight) => Priority::default().reweighted(weight).visible,
            _ => false,
        }
    }
}

/// Reads a client's side of a connection, from its first byte on.
#[derive(Debug)]
pub struct Inbound {
    preface: usize,
    frames: Frames,
    /// How many bytes of the current payload are wanted, and those that have come.
    wanted: usize,
    payload: SmallVec<[u8; 16]>,
    allowance: u32,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            preface: PREFACE,
            frames: Frames::default(),
            wanted: 0,
            payload: SmallVec::new(),
            allowance: FIRST_ALLOWANCE,
        }
    }
}

impl Inbound {
    /// Reads the next bytes. Never fails: what is broken is the library's to complain about.
    pub fn read(&mut self, bytes: &[u8], mut heard: impl FnMut(Signal)) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        let mut rest = bytes.get(skipped..).unwrap_or_default();
        while !rest.is_empty() {
            let (step, used) = self.frames.step(rest);
            match step {
                Step::Partial => {}
                Step::Head(head) => self.begin(head, &mut heard),
                Step::Payload(head, payload) => self.collect(head, payload, &mut heard),
            }
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// All signals in a client's side of a connection.
    pub fn signals_in(bytes: &[u8]) -> Vec<Signal> {
        let mut signals = Vec::new();
        Self::default().read(bytes, |signal| signals.push(signal));
        signals
    }

    fn begin(&mut self, head: Head, heard: &mut impl FnMut(Signal)) {
        self.payload.clear();
        self.wanted = 0;
        match head.kind {
            HEADERS => {
                self.allowance = self
                    .allowance
                    .saturating_add(ALLOWANCE)
                    .min(FIRST_ALLOWANCE);
                let needed = 5 + usize::from(head.flags & PADDED != 0);
                if head.flags & HAS_PRIORITY != 0 && head.length >= needed {
                    self.wanted = needed;
                } else if head.stream != 0 {
                    heard(Signal {
                        stream: head.stream,
                        said: Said::Opened(None),
                    });
                }
            }
            PRIORITY if head.length == 5 => self.wanted = 5,
            WINDOW_UPDATE if head.length == 4 && head.stream == 0 => self.wanted = 4,
            PRIORITY_UPDATE if head.length >= 4 && head.stream == 0 => {
                self.wanted = head.length.min(MAX_UPDATE);
            }
            _ => {}
        }
    }

    fn collect(&mut self, head: Head, payload: &[u8], heard: &mut impl FnMut(Signal)) {
        if self.wanted == 0 {
            return;
        }
        let missing = self.wanted - self.payload.len();
        let news = payload.get(..missing).unwrap_or(payload);
        self.payload.extend_from_slice(news);
        if self.payload.len() < self.wanted {
            return;
        }
        self.wanted = 0;
        let Some(signal) = understand(head, &self.payload) else {
            return;
        };
        if matches!(signal.said, Said::Weight(_) | Said::Shown | Said::Update(_)) {
            if self.allowance == 0 {
                return;
            }
            self.allowance -= 1;
        }
        heard(signal);
    }
}

fn understand(head: Head, payload: &[u8]) -> Option<Signal> {
    let weight = payload.last().map(|weight| u16::from(*weight) + 1)?;
    // A length of padding may come before the dependency.
    let dependency = payload.len().checked_sub(5).and_then(|at| payload.get(at));
    let exclusive = dependency.is_some_and(|first| first & EXCLUSIVE != 0);
    let (stream, said) = match head.kind {
        HEADERS => (head.stream, Said::Opened(exclusive.then_some(weight))),
        PRIORITY if exclusive => (head.stream, Said::Weight(weight)),
        PRIORITY if weight == RAISED => (head.stream, Said::Shown),
        PRIORITY => return None,
        kind => {
            let (number, field) = payload.split_first_chunk::<4>()?;
            let number = u32::from_be_bytes(*number) & 0x7fff_ffff;
            if kind == WINDOW_UPDATE {
                let said = Said::Window(number);
                return Some(Signal { stream: 0, said });
            }
            (number, Said::Update(Priority::parse(field)))
        }
    };
    (stream != 0).then_some(Signal { stream, said })
}
