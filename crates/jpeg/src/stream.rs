//! The tokens of one progressive scan, gathered block by block while a sequential scan is read.
//!
//! Everything here runs once for each block, so nothing branches on what the picture holds: what
//! may not be there is written all the same, and not counted in. Where a run of ended blocks
//! begins, a place is kept for its token, which is written when all runs are known.

use crate::decoder::TokenPart;

/// More tokens than one block can have in any scan.
pub(crate) const WINDOW: usize = 128;
/// The longest run of ended blocks that has a code.
const LONGEST_RUN: u32 = 0x7FFF;
/// Tokens and runs that any stream has room for at first.
const LEAST_ROOM: usize = 4 * WINDOW;

/// A run of ended blocks.
#[derive(Clone, Copy)]
struct Run {
    /// The place of its token.
    at: usize,
    /// Blocks in it.
    blocks: u32,
}

impl Run {
    /// From a word with the blocks in the lower 24 bits; a row has fewer. Of words of zero there
    /// can be many at no cost.
    fn of(packed: u64) -> Self {
        Self {
            at: (packed >> 24) as usize,
            blocks: packed as u32 & 0xFF_FFFF,
        }
    }
}

/// Tokens and runs up to the end of a row of blocks.
#[derive(Clone, Copy, Default)]
struct Mark {
    tokens: usize,
    runs: usize,
    /// Whether the last run goes on in the next row.
    open: bool,
}

/// The tokens of some rows of blocks of a scan: of all of them, or of those with the same place in
/// their MCU.
pub(crate) struct Stream {
    list: Vec<u32>,
    /// How many of `list` hold.
    at: usize,
    /// The runs, and one before them that is none.
    runs: Vec<u64>,
    /// Which of them is the last.
    run: usize,
    /// The place of its token.
    slot: usize,
    /// Blocks in it.
    ended: u32,
    /// Whether it is open.
    open: bool,
    /// The ends of the rows.
    rows: Vec<Mark>,
}

impl Stream {
    /// An empty stream with room for so many tokens. Room that is not used costs nothing.
    pub(crate) fn new(room: usize) -> Self {
        let room = room.max(LEAST_ROOM);
        Self {
            list: vec![0; room],
            at: 0,
            runs: vec![0; room / 2],
            run: 0,
            slot: 0,
            ended: 0,
            open: false,
            rows: Vec::new(),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        if self.list.len() < self.at + 2 * WINDOW {
            let length = 2 * self.list.len();
            self.list.resize(length, 0);
        }
        if self.runs.len() < self.run + 2 {
            let length = 2 * self.runs.len();
            self.runs.resize(length, 0);
        }
    }

    /// Where the next block's tokens go.
    #[inline(always)]
    pub(crate) fn window(&mut self) -> Option<&mut [u32; WINDOW]> {
        if self.list.len() < self.at + 2 * WINDOW || self.runs.len() < self.run + 2 {
            self.grow();
        }
        self.list.get_mut(self.at..)?.first_chunk_mut()
    }

    /// Takes in the first `tokens` of the window as all that the block has; with `tail`, the block
    /// ends before the band does.
    #[inline(always)]
    pub(crate) fn end_block(&mut self, tokens: usize, tail: bool) {
        self.at += tokens;
        let fresh = tail & ((tokens > 0) | !self.open);
        self.run += usize::from(fresh);
        self.ended = if fresh { 0 } else { self.ended };
        self.ended += u32::from(tail);
        self.slot = if fresh { self.at } else { self.slot };
        if let Some(run) = self.runs.get_mut(self.run) {
            *run = (self.slot as u64) << 24 | u64::from(self.ended);
        }
        self.at += usize::from(fresh);
        self.open = tail;
    }

    /// Ends a row of blocks.
    pub(crate) fn end_row(&mut self) {
        self.rows.push(Mark {
            tokens: self.at,
            runs: self.run,
            open: self.open,
        });
        self.open = false;
    }

    /// The tokens of the `row`-th of these rows of blocks.
    fn tokens(&self, row: usize) -> &[u32] {
        let (start, end) = self.row(row);
        self.list.get(start.tokens..end.tokens).unwrap_or_default()
    }

    fn row(&self, row: usize) -> (Mark, Mark) {
        let mark = |place: usize| self.rows.get(place).copied().unwrap_or_default();
        let start = row.checked_sub(1).map(mark).unwrap_or_default();
        (start, mark(row))
    }
}

/// A scan of one component: row by row of blocks in turn, each from the stream of its place in the
/// MCUs.
pub(crate) struct Streams {
    pub(crate) lines: Vec<Stream>,
    part: TokenPart,
}

impl Streams {
    /// For MCUs with so many rows of blocks, and room for so many tokens.
    pub(crate) fn new(part: TokenPart, lines: usize, room: usize) -> Self {
        Self {
            lines: (0..lines).map(|_| Stream::new(room / lines)).collect(),
            part,
        }
    }

    /// Ends a row of MCUs.
    pub(crate) fn end_row(&mut self) {
        self.lines.iter_mut().for_each(Stream::end_row);
    }

    fn rows(&self) -> usize {
        self.lines.iter().map(|line| line.rows.len()).sum()
    }

    /// The tokens, row of blocks by row of blocks.
    pub(crate) fn parts(&self) -> Vec<&[u32]> {
        let count = self.lines.len();
        // The rows of a lone stream lie one behind the other.
        if let [line] = &self.lines[..] {
            let end = line.rows.last().map_or(0, |mark| mark.tokens);
            return vec![line.list.get(..end).unwrap_or_default()];
        }
        let parts = (0..self.rows()).map(|row| self.lines[row % count].tokens(row / count));
        parts.collect()
    }

    /// Writes the tokens of runs of ended blocks and counts them. Runs that meet where one row
    /// ends and another begins become one.
    pub(crate) fn finish(&mut self, counts: &mut [u32]) {
        let count = self.lines.len();
        // The run that may go on.
        let mut last: Option<(usize, Run)> = None;
        for row in 0..self.rows() {
            let line = row % count;
            let (start, end) = self.lines[line].row(row / count);
            for place in start.runs + 1..=end.runs {
                let mut run = Run::of(self.lines[line].runs[place]);
                let leads = run.at == start.tokens;
                match last.take() {
                    Some((before, mut open)) if leads => {
                        let all = open.blocks + run.blocks;
                        open.blocks = all.min(LONGEST_RUN);
                        run.blocks = all - open.blocks;
                        if run.blocks == 0 {
                            self.lines[line].list[run.at] = self.part.no_token();
                            last = Some((before, open));
                            continue;
                        }
                        self.close(before, open, counts);
                    }
                    Some((before, open)) => self.close(before, open, counts),
                    None => {}
                }
                last = Some((line, run));
            }
            if !end.open
                && let Some((before, open)) = last.take()
            {
                self.close(before, open, counts);
            }
        }
        if let Some((before, open)) = last {
            self.close(before, open, counts);
        }
    }

    /// Writes the token of a run to which nothing will be added.
    fn close(&mut self, line: usize, run: Run, counts: &mut [u32]) {
        let size = run.blocks.max(1).ilog2();
        let symbol = size << 4;
        self.lines[line].list[run.at] = self.part.token(symbol, run.blocks & !(1 << size));
        if let Some(count) = counts.get_mut(self.part.single() + symbol as usize) {
            *count += 1;
        }
    }
}
