//! Memory that many share: each takes as much as it needs while there is some, and gives it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ByteSize;

/// An amount of memory that many share.
#[derive(Debug)]
pub struct Allowance {
    limit: u64,
    taken: AtomicU64,
}

/// What one of those who share an allowance has taken of it; dropping gives it back.
#[derive(Debug)]
pub struct Share {
    allowance: Arc<Allowance>,
    taken: AtomicU64,
}

impl Allowance {
    /// An allowance of this size.
    pub fn new(limit: ByteSize) -> Arc<Self> {
        Arc::new(Self {
            limit: limit.bytes(),
            taken: AtomicU64::new(0),
        })
    }

    /// A share of which nothing is taken yet.
    pub fn share(self: &Arc<Self>) -> Share {
        Share {
            allowance: Arc::clone(self),
            taken: AtomicU64::new(0),
        }
    }

    /// Bytes taken now, in all shares.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Takes so many bytes more. Returns whether there were as many; whoever has taken something
    /// alone always gets more, so that what is larger than the allowance is not shut out for ever.
    pub fn grow(&self, bytes: u64) -> bool {
        let own = self.taken.load(Ordering::Relaxed);
        let limit = self.allowance.limit;
        let total = &self.allowance.taken;
        let grown = total.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            let more = taken.checked_add(bytes)?;
            (more <= limit || taken <= own).then_some(more)
        });
        if grown.is_ok() {
            self.taken.fetch_add(bytes, Ordering::Relaxed);
        }
        grown.is_ok()
    }

    /// Gives back what was taken, because it is counted elsewhere now.
    pub fn release(&self) {
        let taken = self.taken.swap(0, Ordering::Relaxed);
        self.allowance.taken.fetch_sub(taken, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_than_there_is() {
        let allowance = Allowance::new(ByteSize(100));
        let (one, other) = (allowance.share(), allowance.share());
        assert!(one.grow(60) && other.grow(40));
        assert!(!one.grow(1) && !other.grow(1));
        one.release();
        assert_eq!(allowance.taken(), 40);
        assert!(other.grow(60));
        drop((one, other));
        assert_eq!(allowance.taken(), 0);
    }

    #[test]
    fn who_is_alone_may_take_more_than_there_is() {
        let allowance = Allowance::new(ByteSize(100));
        let (one, other) = (allowance.share(), allowance.share());
        assert!(one.grow(70) && one.grow(70));
        assert!(!other.grow(1));
        drop(one);
        assert!(other.grow(1000));
        assert!(!other.grow(u64::MAX));
    }
}
