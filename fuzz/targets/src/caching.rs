//! What clients say of codings, what origins say of caching, and what is read back from disk.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cache::journal::{Put, Record, replay};
use cache::policy::{
    Freshness, Part, Received, Rules, Vary, judge, not_modified, part, update_stored,
};
use cache::{Held, Keep};
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use modules::compression::{Accepted, Coding, Digest, pattern};
use modules::kept::{Entry, Kept};
use modules::origin::matching::{USE_AS_DICTIONARY, Usable};

use crate::Seeds;

/// `Accept-Encoding`, a line each: what is chosen is wanted, and nothing on offer is wanted more.
pub fn accept_encoding(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n').take(100) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(ACCEPT_ENCODING, value);
        }
    }
    let accepted = Accepted::of(&headers);
    if let Some(chosen) = accepted.choose(Coding::ALL) {
        let weight = accepted.weight(chosen);
        assert!(weight > 0 && weight <= 1000);
        assert!(
            Coding::ALL
                .iter()
                .all(|other| accepted.weight(*other) <= weight)
        );
        assert!(accepted.takes_any());
    }
}

/// Seeds of [`accept_encoding`].
pub fn encoding_seeds() -> Seeds {
    let texts = [
        ("chromium", "gzip, deflate, br, zstd"),
        ("weights", "br;q=0.5, gzip;q=1.000 ,*;Q=0\nidentity;q=0"),
        ("odd", ",, x-gzip;level=1;q=2, zstd;q="),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// `Available-Dictionary`, and the address that is asked for, a line each: a hash is written in one
/// way, and a pattern leaves a version open and keeps something.
pub fn available_dictionary(input: &[u8]) {
    let mut lines = input.splitn(2, |byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    if let Some(digest) = Digest::parse(line) {
        assert_eq!(digest.to_header().as_bytes(), line.trim_ascii());
        assert_eq!(Digest::from_hex(&digest.to_hex()), Some(digest));
    }
    let target = String::from_utf8_lossy(lines.next().unwrap_or_default());
    if let Some(pattern) = pattern::of(&target) {
        assert!(pattern.starts_with('/') && pattern.contains('*') && pattern.is_ascii());
        assert!(pattern.len() <= 2 * target.len());
        assert!(pattern.bytes().any(|byte| byte.is_ascii_alphanumeric()));
        let header = HeaderValue::try_from(pattern::to_header(&pattern));
        assert!(is_for(
            &header.unwrap_or(HeaderValue::from_static("")),
            &target
        ));
    }
    if let Ok(header) = HeaderValue::from_bytes(line) {
        is_for(&header, &target);
    }
}

/// Whether a response with this `Use-As-Dictionary` at an address is a dictionary for that.
fn is_for(header: &HeaderValue, target: &str) -> bool {
    let address = format!("https://example.com{target}");
    let mut headers = HeaderMap::new();
    headers.insert(USE_AS_DICTIONARY, header.clone());
    let usable = Usable::read(&headers, &address);
    usable.is_some_and(|usable| usable.is_for(&address))
}

/// Seeds of [`available_dictionary`].
pub fn dictionary_seeds() -> Seeds {
    let hash = Digest::of(b"what was there before").to_header();
    let with = |target: &str| format!("{hash}\n{target}").into_bytes();
    vec![
        ("file", with("/assets/app-v2.1.3f2a1c9d.min.js?lang=de")),
        (
            "folder",
            with("/npm/@scope/name@1.0.0-beta.2/3.6.0/x+y.css"),
        ),
        ("query", with("/style.css?a=b&ver=6.4.2&1700000000")),
        ("odd", b":AAAA=:;q=1\n//..?=&v=".to_vec()),
        (
            "use",
            b"match=\"/a*/b.\\\\?v=*\", id=\"x\", type=raw, match-dest=(\"script\");a=1\n/a/b.?v=1"
                .to_vec(),
        ),
    ]
}

/// A request's headers and a response's, a line each, with an empty line between them: what is kept
/// is used for no longer than one reads in it, and a part lies within the body.
pub fn policy(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n').take(200);
    let request: HeaderMap = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .filter_map(header)
        .collect();
    let mut stored: HeaderMap = lines.filter_map(header).collect();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let received = Received {
        method: &Method::GET,
        request: &request,
        status: StatusCode::OK,
        headers: &stored,
        asked: now,
        received: now,
    };
    let rules = Rules {
        heuristic: true,
        ..Rules::default()
    };
    if let Ok(freshness) = judge(&received, &rules) {
        assert!(Vary::of(&stored) != Vary::Any);
        assert!(!freshness.is_fresh(now + Duration::from_secs(1 << 40)));
    }
    if let Part::Bytes(range) = part(&request, &stored, 1000) {
        assert!(range.start < range.end && range.end <= 1000);
    }
    let _ = not_modified(&request, &stored);
    update_stored(&mut stored, &request);
}

fn header(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

/// Seeds of [`policy`].
pub fn policy_seeds() -> Seeds {
    let texts = [
        (
            "usual",
            "if-none-match: W/\"a\", \"b\"\nrange: bytes=1-5\n\n\
             cache-control: public, max-age=\"60\"\netag: \"a\"\nage: 7, 8\nvary: accept, origin",
        ),
        (
            "targeted",
            "cache-control: no-cache\n\ncdn-cache-control: max-age=60;a=\"b\", x=(1 2.5;y), z=?0\n\
             surrogate-control: max-age=5+7;firstlight",
        ),
        (
            "dates",
            "if-modified-since: Mon, 01 Jan 2024 00:00:00 GMT\n\n\
             expires: Mon, 01 Jan 2024 00:00:00 GMT\nlast-modified: Sun, 06 Nov 1994 08:49:37 GMT",
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// The cache's files. After a first byte of 0 a journal: what it says is there is what is there when
/// that is written again. After another an entry's head, its length in two bytes before it, and its
/// body: what is read is read again when it is written.
pub fn files(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    match kind {
        0 => journal(rest),
        _ => entry(rest),
    }
}

fn journal(input: &[u8]) {
    let mut there = HashMap::new();
    if replay(input, &mut there).is_none() {
        assert!(there.is_empty());
        return;
    }
    let mut again = input[..8].to_vec();
    for put in there.values() {
        Record::Put(put.clone()).write(&mut again);
    }
    let mut same = HashMap::new();
    assert_eq!(replay(&again, &mut same), Some(false));
    assert_eq!(there, same);
}

fn entry(input: &[u8]) {
    let Some((length, rest)) = input.split_first_chunk::<2>() else {
        return;
    };
    let (head, body) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
    let unpack = |head: &[u8], body: Bytes| Entry::unpack(head, Held::Memory(body));
    let Some(entry) = unpack(head, body.to_vec().into()) else {
        return;
    };
    let packed = entry.pack().unwrap_or_default();
    let again = unpack(&packed.head, packed.parts.concat().into());
    assert_eq!(
        format!("{entry:?}"),
        format!("{:?}", again.as_ref().unwrap_or(&entry))
    );
    assert!(again.is_some() && entry.weight() < u64::MAX / 2);
}

/// Seeds of [`files`].
pub fn file_seeds() -> Seeds {
    let mut journal = b"\0FLINDEX2".to_vec();
    for number in 0..3 {
        let put = Put {
            number,
            size: 4711,
            cost: 5,
            stale_since: number,
            primary: "https://example.com/a".into(),
            variant: "image:w=640".into(),
            tags: vec![number; number as usize],
        };
        Record::Put(put).write(&mut journal);
    }
    for record in [Record::Complete, Record::Gone(1), Record::Stale(2, 9)] {
        record.write(&mut journal);
    }
    let mut headers = HeaderMap::new();
    headers.insert("cache-tag", HeaderValue::from_static("a, b"));
    let freshness = Freshness {
        received: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        initial_age: Duration::ZERO,
        lifetime: Duration::from_secs(60),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
    };
    let kept = Kept::new(StatusCode::OK, headers, "hello".into(), freshness);
    let varies = Entry::Varies(vec![http::header::ACCEPT]);
    vec![
        ("journal", journal),
        ("response", seed(&Entry::Response(kept))),
        ("varies", seed(&varies)),
    ]
}

fn seed(entry: &Entry) -> Vec<u8> {
    let packed = entry.pack().unwrap_or_default();
    let length = packed.head.len() as u16;
    [
        &[1],
        &length.to_le_bytes()[..],
        &packed.head,
        &packed.parts.concat(),
    ]
    .concat()
}
