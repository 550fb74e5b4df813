//! What each scan of a file shows.

use crate::ScanMap;

/// For each scan of the file that `map` was made from, a whole JPEG that shows what a browser
/// shows once that scan has arrived: the bytes up to the scan's `shown_at`, closed with EOI.
///
/// The pictures decode with [`DecodeOptions::lenient`](crate::DecodeOptions::lenient).
pub fn scan_previews<'a>(
    bytes: &'a [u8],
    map: &'a ScanMap,
) -> impl ExactSizeIterator<Item = Vec<u8>> + 'a {
    map.scans.iter().map(move |scan| {
        let mut preview = bytes.get(..scan.shown_at).unwrap_or(bytes).to_vec();
        if !preview.ends_with(&[0xFF, 0xD9]) {
            preview.extend_from_slice(&[0xFF, 0xD9]);
        }
        preview
    })
}
