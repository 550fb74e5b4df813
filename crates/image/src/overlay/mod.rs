//! Pictures that are laid over others: watermarks.

mod draw;
mod spot;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use crate::Factor;

pub(crate) use draw::{draw, missing};
pub use spot::{Gap, Spot};

/// Most pictures that are laid over one.
pub const MAX_OVERLAYS: usize = 4;
/// Largest file of such a picture, in bytes.
pub const MAX_OVERLAY_BYTES: u64 = 4 << 20;
/// Most pixels of such a picture.
const MAX_PIXELS: u64 = 16_000_000;

/// A picture that is laid over another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Overlay {
    /// Where it comes from: a path on the site, beginning with `/`, or an absolute address,
    /// percent-encoded where it must be. Empty where the file is a setting.
    pub source: String,
    /// Its file; `None` until somebody has brought it.
    pub file: Option<OverlayFile>,
    /// How much of it is seen, 1 being all.
    pub opacity: Factor,
    /// Where it lies from left to right.
    pub across: Spot,
    /// Where it lies from top to bottom.
    pub down: Spot,
    /// The largest width it fits into, as a share of the picture's, where it is made larger or
    /// smaller to fit. Absent here and in `height`: it keeps its own size.
    pub width: Option<Factor>,
    /// The same for the height.
    pub height: Option<Factor>,
    /// Whether it lies on the picture itself rather than on the canvas around it.
    pub inside: bool,
}

/// The file of an overlay.
#[derive(Clone)]
pub struct OverlayFile {
    bytes: Bytes,
    mark: u64,
}

impl OverlayFile {
    /// A file of these bytes.
    pub fn new(bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self {
            mark: hasher.finish(),
            bytes,
        }
    }

    /// The file.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for OverlayFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OverlayFile({:016x})", self.mark)
    }
}

impl PartialEq for OverlayFile {
    fn eq(&self, other: &Self) -> bool {
        self.mark == other.mark && self.bytes.len() == other.bytes.len()
    }
}

impl Eq for OverlayFile {}

impl Hash for OverlayFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.mark.hash(state);
    }
}

impl fmt::Display for Overlay {
    /// Writes it as an option, without a comma; equal texts for equal ones only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A comma parts options, a semicolon what follows.
        let source = self.source.replace(',', "%2C").replace(';', "%3B");
        write!(f, "draw={source}")?;
        if let Some(file) = &self.file {
            write!(f, "#{:016x}", file.mark)?;
        }
        let opacity = self.opacity.thousandths();
        write!(f, ";{opacity};{}x{}", self.across, self.down)?;
        for (name, share) in [("w", self.width), ("h", self.height)] {
            if let Some(share) = share {
                write!(f, ";{name}{}", share.thousandths())?;
            }
        }
        f.write_str(if self.inside { ";inside" } else { "" })
    }
}
