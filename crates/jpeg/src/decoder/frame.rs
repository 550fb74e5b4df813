//! A picture under way: its components, and which of its scans are decoded.

use super::Source;
use super::inverse::{Dequantiser, places};
use super::part::Part;
use super::run::{Run, Stop};
use super::scans::{Band, Chosen, Coding};
use super::tables::Tables;
use super::ways::Ways;
use crate::coefficients::Grid;
use crate::quantisation::NATURAL;
use crate::segments::malformed;
use crate::{
    Coefficients, ComponentCoefficients, JpegError, Marks, Plane, Planes, Process, Scan, ScanMap,
    vectors,
};

/// How far a coefficient may be from what it is, for small pictures of progressive files: a sample
/// may be off by an eighth of that, for each of three of them.
const MOST_UNKNOWN: u32 = 16;

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
    pub(super) fn new(source: Source<'_>, eighths: usize) -> Self {
        let (map, strict) = (source.map, source.strict);
        // Coefficients grow better scan by scan in progressive files.
        let mut frame = Self::empty(map, (eighths, source.subsampled), map.progressive());
        for part in &mut frame.parts {
            let samples = part.stride() * part.grid.stored_rows * part.size;
            // Strict decoding gives either every sample or none: zeros come without work.
            part.samples = vec![if strict { 0 } else { 128 }; samples];
        }
        frame
    }

    /// A picture to be given as coefficients.
    pub(super) fn whole(map: &ScanMap) -> Self {
        let mut frame = Self::empty(map, (8, false), true);
        frame.rendered = false;
        frame
    }

    /// Finds how many coefficients of a component are needed. A refinement cannot be read without
    /// knowing all of its band, so that the bits of few coefficients may need many; where they
    /// hardly show, they are left out.
    fn find_reach(&mut self, index: usize, source: Source<'_>) {
        let part = &mut self.parts[index];
        // The 2 × 2 and 4 × 4 lowest frequencies end there in zigzag order.
        let needed = match part.size {
            1 => 1,
            2 => 5,
            4 => 25,
            _ => 64,
        };
        let scans = source.map.scans.iter();
        let of_band = scans.filter(|scan| {
            scan.components.contains(&index) && (1..needed).contains(&usize::from(scan.band_start))
        });
        let left_out = of_band.clone().filter(|scan| scan.high_bit > 0);
        let left_out = left_out.map(|scan| scan.high_bit).max().unwrap_or(0);
        let steps = part.steps.unwrap_or([u16::MAX; 64]);
        let lowest = NATURAL.iter().take(needed).skip(1);
        let step = lowest
            .map(|place| u32::from(steps[usize::from(*place)]))
            .max();
        let unknown = ((1u32 << left_out.min(13)) - 1) * step.unwrap_or(0);
        part.coarse = source.coarse && part.size <= 2 && unknown <= MOST_UNKNOWN;
        let refinements = of_band.filter(|scan| scan.high_bit > 0 && !part.coarse);
        let reach = refinements.map(|scan| usize::from(scan.band_end) + 1).max();
        part.refined = reach.is_some();
        part.reach = reach.unwrap_or(0).max(needed);
    }

    fn empty(map: &ScanMap, (eighths, subsampled): (usize, bool), whole: bool) -> Self {
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
        // Only beside brightness at its fullest is colour subsampled.
        let subsampled = subsampled && factors.clone().next() == Some(largest);
        let parts = factors.zip(&map.components).enumerate();
        let parts = parts.map(|(place, (factors, component))| {
            let grid = Grid::new(size, factors, largest);
            let ratios = (largest.0 / factors.0, largest.1 / factors.1);
            let even = largest == (factors.0 * ratios.0, factors.1 * ratios.1);
            // Subsampled colour loses less where the picture is made smaller anyway: its blocks
            // are then given larger, as far as they go. Where half the resolution is enough, they
            // are given as large as that takes.
            let all = eighths * ratios.0.min(ratios.1).max(1);
            let fitted = if subsampled {
                (eighths * ratios.0.max(ratios.1) / 2).clamp(1, all)
            } else {
                all
            };
            let coloured = factors != largest || subsampled && place > 0;
            let size = if even && coloured && matches!(fitted, 1 | 2 | 4 | 8) {
                fitted
            } else {
                eighths
            };
            let (span, places) = places(size);
            let rows = if whole { grid.stored_rows } else { factors.1 };
            Part {
                reach: 64,
                refined: true,
                coarse: false,
                horizontal: factors.0,
                vertical: factors.1,
                grid,
                table: component.table.into(),
                steps: None,
                dequantiser: None,
                size,
                span,
                places,
                blocks: vec![0; grid.stride * rows * span],
                present: vec![
                    0;
                    if map.progressive() {
                        grid.stride * rows
                    } else {
                        1
                    }
                ],
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
            self.latch(scan, &tables, source);
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
        if source.strict && self.parts.iter().any(|part| part.steps.is_none()) {
            return Err(JpegError::Corrupt("a component that no scan holds".into()));
        }
        if self.whole && self.rendered {
            self.render_all(source.cancel)?;
        }
        Ok(())
    }

    /// Fixes the quantisation of the components that begin with this scan: later tables of the
    /// same number are for others (T.81 §B.2.4.1).
    fn latch(&mut self, scan: &Scan, tables: &Tables, source: Source<'_>) {
        for index in &scan.components {
            let part = &mut self.parts[*index];
            if part.steps.is_none() {
                part.steps = tables.quantisation[part.table];
                part.dequantiser = part.steps.map(|steps| Dequantiser::new(&steps, part.size));
                if self.rendered {
                    self.find_reach(*index, source);
                }
            }
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
        // What is left out is half there in the middle.
        let mut members = scan.components.iter().map(|index| &self.parts[*index]);
        let coarse = coding == Coding::AcFirst && members.any(|part| part.coarse);
        (sound && low <= 13).then_some(Band {
            coding,
            start,
            end,
            low,
            rest: if coarse { (1 << low) >> 1 } else { 0 },
        })
    }

    /// Whether a scan is needed for any coefficient that is kept.
    fn adds(&self, scan: &Scan, band: Band) -> bool {
        let mut parts = scan.components.iter().map(|index| &self.parts[*index]);
        let refines = band.coding == Coding::AcRefine;
        !self.rendered || parts.any(|part| band.start < part.reach && !(refines && part.coarse))
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
        let mut chosen = [Chosen::default(); 4];
        for (place, index) in scan.components.iter().enumerate() {
            let selector = usize::from(selectors.get(2 * place + 1).copied().unwrap_or(0));
            let ac = selector & 15;
            chosen[*index] = Chosen {
                dc: tables.dc.get(selector >> 4).and_then(Option::as_ref),
                ac: tables.ac.get(ac).and_then(Option::as_ref),
            };
        }
        let ways = Ways::new(&self.parts, &scan.components, band, &chosen);
        let mut run = Run {
            parts: &mut self.parts,
            members: &scan.components,
            band,
            chosen,
            ways,
            values: Vec::new(),
            across: 0,
            window: !self.whole,
        };
        let down = run.measure(self.width, self.height, self.largest);
        let result = run.rows(data, down, tables.restart_interval, self.rendered, source);
        result.map_err(|stop| match stop {
            Stop::Bad => JpegError::Corrupt("the entropy-coded data makes no sense".into()),
            Stop::Ended => JpegError::Corrupt("the entropy-coded data ends early".into()),
            Stop::Cancelled => JpegError::Cancelled,
        })
    }

    /// Turns the whole picture's coefficients into samples.
    fn render_all(&mut self, cancel: &dyn Fn() -> bool) -> Result<(), JpegError> {
        for part in &mut self.parts {
            for y in 0..part.grid.rows {
                if cancel() {
                    return Err(JpegError::Cancelled);
                }
                vectors::render_row(part, y, y);
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
        // A component's factor in the output: its own, times how large its blocks are.
        let parts = self.parts.iter();
        let factors: Vec<_> = parts
            .map(|part| (part.horizontal * part.size, part.vertical * part.size))
            .collect();
        // Where the smaller blocks of colour became no smaller, all factors may share one: only their
        // ratio matters, and larger ones than needed fit no file (T.81 §B.2.3).
        let shared = factors.iter().fold((0, 0), |(h, v), factors| {
            (common(h, factors.0), common(v, factors.1))
        });
        let components = self
            .parts
            .into_iter()
            .zip(factors)
            .map(|(part, factors)| Plane {
                width: (width * factors.0).div_ceil(largest.0 * eighths),
                height: (height * factors.1).div_ceil(largest.1 * eighths),
                stride: part.stride(),
                horizontal: (factors.0 / shared.0.max(1)) as u8,
                vertical: (factors.1 / shared.1.max(1)) as u8,
                data: part.samples,
            });
        Planes {
            width,
            height,
            components: components.collect(),
        }
    }

    /// The coefficients of the whole picture.
    pub(super) fn into_coefficients(self, marks: Marks) -> Coefficients {
        let components = self.parts.into_iter().map(|part| ComponentCoefficients {
            horizontal: part.horizontal as u8,
            vertical: part.vertical as u8,
            table: part.steps.unwrap_or([1; 64]),
            columns: part.grid.columns,
            rows: part.grid.rows,
            stride: part.grid.stride,
            blocks: {
                let blocks = part.blocks.as_chunks::<64>().0.iter();
                blocks
                    .map(|block| part.places.map(|place| block[usize::from(place)]))
                    .collect()
            },
        });
        Coefficients {
            width: self.width,
            height: self.height,
            components: components.collect(),
            marks,
        }
    }
}

/// The greatest common divisor; the other number where one is 0.
fn common(one: usize, other: usize) -> usize {
    match other {
        0 => one,
        _ => common(other, one % other),
    }
}
