//! What one run of a page left behind: the values that metrics and report are made from.

use std::time::Duration;

/// A picture of the page as it was from a moment on.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Since the start of the navigation.
    pub at: Duration,
    /// JPEG file as the browser gave it.
    pub jpeg: Vec<u8>,
}

/// What bytes of a response are to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Its header and what makes its first preview.
    Preview,
    /// What makes it good enough.
    Good,
    /// What is left of it.
    Rest,
    /// It is no picture, or one that is sent as it comes.
    Whole,
}

/// A piece of a response as its server sent it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// When it left the server, since the start of the navigation.
    pub at: Duration,
    /// How many bytes it has.
    pub bytes: u64,
    /// What it is to a picture.
    pub part: Part,
    /// Its level in the order of bytes, 0–63, higher first; `None` where there was no order.
    pub level: Option<u8>,
}

/// A resource as the browser saw it.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// Its address.
    pub url: String,
    /// `Document`, `Image`, `Stylesheet`, … as the DevTools protocol calls them.
    pub kind: String,
    /// Protocol on the wire: `h2`, `http/1.1`.
    pub protocol: String,
    /// Priority at the request and the last one: `VeryHigh` … `VeryLow`.
    pub priority: (String, String),
    /// Status; 0 where it failed.
    pub status: u16,
    /// Media type.
    pub mime: String,
    /// Bytes on the wire.
    pub bytes: u64,
    /// When it was asked for, when its head came, when its last byte came; since navigation.
    pub times: [Option<Duration>; 3],
    /// When the request itself left the browser, once there was a connection.
    pub sent: Option<Duration>,
    /// Its bytes as the server sent them, in order; empty where the server does not say.
    pub pieces: Vec<Piece>,
}

/// One load of a page.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Frames by time; the last is the page as it stayed.
    pub frames: Vec<Frame>,
    /// Resources by the time of their request.
    pub resources: Vec<Resource>,
    /// First contentful paint.
    pub fcp: Option<Duration>,
    /// Largest contentful paint.
    pub lcp: Option<Duration>,
    /// The load event.
    pub load: Option<Duration>,
    /// Boxes of the pictures in the viewport in the last frame, CSS pixels: x, y, width, height.
    pub pictures: Vec<[f64; 4]>,
    /// Size of the viewport in CSS pixels.
    pub viewport: (u32, u32),
    /// Bytes that had come out of the link by a time since the navigation, packet headers
    /// included; in order. Empty where no link counts packets.
    pub arrivals: Vec<(Duration, u64)>,
    /// The browser's own trace of the load, a file for its developer tools (JSON); `None` where
    /// none was asked for.
    pub trace: Option<String>,
}

/// One side of a comparison: the same page several times under the same conditions.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// What it is called: `without`, `with Firstlight`.
    pub name: String,
    /// The address that was loaded.
    pub url: String,
    /// What was switched on and off, in words.
    pub features: Vec<(String, String)>,
    /// The runs that count, in the order they were made.
    pub runs: Vec<Run>,
}

/// What a comparison was made under.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// The link's name and what it does, in words.
    pub profile: String,
    /// Whether a TUN link (`tun`) or a relay (`relay`) emulated it, or nothing did (`none`).
    pub link: String,
    /// The browser's version.
    pub browser: String,
    /// Congestion control of the server's kernel.
    pub congestion_control: String,
    /// Load average at the start and at the end.
    pub load_average: (f64, f64),
    /// What else whoever reads the result must know, a sentence each.
    pub notes: Vec<String>,
}

/// Two sides and what they were measured under.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The page as it is.
    pub without: Series,
    /// The page with what is being tried.
    pub with: Series,
    /// The conditions of both.
    pub conditions: Conditions,
}
