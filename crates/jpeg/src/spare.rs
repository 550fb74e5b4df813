//! Buffers that a thread keeps from one file to the next: memory that is fresh from the system
//! costs more to have than to fill.

use std::cell::RefCell;

/// Bytes that a thread keeps in all: enough for files of two or three megabytes.
const MOST_KEPT: usize = 24 << 20;

/// Buffers of one kind.
struct Kept<T> {
    buffers: Vec<Vec<T>>,
    /// Bytes in all of them.
    bytes: usize,
}

impl<T> Kept<T> {
    const fn new() -> Self {
        Self {
            buffers: Vec::new(),
            bytes: 0,
        }
    }

    /// The smallest buffer with room for so many, or a new one.
    fn take(&mut self, least: usize) -> Vec<T> {
        let fitting = self.buffers.iter().enumerate();
        let fitting = fitting.filter(|(_, buffer)| buffer.capacity() >= least);
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.capacity());
        let Some((place, _)) = smallest else {
            return Vec::with_capacity(least);
        };
        let buffer = self.buffers.swap_remove(place);
        self.bytes -= buffer.capacity() * size_of::<T>();
        buffer
    }

    /// Keeps a buffer, in place of the oldest ones where they are too much together.
    fn keep(&mut self, buffer: Vec<T>) {
        self.bytes += buffer.capacity() * size_of::<T>();
        self.buffers.push(buffer);
        while self.bytes > MOST_KEPT / 2 {
            self.bytes -= self.buffers.remove(0).capacity() * size_of::<T>();
        }
    }
}

thread_local! {
    static WORDS: RefCell<Kept<u32>> = const { RefCell::new(Kept::new()) };
    static BYTES: RefCell<Kept<u8>> = const { RefCell::new(Kept::new()) };
}

/// A buffer with room for so many words; what is in it means nothing.
pub(crate) fn words(least: usize) -> Vec<u32> {
    WORDS.with_borrow_mut(|kept| kept.take(least))
}

/// Keeps a buffer for later.
pub(crate) fn keep_words(buffer: Vec<u32>) {
    WORDS.with_borrow_mut(|kept| kept.keep(buffer));
}

/// An empty buffer with room for so many bytes.
pub(crate) fn bytes(least: usize) -> Vec<u8> {
    let mut buffer = BYTES.with_borrow_mut(|kept| kept.take(least));
    buffer.clear();
    buffer
}

/// Keeps a buffer for later.
pub(crate) fn keep_bytes(buffer: Vec<u8>) {
    BYTES.with_borrow_mut(|kept| kept.keep(buffer));
}
