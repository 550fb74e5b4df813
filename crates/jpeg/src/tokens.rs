//! Symbols before they have codes: each scan is first turned into tokens, counted on the way, so
//! that the best Huffman codes are known when the bits are written.

use crate::bits::coded;
use crate::coefficients::Block;
use crate::decoder::further;
use crate::{ComponentCoefficients, vectors};

/// The Huffman tables a scan may use, as token tables. [`RAW`] has no codes: its tokens are bits
/// alone, as many as the symbol says.
pub(crate) const DC: [usize; 2] = [0, 1];
/// See [`DC`].
pub(crate) const AC: [usize; 2] = [2, 3];
/// See [`DC`].
pub(crate) const RAW: usize = 4;

/// The longest run of blocks without further coefficients that has a code.
const LONGEST_RUN: u32 = 0x7FFF;
/// The most groups of correction bits held back behind a run of ended blocks; decoders never
/// notice, it only bounds the memory here.
const MOST_CORRECTIONS: usize = 4096;

/// Up to 63 bits without a code, the last one lowest.
#[derive(Clone, Copy, Default)]
struct Corrections {
    bits: u64,
    count: u32,
}

/// The symbols of one scan, and how often each occurs.
///
/// A token is, from the low bits up: 16 of further bits' value, 8 of symbol, 3 of table. Symbol
/// and table together index [`counts`](Self::counts) and the codes; how many further bits there
/// are follows from them.
pub(crate) struct Tokens {
    pub list: Vec<u32>,
    pub counts: Box<[u32; 2048]>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            list: Vec::new(),
            counts: Box::new([0; 2048]),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.counts.fill(0);
    }

    #[inline(always)]
    fn push(&mut self, table: usize, symbol: u32, bits: u32) {
        let index = (table as u32) << 8 | symbol;
        self.counts[index as usize & 2047] += 1;
        self.list.push(index << 16 | bits);
    }

    /// The difference to the DC coefficient before, as category and bits (T.81 §F.1.2.1).
    #[inline(always)]
    pub(crate) fn dc_difference(&mut self, table: usize, difference: i32) {
        let (size, bits) = category(difference);
        self.push(table, size, bits);
    }

    /// One bit without a code.
    #[inline(always)]
    pub(crate) fn bit(&mut self, bit: u32) {
        self.push(RAW, 1, bit & 1);
    }

    /// The AC coefficients of a block in sequential coding (T.81 §F.1.2.2).
    #[inline(always)]
    pub(crate) fn sequential(&mut self, table: usize, block: &Block, mask: u64) {
        let mut rest = mask & !1;
        let mut next = 1;
        while rest != 0 {
            let k = rest.trailing_zeros();
            rest &= rest - 1;
            self.coefficient(table, k - next, i32::from(block[k as usize & 63]));
            next = k + 1;
        }
        if next < 64 {
            self.push(table, 0x00, 0);
        }
    }

    /// One coefficient behind `run` zeros.
    #[inline(always)]
    fn coefficient(&mut self, table: usize, mut run: u32, value: i32) {
        while run > 15 {
            self.push(table, 0xF0, 0);
            run -= 16;
        }
        let (size, bits) = category(value);
        self.push(table, run << 4 | size, bits);
    }

    /// Writes down a run of blocks that have ended (T.81 §G.1.2.2).
    fn end_of_bands(&mut self, table: usize, run: &mut u32) {
        if *run > 0 {
            let size = run.ilog2();
            self.push(table, size << 4, *run & !(1 << size));
            *run = 0;
        }
    }

    /// Writes down correction bits, up to 16 to a token.
    #[inline(always)]
    fn corrections(&mut self, mut corrections: Corrections) {
        while corrections.count > 0 {
            let count = corrections.count.min(16);
            corrections.count -= count;
            let bits = (corrections.bits >> corrections.count) as u32 & ((1 << count) - 1);
            self.push(RAW, count, bits);
        }
    }

    /// Writes down a run of blocks that have ended, and the corrections that belong to them.
    fn end_of_refined(&mut self, table: usize, ended: &mut Ended) {
        self.end_of_bands(table, &mut ended.blocks);
        for corrections in ended.corrections.drain(..) {
            self.corrections(corrections);
        }
    }
}

