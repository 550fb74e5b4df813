//! The segments of a file, one after another, from untrusted bytes.

use std::ops::Range;

use crate::JpegError;
use crate::markers::{EOI, RST0, RST7, SOI, TEM};

/// What comes next in a file.
pub(crate) enum Next {
    /// A marker with content; behind SOS, entropy-coded data follows the content.
    Segment(u8, Range<usize>),
    /// The EOI marker.
    End,
    /// The file ends without one.
    Cut,
}

/// A walk over segments. Entropy-coded data is stepped over by the caller.
pub(crate) struct Segments<'a> {
    pub bytes: &'a [u8],
    /// Where the walk stands: behind everything that it has given so far.
    pub at: usize,
}

impl Segments<'_> {
    /// Steps behind the next segment. Stray bytes before it are skipped, as decoders do, and so
    /// are markers that stand alone.
    ///
    /// # Errors
    /// [`JpegError::Malformed`] for a length that cannot be.
    pub(crate) fn step(&mut self) -> Result<Next, JpegError> {
        loop {
            match self.marker() {
                None => return Ok(Next::Cut),
                Some(EOI) => return Ok(Next::End),
                Some(SOI | TEM | RST0..=RST7) => {}
                Some(marker) => {
                    let content = self.content()?;
                    return Ok(content.map_or(Next::Cut, |range| Next::Segment(marker, range)));
                }
            }
        }
    }

    fn marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += find_ff(rest)?;
            while self.bytes.get(self.at) == Some(&0xFF) {
                self.at += 1;
            }
            let marker = *self.bytes.get(self.at)?;
            self.at += 1;
            if marker != 0 {
                return Some(marker);
            }
        }
    }

    /// The range of the segment's content; none if the file ends inside it.
    fn content(&mut self) -> Result<Option<Range<usize>>, JpegError> {
        let Some(length) = be16(self.bytes, self.at) else {
            return Ok(None);
        };
        if length < 2 {
            return malformed(self.at, "a segment shorter than its own length field");
        }
        let content = self.at + 2..self.at + length;
        if content.end > self.bytes.len() {
            return Ok(None);
        }
        self.at = content.end;
        Ok(Some(content))
    }
}

pub(crate) fn malformed<T>(offset: usize, what: &'static str) -> Result<T, JpegError> {
    Err(JpegError::Malformed { offset, what })
}

/// How many bytes of entropy-coded data lie before the next marker other than a restart.
pub(crate) fn entropy_length(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(step) = find_ff(&data[at..]) {
        at += step;
        match data.get(at + 1) {
            Some(0 | RST0..=RST7) => at += 2,
            // A fill byte before a marker, or before another fill byte.
            Some(0xFF) => at += 1,
            Some(_) => return at,
            None => return data.len(),
        }
    }
    data.len()
}

/// Where the first 0xFF is.
pub(crate) fn find_ff(data: &[u8]) -> Option<usize> {
    const STEP: usize = 32;
    // Whole steps without a branch per byte, which the compiler turns into vector compares.
    let clear = data
        .chunks_exact(STEP)
        .take_while(|step| !step.iter().fold(false, |any, byte| any | (*byte == 0xFF)))
        .count();
    let from = clear * STEP;
    data[from..]
        .iter()
        .position(|byte| *byte == 0xFF)
        .map(|at| from + at)
}

/// Two bytes, the higher one first.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => Some(usize::from(u16::from_be_bytes([high, low]))),
        _ => None,
    }
}
