//! Word of what was purged, in one value that every node reads and every purge is added to.
//!
//! Each purge has a number. What is kept behind says which number was the last when it was fetched;
//! so whoever reads both knows what came before a purge that it falls under. The same purge once
//! more takes the place of the earlier one. Where there are too many the oldest are forgotten, and
//! whatever is from before them is not used any more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes, BytesMut};

use crate::behind::Moment;
use crate::settings::LONGEST;
use crate::text::digest;

/// What the record begins with.
const MAGIC: &[u8; 8] = b"FLPURGE1";
/// The largest record, in bytes.
pub(crate) const MOST_BYTES: usize = 256 << 10;
/// The longest text of one purge, in bytes. What has a longer one becomes a purge of everything.
const MOST_TEXT: usize = 8 << 10;
/// What a purge takes beside its text.
const EACH: usize = 8 + 8 + 8 + 1 + 1 + 4;
/// What the record takes beside its purges.
const HEAD: usize = 8 + 32 + 8 + 8 + 8 + 4;
/// After this time nothing is kept behind that could fall under a purge.
const FORGOTTEN: Duration = Duration::from_secs(LONGEST.as_secs() + 86_400);

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Everything.
    Everything,
    /// All of a host.
    Host(String),
    /// All whose URL begins so.
    Prefix(String),
    /// All that is tagged so.
    Tag(String),
    /// A URL, with all that is made of it.
    Url(String),
}

impl What {
    fn code(&self) -> (u8, &str) {
        match self {
            Self::Everything => (0, ""),
            Self::Host(text) => (1, text),
            Self::Prefix(text) => (2, text),
            Self::Tag(text) => (3, text),
            Self::Url(text) => (4, text),
        }
    }

    fn of_code(code: u8, text: String) -> Option<Self> {
        Some(match code {
            0 => Self::Everything,
            1 => Self::Host(text),
            2 => Self::Prefix(text),
            3 => Self::Tag(text),
            4 => Self::Url(text),
            _ => return None,
        })
    }
}

/// One purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Its number.
    pub number: u64,
    /// The node that told of it.
    pub node: u64,
    /// When that was, in seconds since 1970.
    pub at: u64,
    /// Whether things were only made stale.
    pub soft: bool,
    /// What.
    pub what: What,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Tells one log from another in its place, should it have been lost.
    pub epoch: u64,
    /// The number of the last purge.
    pub count: u64,
    /// Of what came up to here something is forgotten.
    pub floor: u64,
    /// Those that are known, the oldest first.
    pub purges: Vec<Purged>,
}

impl Log {
    /// An empty one.
    pub fn new(epoch: u64) -> Self {
        Self {
            epoch,
            count: 0,
            floor: 0,
            purges: Vec::new(),
        }
    }

    /// The moment of the last purge.
    pub fn moment(&self) -> Moment {
        Moment {
            epoch: self.epoch,
            count: self.count,
        }
    }

    /// Adds a purge, and forgets what is of no use any more.
    pub fn add(&mut self, node: u64, soft: bool, what: What, now: SystemTime) {
        let at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let too_long = what.code().1.len() > MOST_TEXT;
        let what = if too_long { What::Everything } else { what };
        self.count += 1;
        // A soft purge does not take the place of a hard one.
        let covered = |old: &Purged| {
            (old.what == what || what == What::Everything) && (old.soft || !soft)
                || old.at + FORGOTTEN.as_secs() < at
        };
        self.purges.retain(|old| !covered(old));
        self.purges.push(Purged {
            number: self.count,
            node,
            at,
            soft,
            what,
        });
        let mut size = self.size();
        let mut most = self.purges.iter();
        let mut dropped = 0;
        while size > MOST_BYTES
            && let Some(oldest) = most.next()
        {
            size -= EACH + oldest.what.code().1.len();
            self.floor = oldest.number;
            dropped += 1;
        }
        self.purges.drain(..dropped);
    }

    /// Whether something from this moment that falls under those `hit` is not to be used any more.
    pub fn forbids(&self, moment: Moment, hit: impl Fn(&What) -> bool) -> bool {
        moment.epoch != self.epoch
            || moment.count < self.floor
            || self.since(moment.count).iter().any(|own| hit(&own.what))
    }

    /// The purges after a number.
    pub fn since(&self, number: u64) -> &[Purged] {
        let start = self.purges.partition_point(|own| own.number <= number);
        self.purges.get(start..).unwrap_or_default()
    }

    fn size(&self) -> usize {
        let texts = self.purges.iter().map(|own| EACH + own.what.code().1.len());
        HEAD + texts.sum::<usize>()
    }

    /// The record.
    pub fn write(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(self.size());
        bytes.put_slice(MAGIC);
        bytes.put_bytes(0, 32);
        for number in [self.epoch, self.count, self.floor] {
            bytes.put_u64_le(number);
        }
        bytes.put_u32_le(self.purges.len() as u32);
        for purge in &self.purges {
            let (code, text) = purge.what.code();
            for number in [purge.number, purge.node, purge.at] {
                bytes.put_u64_le(number);
            }
            bytes.put_u8(purge.soft.into());
            bytes.put_u8(code);
            bytes.put_u32_le(text.len() as u32);
            bytes.put_slice(text.as_bytes());
        }
        let sum = digest(&[&bytes[40..]]);
        bytes[8..40].copy_from_slice(&sum);
        bytes.freeze()
    }

