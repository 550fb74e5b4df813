//! What the header of a JPEG XL file says of the picture (ISO/IEC 18181-1 §D).

use super::bits::{Bits, Form};
use super::jxl::{Stream, depth, extra_channel_kind, size};

/// Bytes of a codestream in which what is looked for must lie.
const MOST_HEADER: usize = 1 << 12;
/// Most extra channels that are looked at.
const MOST_CHANNELS: u32 = 16;
/// The kind of an extra channel that is transparency.
const ALPHA: u32 = 0;

const PREVIEW_EIGHTHS: [Form; 4] = [(16, 0), (32, 0), (1, 5), (33, 9)];
const PREVIEW_PIXELS: [Form; 4] = [(1, 6), (65, 8), (321, 10), (1345, 12)];

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// As stored, in pixels.
    pub(crate) width: u32,
    /// As stored, in pixels.
    pub(crate) height: u32,
    /// As EXIF counts them, 1–8.
    pub(crate) orientation: u16,
    /// Whether it has transparency.
    pub(crate) has_alpha: bool,
    /// Whether it has more than one frame, or may have.
    pub(crate) animated: bool,
}

/// Reads it; `None` if it is cut off or makes no sense.
pub(crate) fn head(bytes: &[u8]) -> Option<Head> {
    let start = Stream::new(bytes)?.some(0, MOST_HEADER)?;
    let mut bits = Bits::new(&start);
    bits.skip(16)?;
    let (width, height) = size(&mut bits)?;
    let mut head = Head {
        width,
        height,
        orientation: 1,
        has_alpha: false,
        animated: false,
    };
    if !bits.flag()? {
        head.metadata(&mut bits)?;
    }
    Some(head)
}

impl Head {
    fn metadata(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        if bits.flag()? {
            self.orientation = u16::try_from(bits.bits(3)?).ok()? + 1;
            if bits.flag()? {
                size(bits)?;
            }
            if bits.flag()? {
                preview(bits)?;
            }
            self.animated = bits.flag()?;
            if self.animated {
                bits.number([(100, 0), (1000, 0), (1, 10), (1, 30)])?;
                bits.number([(1, 0), (1001, 0), (1, 8), (1, 10)])?;
                bits.number([(0, 0), (0, 3), (0, 16), (0, 32)])?;
                bits.skip(1)?;
            }
        }
        depth(bits)?;
        bits.skip(1)?;
        let channels = bits.number([(0, 0), (1, 0), (2, 4), (1, 12)])?;
        for _ in 0..channels.min(MOST_CHANNELS) {
            self.has_alpha |= extra_channel_kind(bits)? == ALPHA;
        }
        Some(())
    }
}

/// Steps over the size of a preview.
fn preview(bits: &mut Bits<'_>) -> Option<()> {
    let forms = if bits.flag()? {
        PREVIEW_EIGHTHS
    } else {
        PREVIEW_PIXELS
    };
    bits.number(forms)?;
    if bits.bits(3)? == 0 {
        bits.number(forms)?;
    }
    Some(())
}
