//! A picture under way: its components, and the loop over scans, restarts and rows of blocks.

use super::Source;
use super::codes::SKIP;
use super::inverse::Dequantiser;
use super::reader::{Bad, Reader, unstuffed};
use super::scans::{Band, Carried, Chosen, Coding};
use super::tables::Tables;
use crate::coefficients::Grid;
use crate::quantisation::QuantisationTable;
use crate::segments::malformed;
use crate::{
    Coefficients, ComponentCoefficients, JpegError, Plane, Planes, Process, Scan, ScanMap, vectors,
};

/// Pictures of fewer blocks do not repay the tables for skipping.
const WORTH_SKIPPING: usize = 4096;

/// A component under way.
pub(crate) struct Part {
    horizontal: usize,
    vertical: usize,
    grid: Grid,
    /// Which quantisation table, and its steps once the component's first scan has begun.
    table: usize,
    steps: Option<QuantisationTable>,
    /// Samples across and down a block of the output.
    size: usize,
    /// Coefficients kept of each block.
    span: usize,
    /// Coefficients that have to be decoded to know those that the output needs.
    reach: usize,
    /// Coefficients, `span` to a block: of the whole picture, or of the MCU row at hand.
    blocks: Vec<i16>,
    /// Samples, `grid.stride × size` to a row; grey until they are known.
    samples: Vec<u8>,
}

impl Part {
    fn stride(&self) -> usize {
        self.grid.stride * self.size
    }
}

/// A picture under way.
pub(super) struct Frame {
    width: usize,
    height: usize,
    eighths: usize,
    largest: (usize, usize),
    parts: Vec<Part>,
    /// Whether `blocks` hold the whole picture, or one MCU row at a time.
    whole: bool,
    /// Whether samples are wanted, or coefficients.
    rendered: bool,
    process: Process,
}

impl Frame {
    /// A picture to be given as samples.
    pub(super) fn new(map: &ScanMap, eighths: usize) -> Self {
        // Coefficients grow better scan by scan in progressive files.
        let mut frame = Self::empty(map, eighths, map.progressive());
        for part in &mut frame.parts {
            let samples = part.stride() * part.grid.stored_rows * part.size;
            part.samples = vec![128; samples];
        }
        frame.find_reach(map);
        frame
    }

    /// A picture to be given as coefficients.
    pub(super) fn whole(map: &ScanMap) -> Self {
        let mut frame = Self::empty(map, 8, true);
        frame.rendered = false;
        frame
    }

    /// Finds how many coefficients of each component are needed. A refinement cannot be read
    /// without knowing all of its band, so that the bits of few coefficients may need many.
    fn find_reach(&mut self, map: &ScanMap) {
        for (index, part) in self.parts.iter_mut().enumerate() {
            let needed = match part.size {
                1 => 1,
                2 => 5,
                4 => 25,
                _ => 64,
            };
            let refinements = map.scans.iter().filter(|scan| {
                scan.components.contains(&index)
                    && scan.high_bit > 0
                    && (1..needed).contains(&usize::from(scan.band_start))
            });
            let reach = refinements.map(|scan| usize::from(scan.band_end) + 1).max();
            part.reach = reach.unwrap_or(0).max(needed);
        }
    }

    fn empty(map: &ScanMap, eighths: usize, whole: bool) -> Self {
        // The factors of a lone component mean nothing.
        let alone = map.components.len() == 1;
        let factors = map.components.iter().map(|component| {
            if alone {
                (1, 1)
            } else {
                (component.horizontal.into(), component.vertical.into())
            }
        });
        let largest = factors
            .clone()
            .fold((1, 1), |a: (usize, usize), b: (usize, usize)| {
                (a.0.max(b.0), a.1.max(b.1))
            });
        let size = (map.width as usize, map.height as usize);
        let parts = factors.zip(&map.components).map(|(factors, component)| {
            let grid = Grid::new(size, factors, largest);
            // Subsampled colour loses less where the picture is made smaller anyway: its blocks
            // are then given larger, as far as they go.
            let ratio = (largest.0 / factors.0).min(largest.1 / factors.1).max(1);
            let even = largest.0 == factors.0 * ratio && largest.1 == factors.1 * ratio;
            let grown = eighths * ratio;
            let size = if even && matches!(grown, 1 | 2 | 4 | 8) {
                grown
            } else {
                eighths
            };
            let span = match (size, map.progressive()) {
                (1, _) => 1,
                (2, false) => 5,
                (4, false) => 25,
                _ => 64,
            };
            let rows = if whole { grid.stored_rows } else { factors.1 };
            Part {
                reach: 64,
                horizontal: factors.0,
                vertical: factors.1,
                grid,
                table: component.table.into(),
                steps: None,
                size,
                span,
                blocks: vec![0; grid.stride * rows * span],
                samples: Vec::new(),
            }
        });
        Self {
            width: size.0,
            height: size.1,
            eighths,
            largest,
            parts: parts.collect(),
            whole,
            rendered: true,
            process: map.process,
        }
    }

