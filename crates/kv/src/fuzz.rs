//! What fuzz targets feed: everything that comes from behind. Sums are made right first, as nothing
//! else would be looked at.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::behind::Moment;
use crate::engines::names;
use crate::frame::{Frame, Framed};
use crate::purges::{Log, What};
use crate::text::digest;

/// The name of the frame.
const NAME: &str = "name";

/// Reads one input: after a first byte of 0 a record of purges, of 1 a frame, else a listing.
///
/// # Panics
/// If a reader breaks a promise.
#[expect(clippy::panic, reason = "that is how a target tells")]
pub fn read(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind {
        0 => record(rest),
        1 => frame(rest),
        _ => {
            let text = String::from_utf8_lossy(rest);
            if names::read(&text, 10).is_some_and(|page| page.names.len() > 10) {
                panic!("more names than were asked for");
            }
        }
    }
}

#[expect(clippy::panic, reason = "that is how a target tells")]
fn record(rest: &[u8]) {
    let Some(mut log) = Log::read(&with_sum(rest)) else {
        return;
    };
    if Log::read(&log.write()).as_ref() != Some(&log) {
        panic!("another record comes back");
    }
    let before = log.moment();
    if log.count < u64::MAX {
        log.add(1, false, What::Everything, UNIX_EPOCH);
        if !log.forbids(before, |what| *what == What::Everything) {
            panic!("what was before a purge of everything is allowed");
        }
    }
}

#[expect(clippy::panic, reason = "that is how a target tells")]
fn frame(rest: &[u8]) {
    let bytes = Bytes::from(with_sum(rest));
    let day = Duration::from_secs(86_400);
    if let Some(framed) = Framed::read(&bytes, NAME, day, UNIX_EPOCH + day)
        && framed.head.len() + framed.body.len() + NAME.len() > bytes.len()
    {
        panic!("more bytes than there are");
    }
}

/// The same with the right sum, where one belongs.
fn with_sum(input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    if let Some((head, rest)) = bytes.split_at_mut_checked(40)
        && let Some(sum) = head.get_mut(8..)
    {
        sum.copy_from_slice(&digest(&[rest]));
    }
    bytes
}

/// Inputs to begin with.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut log = Log::new(7);
    for what in [
        What::Url("http://example.com/".into()),
        What::Tag("news".into()),
        What::Host("example.com".into()),
        What::Prefix("http://".into()),
    ] {
        log.add(
            3,
            true,
            what,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1),
        );
    }
    let frame = Frame {
        name: NAME,
        moment: Moment { epoch: 7, count: 2 },
        made: SystemTime::UNIX_EPOCH + Duration::from_secs(86_000),
        head: b"head",
        parts: &[Bytes::from_static(b"body")],
    };
    let listing = "<ListBucketResult><NextContinuationToken>t</NextContinuationToken>\
                   <Contents><Key>a&amp;b</Key><ETag>&quot;1&quot;</ETag></Contents>\
                   </ListBucketResult>";
    let with = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    vec![
        ("purges", with(0, &log.write())),
        ("frame", with(1, &frame.write().unwrap_or_default())),
        ("listing", with(2, listing.as_bytes())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_what_they_stand_for() {
        let seeds = seeds();
        assert!(Log::read(&seeds[0].1[1..]).is_some());
        let frame = Bytes::copy_from_slice(&seeds[1].1[1..]);
        let day = Duration::from_secs(86_400);
        assert!(Framed::read(&frame, NAME, day, UNIX_EPOCH + day).is_some());
        let listing = std::str::from_utf8(&seeds[2].1[1..]).unwrap();
        assert_eq!(names::read(listing, 10).unwrap().names.len(), 1);
        seeds.iter().for_each(|(_, input)| read(input));
    }
}
