//! In which order QUIC sends what it was handed: by level, and within a level as it was granted.

use delivery::Level;

/// The priority of heads of responses, above every body.
pub const ABOVE_ALL: i32 = 64 << ORDER_BITS;

/// How many bits of a priority say which stream was first.
const ORDER_BITS: u32 = 24;

/// How many levels there are.
const LEVELS: usize = 64;

/// Counts what one connection hands over.
#[derive(Debug)]
pub struct Ranks {
    /// How many ranks were given.
    given: i32,
    /// Bytes of bodies handed over so far.
    handed: u64,
    /// Of each level: how many had been handed over when the last of it was.
    at: [u64; LEVELS],
    /// Bytes that may be under way or waiting in QUIC.
    held: u64,
}

/// The rank of one stream.
///
/// QUIC has one priority for all bytes of a stream, also for those that were lost and must be sent
/// again. So a stream that goes on with less urgent bytes keeps the level of the more urgent ones
/// as long as those may be under way, but then as the last of that level; and no higher than others
/// may have bytes under way that are more urgent than what it goes on with, as those can be lost, too.
#[derive(Debug, Default)]
pub struct Rank {
    level: Option<Level>,
    before: Option<Before>,
}

/// The higher level a stream was at.
#[derive(Debug)]
struct Before {
    level: Level,
    /// What had been handed over when it left that.
    since: u64,
    /// Whether all of it has been sent.
    has_left: bool,
}

/// What waits in QUIC and is overtaken by what it is handed now.
#[derive(Debug, Default)]
pub struct Parked {
    /// The level of what was handed over last.
    level: Option<Level>,
    bytes: u64,
}

impl Parked {
    /// Whether less urgent bytes come next than before.
    pub fn falls_to(&self, level: Level) -> bool {
        self.level.is_some_and(|last| last > level)
    }

    /// How much of what waits does so below this level, of which the next bytes are.
    pub fn under(&self, level: Level, waiting: u64) -> u64 {
        let parked = match self.level {
            Some(last) if last < level => waiting,
            Some(last) if last == level => self.bytes,
            _ => 0,
        };
        // Some of it may have left since.
        parked.min(waiting)
    }

    /// Bytes of this level are handed over, below which so much waits.
    pub fn hand(&mut self, level: Level, parked: u64) {
        (self.level, self.bytes) = (Some(level), parked);
    }
}

impl Default for Ranks {
    fn default() -> Self {
        Self {
            given: 0,
            handed: 0,
            at: [0; LEVELS],
            held: 0,
        }
    }
}

impl Ranks {
    /// Bytes of bodies were handed over, at this level.
    pub fn handed_over(&mut self, level: Level, bytes: u64) {
        self.handed += bytes;
        if let Some(at) = self.at.get_mut(usize::from(level.value())) {
            *at = self.handed;
        }
    }

    /// The lowest level above this one of which bytes may be under way.
    fn next_under_way(&self, level: Level) -> Option<Level> {
        let from = level.value() + 1;
        let above = self.at.iter().skip(usize::from(from));
        let recent = |at: &u64| *at > 0 && self.handed - at <= self.held;
        let (lowest, _) = (from..).zip(above).find(|(_, at)| recent(at))?;
        Some(Level::new(lowest))
    }

    /// QUIC holds as much as this, sent or not.
    pub fn set_held(&mut self, bytes: u64) {
        self.held = bytes;
    }

    /// A priority that comes after all of its level that were given before.
    pub fn last_of(&mut self, level: Level) -> i32 {
        let most = (1 << ORDER_BITS) - 1;
        self.given = (self.given + 1) & most;
        (i32::from(level.value()) << ORDER_BITS) + (most - self.given)
    }
}