/// The tokens of a scan that adds the `low`-th bit to DC coefficients in the order of the scan.
#[inline(always)]
pub(crate) fn dc_bits(dc: &[i16], low: u8, tokens: &mut Tokens) {
    const WEIGHTS: [u16; 16] = {
        let mut weights = [0; 16];
        let mut place = 0;
        while place < 16 {
            weights[place] = 1 << (15 - place);
            place += 1;
        }
        weights
    };
    let bit = |dc: i16, weight: u16| ((dc >> low) as u16 & 1) * weight;
    let (some, rest) = dc.as_chunks::<16>();
    for some in some {
        let weighed = some
            .iter()
            .zip(&WEIGHTS)
            .map(|(dc, weight)| bit(*dc, *weight));
        tokens.push(RAW, 16, u32::from(weighed.fold(0u16, |sum, one| sum | one)));
    }
    for dc in rest {
        tokens.bit(u32::from(bit(*dc, 1)));
    }
}

/// The tokens of a scan of DC coefficients from the `low`-th bit on, given these in the order of
/// the scan and the component of each block of an MCU.
#[inline(always)]
pub(crate) fn dc_differences(dc: &[i16], units: &[usize], low: u8, tokens: &mut Tokens) {
    // How far back the one before of the same component is.
    let back = (0..units.len()).map(|unit| {
        let same = (1..=units.len())
            .find(|back| units[(unit + units.len() - back) % units.len()] == units[unit]);
        (units[unit].min(1), same.unwrap_or(1))
    });
    let back: Vec<_> = back.collect();
    let first = units.len().min(dc.len());
    let mut previous = [0; 4];
    for (component, dc) in units.iter().zip(&dc[..first]) {
        let dc = i32::from(*dc) >> low;
        let previous = &mut previous[component & 3];
        tokens.dc_difference(DC[(*component).min(1)], dc - *previous);
        *previous = dc;
    }
    let mut at = tokens.list.len();
    tokens.list.resize(at + dc.len() - first, 0);
    let list = &mut tokens.list[..];
    let counts = &mut *tokens.counts;
    let mut place = first;
    while place < dc.len() {
        for (table, back) in &back {
            let (Some(dc), Some(before)) = (dc.get(place), dc.get(place - back)) else {
                return;
            };
            let (size, bits) = category((i32::from(*dc) >> low) - (i32::from(*before) >> low));
            let index = (*table as u32) << 8 | size;
            counts[index as usize & 2047] += 1;
            if let Some(place) = list.get_mut(at) {
                *place = index << 16 | bits;
            }
            at += 1;
            place += 1;
        }
    }
}

/// The bits of every index under these codes, as [`emit`](crate::bits::emit) takes them.
pub(crate) fn bits_of(codes: &[u32; 2048]) -> [u64; 2048] {
    let mut bits = [0; 2048];
    for (index, (place, code)) in bits.iter_mut().zip(codes).enumerate() {
        let (table, symbol) = (index >> 8, index & 255);
        *place = match table {
            RAW => symbol as u64 & 31,
            _ if DC.contains(&table) => coded(*code, symbol as u32),
            _ => coded(*code, further(symbol)),
        };
    }
    bits
}

/// A run of blocks without newcomers, and the corrections of their known coefficients.
#[derive(Default)]
struct Ended {
    blocks: u32,
    corrections: Vec<Corrections>,
}

/// How many bits a value needs, and those bits: negative values as one less, so that the first
/// bit tells the sign.
#[inline(always)]
fn category(value: i32) -> (u32, u32) {
    let size = 32 - value.unsigned_abs().leading_zeros();
    let bits = (value + (value >> 31)) as u32 & ((1 << size) - 1);
    (size, bits)
}

/// Marks, for each block, which coefficients are not zero: bit k for the one at zigzag k.
#[inline(always)]
pub(crate) fn masks(blocks: &[Block], masks: &mut [u64]) {
    for (block, mask) in blocks.iter().zip(masks) {
        // Down the columns first, one lane per column, then the bits are turned over.
        let mut lanes = [0u16; 8];
        for (row, values) in block.chunks_exact(8).enumerate() {
            for (lane, value) in lanes.iter_mut().zip(values) {
                *lane |= u16::from(*value != 0) << row;
            }
        }
        let columns = u64::from_le_bytes(lanes.map(|lane| lane as u8));
        *mask = turned(columns);
    }
}

/// Transposes 8 × 8 bits, a row to a byte.
#[inline(always)]
fn turned(mut bits: u64) -> u64 {
    for (shift, select) in [
        (7, 0x00AA_00AA_00AA_00AA),
        (14, 0x0000_CCCC_0000_CCCC),
        (28, 0x0000_0000_F0F0_F0F0),
    ] {
        let swap = (bits ^ (bits >> shift)) & select;
        bits ^= swap ^ (swap << shift);
    }
    bits
}

