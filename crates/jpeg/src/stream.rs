//! The tokens of one progressive scan, gathered block by block while a sequential scan is read.
//!
//! Everything here runs once for each block, so nothing branches on what the picture holds where
//! that can be helped: what may not be there is written all the same, and not counted in.

/// More tokens than one block can have in any scan.
pub(crate) const WINDOW: usize = 128;
/// The longest run of ended blocks that has a code.
const LONGEST_RUN: u32 = 0x7FFF;
/// Tokens that any stream has room for at first.
const LEAST_ROOM: usize = 4 * WINDOW;

/// How often each symbol occurs: those of the lower band, then those above.
pub(crate) type Counts = [u32; 512];

/// Tokens of a scan with the codes of one table, as in [`Tokens`](crate::tokens::Tokens).
pub(crate) struct Stream {
    list: Vec<u32>,
    /// How many of `list` hold.
    at: usize,
    /// How many runs of ended blocks there are of each size.
    ends: [u32; 16],
    /// The table, in its place in a token.
    table: u32,
    /// Blocks in the run of ended blocks that is still open.
    ended: u32,
    /// Where the token of that run stands.
    slot: usize,
}

impl Stream {
    /// An empty stream whose symbols belong to `table`, with room for so many tokens. Room that is
    /// not used costs nothing.
    pub(crate) fn new(table: usize, room: usize) -> Self {
        Self {
            list: vec![0; room.max(LEAST_ROOM)],
            at: 0,
            ends: [0; 16],
            table: (table as u32) << 29,
            ended: 0,
            slot: 0,
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let length = (2 * self.list.len()).max(self.at + more);
        self.list.resize(length, 0);
    }

    /// Where the next block's tokens go.
    #[inline(always)]
    pub(crate) fn window(&mut self) -> Option<&mut [u32; WINDOW]> {
        if self.list.len() < self.at + 2 * WINDOW {
            self.grow(2 * WINDOW);
        }
        self.list.get_mut(self.at..)?.first_chunk_mut()
    }

    /// Takes in the first `tokens` of the window as all that the block has; with `tail`, the block
    /// ends before the band does.
    #[inline(always)]
    pub(crate) fn end_block(&mut self, tokens: usize, tail: bool) {
        self.at += tokens;
        let closes = tokens > 0 && self.ended > 0;
        self.ends[size(self.ended)] += u32::from(closes);
        self.ended = if tokens > 0 { 0 } else { self.ended };
        let fresh = tail & (self.ended == 0);
        self.slot = if fresh { self.at } else { self.slot };
        self.at += usize::from(fresh);
        self.ended += u32::from(tail);
        let token = end_token(self.table, self.ended);
        // Without an open run, what stands in its place stays.
        if self.ended > 0
            && let Some(slot) = self.list.get_mut(self.slot)
        {
            *slot = token;
        }
        if self.ended == LONGEST_RUN {
            self.close();
        }
    }

    /// Counts the open run, to which nothing will be added.
    pub(crate) fn close(&mut self) {
        if self.ended > 0 {
            self.ends[size(self.ended)] += 1;
            self.ended = 0;
        }
    }

    /// Adds the tokens of a stream of the blocks that follow, and empties it. Runs of ended
    /// blocks that meet become one.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let more = other.at;
        if self.list.len() < self.at + more + 2 * WINDOW {
            self.grow(more + 2 * WINDOW);
        }
        let lead = other.list.first().filter(|_| more > 0);
        let lead = lead.map_or(0, |token| run_of(*token));
        let meet = self.ended > 0 && lead > 0 && self.ended + lead <= LONGEST_RUN;
        let open = other.ended > 0 && other.slot == 0;
        let from = usize::from(meet);
        if meet {
            if !open {
                other.ends[size(lead)] -= 1;
            }
            self.ended += lead;
            self.list[self.slot] = end_token(self.table, self.ended);
        }
        if more > 0 && !(meet && open) {
            self.close();
            self.ended = other.ended;
            self.slot = (self.at + other.slot).saturating_sub(from);
        }
        if self.ended == LONGEST_RUN {
            self.close();
        }
        let moved = more.saturating_sub(from);
        self.list[self.at..self.at + moved].copy_from_slice(&other.list[from..from + moved]);
        self.at += moved;
        for (count, more) in self.ends.iter_mut().zip(&mut other.ends) {
            *count += std::mem::take(more);
        }
        (other.at, other.ended, other.slot) = (0, 0, 0);
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> &[u32] {
        self.list.get(..self.at).unwrap_or_default()
    }

    /// Adds how often each size of runs occurs to the counts of a table.
    pub(crate) fn add_ends(&self, counts: &mut [u32]) {
        for (size, count) in self.ends.iter().enumerate() {
            if let Some(symbol) = counts.get_mut(size << 4) {
                *symbol += count;
            }
        }
    }
}

/// The size of a run of ended blocks (T.81 §G.1.2.2); that of 1 for none.
#[inline(always)]
fn size(ended: u32) -> usize {
    (ended | 1).ilog2() as usize & 15
}

#[inline(always)]
fn end_token(table: u32, ended: u32) -> u32 {
    let size = (ended | 1).ilog2();
    table | size << 25 | size << 16 | (ended & !(1 << size))
}

/// The length of the run that a token stands for; 0 if it stands for something else.
fn run_of(token: u32) -> u32 {
    let symbol = token >> 21 & 255;
    let size = symbol >> 4;
    if symbol & 15 != 0 || size == 15 {
        return 0;
    }
    (1 << size) + (token & 0xFFFF)
}
