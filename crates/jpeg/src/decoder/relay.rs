//! From a sequential scan straight to the tokens of progressive ones: no coefficient is stored
//! but the DC ones.
//!
//! The symbols of a band are those of the whole block, but for the first one of the band, whose
//! run begins there, and for how blocks end. So look-ups of several symbols are noted as they are
//! read, by their indices.

use super::blocks::{MOST_TOKENS, Mark, Room, read, state_of};
use super::look_ups::{Counts, LookUps, Part};
use super::reader::{Bad, Reader};
use crate::spare;
use crate::stream::{Blocks, Chosen, SOME, Stream};

/// MCUs read at a time: few enough for their tokens to stay close to the processor.
const BATCH: usize = 64;

/// A sequential scan on its way into progressive ones.
pub(crate) struct Relay<'a> {
    pub look_ups: LookUps<'a>,
    /// How often each index occurs.
    pub counts: Box<Counts>,
    /// The component of each block of an MCU.
    pub units: Vec<usize>,
    /// How many blocks across and down an MCU has of brightness.
    pub factors: (usize, usize),
    /// Blocks of brightness across and down that carry samples.
    pub blocks: (usize, usize),
    /// The lower and the upper band of brightness.
    pub luma: [Stream; 2],
    /// The other components.
    pub chroma: Vec<Stream>,
    /// The DC coefficients in the order of the scan.
    pub dc: Vec<i16>,
    /// The last DC coefficient of each component.
    pub previous: [i32; 4],
    row: Row,
}

/// A row of MCUs on its way.
struct Row {
    tokens: Vec<u32>,
    /// How many of them hold.
    count: usize,
    /// The ends of the blocks, and before them the beginning.
    marks: Vec<Mark>,
    /// How many blocks there are so far.
    blocks: usize,
    /// Where the look-ups of each block of a batch begin.
    states: Vec<u32>,
}

impl<'a> Relay<'a> {
    /// An empty one for MCUs of such units, so many of them `across` and in `all`, in a scan of
    /// `size` bytes.
    pub(crate) fn new(
        look_ups: LookUps<'a>,
        units: Vec<usize>,
        (factors, blocks): ((usize, usize), (usize, usize)),
        (across, all): (usize, usize),
        size: usize,
    ) -> Self {
        let components = units.last().map_or(1, |last| last + 1);
        let around = units.iter().copied().cycle();
        let states = around.take(BATCH * units.len() + 1);
        let row = Row {
            tokens: spare::words(0),
            count: 0,
            marks: vec![Mark::default(); across * units.len() + 1],
            blocks: 0,
            states: states.map(state_of).collect(),
        };
        Self {
            look_ups,
            counts: Box::new([0; _]),
            factors,
            blocks,
            luma: [
                Stream::new(Part::Low, size / 2),
                Stream::new(Part::High, size / 2),
            ],
            chroma: (1..components)
                .map(|index| Stream::new(Part::Colour(index - 1), size / 4))
                .collect(),
            dc: Vec::with_capacity(units.len() * all),
            previous: [0; 4],
            units,
            row,
        }
    }

    /// The tokens of a component; those of brightness are divided.
    pub(crate) fn stream(&self, component: usize, above: bool) -> Option<&Stream> {
        match component.checked_sub(1) {
            None => self.luma.get(usize::from(above)),
            Some(index) => self.chroma.get(index),
        }
    }

    /// Ends all scans.
    pub(crate) fn finish(&mut self) {
        for stream in self.luma.iter_mut().chain(&mut self.chroma) {
            stream.finish(&mut self.counts);
        }
    }
}

