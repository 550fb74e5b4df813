//! What a body says of itself: at which offsets what it shows becomes better.

/// What kind of thing a response is, for the order of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A page.
    Html,
    /// A stylesheet.
    Stylesheet,
    /// A script.
    Script,
    /// A font.
    Font,
    /// A picture.
    Image,
    /// A video or a sound.
    Media,
    /// Anything else.
    Other,
}

impl Kind {
    /// The kind by `Content-Type`; parameters are ignored, unknown types are `Other`.
    pub fn from_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| essence.eq_ignore_ascii_case(name);
        let starts = |prefix: &str| {
            essence
                .get(..prefix.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        if is("text/html") || is("application/xhtml+xml") {
            Self::Html
        } else if is("text/css") {
            Self::Stylesheet
        } else if starts("font/")
            || starts("application/font")
            || is("application/vnd.ms-fontobject")
        {
            Self::Font
        } else if starts("image/") {
            Self::Image
        } else if starts("video/") || starts("audio/") {
            Self::Media
        } else if [
            "text/javascript",
            "application/javascript",
            "application/x-javascript",
        ]
        .into_iter()
        .any(is)
        {
            Self::Script
        } else {
            Self::Other
        }
    }
}

/// One scan of a progressive picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Offset in the body at which everything this scan shows has been sent, in bytes: after the
    /// **next** scan's SOS header, or the end of the body for the last scan. A browser shows the
    /// last rows of a scan only when it has seen that another one begins.
    pub shown_at: u64,
    /// First coefficient of the band, zigzag order, 0–63 (ITU-T T.81 §G.1.1.1.1, `Ss`).
    pub band_start: u8,
    /// Last coefficient of the band (`Se`).
    pub band_end: u8,
    /// Bits still missing after this scan (`Al`).
    pub low_bit: u8,
    /// How many components the scan holds.
    pub components: u8,
}

/// The structure of a body, made together with the body and kept beside it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outline {
    /// Length of the body in bytes.
    pub length: u64,
    /// Offset at which the dimensions are known (before the first scan's data), 0 if unknown.
    pub header: u64,
    /// Offset at which the whole picture has a first preview; `length` if only at the end.
    pub preview: u64,
    /// Offset at which the picture is good enough; between `preview` and `length`.
    pub good: u64,
    /// Every scan in file order; empty for files that have none.
    pub scans: Vec<Scan>,
}
