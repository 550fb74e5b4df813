//! JPEG XL: which sections of a file hold the picture an eighth in size, and which each pass.
//!
//! Only headers are read, and the table of contents of each frame. Where that is not enough (a
//! profile, an order of sections of its own) nothing is said.

use super::bits::{Bits, Form};
use super::boxes::boxes;

/// Bytes of a codestream in which a header and its table of contents must lie.
const MOST_HEADER: usize = 1 << 18;
/// Most parts of a codestream in boxes.
const MOST_PARTS: usize = 64;
/// Most frames that are looked at.
const MOST_FRAMES: usize = 4;
/// Most sections of a frame.
const MOST_SECTIONS: u64 = 1 << 16;
/// Most pixels a side.
const MOST_SIDE: u32 = 1 << 20;

/// Offsets in a file at which more shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Passes {
    /// Where the data of the first frame begins.
    pub header: usize,
    /// Behind the picture an eighth in size.
    pub preview: usize,
    /// Behind the first pass over the details; `preview` where there is one pass only.
    pub good: usize,
}

/// Reads the headers of a file.
pub(super) fn passes(bytes: &[u8]) -> Option<Passes> {
    let stream = Stream::new(bytes)?;
    let head = stream.part(0)?;
    let mut bits = Bits::new(&head);
    bits.skip(16)?;
    let image = Image::read(&mut bits)?;
    let mut at = bits.align();
    let mut header = None;
    let mut low = None;
    for _ in 0..MOST_FRAMES {
        let part = stream.part(at)?;
        let frame = Frame::read(&mut Bits::new(&part), &image)?;
        let data = at.checked_add(frame.data)?;
        header = header.or(Some(data));
        if frame.kind == LOW_FREQUENCY {
            // The picture an eighth in size is a frame of its own.
            at = data.checked_add(frame.end(frame.sections.len())?)?;
            low = Some(at);
            continue;
        }
        if frame.kind != REGULAR {
            return None;
        }
        let ends = [frame.low_groups_end()?, frame.first_pass_end()?];
        let [groups, pass] = ends.map(|end| data.checked_add(end));
        let preview = stream.place(low.or(groups)?)?;
        let good = if frame.passes > 1 {
            stream.place(pass?)?
        } else {
            preview
        };
        return Some(Passes {
            header: stream.place(header?)?,
            preview,
            good: good.max(preview),
        });
    }
    None
}

/// Where the last section of the first frame that is shown ends: for tests of the reader.
#[cfg(test)]
pub(super) fn end(bytes: &[u8]) -> Option<usize> {
    let stream = Stream::new(bytes)?;
    let head = stream.part(0)?;
    let mut bits = Bits::new(&head);
    bits.skip(16)?;
    let image = Image::read(&mut bits)?;
    let mut at = bits.align();
    loop {
        let part = stream.part(at)?;
        let frame = Frame::read(&mut Bits::new(&part), &image)?;
        at += frame.data + frame.end(frame.sections.len())?;
        if frame.kind == REGULAR {
            return stream.place(at);
        }
    }
}

/// A codestream, alone or in boxes (ISO/IEC 18181-2 §9).
pub(super) struct Stream<'a> {
    parts: Vec<(usize, &'a [u8])>,
}

impl<'a> Stream<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.starts_with(&[0xFF, 0x0A]) {
            return Some(Self {
                parts: vec![(0, bytes)],
            });
        }
        let parts = boxes(bytes, 0).filter_map(|boxed| match boxed.name {
            b"jxlc" => Some((boxed.start, boxed.content)),
            // A part's number comes first.
            b"jxlp" => Some((boxed.start + 4, boxed.content.get(4..)?)),
            _ => None,
        });
        let parts: Vec<_> = parts.take(MOST_PARTS).collect();
        let begins = parts.first()?.1.starts_with(&[0xFF, 0x0A]);
        begins.then_some(Self { parts })
    }

    /// The bytes from an offset in the codestream on, as many as a header may have.
    fn part(&self, at: usize) -> Option<Vec<u8>> {
        self.some(at, MOST_HEADER)
    }

    /// At most so many bytes from an offset in the codestream on.
    pub(super) fn some(&self, mut at: usize, most: usize) -> Option<Vec<u8>> {
        let mut found = Vec::new();
        for (_, part) in &self.parts {
            let skipped = at.min(part.len());
            at -= skipped;
            let rest = part.get(skipped..)?;
            found.extend_from_slice(&rest[..rest.len().min(most - found.len())]);
        }
        (!found.is_empty()).then_some(found)
    }

    /// Where in the file the byte behind so many of the codestream lies.
    fn place(&self, mut count: usize) -> Option<usize> {
        for (start, part) in &self.parts {
            if count <= part.len() {
                return Some(start + count);
            }
            count -= part.len();
        }
        None
    }
}

