//! A JPEG written down in progressive order: the same coefficients, so nothing is lost, and
//! usually fewer bytes, as every scan gets the best Huffman codes.

use crate::encode::Made;
use crate::encode::jpeg::{MAX_EXIF, made};
use crate::outline::jpeg_limits;
use crate::render::Job;
use crate::{Format, ImageError, Metadata, exif};

/// What an early preview may cost, in percent of the file: baseline files with the best Huffman
/// codes, which few are, grow a little.
const PREVIEW_COST_PERCENT: usize = 2;

/// Rewrites a JPEG source that is to be kept but shows its preview late, or carries metadata that
/// must go. `None` if there is nothing to gain, or the file cannot be rewritten.
pub(crate) fn make(job: &Job<'_>) -> Result<Option<Made>, ImageError> {
    let Some(map) = job.jpeg_map() else {
        return Ok(None);
    };
    let strips = job.variant.metadata == Metadata::None && map.exif.is_some();
    if map.progressive() && !strips {
        return Ok(None);
    }
    let options = jpeg::DecodeOptions {
        limits: jpeg_limits(job.limits),
        cancel: job.cancel,
        ..jpeg::DecodeOptions::default()
    };
    let coefficients = match jpeg::read_coefficients(job.source, &options) {
        Ok(coefficients) => coefficients,
        Err(jpeg::JpegError::Cancelled) => return Err(ImageError::Cancelled),
        // Four components, RGB: what cannot be rewritten stays as it is.
        Err(_) => return Ok(None),
    };
    job.go_on()?;
    // The pixels stay as they are, and so must their profile and orientation.
    let icc = map.icc(job.source);
    let data = map.exif(job.source).unwrap_or_default();
    let exif = kept_exif(data, job)
        .filter(|exif| exif.len() <= MAX_EXIF)
        .or_else(|| exif::reduced(data, false, job.probe.orientation));
    let options = jpeg::WriteOptions {
        progressive: true,
        preview_budget: jpeg::RECORD,
        icc: icc.as_deref(),
        exif: exif.as_deref(),
    };
    let written = jpeg::write(&coefficients, &options)
        .map_err(|error| ImageError::encode(Format::Jpeg, error))?;
    let most = job.source.len() * (100 + PREVIEW_COST_PERCENT);
    let worth_it = written.bytes.len() * 100 <= most;
    let note = "the same picture in progressive order, without any loss";
    Ok(worth_it.then(|| made(written).because(note)))
}

fn kept_exif(data: &[u8], job: &Job<'_>) -> Option<Vec<u8>> {
    match job.variant.metadata {
        Metadata::Keep => (!data.is_empty()).then(|| data.to_vec()),
        Metadata::Copyright => exif::reduced(data, true, job.probe.orientation),
        Metadata::None => None,
    }
}
