//! SVG, drawn elsewhere.

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::svg::{Harmless, harmless};
use crate::{Format, ImageError, Limits, OutsideError, Probe};

const UNSUPPORTED: ImageError = ImageError::Unsupported {
    format: Format::Svg,
};

/// Draws a document at the size that is wanted, or at its own.
pub(super) fn decode(
    source: &[u8],
    probe: &Probe,
    wanted: Option<(u32, u32)>,
    limits: &Limits,
    cancel: &dyn Fn() -> bool,
) -> Result<Parts, ImageError> {
    let worker = limits.decoders.svg.ok_or(UNSUPPORTED)?;
    let Harmless { document, has_text } = harmless(source)?;
    if has_text {
        return Err(UNSUPPORTED);
    }
    let fits =
        |(width, height): &(u32, u32)| limits.check_source(Format::Svg, *width, *height).is_ok();
    let size = wanted.filter(fits).unwrap_or((probe.width, probe.height));
    let drawn = worker.draw(document, size, cancel);
    let data = drawn.map_err(|error| match error {
        OutsideError::Cancelled => ImageError::Cancelled,
        // It is well-formed: who sees it may still draw it.
        OutsideError::Failed(_) | OutsideError::Absent => UNSUPPORTED,
    })?;
    let picture = Picture::new(size.0 as usize, size.1 as usize, Channels::Rgba, data)
        .ok_or_else(|| ImageError::damaged(Format::Svg, "too few pixels"))?;
    Ok((picture.without_idle_alpha(), None))
}
