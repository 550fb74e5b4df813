//! From a sequential scan straight to the tokens of progressive ones: no coefficient is stored
//! but the DC ones.
//!
//! The symbols of a band are those of the whole block, but for the first one of the band, whose
//! run begins there, and for how blocks end. So look-ups of several symbols are noted as they are
//! read, by their indices.

use super::blocks::{ALL, FEW, chroma, luma};
use super::combined::{ChromaCounts, Combined, LumaCounts, Part};
use super::differences::Differences;
use super::reader::{Bad, Reader};
use super::scans::stepped_over;
use crate::stream::Streams;

/// Brightness: its scans of two bands.
pub(crate) struct Luma {
    pub bands: [Streams; 2],
    pub counts: Box<LumaCounts>,
}

impl Luma {
    /// With so many rows of blocks in an MCU, and room for so many tokens.
    pub(crate) fn new(rows: usize, room: usize) -> Self {
        Self {
            bands: [Part::Low, Part::High].map(|part| Streams::new(part, rows, room)),
            counts: Box::new([0; _]),
        }
    }

    #[inline(always)]
    fn block<'a>(
        &mut self,
        line: usize,
        reader: Reader<'a>,
        codes: &Combined<'_>,
    ) -> Result<Reader<'a>, Bad> {
        let [low, high] = &mut self.bands;
        let low = low.lines.get_mut(line).ok_or(Bad)?;
        let high = high.lines.get_mut(line).ok_or(Bad)?;
        let entries = codes.entries.first_chunk().ok_or(Bad)?;
        // The tokens of both bands come one behind the other, to where those of the upper go.
        let window = high.window().ok_or(Bad)?;
        let (reader, block) = luma(reader, codes, entries, &mut self.counts, window)?;
        let few = block.low();
        let first: [u32; FEW] = *window.first_chunk().ok_or(Bad)?;
        // Once at least, so that it is the same for nearly all blocks.
        for start in (0..block.all.max(1)).step_by(FEW) {
            let some = window.get(start + few..start + few + FEW).ok_or(Bad)?;
            let some: [u32; FEW] = *some.first_chunk().ok_or(Bad)?;
            *window
                .get_mut(start..start + FEW)
                .ok_or(Bad)?
                .first_chunk_mut()
                .ok_or(Bad)? = some;
        }
        *low.window().ok_or(Bad)?.first_chunk_mut().ok_or(Bad)? = first;
        low.end_block(few, block.low_tail());
        high.end_block(block.all - few, block.end != ALL);
        Ok(reader)
    }
}

/// Colour: one scan of everything.
pub(crate) struct Chroma {
    pub band: Streams,
    pub counts: Box<ChromaCounts>,
}

impl Chroma {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            band: Streams::new(Part::Colour, 1, room),
            counts: Box::new([0; _]),
        }
    }

    #[inline(always)]
    fn block<'a>(&mut self, reader: Reader<'a>, codes: &Combined<'_>) -> Result<Reader<'a>, Bad> {
        let stream = self.band.lines.first_mut().ok_or(Bad)?;
        let window = stream.window().ok_or(Bad)?;
        let entries = codes.entries.first_chunk().ok_or(Bad)?;
        let (reader, block) = chroma(reader, codes, entries, &mut self.counts, window)?;
        stream.end_block(block.all, block.end != ALL);
        Ok(reader)
    }
}

/// A block's place in an MCU.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    pub component: usize,
    /// Its row among those of its component.
    pub line: usize,
    /// Its column among those of its component.
    pub column: usize,
}

/// A sequential scan on its way into progressive ones.
pub(crate) struct Relay<'a> {
    /// The codes of each component's DC coefficients.
    pub dc_codes: Vec<Differences<'a>>,
    /// Those of its others.
    pub codes: Vec<Combined<'a>>,
    /// The blocks of an MCU in their order.
    pub units: Vec<Unit>,
    /// How many blocks across and down an MCU has of brightness.
    pub factors: (usize, usize),
    /// Blocks of brightness across and down that carry samples.
    pub blocks: (usize, usize),
    /// The first component.
    pub luma: Luma,
    /// The others.
    pub chroma: Vec<Chroma>,
    /// The DC coefficients in the order of the scan.
    pub dc: Vec<i16>,
    /// How many of them are read.
    pub read: usize,
    /// The last DC coefficient of each component.
    pub previous: [i32; 4],
}

impl Relay<'_> {
    /// Ends a row of MCUs.
    pub(crate) fn end_row(&mut self) {
        self.luma.bands.iter_mut().for_each(Streams::end_row);
        for chroma in &mut self.chroma {
            chroma.band.end_row();
        }
    }

    /// Ends all scans.
    pub(crate) fn finish(&mut self) {
        for band in &mut self.luma.bands {
            band.finish(&mut self.luma.counts[..]);
        }
        for chroma in &mut self.chroma {
            chroma.band.finish(&mut chroma.counts[..]);
        }
    }
}

/// Reads `count` MCUs of a row from the `x`-th on.
#[inline(always)]
pub(crate) fn relay_row(
    relay: &mut Relay<'_>,
    reader: &mut Reader<'_>,
    (x, row, count): (usize, usize, usize),
) -> Result<(), Bad> {
    let (across, down) = relay.factors;
    let mut local = *reader;
    for mcu in x..x + count {
        for unit in &relay.units {
            let dc_codes = relay.dc_codes.get(unit.component).ok_or(Bad)?;
            let codes = relay.codes.get(unit.component).ok_or(Bad)?;
            local.refill();
            let difference = dc_codes.take(&mut local)?;
            let previous = relay.previous.get_mut(unit.component).ok_or(Bad)?;
            *previous = previous.wrapping_add(difference);
            // Beyond it there may be no code for a difference.
            if !(-1024..=1023).contains(previous) {
                return Err(Bad);
            }
            *relay.dc.get_mut(relay.read).ok_or(Bad)? = *previous as i16;
            relay.read += 1;
            if unit.component > 0 {
                let chroma = relay.chroma.get_mut(unit.component - 1).ok_or(Bad)?;
                local = chroma.block(local, codes)?;
                continue;
            }
            let place = (mcu * across + unit.column, row * down + unit.line);
            if place.0 < relay.blocks.0 && place.1 < relay.blocks.1 {
                local = relay.luma.block(unit.line, local, codes)?;
            } else {
                // It only fills up the MCU.
                stepped_over(&mut local, codes.codes, 1)?;
            }
        }
        if local.overrun() {
            return Err(Bad);
        }
    }
    *reader = local;
    Ok(())
}
