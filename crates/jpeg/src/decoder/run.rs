//! One scan under way: the loop over restarts, rows and MCUs.

use super::Source;
use super::heads::Skimmed;
use super::layers::layer_row;
use super::part::Part;
use super::reader::{Bad, Reader, unstuffed};
use super::scans::{Band, Carried, Chosen, Coding, sequential};
use super::skim::{PADDING, Skimmer};
use super::ways::Ways;
use crate::vectors;

/// Why a scan stops before its end.
pub(super) enum Stop {
    Bad,
    Ended,
    Cancelled,
}

/// One scan under way.
pub(crate) struct Run<'a> {
    pub(super) parts: &'a mut [Part],
    pub(super) members: &'a [usize],
    pub(super) band: Band,
    pub(super) chosen: [Chosen<'a>; 4],
    /// Quicker ways to read it.
    pub(super) ways: Ways<'a>,
    /// The DC coefficients of some MCUs, in the order of the scan.
    pub(super) values: Vec<i16>,
    /// MCUs in a row.
    pub(super) across: usize,
    /// Whether only the MCU row at hand is kept.
    pub(super) window: bool,
}

impl Run<'_> {
    /// Finds how many MCUs there are across, and gives how many down. A scan of one component
    /// has an MCU for each of its blocks that carries samples (T.81 §A.2.2).
    pub(super) fn measure(
        &mut self,
        width: usize,
        height: usize,
        largest: (usize, usize),
    ) -> usize {
        if let [index] = *self.members {
            let grid = self.parts[index].grid;
            self.across = grid.columns;
            return grid.rows;
        }
        self.across = width.div_ceil(8 * largest.0);
        height.div_ceil(8 * largest.1)
    }

    /// Decodes the scan row by row, restart by restart.
    pub(super) fn rows(
        &mut self,
        mut data: &[u8],
        down: usize,
        interval: usize,
        rendered: bool,
        source: Source<'_>,
    ) -> Result<(), Stop> {
        let mut plain = Vec::new();
        let total = self.across * down;
        let interval = if interval == 0 { total } else { interval };
        let mut mcu = 0;
        let mut row = 0;
        let mut failed = None;
        let mut skimmer = self.ways.skims.as_ref().map(Skimmer::new);
        while mcu < total {
            data = unstuffed(data, &mut plain);
            let length = plain.len();
            plain.resize(length + PADDING, 0);
            let mut reader = Reader::new(&plain[..length]);
            let mut carried = Carried::default();
            let end = total.min(mcu + interval);
            if let (Some(skimmer), Some(skims)) = (&mut skimmer, &self.ways.skims) {
                skimmer.begin(skims, length, (end - mcu) * skims.blocks());
            }
            let mut sound = true;
            while mcu < end {
                let x = mcu % self.across;
                let count = (self.across - x).min(end - mcu);
                if sound {
                    let place = (x, row, count);
                    let skimmed = match (&mut skimmer, &self.ways.skims) {
                        (Some(skimmer), Some(skims)) => skimmer.row(skims, &plain, count),
                        _ => None,
                    };
                    let decoded = match skimmed {
                        Some(bounds) => {
                            let skimmed = Skimmed {
                                data: &plain,
                                bounds,
                            };
                            reader = Reader::from_bit(&plain[..length], skimmed.end());
                            vectors::skimmed_row(self, skimmed, &mut carried, place)
                        }
                        None => vectors::decode_row(self, &mut reader, &mut carried, place),
                    };
                    let stop = match decoded {
                        Err(Bad) => Some(Stop::Bad),
                        Ok(()) => reader.overrun().then_some(Stop::Ended),
                    };
                    if let Some(stop) = stop {
                        if source.strict {
                            return Err(stop);
                        }
                        // The rest of this interval is lost; another may follow.
                        sound = false;
                        failed = Some(stop);
                    }
                }
                mcu += count;
                if mcu % self.across == 0 {
                    if (source.cancel)() {
                        return Err(Stop::Cancelled);
                    }
                    if rendered && self.window {
                        self.render(row);
                    }
                    row += 1;
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Turns the MCU row at hand into samples and makes room for the next.
    fn render(&mut self, row: usize) {
        let alone = self.members.len() == 1;
        for index in self.members {
            let part = &mut self.parts[*index];
            let rows = if alone { 1 } else { part.vertical };
            for line in 0..rows {
                vectors::render_row(part, line, row * rows + line);
            }
            part.blocks.fill(0);
        }
    }
}

/// Decodes `count` MCUs of a row from the `x`-th on.
#[inline(always)]
pub(crate) fn decode_row(
    run: &mut Run<'_>,
    reader: &mut Reader<'_>,
    carried: &mut Carried,
    (x, row, count): (usize, usize, usize),
) -> Result<(), Bad> {
    if run.band.coding != Coding::Sequential {
        return layer_row(run, reader, carried, (x, row, count));
    }
    let alone = run.members.len() == 1;
    let kept_row = if run.window { 0 } else { row };
    for mcu in x..x + count {
        for &index in run.members {
            let part = &mut run.parts[index];
            for line in 0..part.across_and_down(alone).1 {
                for at in part.row_of_mcu(alone, kept_row, line, mcu) {
                    let kept = part.kept(at).ok_or(Bad)?;
                    let previous = &mut carried.dc[index];
                    sequential(reader, run.chosen[index], previous, kept)?;
                }
            }
        }
        // Behind the end there are zeros, which may look like a picture for ever.
        if reader.overrun() {
            return Ok(());
        }
    }
    Ok(())
}

/// Turns one row of blocks into samples: the `kept`-th of those that are kept, the `row`-th of
/// the picture.
#[inline(always)]
pub(crate) fn render_row(part: &mut Part, kept: usize, row: usize) {
    let stride = part.stride();
    let blocks = part.grid.stride * part.span;
    let lines = stride * part.size;
    let from = part.blocks.get(kept * blocks..(kept + 1) * blocks);
    let to = part.samples.get_mut(row * lines..(row + 1) * lines);
    if let (Some(from), Some(to), Some(dequantiser)) = (from, to, &part.dequantiser) {
        dequantiser.row(from, to, stride);
    }
}
