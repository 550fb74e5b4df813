//! The file of an animated WebP (RFC 9649 §2.7): stills in frames, and where each lies.

use crate::{Format, ImageError};

/// Longest duration that a frame can have, in milliseconds.
const LONGEST: u32 = (1 << 24) - 1;
/// In a frame's flags: it is not blended with what is below it, but takes its place.
const REPLACES: u8 = 0b10;
/// In the file's flags: frames, and some of them with alpha.
const ANIMATION: u8 = 0x02;
const ALPHA: u8 = 0x10;

/// Where a frame lies, and for how long it is shown.
pub(super) struct Part {
    /// Even.
    pub(super) left: usize,
    /// Even.
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// In milliseconds.
    pub(super) duration: u32,
    /// Whether it has transparent pixels.
    pub(super) alpha: bool,
}

/// A file in the making.
pub(super) struct Animation {
    width: u32,
    height: u32,
    plays: u16,
    alpha: bool,
    frames: usize,
    /// The frames' chunks.
    body: Vec<u8>,
    /// Where the last frame's duration is.
    last: Option<usize>,
}

impl Animation {
    /// An animation without frames that is shown `plays` times, 0 for ever. Sides are at most
    /// 16,383 pixels.
    pub(super) fn new(width: u32, height: u32, plays: u16) -> Self {
        Self {
            width,
            height,
            plays,
            alpha: false,
            frames: 0,
            body: Vec::new(),
            last: None,
        }
    }

    /// How many frames it has.
    pub(super) fn len(&self) -> usize {
        self.frames
    }

    /// Adds a frame: a still WebP of its size.
    ///
    /// # Errors
    /// [`ImageError::Encode`] if it is no such file.
    pub(super) fn add(&mut self, part: &Part, still: &[u8]) -> Result<(), ImageError> {
        let pixels = pixel_chunks(still)
            .ok_or_else(|| ImageError::encode(Format::WebP, "a frame is no WebP"))?;
        let length: usize = 16 + pixels.iter().map(|chunk| chunk.len()).sum::<usize>();
        self.body.extend_from_slice(b"ANMF");
        self.body.extend_from_slice(&(length as u32).to_le_bytes());
        for value in [part.left / 2, part.top / 2, part.width - 1, part.height - 1] {
            self.body.extend_from_slice(&three(value as u32));
        }
        self.last = Some(self.body.len());
        self.body
            .extend_from_slice(&three(part.duration.min(LONGEST)));
        self.body.push(REPLACES);
        for chunk in pixels {
            self.body.extend_from_slice(chunk);
        }
        self.alpha |= part.alpha;
        self.frames += 1;
        Ok(())
    }

    /// Shows the last frame for longer.
    pub(super) fn prolong(&mut self, duration: u32) {
        let Some(at) = self.last else {
            return;
        };
        if let Some(bytes) = self.body.get_mut(at..at + 3) {
            let before = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
            bytes.copy_from_slice(&three(before.saturating_add(duration).min(LONGEST)));
        }
    }

    /// The file.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.body.len() + 44);
        file.extend_from_slice(b"RIFF");
        file.extend_from_slice(&(self.body.len() as u32 + 36).to_le_bytes());
        file.extend_from_slice(b"WEBPVP8X");
        file.extend_from_slice(&10_u32.to_le_bytes());
        let flags = if self.alpha {
            ANIMATION | ALPHA
        } else {
            ANIMATION
        };
        file.extend_from_slice(&[flags, 0, 0, 0]);
        file.extend_from_slice(&three(self.width - 1));
        file.extend_from_slice(&three(self.height - 1));
        file.extend_from_slice(b"ANIM");
        file.extend_from_slice(&6_u32.to_le_bytes());
        // A transparent background.
        file.extend_from_slice(&[0; 4]);
        file.extend_from_slice(&self.plays.to_le_bytes());
        file.extend_from_slice(&self.body);
        file
    }
}

fn three(value: u32) -> [u8; 3] {
    let [low, middle, high, _] = value.to_le_bytes();
    [low, middle, high]
}

/// The chunks of a still that have its pixels, each with its header and its padding.
fn pixel_chunks(still: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = still.strip_prefix(b"RIFF")?.get(8..)?;
    let mut chunks = Vec::new();
    while let Some(name) = rest.get(..4) {
        let length = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?) as usize;
        let (chunk, next) = rest.split_at_checked(8 + length + length % 2)?;
        if matches!(name, b"ALPH" | b"VP8 " | b"VP8L") {
            chunks.push(chunk);
        }
        rest = next;
    }
    (!chunks.is_empty()).then_some(chunks)
}
