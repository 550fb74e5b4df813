//! What codes make of the bits of a look-up, and what of it one look-up is, see
//! `look_ups`.

use super::codes::{Codes, FAST, VALUED};
use super::look_ups::{
    CLOSES, COLOUR, END, HIGH, JOINED, LOOK, LOW, MOST_USED, OPEN, REACH, SOME, SPECIAL,
};
use crate::script::LOW_END;

/// The most symbols in a look-up: their codes and values fit into 57 bits.
pub(super) const MOST: usize = 3;

/// A symbol of a look-up.
#[derive(Clone, Copy, Default)]
pub(super) struct Symbol {
    /// Zeros before it, from the beginning of its band on.
    pub(super) run: u8,
    pub(super) size: u8,
    /// Bits of its code, and of its value.
    pub(super) used: u8,
    /// Whether the further bits are part of the index.
    pub(super) whole: bool,
    /// Its further bits, if they are part of the index.
    pub(super) bits: u16,
}

impl Symbol {
    pub(super) fn name(&self) -> usize {
        usize::from(self.run) << 4 | usize::from(self.size)
    }
}

/// What codes make of the bits of a look-up.
#[derive(Clone, Copy, Default)]
pub(super) struct Walk {
    pub(super) found: [Symbol; MOST],
    pub(super) count: u8,
    /// The length of the code behind the symbols that ends the block, 0 for none.
    pub(super) end: u8,
    /// Bits of a DC coefficient before it all, 0 for none.
    pub(super) before: u8,
    /// Whether nothing is settled.
    pub(super) special: bool,
    /// See `LookUps::differences`.
    pub(super) difference: i32,
}

impl Walk {
    /// What AC codes make of bits, perhaps behind one of these DC codes.
    pub(super) fn new(dc: Option<&Codes>, codes: &Codes, bits: u32) -> Self {
        let bits = bits << (FAST - LOOK);
        let mut walk = Self::default();
        let mut used = 0;
        if let Some(dc) = dc {
            let entry = dc.fast[bits as usize];
            let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
            let inner = if entry & VALUED == 0 { 0 } else { size };
            let code = (entry & 31).wrapping_sub(inner);
            used = code + size;
            if entry == 0 || code > LOOK || run > 0 || size > 11 || used > MOST_USED {
                walk.special = true;
                return walk;
            }
            walk.before = used as u8;
            if used > LOOK {
                walk.difference = size as i32;
                return walk;
            }
            // All of it is in the index, so the entry has a value unless it is zero.
            walk.difference = if size > 0 { entry as i32 >> 16 << 8 } else { 0 };
        }
        while usize::from(walk.count) < MOST {
            let left = LOOK - used;
            // Zeros that follow may make it a wrong code, which then is longer than what is left.
            let entry = codes.fast[((bits << used) & ((1 << FAST) - 1)) as usize];
            let (run, size) = (entry >> 5 & 15, entry >> 9 & 15);
            let inner = if entry & VALUED == 0 { 0 } else { size };
            let code = (entry & 31).wrapping_sub(inner);
            if entry == 0 || code > left || size > 10 {
                break;
            }
            if size == 0 {
                walk.end = if run == 0 { code as u8 } else { 0 };
                break;
            }
            let whole = code + size <= left;
            if used + code + size > MOST_USED || !whole && usize::from(walk.count) + 1 == MOST {
                break;
            }
            let mut symbol = Symbol {
                run: run as u8,
                size: size as u8,
                used: (code + size) as u8,
                whole,
                bits: 0,
            };
            if whole {
                let behind = FAST - used - code - size;
                symbol.bits = (bits >> behind & ((1 << size) - 1)) as u16;
            }
            walk.found[usize::from(walk.count)] = symbol;
            walk.count += 1;
            if !whole {
                break;
            }
            used += code + size;
        }
        walk
    }

    /// What of it is taken in a state.
    pub(super) fn cut(&self, state: usize) -> Cut {
        let low = state < HIGH;
        let mut cut = Cut {
            count: 0,
            over: 0,
            used: self.before.into(),
            special: self.special,
            joined: self.before > 0,
            open: self.difference as u32 & 255,
            reach: 0,
            end: false,
            high: !low,
            closes: false,
            next: state,
        };
        // Coefficients up to the upper band.
        let mut before = LOW_END.saturating_sub(state) as u32;
        let symbols = self.found.iter().take(self.count.into());
        for (place, symbol) in symbols.enumerate() {
            let run = u32::from(symbol.run);
            if !cut.high && run >= before {
                if place > 0 {
                    break;
                }
                cut.over = before as u8;
                cut.high = true;
            }
            cut.count += 1;
            cut.used += u32::from(symbol.used);
            cut.open = if symbol.whole { 0 } else { symbol.size.into() };
            cut.reach += run + 1;
            before = before.saturating_sub(run + 1);
        }
        if self.end > 0 && cut.count == usize::from(self.count) {
            cut.end = true;
            cut.used += u32::from(self.end);
        }
        if state < COLOUR {
            cut.next = (state + cut.reach as usize).min(HIGH);
            cut.closes = low && !cut.high && cut.next == HIGH;
        }
        cut
    }
}

/// The part of a walk that is one look-up.
pub(super) struct Cut {
    pub(super) count: usize,
    /// Zeros before the first symbol that belong to the lower band, where it is in the upper one.
    pub(super) over: u8,
    pub(super) used: u32,
    pub(super) open: u32,
    /// Coefficients reached over.
    pub(super) reach: u32,
    /// Whether the block ends behind it.
    pub(super) end: bool,
    /// Whether the symbols are of the upper band.
    pub(super) high: bool,
    /// Whether they take the lower band to its end.
    pub(super) closes: bool,
    /// The state to go on in.
    pub(super) next: usize,
    pub(super) special: bool,
    /// Whether there is a DC coefficient.
    pub(super) joined: bool,
}

impl Cut {
    pub(super) fn entry(&self) -> u32 {
        if self.special || self.count == 0 && !self.end && !self.joined {
            return SPECIAL;
        }
        let mut entry = self.used | (self.reach * REACH) | (self.open << OPEN);
        if self.count > 0 {
            entry |= SOME | if self.high { 0 } else { LOW };
        }
        if self.joined {
            entry |= SOME | if self.count > 0 { JOINED } else { 0 };
        }
        if self.closes {
            entry |= CLOSES;
        }
        entry
            | if self.end {
                END
            } else {
                (self.next as u32) << LOOK
            }
    }
}
