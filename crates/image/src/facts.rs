//! `format=json`: facts instead of a picture.

use crate::geometry::Layout;
use crate::{Format, ImageError, Limits, Variant, probe};

/// What `format=json` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Width the result would have.
    pub width: u32,
    /// Height the result would have.
    pub height: u32,
    /// Length of the source file, in bytes.
    pub file_size: u64,
    /// Width of the source, upright.
    pub source_width: u32,
    /// Height of the source, upright.
    pub source_height: u32,
    /// Kind of the source.
    pub format: Format,
}

impl Facts {
    /// The facts as JSON:
    /// `{"width":…,"height":…,"original":{"file_size":…,"width":…,"height":…,"format":"image/…"}}`.
    pub fn to_json(&self) -> String {
        let Self {
            width,
            height,
            file_size,
            source_width,
            source_height,
            format,
        } = self;
        let content_type = format.content_type();
        format!(
            "{{\"width\":{width},\"height\":{height},\"original\":{{\"file_size\":{file_size},\
             \"width\":{source_width},\"height\":{source_height},\"format\":\"{content_type}\"}}}}"
        )
    }
}

/// The facts about a source and what the variant would make of it, from its header alone. A border
/// that only pixels can tell counts as none.
///
/// # Errors
/// As for [`probe()`], and [`ImageError::OutputPixels`].
pub fn facts(source: &[u8], variant: &Variant, limits: &Limits) -> Result<Facts, ImageError> {
    let probe = probe(source, limits)?;
    let layout = Layout::new(&probe, variant, limits)?;
    let (source_width, source_height) = probe.upright_size();
    Ok(Facts {
        width: layout.canvas.0,
        height: layout.canvas.1,
        file_size: source.len() as u64,
        source_width,
        source_height,
        format: probe.format,
    })
}