impl Rank {
    /// The priority of a stream whose next bytes are of this level; `None` if it stays as it is.
    /// `waiting` is how much QUIC has not sent.
    pub fn of(&mut self, level: Level, waiting: u64, ranks: &mut Ranks) -> Option<i32> {
        let was = self.level.replace(level);
        if let Some(was) = was
            && was > level
        {
            let before = self
                .before
                .as_ref()
                .map_or(was, |before| before.level.max(was));
            self.before = Some(Before {
                level: before,
                since: ranks.handed,
                has_left: false,
            });
        }
        let Some(before) = self.before.as_mut().filter(|before| before.level > level) else {
            self.before = None;
            return (was != Some(level)).then(|| ranks.last_of(level));
        };
        let after = ranks.handed.saturating_sub(before.since);
        if after > ranks.held {
            self.before = None;
            return Some(ranks.last_of(level));
        }
        // What has not been sent at all must not fall behind others of its own level.
        if before.has_left || after < waiting {
            return None;
        }
        before.has_left = true;
        let kept = before.level;
        let lowest = ranks.next_under_way(level);
        Some(ranks.last_of(lowest.map_or(kept, |lowest| lowest.min(kept))))
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
        let of = |level, ranks: &mut Ranks| Rank::default().of(level, 0, ranks).unwrap();
        let [low, first, second, high] = [10, 30, 30, 63].map(|value| of(level(value), &mut ranks));
        assert!(low < second && second < first && first < high && high < ABOVE_ALL);
    }

    #[test]
    fn what_is_more_urgent_does_not_wait_for_room() {
        let mut parked = Parked::default();
        let mut below = |value, waiting| {
            let bytes = parked.under(level(value), waiting);
            parked.hand(level(value), bytes);
            bytes
        };
        assert_eq!((below(10, 0), below(10, 8_000)), (0, 0));
        assert_eq!(below(60, 8_000), 8_000);
        assert_eq!(below(60, 15_000), 8_000, "7,000 of this level");
        assert_eq!(below(60, 5_000), 5_000, "no one else sent anything");
        assert_eq!((below(60, 9_000), below(10, 9_000)), (5_000, 0));
        assert!(parked.falls_to(level(9)) && !parked.falls_to(level(10)));
    }

    #[test]
    fn what_may_be_lost_keeps_its_level_until_it_has_arrived() {
        let mut ranks = Ranks::default();
        ranks.set_held(50_000);
        let (mut one, mut other) = (Rank::default(), Rank::default());
        one.of(level(30), 0, &mut ranks);
        assert_eq!(
            one.of(level(30), 0, &mut ranks),
            None,
            "nothing has changed"
        );
        ranks.handed_over(level(30), 10_000);
        let other_preview = other.of(level(30), 0, &mut ranks).unwrap();
        assert_eq!(one.of(level(10), 3_000, &mut ranks), None, "some waits yet");
        let details = one.of(level(10), 0, &mut ranks).unwrap();
        let good = Rank::default().of(level(20), 0, &mut ranks).unwrap();
        assert!(good < details && details < other_preview);
        ranks.handed_over(level(30), 50_000);
        assert_eq!(one.of(level(10), 0, &mut ranks), None);
        ranks.handed_over(level(30), 1);
        assert!(one.of(level(10), 0, &mut ranks).unwrap() < good);
        assert_eq!(one.of(level(10), 0, &mut ranks), None);
        assert!(one.of(level(40), 0, &mut ranks).unwrap() > other_preview);
    }

    #[test]
    fn details_of_one_come_after_what_others_may_have_to_send_again() {
        let mut ranks = Ranks::default();
        ranks.set_held(50_000);
        let (mut one, mut other) = (Rank::default(), Rank::default());
        let first = one.of(level(30), 0, &mut ranks).unwrap();
        ranks.handed_over(level(30), 10_000);
        let good = other.of(level(20), 0, &mut ranks).unwrap();
        ranks.handed_over(level(20), 10_000);
        let details = one.of(level(10), 0, &mut ranks).unwrap();
        let others = Rank::default().of(level(10), 0, &mut ranks).unwrap();
        assert!(others < details && details < good && good < first);
    }
}