    /// Decodes every scan that adds to the output.
    pub(super) fn decode(&mut self, source: Source<'_>) -> Result<(), JpegError> {
        let mut tables = Tables::default();
        let mut from = 2;
        for scan in &source.map.scans {
            tables.read(source.bytes, from..scan.start)?;
            from = scan.end;
            self.latch(scan, &tables);
            if source.strict
                && scan
                    .components
                    .iter()
                    .any(|i| self.parts[*i].steps.is_none())
            {
                return malformed(scan.start, "a scan without its quantisation table");
            }
            let decoded = match self.band(scan) {
                Some(band) if self.adds(scan, band) => self.scan(scan, band, &tables, source),
                Some(_) => Ok(()),
                None if source.strict => malformed(scan.start, "a scan of an impossible band"),
                None => Ok(()),
            };
            match decoded {
                Err(JpegError::Corrupt(_)) if !source.strict => {}
                other => other?,
            }
        }
        if self.whole && self.rendered {
            self.render_all(source.cancel)?;
        }
        Ok(())
    }

    /// Fixes the quantisation of the components that begin with this scan: later tables of the
    /// same number are for others (T.81 §B.2.4.1).
    fn latch(&mut self, scan: &Scan, tables: &Tables) {
        for index in &scan.components {
            let part = &mut self.parts[*index];
            part.steps = part.steps.or(tables.quantisation[part.table]);
        }
    }

    /// How a scan is coded; none if its parameters make no sense.
    fn band(&self, scan: &Scan) -> Option<Band> {
        let (start, end) = (usize::from(scan.band_start), usize::from(scan.band_end));
        let coding = match (self.process, start, scan.high_bit) {
            (Process::Progressive, 0, 0) => Coding::DcFirst,
            (Process::Progressive, 0, _) => Coding::DcRefine,
            (Process::Progressive, _, 0) => Coding::AcFirst,
            (Process::Progressive, _, _) => Coding::AcRefine,
            // Some encoders leave other values there, and decoders ignore them.
            _ => Coding::Sequential,
        };
        let sound = match coding {
            Coding::Sequential => true,
            Coding::DcFirst | Coding::DcRefine => end == 0,
            Coding::AcFirst | Coding::AcRefine => {
                start <= end && end < 64 && scan.components.len() == 1
            }
        };
        let low = if coding == Coding::Sequential {
            0
        } else {
            u32::from(scan.low_bit)
        };
        (sound && low <= 13).then_some(Band {
            coding,
            start,
            end,
            low,
        })
    }

    /// Whether a scan is needed for any coefficient that is kept.
    fn adds(&self, scan: &Scan, band: Band) -> bool {
        let mut parts = scan.components.iter().map(|index| &self.parts[*index]);
        !self.rendered || parts.any(|part| band.start < part.reach)
    }

    fn scan(
        &mut self,
        scan: &Scan,
        band: Band,
        tables: &Tables,
        source: Source<'_>,
    ) -> Result<(), JpegError> {
        let data = source.bytes.get(scan.data..scan.end).unwrap_or_default();
        let selectors = source
            .bytes
            .get(scan.start + 5..scan.data)
            .unwrap_or_default();
        let skips = self.skips(scan, band, tables, selectors);
        let mut chosen = [Chosen::default(); 4];
        for (place, index) in scan.components.iter().enumerate() {
            let selector = usize::from(selectors.get(2 * place + 1).copied().unwrap_or(0));
            let ac = selector & 15;
            chosen[*index] = Chosen {
                dc: tables.dc.get(selector >> 4).and_then(Option::as_ref),
                ac: tables.ac.get(ac).and_then(Option::as_ref),
                skips: skips.get(ac).and_then(Option::as_deref),
            };
        }
        let mut run = Run {
            parts: &mut self.parts,
            members: &scan.components,
            band,
            chosen,
            across: 0,
            window: if self.whole { None } else { Some(0) },
        };
        let down = run.measure(self.width, self.height, self.largest);
        let result = run.rows(data, down, tables.restart_interval, self.rendered, source);
        result.map_err(|stop| match stop {
            Stop::Bad => JpegError::Corrupt("the entropy-coded data makes no sense".into()),
            Stop::Ended => JpegError::Corrupt("the entropy-coded data ends early".into()),
            Stop::Cancelled => JpegError::Cancelled,
        })
    }

    /// The tables for skipping, by AC table, where they are worth making.
    fn skips(
        &self,
        scan: &Scan,
        band: Band,
        tables: &Tables,
        selectors: &[u8],
    ) -> [Option<Box<[u32; 1 << SKIP]>>; 4] {
        let mut skips = [const { None }; 4];
        if band.coding != Coding::Sequential {
            return skips;
        }
        for (place, index) in scan.components.iter().enumerate() {
            let part = &self.parts[*index];
            let ac = usize::from(selectors.get(2 * place + 1).copied().unwrap_or(0) & 15);
            let large = part.grid.stride * part.grid.rows >= WORTH_SKIPPING;
            if let Some(skip) = skips.get_mut(ac).filter(|_| large && part.size < 4) {
                let codes = tables.ac.get(ac).and_then(Option::as_ref);
                *skip = skip.take().or_else(|| codes.map(|codes| codes.skips()));
            }
        }
        skips
    }

