//! The scans of a progressive file, row by row: a loop for each way of coding.

use super::reader::{Bad, Reader};
use super::run::Run;
use super::scans::{Carried, Chosen, Coding};

/// The most blocks of an MCU: four components of 4 × 4. Sound files have ten at most (T.81 §B.2.3).
const MOST_UNITS: usize = 64;
/// Bits read at once.
const MOST_BITS: usize = 32;

/// Where some MCUs of a row are.
#[derive(Clone, Copy)]
struct Place {
    /// Whether the scan holds no other component.
    alone: bool,
    /// The row of MCUs, and the first of them.
    row: usize,
    x: usize,
    /// Blocks of an MCU.
    units: usize,
}

/// Decodes `count` MCUs of a row from the `x`-th on.
#[inline(always)]
pub(super) fn layer_row(
    run: &mut Run<'_>,
    reader: &mut Reader<'_>,
    carried: &mut Carried,
    (x, row, count): (usize, usize, usize),
) -> Result<(), Bad> {
    let mut units = [0; MOST_UNITS];
    let place = Place {
        alone: run.members.len() == 1,
        row: if run.window { 0 } else { row },
        x,
        units: units_of(run, &mut units),
    };
    let units = units.get(..place.units).ok_or(Bad)?;
    match run.band.coding {
        Coding::DcFirst => {
            let (known, result) = differences(run, reader, carried, (units, count));
            run.each_dc(place, known, |block, dc| *block = dc);
            result
        }
        Coding::DcRefine => {
            let known = bits(run, reader, (units, count));
            run.each_dc(place, known, |block, bit| *block |= bit);
            Ok(())
        }
        _ => bands(run, reader, carried, (place, count)),
    }
}

/// The component of each block of an MCU; gives how many there are.
fn units_of(run: &Run<'_>, units: &mut [usize; MOST_UNITS]) -> usize {
    let mut all = 0;
    for index in run.members {
        let (across, down) = run.parts[*index].across_and_down(run.members.len() == 1);
        for unit in units.iter_mut().skip(all).take(across * down) {
            *unit = *index;
        }
        all += across * down;
    }
    all
}

/// Reads the upper bits of the DC coefficients of MCUs; gives how many MCUs are known.
#[inline(always)]
fn differences(
    run: &mut Run<'_>,
    reader: &mut Reader<'_>,
    carried: &mut Carried,
    (units, count): (&[usize], usize),
) -> (usize, Result<(), Bad>) {
    run.values.clear();
    run.values.resize(count * units.len(), 0);
    let (read, result) = match &run.ways.differences {
        Some(differences) => differences.read(reader, &mut run.values),
        None => one_by_one(run.chosen, reader, units, &mut run.values),
    };
    let mut first = 0;
    while let Some(component) = units.get(first).copied() {
        let same = units.iter().skip(first);
        let across = same.take_while(|other| **other == component).count();
        let previous = &mut carried.dc[component & 3];
        let mut last = *previous;
        for values in run.values.chunks_exact_mut(units.len()) {
            for value in values.iter_mut().skip(first).take(across) {
                last = last.wrapping_add(i32::from(*value));
                *value = (last << run.band.low) as i16;
            }
        }
        *previous = last;
        first += across;
    }
    (read.div_ceil(units.len().max(1)), result)
}

/// Reads differences of DC coefficients; gives how many there are, and whether they make sense.
#[inline(always)]
fn one_by_one(
    chosen: [Chosen<'_>; 4],
    reader: &mut Reader<'_>,
    units: &[usize],
    values: &mut [i16],
) -> (usize, Result<(), Bad>) {
    let mut local = *reader;
    let mut read = 0;
    for (value, unit) in values.iter_mut().zip(units.iter().cycle()) {
        if local.overrun() {
            break;
        }
        local.refill();
        let codes = chosen[unit & 3].dc.ok_or(Bad);
        let Ok(difference) = codes.and_then(|codes| local.difference(codes)) else {
            *reader = local;
            return (read, Err(Bad));
        };
        *value = difference as i16;
        read += 1;
    }
    *reader = local;
    (read, Ok(()))
}

/// Reads one more bit of the DC coefficients of MCUs; gives how many MCUs are known.
#[inline(always)]
fn bits(run: &mut Run<'_>, reader: &mut Reader<'_>, (units, count): (&[usize], usize)) -> usize {
    let mut local = *reader;
    let low = run.band.low;
    run.values.clear();
    run.values.resize(count * units.len(), 0);
    let mut known = 0;
    for values in run.values.chunks_exact_mut(units.len().max(1)) {
        for values in values.chunks_mut(MOST_BITS) {
            local.refill();
            let bits = local.bits(values.len() as u32);
            for (place, value) in values.iter_mut().rev().enumerate() {
                *value = ((bits >> place & 1) << low) as i16;
            }
        }
        known += 1;
        if local.overrun() {
            break;
        }
    }
    *reader = local;
    known
}

impl Run<'_> {
    /// Takes the DC coefficients of so many MCUs to where they belong.
    #[inline(always)]
    fn each_dc(&mut self, place: Place, known: usize, put: impl Fn(&mut i16, i16)) {
        let mut first = 0;
        for index in self.members {
            let part = &mut self.parts[*index];
            let (across, down) = part.across_and_down(place.alone);
            for line in 0..down {
                let from = part.row_of_mcu(place.alone, place.row, line, place.x).start;
                let blocks = part.blocks.get_mut(from * part.span..).unwrap_or_default();
                let mut blocks = blocks.chunks_exact_mut(part.span);
                for values in self.values.chunks_exact(place.units).take(known) {
                    let values = values.get(first..first + across).unwrap_or_default();
                    for (value, block) in values.iter().zip(&mut blocks) {
                        if let Some(dc) = block.first_mut() {
                            put(dc, *value);
                        }
                    }
                }
                first += across;
            }
        }
    }
}

/// Reads a band of AC coefficients of blocks of one component.
#[inline(always)]
fn bands(
    run: &mut Run<'_>,
    reader: &mut Reader<'_>,
    carried: &mut Carried,
    (place, count): (Place, usize),
) -> Result<(), Bad> {
    let index = *run.members.first().ok_or(Bad)?;
    let part = &mut run.parts[index];
    let codes = run.chosen[index].ac.ok_or(Bad)?;
    let from = part.row_of_mcu(place.alone, place.row, 0, place.x).start;
    if let Some(lowest) = &run.ways.lowest {
        let blocks = part.blocks.as_chunks_mut().0;
        let blocks = blocks.get_mut(from..from + count).ok_or(Bad)?;
        return lowest.row(reader, &mut carried.ended, blocks);
    }
    let first = run.band.coding == Coding::AcFirst;
    let mut local = *reader;
    let mut at = from;
    while at < from + count {
        if first && carried.ended > 0 {
            // Blocks that have ended hold nothing, and nothing is read for them.
            let over = (carried.ended as usize).min(from + count - at);
            carried.ended -= over as u32;
            at += over;
            continue;
        }
        let mut kept = part.kept(at).ok_or(Bad)?;
        let ended = &mut carried.ended;
        if first {
            run.band.first(&mut local, codes, ended, &mut kept)?;
        } else {
            run.band.refine(&mut local, codes, ended, &mut kept)?;
        }
        if local.overrun() {
            break;
        }
        at += 1;
    }
    *reader = local;
    Ok(())
}