    /// Reads a record; `None` if it is none, or damaged. What it says of lengths is believed as far
    /// as there are bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_at_checked(8)?;
        let (sum, rest) = rest.split_at_checked(32)?;
        if bytes.len() > 2 * MOST_BYTES || magic != MAGIC || sum != digest(&[rest]) {
            return None;
        }
        let mut reader = Reader(rest);
        let mut log = Self {
            epoch: reader.u64()?,
            count: reader.u64()?,
            floor: reader.u64()?,
            purges: Vec::new(),
        };
        let mut last = log.floor;
        for _ in 0..reader.u32()? {
            let purge = reader.purge()?;
            if purge.number <= last || purge.number > log.count {
                return None;
            }
            last = purge.number;
            log.purges.push(purge);
        }
        reader.0.is_empty().then_some(log)
    }
}

/// What is left of a record.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn purge(&mut self) -> Option<Purged> {
        let (number, node, at) = (self.u64()?, self.u64()?, self.u64()?);
        let soft = match self.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let code = self.u8()?;
        let length = usize::try_from(self.u32()?).ok()?;
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        Some(Purged {
            number,
            node,
            at,
            soft,
            what: What::of_code(code, text)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> What {
        What::Url(text.to_owned())
    }

    fn moment(log: &Log, count: u64) -> Moment {
        Moment {
            count,
            ..log.moment()
        }
    }

    fn log(purges: &[(What, bool)]) -> Log {
        let mut log = Log::new(9);
        for (what, soft) in purges {
            log.add(1, *soft, what.clone(), SystemTime::now());
        }
        log
    }

    #[test]
    fn what_was_before_a_purge_is_forbidden_and_what_comes_after_is_not() {
        let log = log(&[(url("a"), false), (What::Tag("t".into()), false)]);
        let hits = |what: What| move |other: &What| *other == what;
        assert!(log.forbids(moment(&log, 0), hits(url("a"))));
        assert!(!log.forbids(moment(&log, 1), hits(url("a"))));
        assert!(log.forbids(moment(&log, 1), hits(What::Tag("t".into()))));
        assert!(!log.forbids(moment(&log, 2), |_| true));
        assert!(!log.forbids(moment(&log, 0), |_| false));
        let other = Moment { epoch: 8, count: 2 };
        assert!(
            log.forbids(other, |_| false),
            "another log's numbers mean nothing"
        );
    }

    #[test]
    fn the_same_again_takes_the_place_of_the_earlier_one() {
        let twice = log(&[(url("a"), false), (url("b"), false), (url("a"), false)]);
        let numbers: Vec<u64> = twice.purges.iter().map(|own| own.number).collect();
        assert_eq!((numbers, twice.count), (vec![2, 3], 3));
        let softer = log(&[(url("a"), false), (url("a"), true)]);
        assert_eq!(softer.purges.len(), 2, "a hard one stays hard");
        let all = log(&[
            (url("a"), false),
            (url("b"), true),
            (What::Everything, false),
        ]);
        assert_eq!(all.purges.len(), 1);
    }

    #[test]
    fn too_many_are_forgotten_and_that_is_known() {
        let mut log = Log::new(9);
        let long = "x".repeat(2000);
        for count in 0..500 {
            log.add(1, false, url(&format!("{count} {long}")), SystemTime::now());
        }
        assert!(log.write().len() <= MOST_BYTES && log.purges.len() > 100);
        assert_eq!(log.floor + log.purges.len() as u64, 500);
        assert!(log.forbids(moment(&log, log.floor - 1), |_| false));
        assert!(!log.forbids(moment(&log, log.floor), |_| false));
        log.add(1, false, url(&"x".repeat(MOST_TEXT + 1)), SystemTime::now());
        assert_eq!(log.purges.len(), 1);
        assert_eq!(log.purges[0].what, What::Everything);
    }

    #[test]
    fn what_is_older_than_all_that_is_kept_is_forgotten_without_harm() {
        let mut log = Log::new(9);
        let long_ago = SystemTime::now() - 2 * FORGOTTEN;
        log.add(1, false, url("a"), long_ago);
        log.add(1, false, url("b"), SystemTime::now());
        assert_eq!((log.purges.len(), log.floor), (1, 0));
    }

    #[test]
    fn a_record_comes_back_whole_or_not_at_all() {
        let log = log(&[
            (url("http://example.com/"), false),
            (What::Host("example.com".into()), true),
            (What::Prefix("http://".into()), false),
            (What::Tag("t".into()), false),
        ]);
        let record = log.write();
        assert_eq!(Log::read(&record), Some(log));
        for place in 0..record.len() {
            let mut damaged = record.to_vec();
            damaged[place] ^= 1;
            assert_eq!(Log::read(&damaged), None);
            assert_eq!(Log::read(&record[..place]), None);
        }
    }
}