/// The masks of all of a component's blocks.
pub(crate) fn masks_of(component: &ComponentCoefficients) -> Vec<u64> {
    let mut result = vec![0; component.blocks.len()];
    vectors::masks(&component.blocks, &mut result);
    result
}

/// A band of one component's AC coefficients, as one progressive scan codes it.
pub(crate) struct Band<'a> {
    pub component: &'a ComponentCoefficients,
    pub masks: &'a [u64],
    pub table: usize,
    pub start: u8,
    pub end: u8,
    pub low_bit: u8,
}

impl Band<'_> {
    /// The blocks that a scan of this component alone visits, each with the mask of its
    /// coefficients inside the band.
    fn blocks(&self) -> impl Iterator<Item = (&Block, u64)> {
        let band = (u64::MAX >> (63 - self.end)) & (u64::MAX << self.start);
        let stride = self.component.stride.max(1);
        let rows = self
            .component
            .blocks
            .chunks_exact(stride)
            .zip(self.masks.chunks_exact(stride));
        rows.take(self.component.rows)
            .flat_map(move |(blocks, masks)| {
                let row = blocks.iter().zip(masks).take(self.component.columns);
                row.map(move |(block, mask)| (block, mask & band))
            })
    }

    /// The first scan of the band (T.81 §G.1.2.2).
    pub(crate) fn first(&self, tokens: &mut Tokens) {
        let mut ended = 0;
        for (block, mut mask) in self.blocks() {
            let mut next = u32::from(self.start);
            while mask != 0 {
                let k = mask.trailing_zeros();
                mask &= mask - 1;
                let value = i32::from(block[k as usize & 63]);
                // Towards zero, unlike DC (T.81 §G.1.2.1).
                let value = if value < 0 {
                    -(-value >> self.low_bit)
                } else {
                    value >> self.low_bit
                };
                if value != 0 {
                    tokens.end_of_bands(self.table, &mut ended);
                    tokens.coefficient(self.table, k - next, value);
                    next = k + 1;
                }
            }
            if next <= u32::from(self.end) {
                ended += 1;
                if ended == LONGEST_RUN {
                    tokens.end_of_bands(self.table, &mut ended);
                }
            }
        }
        tokens.end_of_bands(self.table, &mut ended);
    }

    /// A scan that adds one bit to each coefficient of the band (T.81 §G.1.2.3).
    pub(crate) fn refine(&self, tokens: &mut Tokens) {
        let mut ended = Ended::default();
        for (block, mask) in self.blocks() {
            self.refine_block(block, mask, tokens, &mut ended);
        }
        tokens.end_of_refined(self.table, &mut ended);
    }

    /// One block of a refinement. Corrections of coefficients that were known already follow the
    /// next code, whether it is of this block or ends a run of blocks.
    #[inline(always)]
    fn refine_block(&self, block: &Block, mut mask: u64, tokens: &mut Tokens, ended: &mut Ended) {
        let magnitude = |k: u32| u32::from(block[k as usize & 63].unsigned_abs()) >> self.low_bit;
        let mut newcomers = 0;
        let mut search = mask;
        while search != 0 {
            let k = search.trailing_zeros();
            search &= search - 1;
            newcomers += u32::from(magnitude(k) == 1);
        }
        let mut run = 0;
        let mut next = u32::from(self.start);
        let mut waiting = Corrections::default();
        while mask != 0 {
            let k = mask.trailing_zeros();
            mask &= mask - 1;
            let magnitude = magnitude(k);
            if magnitude == 0 {
                continue;
            }
            run += k - next;
            next = k + 1;
            // Runs of zeros past the last newcomer belong to the end of the block.
            while run > 15 && newcomers > 0 {
                tokens.end_of_refined(self.table, ended);
                tokens.push(self.table, 0xF0, 0);
                tokens.corrections(std::mem::take(&mut waiting));
                run -= 16;
            }
            if magnitude > 1 {
                waiting.bits = waiting.bits << 1 | u64::from(magnitude & 1);
                waiting.count += 1;
                continue;
            }
            newcomers -= 1;
            tokens.end_of_refined(self.table, ended);
            let positive = u32::from(block[k as usize & 63] > 0);
            tokens.push(self.table, run << 4 | 1, positive);
            tokens.corrections(std::mem::take(&mut waiting));
            run = 0;
        }
        run += u32::from(self.end) + 1 - next;
        if run > 0 || waiting.count > 0 {
            ended.blocks += 1;
            if waiting.count > 0 {
                ended.corrections.push(waiting);
            }
            if ended.blocks == LONGEST_RUN || ended.corrections.len() > MOST_CORRECTIONS {
                tokens.end_of_refined(self.table, ended);
            }
        }
    }
}
