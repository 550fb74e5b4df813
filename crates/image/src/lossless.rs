//! A JPEG written down in progressive order: the same coefficients, so nothing is lost, and
//! usually fewer bytes, as every scan gets the best Huffman codes.

use jpeg::{Encoded, JpegError, ScanMap, Script, TranscodeOptions, WriteOptions};

use crate::encode::Made;
use crate::encode::jpeg::{MAX_EXIF, made};
use crate::outline::jpeg_limits;
use crate::render::Job;
use crate::{Format, ImageError, Metadata, exif};

/// What an early preview may cost, in percent of the file: baseline files with the best Huffman
/// codes, which few are, may grow a little.
const PREVIEW_COST_PERCENT: usize = 1;

/// Rewrites a JPEG source that is to be kept but shows its preview late, or carries metadata that
/// must go. `None` if there is nothing to gain, or the file cannot be rewritten.
pub(crate) fn make(job: &Job<'_>) -> Result<Option<Made>, ImageError> {
    let Some(map) = job.jpeg_map() else {
        return Ok(None);
    };
    let strips = job.variant.metadata == Metadata::None && map.exif.is_some();
    if !strips && (map.progressive() || has_more_pictures(job.source, &map)) {
        return Ok(None);
    }
    let most = job.source.len() * (100 + PREVIEW_COST_PERCENT) / 100;
    // The quick script nearly always does.
    for script in [Script::Quick, Script::Small] {
        match rewritten(job, &map, script)? {
            Some(encoded) if encoded.bytes.len() <= most => {
                let note = "rescued: the same pixels in progressive order, without any loss";
                let mut made = made(encoded).because(note);
                made.exact = true;
                return Ok(Some(made));
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

/// The file in progressive order; `None` for what cannot be rewritten and stays as it is, such as
/// arithmetic coding.
fn rewritten(job: &Job<'_>, map: &ScanMap, script: Script) -> Result<Option<Encoded>, ImageError> {
    job.go_on()?;
    // The pixels stay as they are, and so must their profile and orientation.
    let icc = map.icc(job.source);
    let data = map.exif(job.source).unwrap_or_default();
    let exif = kept_exif(data, job)
        .filter(|exif| exif.len() <= MAX_EXIF)
        .or_else(|| exif::reduced(data, false, job.probe.orientation));
    let options = TranscodeOptions {
        limits: jpeg_limits(job.limits),
        write: WriteOptions {
            script,
            preferred_bytes: job.source.len(),
            icc: icc.as_deref(),
            exif: exif.as_deref(),
            ..WriteOptions::default()
        },
        cancel: job.cancel,
    };
    match jpeg::transcode(job.source, &options) {
        Ok(encoded) => Ok(Some(encoded)),
        Err(JpegError::Cancelled) => Err(ImageError::Cancelled),
        Err(_) => Ok(None),
    }
}

/// Whether another picture lies behind the first, such as what makes it bright on bright screens:
/// rewriting would lose it.
fn has_more_pictures(source: &[u8], map: &ScanMap) -> bool {
    let behind = source.get(map.length..).unwrap_or_default();
    let begins = |window: &[u8]| Format::sniff(window) == Some(Format::Jpeg);
    behind.windows(3).any(begins)
}

fn kept_exif(data: &[u8], job: &Job<'_>) -> Option<Vec<u8>> {
    match job.variant.metadata {
        Metadata::Keep => (!data.is_empty()).then(|| data.to_vec()),
        Metadata::Copyright => exif::reduced(data, true, job.probe.orientation),
        Metadata::None => None,
    }
}
