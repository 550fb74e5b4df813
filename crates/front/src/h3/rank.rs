//! In which order QUIC sends what it was handed: by level, and within a level as it was granted.

use delivery::Level;

/// The priority of heads of responses, above every body.
pub const ABOVE_ALL: i32 = 64 << ORDER_BITS;

/// How many bits of a priority say which stream was first.
const ORDER_BITS: u32 = 24;

/// Counts what one connection hands over.
#[derive(Debug, Default)]
pub struct Ranks {
    /// How many ranks were given.
    given: i32,
    /// Bytes of bodies handed over so far.
    handed: u64,
    /// Bytes that may be under way or waiting in QUIC.
    held: u64,
}

/// The rank of one stream.
///
/// QUIC has one priority for all bytes of a stream, also for those that were lost and must be sent
/// again. So a stream that goes on with less urgent bytes keeps the level of the more urgent ones
/// as long as those may be under way, but then as the last of that level.
#[derive(Debug, Default)]
pub struct Rank {
    level: Option<Level>,
    /// The higher level it was at, and what had been handed over when it left that.
    before: Option<(Level, u64)>,
}

/// What waits in QUIC and is overtaken by what it is handed now.
#[derive(Debug, Default)]
pub struct Parked {
    /// The level of what was handed over last.
    level: Option<Level>,
    bytes: u64,
}

impl Parked {
    /// How much of what waits does so below this level, which is the next to be handed over.
    pub fn below(&mut self, level: Level, waiting: u64) -> u64 {
        if self.level.is_some_and(|last| last < level) {
            self.bytes = waiting;
        } else if self.level != Some(level) {
            self.bytes = 0;
        }
        self.level = Some(level);
        // Some of it may have left since.
        self.bytes = self.bytes.min(waiting);
        self.bytes
    }
}

impl Ranks {
    /// Bytes of bodies were handed over.
    pub fn handed_over(&mut self, bytes: u64) {
        self.handed += bytes;
    }

    /// QUIC holds as much as this, sent or not.
    pub fn set_held(&mut self, bytes: u64) {
        self.held = bytes;
    }

    /// A priority that comes after all of its level that were given before.
    fn last_of(&mut self, level: Level) -> i32 {
        let most = (1 << ORDER_BITS) - 1;
        self.given = (self.given + 1) & most;
        (i32::from(level.value()) << ORDER_BITS) + (most - self.given)
    }
}

impl Rank {
    /// The priority of a stream whose next bytes are of this level; `None` if it stays as it is.
    pub fn of(&mut self, level: Level, ranks: &mut Ranks) -> Option<i32> {
        let arrived = |(_, since): &(Level, u64)| ranks.handed.saturating_sub(*since) > ranks.held;
        let forget = self.before.as_ref().is_some_and(arrived);
        if forget {
            self.before = None;
        }
        if self.level == Some(level) && !forget {
            return None;
        }
        if let Some(was) = self.level.replace(level)
            && was > level
        {
            let before = self.before.map_or(was, |(before, _)| before.max(was));
            self.before = Some((before, ranks.handed));
        }
        let level = self.before.map_or(level, |(before, _)| before.max(level));
        Some(ranks.last_of(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(value: u8) -> Level {
        Level::new(value)
    }

    #[test]
    fn levels_come_first_and_then_the_order_of_grants() {
        let mut ranks = Ranks::default();
        let of = |level, ranks: &mut Ranks| Rank::default().of(level, ranks).unwrap();
        let [low, first, second, high] = [10, 30, 30, 63].map(|value| of(level(value), &mut ranks));
        assert!(low < second && second < first && first < high && high < ABOVE_ALL);
    }

    #[test]
    fn what_is_more_urgent_does_not_wait_for_room() {
        let mut parked = Parked::default();
        assert_eq!(parked.below(level(10), 0), 0);
        assert_eq!(parked.below(level(10), 8_000), 0);
        assert_eq!(parked.below(level(60), 8_000), 8_000);
        assert_eq!(
            parked.below(level(60), 15_000),
            8_000,
            "7,000 of this level"
        );
        assert_eq!(
            parked.below(level(60), 5_000),
            5_000,
            "no one else sent anything"
        );
        assert_eq!(parked.below(level(60), 9_000), 5_000);
        assert_eq!(parked.below(level(10), 9_000), 0);
    }

    #[test]
    fn what_may_be_lost_keeps_its_level_until_it_has_arrived() {
        let mut ranks = Ranks::default();
        ranks.set_held(50_000);
        let (mut one, mut other) = (Rank::default(), Rank::default());
        one.of(level(30), &mut ranks);
        assert_eq!(one.of(level(30), &mut ranks), None, "nothing has changed");
        ranks.handed_over(10_000);
        let other_preview = other.of(level(30), &mut ranks).unwrap();
        let details = one.of(level(10), &mut ranks).unwrap();
        let good = Rank::default().of(level(20), &mut ranks).unwrap();
        assert!(good < details && details < other_preview);
        ranks.handed_over(50_000);
        assert_eq!(one.of(level(10), &mut ranks), None);
        ranks.handed_over(1);
        assert!(one.of(level(10), &mut ranks).unwrap() < good);
        assert_eq!(one.of(level(10), &mut ranks), None);
        assert!(one.of(level(40), &mut ranks).unwrap() > other_preview);
    }
}