const SIDE: [Form; 4] = [(1, 9), (1, 13), (1, 18), (1, 30)];
const FACTOR: [Form; 4] = [(1, 0), (2, 0), (4, 0), (8, 0)];
const NAME: [Form; 4] = [(0, 0), (0, 4), (16, 5), (48, 10)];

/// What the headers of the whole picture say.
struct Image {
    size: (u32, u32),
    /// Ticks of animation and whether there are time codes; none for a still picture.
    animation: Option<bool>,
    extra_channels: u32,
    xyb: bool,
}

impl Image {
    /// Reads `SizeHeader`, `ImageMetadata` and `CustomTransformData`.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut image = Self {
            size: size(bits)?,
            animation: None,
            extra_channels: 0,
            xyb: true,
        };
        let mut profile = false;
        if !bits.flag()? {
            profile = image.metadata(bits)?;
        }
        if !bits.flag()? {
            if image.xyb && !bits.flag()? {
                bits.skip_halves(16)?;
            }
            let weights = bits.bits(3)?;
            for (place, count) in [(0, 15), (1, 55), (2, 210)] {
                if weights >> place & 1 == 1 {
                    bits.skip_halves(count)?;
                }
            }
        }
        // A profile is coded like pixels, which are not read here.
        (!profile).then_some(image)
    }

    /// Tells whether a colour profile follows.
    fn metadata(&mut self, bits: &mut Bits<'_>) -> Option<bool> {
        let extra = bits.flag()?;
        if extra {
            bits.skip(3)?;
            if bits.flag()? {
                size(bits)?;
            }
            if bits.flag()? {
                // A picture of its own comes first.
                return None;
            }
            if bits.flag()? {
                bits.number([(100, 0), (1000, 0), (1, 10), (1, 30)])?;
                bits.number([(1, 0), (1001, 0), (1, 8), (1, 10)])?;
                bits.number([(0, 0), (0, 3), (0, 16), (0, 32)])?;
                self.animation = Some(bits.flag()?);
            }
        }
        depth(bits)?;
        bits.skip(1)?;
        self.extra_channels = bits.number([(0, 0), (1, 0), (2, 4), (1, 12)])?;
        for _ in 0..self.extra_channels {
            extra_channel_kind(bits)?;
        }
        self.xyb = bits.flag()?;
        let profile = colour(bits)?;
        if extra && !bits.flag()? {
            bits.skip(16 + 16 + 1 + 16)?;
        }
        bits.extensions()?;
        Some(profile)
    }
}

pub(super) fn size(bits: &mut Bits<'_>) -> Option<(u32, u32)> {
    let small = bits.flag()?;
    let side = |bits: &mut Bits<'_>| match small {
        true => Some((bits.bits(5)? + 1) * 8),
        false => bits.number(SIDE),
    };
    let height = side(bits)?;
    let scaled = |by: u64, of: u64| u32::try_from(u64::from(height) * by / of).ok();
    let width = match bits.bits(3)? {
        0 => side(bits)?,
        1 => height,
        2 => scaled(12, 10)?,
        3 => scaled(4, 3)?,
        4 => scaled(3, 2)?,
        5 => scaled(16, 9)?,
        6 => scaled(5, 4)?,
        _ => scaled(2, 1)?,
    };
    let possible = 1..=MOST_SIDE;
    (possible.contains(&width) && possible.contains(&height)).then_some((width, height))
}

pub(super) fn depth(bits: &mut Bits<'_>) -> Option<()> {
    if bits.flag()? {
        bits.number([(32, 0), (16, 0), (24, 0), (1, 6)])?;
        bits.skip(4)
    } else {
        bits.number([(8, 0), (10, 0), (12, 0), (1, 6)]).map(drop)
    }
}

/// Steps over what is said of an extra channel, and gives its kind.
pub(super) fn extra_channel_kind(bits: &mut Bits<'_>) -> Option<u32> {
    if bits.flag()? {
        return Some(0);
    }
    let kind = bits.kind()?;
    depth(bits)?;
    bits.number([(0, 0), (3, 0), (4, 0), (1, 3)])?;
    let name = bits.number(NAME)?;
    bits.skip(u64::from(name) * 8)?;
    match kind {
        0 => bits.skip(1)?,
        2 => bits.skip_halves(4)?,
        5 => drop(bits.number([(1, 0), (0, 2), (3, 4), (19, 8)])?),
        _ => {}
    }
    Some(kind)
}

