//! What makes room first (pure): what is asked for least, is cheapest to have again, and takes the
//! most bytes.
//!
//! GreedyDual-Size-Frequency (Cherkasova 1998): each thing stands at the level the tier had
//! reached when it was last asked for, plus its uses times its worth per byte. The lowest goes,
//! and the tier's level rises to where it stood. So what is not asked for any more sinks below
//! what comes, however dear it once was.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// What asking the origin is worth, whatever it is that comes, in microseconds.
const ASKING: f64 = 2000.0;
/// What each byte on the way from the origin is worth, in microseconds: 100 MB/s.
const PER_BYTE: f64 = 0.01;
/// Uses beyond these say nothing more.
const MOST_USES: u32 = 255;

/// The level a tier has reached.
#[derive(Debug, Default)]
pub struct Level(AtomicU64);

/// Where a thing stands in one tier.
#[derive(Debug, Default)]
pub struct Standing(AtomicU64);

/// How often a thing was asked for.
#[derive(Debug, Default)]
pub struct Uses(AtomicU32);

impl Level {
    fn now(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// Something that stood so high made room.
    pub fn rise(&self, height: f64) {
        // Levels are never negative, and the bits of such numbers are in their order.
        self.0.fetch_max(height.to_bits(), Ordering::Relaxed);
    }
}

impl Standing {
    /// It is asked for now.
    pub fn lift(&self, level: &Level) {
        let now = level.now().to_bits();
        // What is read by many is written only when it changes.
        if self.0.load(Ordering::Relaxed) != now {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    /// How high it stands: `cost` is the processor time it takes to make again, `bytes` the room
    /// it takes.
    pub fn height(&self, uses: &Uses, cost: Duration, bytes: u64) -> f64 {
        let base = f64::from_bits(self.0.load(Ordering::Relaxed));
        let uses = f64::from(uses.0.load(Ordering::Relaxed).clamp(1, MOST_USES));
        let bytes = bytes.max(1) as f64;
        let worth = cost.as_micros() as f64 + ASKING + PER_BYTE * bytes;
        base + uses * worth / bytes
    }
}

impl Uses {
    /// Once more.
    pub fn count(&self) {
        let uses = self.0.load(Ordering::Relaxed);
        if uses < MOST_USES {
            self.0.store(uses + 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn height(uses: u32, cost: u64, bytes: u64) -> f64 {
        let count = Uses::default();
        (0..uses).for_each(|_| count.count());
        Standing::default().height(&count, Duration::from_millis(cost), bytes)
    }

    #[test]
    fn dear_small_and_wanted_stands_higher() {
        assert!(height(1, 50, 20_000) > height(1, 5, 20_000));
        assert!(height(1, 50, 20_000) > height(1, 50, 200_000));
        assert!(height(9, 5, 20_000) > height(1, 5, 20_000));
        assert!(height(1000, 5, 100) <= height(255, 5, 100));
    }

    #[test]
    fn what_nobody_asks_for_sinks_below_what_comes() {
        let level = Level::default();
        let (old, uses) = (Standing::default(), Uses::default());
        (0..100).for_each(|_| uses.count());
        let old = old.height(&uses, Duration::from_secs(1), 1000);
        level.rise(old + 1.0);
        level.rise(old);
        let new = Standing::default();
        new.lift(&level);
        assert!(new.height(&Uses::default(), Duration::ZERO, 1 << 30) > old);
    }
}