/// Reads `count` more MCUs of a row.
#[inline(always)]
pub(crate) fn relay_row(
    relay: &mut Relay<'_>,
    reader: &mut Reader<'_>,
    mut count: usize,
) -> Result<(), Bad> {
    let mut local = *reader;
    while count > 0 {
        let some = count.min(BATCH);
        count -= some;
        let blocks = some * relay.units.len();
        let row = &mut relay.row;
        let least = row.count + blocks * MOST_TOKENS + SOME;
        if row.tokens.len() < least {
            row.tokens.resize(least + least / 2, 0);
        }
        let marks = row
            .marks
            .get_mut(row.blocks..row.blocks + blocks + 1)
            .ok_or(Bad)?;
        let (_, marks) = marks.split_first_mut().ok_or(Bad)?;
        let mut room = Room {
            tokens: &mut row.tokens,
            count: row.count,
            marks,
            states: &row.states,
        };
        local = read(local, &relay.look_ups, &mut room)?;
        if local.overrun() {
            return Err(Bad);
        }
        row.count = room.count;
        let marks = row
            .marks
            .get(row.blocks..row.blocks + blocks + 1)
            .ok_or(Bad)?;
        differences(
            &relay.look_ups,
            &relay.units,
            &mut relay.previous,
            &mut relay.dc,
            (&row.tokens, marks),
        )?;
        row.blocks += blocks;
    }
    *reader = local;
    Ok(())
}

/// Adds up the differences of DC coefficients, with which the tokens of each block begin.
#[inline(always)]
fn differences(
    look_ups: &LookUps<'_>,
    units: &[usize],
    previous: &mut [i32; 4],
    dc: &mut Vec<i16>,
    (tokens, marks): (&[u32], &[Mark]),
) -> Result<(), Bad> {
    let table = &look_ups.differences;
    let mut wrong = false;
    let from = dc.len();
    dc.resize(from + marks.len().saturating_sub(1), 0);
    let dc = dc.get_mut(from..).unwrap_or_default();
    let mut first = 0;
    while let Some(component) = units.get(first).copied() {
        let same = units.iter().skip(first);
        let count = same.take_while(|other| **other == component).count();
        let last = &mut previous[component & 3];
        let mut value = *last;
        let places = dc.chunks_mut(units.len());
        for (marks, places) in marks.chunks(units.len()).zip(places) {
            let chosen = marks.iter().zip(places).skip(first).take(count);
            for (mark, place) in chosen {
                let token = tokens.get(mark.tokens as usize).copied().ok_or(Bad)?;
                let settled = table.get((token >> 16) as usize).copied().ok_or(Bad)?;
                let all = (1 << (settled & 31)) - 1;
                let bits = (token & 0xFFFF) as i32 & all;
                let negative = i32::from(bits <= all >> 1) & (settled & 255).min(1);
                value += (settled >> 8) + bits - all * negative;
                wrong |= !(-1024..=1023).contains(&value);
                *place = value as i16;
            }
        }
        *last = value;
        first += count;
    }
    // Beyond it there may be no code for a difference.
    if wrong { Err(Bad) } else { Ok(()) }
}

/// Ends the `y`-th row of MCUs: divides its tokens among the scans.
#[inline(always)]
pub(crate) fn relay_end(relay: &mut Relay<'_>, y: usize) {
    let row = &mut relay.row;
    let (across, down) = relay.factors;
    let blocks = Blocks {
        tokens: &row.tokens,
        marks: &row.marks,
        room: row.count + row.blocks + 2 * SOME,
        in_mcu: relay.units.len(),
    };
    let [low, high] = &mut relay.luma;
    for line in (0..down).filter(|line| y * down + line < relay.blocks.1) {
        let chosen = Chosen {
            first: line * across,
            across,
            all: relay.blocks.0,
        };
        low.add(blocks, chosen, |before, mark| {
            (mark.first(before), mark.low(), mark.low_tail())
        });
        high.add(blocks, chosen, |before, mark| {
            let first = mark.first(before) + mark.low();
            (first, mark.until(first), mark.tail())
        });
    }
    for (index, stream) in relay.chroma.iter_mut().enumerate() {
        let chosen = Chosen {
            first: across * down + index,
            across: 1,
            all: row.blocks,
        };
        stream.add(blocks, chosen, |before, mark| {
            let first = mark.first(before);
            (first, mark.until(first), mark.tail())
        });
    }
    for stream in relay.luma.iter_mut().chain(&mut relay.chroma) {
        stream.count(&mut relay.counts);
    }
    row.count = 0;
    row.blocks = 0;
}

impl Drop for Relay<'_> {
    fn drop(&mut self) {
        let streams = self.luma.iter_mut().chain(&mut self.chroma);
        let buffers = streams.map(Stream::take);
        std::iter::once(std::mem::take(&mut self.row.tokens))
            .chain(buffers)
            .for_each(spare::keep_words);
    }
}