/// Tells whether a colour profile follows.
fn colour(bits: &mut Bits<'_>) -> Option<bool> {
    const CUSTOM: u32 = 2;
    if bits.flag()? {
        return Some(false);
    }
    let profile = bits.flag()?;
    let space = bits.kind()?;
    if profile {
        return Some(true);
    }
    let points = |bits: &mut Bits<'_>, count: u32| {
        for _ in 0..2 * count {
            bits.number([(0, 19), (524_288, 19), (1_048_576, 20), (2_097_152, 21)])?;
        }
        Some(())
    };
    let (grey, xyb) = (space == 1, space == 2);
    if !xyb {
        if bits.kind()? == CUSTOM {
            points(bits, 1)?;
        }
        if !grey && bits.kind()? == CUSTOM {
            points(bits, 3)?;
        }
        if bits.flag()? {
            bits.skip(24)?;
        } else {
            bits.kind()?;
        }
    }
    bits.kind()?;
    Some(false)
}

const REGULAR: u32 = 0;
const LOW_FREQUENCY: u32 = 1;
const REFERENCE: u32 = 2;
const PROGRESSION_SKIPPED: u32 = 3;
/// The flag of a frame whose low frequencies are a frame of their own.
const USES_LOW_FREQUENCY_FRAME: u64 = 32;

/// A frame's header and table of contents.
struct Frame {
    kind: u32,
    passes: usize,
    groups: usize,
    low_groups: usize,
    /// Length of each section.
    sections: Vec<usize>,
    /// Where the data begins, from the frame's own beginning.
    data: usize,
}

impl Frame {
    fn read(bits: &mut Bits<'_>, image: &Image) -> Option<Self> {
        let mut head = FrameHead {
            size: image.size,
            ..FrameHead::default()
        };
        if !bits.flag()? {
            head.read(bits, image)?;
        }
        let side = |length: u32| length.div_ceil(head.upsampling << (3 * head.low_level));
        let (width, height) = (side(head.size.0), side(head.size.1));
        let count = |side: u32| u64::from(width.div_ceil(side)) * u64::from(height.div_ceil(side));
        let (groups, low_groups) = (count(head.group), count(head.group * 8));
        let passes = u64::from(head.passes);
        let sections = match groups * passes {
            1 => 1,
            all => all.checked_add(low_groups + 2)?,
        };
        // An order of its own is coded like pixels.
        if sections > MOST_SECTIONS || bits.flag()? {
            return None;
        }
        bits.align();
        let length = |_| {
            let length = bits.number([(0, 10), (1024, 14), (17_408, 22), (4_211_712, 30)])?;
            usize::try_from(length).ok()
        };
        let sections = (0..sections).map(length).collect::<Option<Vec<_>>>()?;
        Some(Self {
            kind: head.kind,
            passes: passes as usize,
            groups: groups as usize,
            low_groups: low_groups as usize,
            sections,
            data: bits.align(),
        })
    }

    /// Behind the first so many sections, from the beginning of the data.
    fn end(&self, sections: usize) -> Option<usize> {
        let lengths = self.sections.get(..sections.min(self.sections.len()))?;
        lengths
            .iter()
            .try_fold(0usize, |sum, length| sum.checked_add(*length))
    }

    /// Behind what all groups share and the low frequencies of each.
    fn low_groups_end(&self) -> Option<usize> {
        self.end(1 + self.low_groups)
    }

    fn first_pass_end(&self) -> Option<usize> {
        self.end(2 + self.low_groups + self.groups)
    }
}

/// What a frame's header says of its sections.
struct FrameHead {
    kind: u32,
    size: (u32, u32),
    upsampling: u32,
    low_level: u32,
    passes: u32,
    /// Pixels a side of a group.
    group: u32,
}

impl Default for FrameHead {
    fn default() -> Self {
        Self {
            kind: REGULAR,
            size: (0, 0),
            upsampling: 1,
            low_level: 0,
            passes: 1,
            group: 256,
        }
    }
}