    /// Turns the whole picture's coefficients into samples.
    fn render_all(&mut self, cancel: &dyn Fn() -> bool) -> Result<(), JpegError> {
        for part in &mut self.parts {
            let Some(steps) = part.steps else { continue };
            let dequantiser = Dequantiser::new(&steps, part.size);
            for y in 0..part.grid.rows {
                if cancel() {
                    return Err(JpegError::Cancelled);
                }
                vectors::render_row(part, &dequantiser, y, y);
            }
        }
        Ok(())
    }

    /// The samples without the padding to whole blocks.
    pub(super) fn into_planes(self) -> Planes {
        let (width, height) = (
            (self.width * self.eighths).div_ceil(8),
            (self.height * self.eighths).div_ceil(8),
        );
        let eighths = self.eighths;
        let largest = self.largest;
        // A component's factor in the output: its own, times how much larger its blocks are.
        let factors: Vec<_> = self
            .parts
            .iter()
            .map(|part| {
                (
                    part.horizontal * part.size / eighths,
                    part.vertical * part.size / eighths,
                )
            })
            .collect();
        let components = self
            .parts
            .into_iter()
            .zip(factors)
            .map(|(part, factors)| Plane {
                width: (width * factors.0).div_ceil(largest.0),
                height: (height * factors.1).div_ceil(largest.1),
                stride: part.stride(),
                horizontal: factors.0 as u8,
                vertical: factors.1 as u8,
                data: part.samples,
            });
        Planes {
            width,
            height,
            components: components.collect(),
        }
    }

    /// The coefficients of the whole picture.
    pub(super) fn into_coefficients(self) -> Coefficients {
        let components = self.parts.into_iter().map(|part| ComponentCoefficients {
            horizontal: part.horizontal as u8,
            vertical: part.vertical as u8,
            table: part.steps.unwrap_or([1; 64]),
            columns: part.grid.columns,
            rows: part.grid.rows,
            stride: part.grid.stride,
            blocks: part.blocks.as_chunks::<64>().0.to_vec(),
        });
        Coefficients {
            width: self.width,
            height: self.height,
            components: components.collect(),
        }
    }
}

/// Why a scan stops before its end.
enum Stop {
    Bad,
    Ended,
    Cancelled,
}

/// One scan under way.
pub(crate) struct Run<'a> {
    parts: &'a mut [Part],
    members: &'a [usize],
    band: Band,
    chosen: [Chosen<'a>; 4],
    /// MCUs in a row.
    across: usize,
    /// Where only one MCU row is kept at a time: how many rows of blocks lie before it.
    window: Option<usize>,
}

impl Run<'_> {
    /// Finds how many MCUs there are across, and gives how many down. A scan of one component
    /// has an MCU for each of its blocks that carries samples (T.81 §A.2.2).
    fn measure(&mut self, width: usize, height: usize, largest: (usize, usize)) -> usize {
        if let [index] = *self.members {
            let grid = self.parts[index].grid;
            self.across = grid.columns;
            return grid.rows;
        }
        self.across = width.div_ceil(8 * largest.0);
        height.div_ceil(8 * largest.1)
    }

    /// Decodes the scan row by row, restart by restart.
    fn rows(
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
        while mcu < total {
            data = unstuffed(data, &mut plain);
            let mut reader = Reader::new(&plain);
            let mut carried = Carried::default();
            let end = total.min(mcu + interval);
            let mut sound = true;
            while mcu < end {
                let x = mcu % self.across;
                let count = (self.across - x).min(end - mcu);
                if sound {
                    let decoded =
                        vectors::decode_row(self, &mut reader, &mut carried, (x, row, count));
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
                    if rendered && self.window.is_some() {
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
            let Some(steps) = part.steps else { continue };
            let dequantiser = Dequantiser::new(&steps, part.size);
            let rows = if alone { 1 } else { part.vertical };
            for line in 0..rows {
                vectors::render_row(part, &dequantiser, line, row * rows + line);
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
    let alone = run.members.len() == 1;
    let kept_row = if run.window.is_some() { 0 } else { row };
    for mcu in x..x + count {
        for &index in run.members {
            let part = &mut run.parts[index];
            let (h, v) = if alone {
                (1, 1)
            } else {
                (part.horizontal, part.vertical)
            };
            for line in 0..v {
                let first = (kept_row * v + line) * part.grid.stride + mcu * h;
                for at in first..first + h {
                    let block = part.blocks.get_mut(at * part.span..(at + 1) * part.span);
                    let codes = run.chosen[index];
                    run.band
                        .block(reader, codes, (carried, index), block.ok_or(Bad)?)?;
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
pub(crate) fn render_row(part: &mut Part, dequantiser: &Dequantiser, kept: usize, row: usize) {
    let (span, stride) = (part.span, part.stride());
    let blocks = part.grid.stride * span;
    let lines = stride * part.size;
    let from = part.blocks.get(kept * blocks..(kept + 1) * blocks);
    let to = part.samples.get_mut(row * lines..(row + 1) * lines);
    if let (Some(from), Some(to)) = (from, to) {
        dequantiser.row(from, span, to, stride);
    }
}
