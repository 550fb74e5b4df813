//! Files that are cut, bent or made up.

use std::cell::Cell;

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, JpegError, Limits, Subsampling, decode, encode, map_scans,
    rgb_to_planes, scan_previews,
};
use proptest::prelude::*;

use crate::picture::natural;

fn file(progressive: bool) -> Vec<u8> {
    let rgb = natural(70, 50, 8);
    let planes = rgb_to_planes(&rgb, 70, 50, Subsampling::Quarter).expect("fits");
    let how = EncodeOptions {
        progressive,
        baseline_below: 0,
        ..EncodeOptions::default()
    };
    encode(&planes, &how).expect("encodes").bytes
}

fn lenient() -> DecodeOptions<'static> {
    DecodeOptions {
        lenient: true,
        ..DecodeOptions::default()
    }
}

/// Limits that keep a made-up header from asking for much.
fn tight() -> Limits {
    Limits {
        max_pixels: 1 << 16,
        max_scans: 20,
        ..Limits::default()
    }
}

#[test]
fn what_is_no_jpeg_says_so() {
    for bytes in [&b""[..], b"\xFF", b"GIF89a", b"\xD8\xFF\xFF"] {
        assert_eq!(
            map_scans(bytes, &Limits::default()),
            Err(JpegError::NotJpeg)
        );
    }
}

#[test]
fn every_cut_is_an_error_unless_lenient() {
    for progressive in [false, true] {
        let file = file(progressive);
        let whole = map_scans(&file, &Limits::default()).expect("maps");
        for length in 2..file.len() {
            let cut = &file[..length];
            let strict = decode(cut, &DecodeOptions::default());
            assert_eq!(
                strict,
                Err(JpegError::Truncated { length }),
                "cut to {length}"
            );
            let shown = decode(cut, &lenient());
            if length < whole.header_end {
                assert_eq!(shown, Err(JpegError::Truncated { length }));
            } else {
                let shown = shown.unwrap_or_else(|error| panic!("cut to {length}: {error}"));
                assert!(shown.truncated);
                assert_eq!((shown.width, shown.height), (70, 50));
            }
        }
    }
}

#[test]
fn limits_come_before_everything() {
    let file = file(true);
    let refused = |limits: Limits, what: &str| {
        let options = DecodeOptions {
            limits,
            ..DecodeOptions::default()
        };
        match decode(&file, &options) {
            Err(JpegError::LimitExceeded { what: found, .. }) => assert_eq!(found, what),
            other => panic!("{what}: {other:?}"),
        }
    };
    let limits = Limits::default();
    refused(
        Limits {
            max_bytes: file.len() - 1,
            ..limits
        },
        "bytes",
    );
    refused(
        Limits {
            max_pixels: 70 * 50 - 1,
            ..limits
        },
        "pixels",
    );
    refused(
        Limits {
            max_side: 69,
            ..limits
        },
        "pixels a side",
    );
    refused(
        Limits {
            max_scans: 3,
            ..limits
        },
        "scans",
    );
    let exact = Limits {
        max_bytes: file.len(),
        max_pixels: 70 * 50,
        max_side: 70,
        max_scans: 8,
    };
    assert!(
        decode(
            &file,
            &DecodeOptions {
                limits: exact,
                ..DecodeOptions::default()
            }
        )
        .is_ok()
    );
}

#[test]
fn a_bomb_of_scans_is_refused_before_pixels_are_made() {
    // 65,535 × 65,535 grey in a hundred bytes, then as many empty scans as you like.
    let mut bomb = vec![
        0xFF, 0xD8, 0xFF, 0xC2, 0, 11, 8, 255, 255, 255, 255, 1, 1, 0x11, 0,
    ];
    for _ in 0..200 {
        bomb.extend_from_slice(&[0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0]);
    }
    bomb.extend_from_slice(&[0xFF, 0xD9]);
    let error = |limits| map_scans(&bomb, &limits).expect_err("refused");
    let wide = Limits {
        max_pixels: u64::MAX,
        ..Limits::default()
    };
    assert!(matches!(
        error(Limits::default()),
        JpegError::LimitExceeded { what: "pixels", .. }
    ));
    assert!(matches!(
        error(wide),
        JpegError::LimitExceeded {
            what: "scans",
            limit: 100,
            ..
        }
    ));
}

#[test]
fn cancelling_stops_the_work() {
    let file = file(true);
    let options = DecodeOptions {
        cancel: &|| true,
        ..DecodeOptions::default()
    };
    assert_eq!(decode(&file, &options), Err(JpegError::Cancelled));
    let asked = Cell::new(0);
    let counting = || {
        asked.set(asked.get() + 1);
        false
    };
    assert!(
        decode(
            &file,
            &DecodeOptions {
                cancel: &counting,
                ..DecodeOptions::default()
            }
        )
        .is_ok()
    );
    assert!(asked.get() > 0);
}

#[test]
fn rare_kinds_are_named() {
    let mut file = file(false);
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC0])
        .expect("a frame");
    file[frame + 1] = 0xC9;
    let arithmetic = decode(&file, &DecodeOptions::default());
    assert!(
        matches!(arithmetic, Err(JpegError::Unsupported { .. })),
        "{arithmetic:?}"
    );
    file[frame + 1] = 0xC1;
    file[frame + 4] = 12;
    let deep = decode(&file, &DecodeOptions::default());
    assert!(
        matches!(deep, Err(JpegError::Unsupported { .. })),
        "{deep:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let file = [&[0xFF, 0xD8][..], &bytes].concat();
        let _ = map_scans(&bytes, &tight());
        if let Ok(map) = map_scans(&file, &tight()) {
            let _ = scan_previews(&file, &map).count();
        }
        let _ = decode(&file, &DecodeOptions { limits: tight(), ..lenient() });
    }

    #[test]
    fn bent_files_never_panic(
        progressive in any::<bool>(),
        bends in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        width in prop_oneof![Just(0u32), 1..80u32],
    ) {
        let mut file = file(progressive);
        for (at, value) in &bends {
            let at = at.index(file.len());
            file[at] = *value;
        }
        file.truncate(cut.index(file.len() * 2).max(2));
        let options = DecodeOptions { limits: tight(), min_size: (width, width), ..lenient() };
        if let Ok(map) = map_scans(&file, &tight()) {
            // Offsets are in order and inside the file, whatever the bytes are.
            let mut last = 0;
            for scan in &map.scans {
                prop_assert!(last <= scan.start && scan.start < scan.data);
                prop_assert!(scan.data <= scan.end && scan.end <= scan.shown_at);
                prop_assert!(scan.shown_at <= map.length && map.length <= file.len());
                last = scan.end;
            }
            prop_assert_eq!(scan_previews(&file, &map).len(), map.scans.len());
        }
        let strict = DecodeOptions { lenient: false, ..options };
        let _ = decode(&file, &strict);
        let _ = decode(&file, &options);
    }
}