impl FrameHead {
    /// Reads `FrameHeader` (ISO/IEC 18181-1 §F.2).
    fn read(&mut self, bits: &mut Bits<'_>, image: &Image) -> Option<()> {
        self.kind = bits.bits(2)?;
        let modular = bits.flag()?;
        let flags = bits.long()?;
        let own_low = flags & USES_LOW_FREQUENCY_FRAME == 0;
        let ycbcr = !image.xyb && bits.flag()?;
        if own_low {
            if ycbcr {
                bits.skip(6)?;
            }
            self.upsampling = bits.number(FACTOR)?;
            for _ in 0..image.extra_channels {
                bits.number(FACTOR)?;
            }
        }
        if modular {
            self.group = 128 << bits.bits(2)?;
        } else if image.xyb {
            bits.skip(6)?;
        }
        if self.kind != REFERENCE {
            self.passes(bits)?;
        }
        if self.kind == LOW_FREQUENCY {
            self.low_level = bits.number([(1, 0), (2, 0), (3, 0), (4, 0)])?;
        }
        self.placement(bits, image)?;
        let name = bits.number(NAME)?;
        bits.skip(u64::from(name) * 8)?;
        filters(bits, modular)?;
        bits.extensions()
    }

    fn passes(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.passes = bits.number([(1, 0), (2, 0), (3, 0), (4, 3)])?;
        if self.passes == 1 {
            return Some(());
        }
        let steps = bits.number([(0, 0), (1, 0), (2, 0), (3, 1)])?;
        bits.skip(2 * u64::from(self.passes - 1))?;
        for _ in 0..steps {
            bits.number(FACTOR)?;
        }
        for _ in 0..steps {
            bits.number([(0, 0), (1, 0), (2, 0), (0, 3)])?;
        }
        Some(())
    }

    /// Steps over crop, blending, duration, and what the frame is kept for.
    fn placement(&mut self, bits: &mut Bits<'_>, image: &Image) -> Option<()> {
        const PLACE: [Form; 4] = [(0, 8), (256, 11), (2304, 14), (18_688, 30)];
        let shown = matches!(self.kind, REGULAR | PROGRESSION_SKIPPED);
        let mut partial = false;
        if self.kind != LOW_FREQUENCY && bits.flag()? {
            if self.kind != REFERENCE {
                bits.number(PLACE)?;
                bits.number(PLACE)?;
            }
            partial = true;
            self.size = (bits.number(PLACE)?, bits.number(PLACE)?);
        }
        let (mut replaces, mut last, mut duration) = (true, false, 0);
        if shown {
            replaces = blending(bits, image, partial)?;
            for _ in 0..image.extra_channels {
                blending(bits, image, partial)?;
            }
            if let Some(time_codes) = image.animation {
                duration = bits.number([(0, 0), (1, 0), (0, 8), (0, 32)])?;
                bits.skip(if time_codes { 32 } else { 0 })?;
            }
            last = bits.flag()?;
        }
        if self.kind == LOW_FREQUENCY {
            return Some(());
        }
        let kept = if last { 0 } else { bits.bits(2)? };
        let referenced = !last && (duration == 0 || kept != 0);
        if self.kind == REFERENCE || shown && referenced && replaces && !partial {
            bits.skip(1)?;
        }
        Some(())
    }
}

/// Tells whether the frame replaces what was there.
fn blending(bits: &mut Bits<'_>, image: &Image, partial: bool) -> Option<bool> {
    let mode = bits.number([(0, 0), (1, 0), (2, 0), (3, 2)])?;
    let by_alpha = image.extra_channels > 0 && matches!(mode, 2 | 3);
    if by_alpha {
        bits.number([(0, 0), (1, 0), (2, 0), (3, 3)])?;
    }
    if by_alpha || mode == 4 {
        bits.skip(1)?;
    }
    if mode != 0 || partial {
        bits.skip(2)?;
    }
    Some(mode == 0)
}

/// Steps over `RestorationFilter`.
fn filters(bits: &mut Bits<'_>, modular: bool) -> Option<()> {
    if bits.flag()? {
        return Some(());
    }
    if bits.flag()? && bits.flag()? {
        bits.skip_halves(6)?;
    }
    if bits.bits(2)? > 0 {
        if !modular && bits.flag()? {
            bits.skip_halves(8)?;
        }
        if bits.flag()? {
            bits.skip_halves(5)?;
        }
        if bits.flag()? {
            bits.skip_halves(if modular { 3 } else { 4 })?;
        }
        if modular {
            bits.skip_halves(1)?;
        }
    }
    bits.extensions()
}
