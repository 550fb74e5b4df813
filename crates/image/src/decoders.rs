//! Decoders outside of this process, for formats that no memory-safe decoder reads, or none that can
//! be stopped.

use std::fmt;
use std::ptr;

/// Who decodes what is not decoded here. By default nobody: such pictures are passed on as they are.
#[derive(Clone, Copy, Default)]
pub struct Decoders {
    /// Who decodes AV1, which AVIF is coded in.
    pub av1: Option<&'static dyn Av1>,
    /// Who draws SVG.
    pub svg: Option<&'static dyn Svg>,
}

impl Decoders {
    /// Nobody.
    pub const NONE: Self = Self {
        av1: None,
        svg: None,
    };
}

impl fmt::Debug for Decoders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoders")
            .field("av1", &self.av1.is_some())
            .field("svg", &self.svg.is_some())
            .finish()
    }
}

impl PartialEq for Decoders {
    fn eq(&self, other: &Self) -> bool {
        let av1 = match (self.av1, other.av1) {
            (Some(one), Some(two)) => ptr::addr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        let svg = match (self.svg, other.svg) {
            (Some(one), Some(two)) => ptr::addr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        av1 && svg
    }
}

impl Eq for Decoders {}

/// Decodes AV1.
pub trait Av1: Send + Sync {
    /// Decodes the first picture of a stream, which must be of this size, in pixels. `cancel` is
    /// asked whether it is still wanted.
    ///
    /// # Errors
    /// [`OutsideError`].
    fn decode(
        &self,
        units: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<avif::Planes, OutsideError>;
}

/// Draws SVG.
pub trait Svg: Send + Sync {
    /// Draws a document to RGBA of this size, in pixels, with straight alpha, over nothing. Text is
    /// not drawn. `cancel` is asked whether it is still wanted.
    ///
    /// # Errors
    /// [`OutsideError`].
    fn draw(
        &self,
        document: Vec<u8>,
        size: (u32, u32),
        cancel: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, OutsideError>;
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutsideError {
    /// The file is damaged, or takes too long; the reason in words.
    Failed(String),
    /// The work was called off.
    Cancelled,
    /// Nobody can decode here.
    Absent,
}
