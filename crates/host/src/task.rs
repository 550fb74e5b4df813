//! What a process is given.

use std::path::Path;

/// What a process is given.
pub(crate) struct Task<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: &'a [String],
    /// What it reads from its standard input, a file in memory.
    pub(crate) input: &'a [u8],
    /// Most bytes that it may write.
    pub(crate) most: usize,
    /// Most memory it may map, in bytes.
    pub(crate) memory: u64,
}
