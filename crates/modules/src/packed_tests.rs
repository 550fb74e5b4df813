use super::*;

fn kept(body: &str) -> Kept {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("cache-tag", "a, b"),
        ("surrogate-key", "c d"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ] {
        headers.append(name, HeaderValue::from_static(value));
    }
    let freshness = Freshness {
        received: UNIX_EPOCH + Duration::from_millis(1_234_567),
        initial_age: Duration::from_secs(1),
        lifetime: Duration::from_secs(600),
        stale_while_revalidate: Duration::from_secs(3),
        stale_if_error: Duration::from_secs(4),
    };
    let mut kept = Kept::new(StatusCode::OK, headers, body.to_owned().into(), freshness);
    kept.cost = Duration::from_millis(77);
    kept.source = Some(HeaderMap::from_iter([(
        http::header::ETAG,
        HeaderValue::from_static("\"x\""),
    )]));
    kept.outline = Some(Arc::new(Outline {
        length: 9,
        header: 1,
        preview: 2,
        good: 3,
        scans: vec![Scan {
            shown_at: 2,
            band_start: 0,
            band_end: 63,
            low_bit: 1,
            components: 3,
        }],
    }));
    kept
}

fn key(primary: &str) -> Key {
    Key {
        primary: primary.into(),
        variant: "one".into(),
    }
}

fn entries() -> Vec<Entry> {
    let forms = Forms::kept(Some("brotli".into()), None, vec![]);
    let delta = |byte, coding, bytes: &'static str| Delta {
        dictionary: Digest([byte; 32]),
        from: key("https://a/1"),
        coding,
        bytes: bytes.into(),
    };
    let deltas = vec![
        delta(1, DeltaCoding::Dcz, "a delta"),
        delta(2, DeltaCoding::Dcb, ""),
        delta(3, DeltaCoding::Dcb, "another"),
    ];
    let with_deltas = Forms::kept(Some("brotli".into()), Some("gzip".into()), deltas);
    let refused = |original| {
        Entry::Refused(Refused {
            reason: "too large".into(),
            code: 9402,
            freshness: kept("").freshness,
            original,
        })
    };
    vec![
        Entry::Response(kept("hello")),
        Entry::Response(kept("")),
        Entry::Response(kept("hello").with_forms(Arc::new(forms), Duration::from_millis(3))),
        Entry::Response(kept("hello").with_forms(Arc::new(with_deltas), Duration::ZERO)),
        Entry::Dictionary(Dictionary {
            key: key("https://a/app.1.js"),
            pattern: "/app.*.js".into(),
        }),
        Entry::Varies(vec![http::header::ACCEPT, http::header::ORIGIN]),
        refused(None),
        refused(Some(kept("original"))),
    ]
}

fn back(packed: &Packed) -> Option<Entry> {
    Entry::unpack(&packed.head, Held::Memory(packed.parts.concat().into()))
}

#[test]
fn what_is_written_comes_back() {
    for entry in entries() {
        let packed = entry.pack().unwrap();
        let again = back(&packed).unwrap();
        assert_eq!(format!("{again:?}"), format!("{entry:?}"));
    }
}

#[test]
fn what_breaks_off_is_nothing() {
    for entry in entries() {
        let packed = entry.pack().unwrap();
        for end in 0..packed.head.len() {
            let head = packed.head[..end].to_vec();
            let parts = packed.parts.clone();
            assert!(back(&Packed { head, parts }).is_none(), "{end}: {entry:?}");
        }
    }
}

#[test]
fn what_is_made_stale_may_answer_while_it_is_asked_for_again() {
    let entry = Entry::Response(kept("x"));
    let now = UNIX_EPOCH + Duration::from_secs(1300);
    let stale = entry.stale(now);
    let freshness = stale.response().unwrap().freshness;
    assert!(entry.response().unwrap().freshness.is_fresh(now));
    assert!(!freshness.is_fresh(now) && freshness.may_cover_refresh(now));
    let mut strict = kept("x");
    let value = HeaderValue::from_static("max-age=600, must-revalidate");
    strict.headers.insert("cache-control", value);
    strict.freshness.stale_while_revalidate = Duration::ZERO;
    let strict = Entry::Response(strict).stale(now);
    let freshness = strict.response().unwrap().freshness;
    assert!(!freshness.is_fresh(now) && !freshness.may_cover_refresh(now));
}

#[test]
fn only_what_matters_is_written_again() {
    let old = kept("hello");
    let renewed = |lifetime| {
        let lifetime = Duration::from_secs(lifetime);
        old.renewed(
            old.headers.clone(),
            Freshness {
                lifetime,
                ..old.freshness
            },
        )
    };
    let change = |new: Kept| Entry::Response(new).beside(Some(&Entry::Response(old.twin())));
    assert_eq!(change(renewed(900)), Change::Grown);
    assert_eq!(
        change(renewed(10)),
        Change::Other,
        "the older would be fresh for too long"
    );
    assert_eq!(change(kept("other")), Change::Other);
    let forms = Arc::new(Forms::kept(None, None, vec![]));
    assert_eq!(change(old.with_forms(forms, Duration::ZERO)), Change::Grown);
    let silent = renewed(0);
    let again = Entry::Response(silent.renewed(silent.headers.clone(), silent.freshness));
    assert_eq!(again.beside(Some(&Entry::Response(silent))), Change::None);
}

#[test]
fn tags_are_read_from_both_headers() {
    let expected: Vec<u64> = ["a", "b", "c", "d"]
        .iter()
        .map(|text| tag(text.as_bytes()))
        .collect();
    assert_eq!(tags(&kept("").headers), expected);
}
