//! What kind of file a body is, by its first bytes.

use std::fmt;

/// A picture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG, animated or not.
    Png,
    /// WebP, lossy, lossless or animated (RFC 9649).
    WebP,
    /// GIF 87a or 89a.
    Gif,
    /// AVIF. Written; read where a decoder outside of the process is at hand.
    Avif,
    /// JPEG XL. Read, never written.
    Jxl,
    /// SVG. Made harmless; drawn where that is asked for and a worker is at hand.
    Svg,
    /// HEIC and other HEIF but AVIF. Recognised, never read or written.
    Heic,
    /// TIFF. Read, never written.
    Tiff,
    /// Windows bitmap. Read, never written.
    Bmp,
    /// Windows icon. Read, never written.
    Ico,
}

/// How far [`Format::sniff`] looks for `<svg`, in bytes.
const SVG_REACH: usize = 1024;

impl Format {
    /// Every format.
    pub const ALL: [Self; 11] = [
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Gif,
        Self::Avif,
        Self::Jxl,
        Self::Svg,
        Self::Heic,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
    ];

    /// The format by magic bytes; `None` for anything that is no picture. The first kibibyte is
    /// enough.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| bytes.starts_with(magic);
        if starts(&[0xFF, 0xD8, 0xFF]) {
            Some(Self::Jpeg)
        } else if starts(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if starts(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else if starts(b"GIF87a") || starts(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.get(4..8) == Some(b"ftyp") {
            sniff_brand(bytes)
        } else if starts(&[0xFF, 0x0A]) || starts(b"\0\0\0\x0CJXL \r\n\x87\n") {
            Some(Self::Jxl)
        } else if starts(b"II*\0") || starts(b"MM\0*") {
            Some(Self::Tiff)
        } else if starts(b"BM") && bytes.get(6..10) == Some(&[0; 4]) {
            Some(Self::Bmp)
        } else if starts(&[0, 0, 1, 0]) {
            Some(Self::Ico)
        } else if is_svg(bytes) {
            Some(Self::Svg)
        } else {
            None
        }
    }

    /// The media type, as sent in `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
            Self::Jxl => "image/jxl",
            Self::Svg => "image/svg+xml",
            Self::Heic => "image/heic",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/x-icon",
        }
    }

    /// The format by `Content-Type`; parameters are ignored.
    pub fn from_content_type(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = match essence.to_ascii_lowercase().as_str() {
            "image/jpg" | "image/pjpeg" => "image/jpeg".to_owned(),
            "image/vnd.microsoft.icon" => "image/x-icon".to_owned(),
            "image/heif" => "image/heic".to_owned(),
            "image/apng" => "image/png".to_owned(),
            other => other.to_owned(),
        };
        Self::ALL
            .into_iter()
            .find(|format| format.content_type() == essence)
    }

    /// The format in one lower-case word, as used in cache keys and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Jxl => "jxl",
            Self::Svg => "svg",
            Self::Heic => "heic",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Avif => "AVIF",
            Self::Jxl => "JPEG XL",
            Self::Svg => "SVG",
            Self::Heic => "HEIC",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::Ico => "ICO",
        })
    }
}

/// The brands of an ISO media file (ISO/IEC 14496-12 §4.3): the major one, then the compatible
/// ones. AVIF wins over the generic `mif1`.
fn sniff_brand(bytes: &[u8]) -> Option<Format> {
    let length = u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let brands = bytes.get(8..length.clamp(12, 256).min(bytes.len()))?;
    let has = |wanted: &[&[u8; 4]]| {
        brands
            .chunks_exact(4)
            .any(|brand| wanted.iter().any(|name| brand == name.as_slice()))
    };
    if has(&[b"avif", b"avis"]) {
        Some(Format::Avif)
    } else if has(&[
        b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1",
    ]) {
        Some(Format::Heic)
    } else {
        None
    }
}

/// Whether the text begins an SVG document: `<svg` after at most a byte order mark, blank space,
/// an XML declaration, comments and a doctype.
fn is_svg(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = text.get(..SVG_REACH).unwrap_or(text).trim_ascii_start();
    if text.starts_with(b"<svg") {
        return true;
    }
    let opens = text.starts_with(b"<?xml")
        || text.starts_with(b"<!--")
        || text.starts_with(b"<!DOCTYPE svg");
    opens && text.windows(4).any(|window| window == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::Format;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        let cases: [(&[u8], Option<Format>); 17] = [
            (b"\xFF\xD8\xFF\xE0", Some(Format::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", Some(Format::Png)),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\x00\x00\x00\x00WAVE", None),
            (b"GIF89a", Some(Format::Gif)),
            (b"\0\0\0\x1Cftypavif\0\0\0\0mif1", Some(Format::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0heicavif", Some(Format::Avif)),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1", Some(Format::Heic)),
            (b"\0\0\0\x18ftypisom\0\0\0\0mp42", None),
            (b"\xFF\x0A", Some(Format::Jxl)),
            (b"\0\0\0\x0CJXL \r\n\x87\n", Some(Format::Jxl)),
            (b"II*\0", Some(Format::Tiff)),
            (b"\0\0\x01\0\x01\0", Some(Format::Ico)),
            (b"<?xml version='1.0'?>\n<svg xmlns", Some(Format::Svg)),
            (b"\xEF\xBB\xBF  <svg>", Some(Format::Svg)),
            (b"<html><svg>", None),
            (b"", None),
        ];
        for (bytes, format) in cases {
            assert_eq!(Format::sniff(bytes), format, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn content_types_lead_back_to_their_format() {
        for format in Format::ALL {
            assert_eq!(
                Format::from_content_type(format.content_type()),
                Some(format)
            );
        }
        assert_eq!(
            Format::from_content_type("Image/JPG; x=1"),
            Some(Format::Jpeg)
        );
        assert_eq!(Format::from_content_type("text/html"), None);
    }
}
