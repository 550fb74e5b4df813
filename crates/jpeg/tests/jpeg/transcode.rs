//! Files in progressive order: the same pixels, by the short way and the long way alike.

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, JpegError, Limits, Marks, Pixels, Plane, Planes, Process,
    ScanMap, Script, Tables, TranscodeOptions, WriteOptions, decode, encode, map_scans,
    read_coefficients, transcode, write,
};
use proptest::prelude::*;
use zune_core::bytestream::ZCursor;
use zune_jpeg::JpegDecoder;

use crate::oracle::piped;
use crate::picture::natural;

fn quick() -> WriteOptions<'static> {
    WriteOptions {
        script: Script::Quick,
        ..WriteOptions::default()
    }
}

fn options() -> TranscodeOptions<'static> {
    TranscodeOptions {
        limits: Limits::default(),
        write: quick(),
        cancel: &|| false,
    }
}

/// Planes with these sampling factors, the first component's first.
pub fn planes(width: usize, height: usize, factors: &[(usize, usize)], seed: u32) -> Planes {
    let largest = factors
        .iter()
        .fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    let components = factors.iter().enumerate().map(|(index, (h, v))| {
        let (width, height) = (
            (width * h).div_ceil(largest.0),
            (height * v).div_ceil(largest.1),
        );
        let picture = natural(width, height, seed + index as u32);
        Plane {
            width,
            height,
            stride: width,
            horizontal: *h as u8,
            vertical: *v as u8,
            data: picture.chunks_exact(3).map(|pixel| pixel[1]).collect(),
        }
    });
    Planes {
        width,
        height,
        components: components.collect(),
    }
}

pub const SUBSAMPLINGS: [&[(usize, usize)]; 7] = [
    &[(1, 1)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(1, 1), (2, 1), (1, 1)],
];

#[test]
fn the_short_way_and_the_long_way_give_the_same_bytes() {
    for (width, height) in [(1, 1), (8, 8), (17, 33), (31, 15), (129, 64), (250, 199)] {
        for factors in SUBSAMPLINGS {
            for quality in [5, 40, 75, 92, 100] {
                let how = EncodeOptions {
                    quality,
                    progressive: false,
                    tables: Tables::AnnexK,
                    ..EncodeOptions::default()
                };
                let picture = planes(width, height, factors, u32::from(quality));
                let baseline = encode(&picture, &how).expect("encodes").bytes;
                let short = transcode(&baseline, &options()).expect("transcodes");
                let coefficients = read_coefficients(&baseline, &DecodeOptions::default());
                let long = write(&coefficients.expect("reads"), &quick());
                assert!(
                    short == long.expect("writes"),
                    "{width}×{height} {factors:?} at {quality}"
                );
                let map = map_scans(&short.bytes, &Limits::default()).expect("maps");
                assert!(map.progressive() && map.scans == short.scans);
                let all = DecodeOptions::default();
                let [before, after] = [&baseline, &short.bytes]
                    .map(|file| decode(file, &all).expect("decodes").pixels);
                assert!(before == after, "{width}×{height} {factors:?} at {quality}");
            }
        }
    }
}

/// The pixels that a file shows, whatever they mean.
fn shown(file: &[u8]) -> Pixels {
    let decoded = decode(file, &DecodeOptions::default()).expect("decodes");
    decoded.pixels
}

/// Checks a file's rescue: our decoder sees the same pixels, and so do others.
fn check(name: &str, file: &[u8]) -> Vec<u8> {
    let rescued = transcode(file, &options()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let map = map_scans(&rescued.bytes, &Limits::default()).expect("maps");
    assert!(map.progressive(), "{name}");
    assert!(shown(file) == shown(&rescued.bytes), "{name}: our decoder");
    if zune_reads(&map_scans(file, &Limits::default()).expect("maps")) {
        let same = zune(file) == zune(&rescued.bytes);
        assert!(same, "{name}: another decoder");
    }
    if let Some(before) = piped("djpeg", &["-pnm"], file) {
        let after = piped("djpeg", &["-pnm"], &rescued.bytes);
        assert!(Some(before) == after, "{name}: libjpeg-turbo");
    }
    rescued.bytes
}

/// Whether `zune-jpeg` gives all of a file: not where a sequential file has several scans, nor
/// where brightness has fewer samples than colour.
fn zune_reads(map: &ScanMap) -> bool {
    let first = map.components[0];
    let rest = map.components.iter();
    (map.progressive() || map.scans.len() == 1)
        && rest
            .clone()
            .all(|other| other.horizontal <= first.horizontal && other.vertical <= first.vertical)
}

/// What `zune-jpeg` makes of a file, as it is stored; nothing for what it does not read.
fn zune(file: &[u8]) -> Option<Vec<u8>> {
    JpegDecoder::new(ZCursor::new(file)).decode().ok()
}

/// A sequential file of these planes.
fn sequential(picture: &Planes, quality: u8) -> Vec<u8> {
    let how = EncodeOptions {
        quality,
        progressive: false,
        tables: Tables::AnnexK,
        ..EncodeOptions::default()
    };
    encode(picture, &how).expect("encodes").bytes
}

#[test]
fn every_kind_of_file_keeps_its_pixels() {
    for (width, height) in [(1, 1), (23, 41), (96, 64), (201, 103)] {
        for factors in SUBSAMPLINGS {
            for quality in [30, 90] {
                let picture = planes(width, height, factors, 7);
                let file = sequential(&picture, quality);
                let name = format!("{width}×{height} {factors:?} at {quality}");
                let rescued = check(&name, &file);
                // What is progressive already can be written again.
                check(&format!("{name}, progressive"), &rescued);
            }
        }
    }
}

#[test]
fn ink_keeps_its_pixels_and_its_meaning() {
    let four: [&[(usize, usize)]; 2] = [&[(1, 1); 4], &[(2, 2), (1, 1), (1, 1), (2, 2)]];
    for factors in four {
        for adobe in [None, Some(0), Some(2)] {
            let colours = planes(75, 50, &factors[..3], 5);
            let file = sequential(&colours, 85);
            let mut ink = read_coefficients(&file, &DecodeOptions::default()).expect("reads");
            let key = ink.components[0].clone();
            ink.components.push(key);
            ink.marks.jfif = false;
            ink.marks.adobe = adobe;
            let how = WriteOptions {
                progressive: false,
                ..WriteOptions::default()
            };
            let file = write(&ink, &how).expect("writes").bytes;
            let rescued = check(&format!("ink {factors:?} {adobe:?}"), &file);
            let map = map_scans(&rescued, &Limits::default()).expect("maps");
            assert_eq!((map.components.len(), map.adobe), (4, adobe));
        }
    }
}

#[test]
fn red_green_and_blue_stay_what_they_are() {
    let file = sequential(&planes(60, 40, &[(1, 1); 3], 5), 85);
    let mut rgb = read_coefficients(&file, &DecodeOptions::default()).expect("reads");
    for (jfif, adobe, ids) in [
        (false, Some(0), [1, 2, 3, 4]),
        (false, None, *b"RGB\0"),
        (false, None, [0, 1, 2, 3]),
        (true, Some(1), [1, 2, 3, 4]),
    ] {
        rgb.marks = Marks { jfif, adobe, ids };
        let how = WriteOptions {
            progressive: false,
            ..WriteOptions::default()
        };
        let file = write(&rgb, &how).expect("writes").bytes;
        let rescued = check(&format!("{jfif} {adobe:?} {ids:?}"), &file);
        let map = map_scans(&rescued, &Limits::default()).expect("maps");
        let kept: Vec<_> = map
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        assert_eq!((map.jfif, map.adobe, &kept[..]), (jfif, adobe, &ids[..3]));
    }
}

#[test]
fn steps_beyond_a_byte_are_kept() {
    let file = sequential(&planes(60, 40, &[(1, 1)], 5), 85);
    let mut coarse = read_coefficients(&file, &DecodeOptions::default()).expect("reads");
    coarse.components[0].table[63] = 999;
    let how = WriteOptions {
        progressive: false,
        ..WriteOptions::default()
    };
    let file = write(&coarse, &how).expect("writes").bytes;
    let before = map_scans(&file, &Limits::default()).expect("maps").process;
    assert_eq!(before, Process::Extended);
    let rescued = transcode(&file, &options()).expect("transcodes").bytes;
    assert!(shown(&file) == shown(&rescued));
    let again = read_coefficients(&rescued, &DecodeOptions::default()).expect("reads");
    assert_eq!(again, coarse);
}

#[test]
fn files_of_other_encoders_keep_their_pixels() {
    let (width, height) = (150, 111);
    let rgb = natural(width, height, 41);
    let mut ppm = format!("P6\n{width} {height}\n255\n").into_bytes();
    ppm.extend_from_slice(&rgb);
    let kinds: [&[&str]; 12] = [
        &[],
        &["-optimize"],
        &["-restart", "1"],
        &["-restart", "3B"],
        &["-restart", "1B", "-grayscale"],
        &["-progressive"],
        &["-progressive", "-restart", "3B"],
        &["-sample", "2x1"],
        &["-sample", "1x2"],
        &["-sample", "1x1", "-quality", "100"],
        &["-sample", "4x1"],
        &["-rgb"],
    ];
    for arguments in kinds {
        let arguments = [&["-quality", "92"], arguments].concat();
        let Some(file) = piped("cjpeg", &arguments, &ppm) else {
            return;
        };
        check(&format!("{arguments:?}"), &file);
        // One scan for each component.
        let scans = std::env::temp_dir().join(format!("scans-{}", std::process::id()));
        std::fs::write(&scans, "0;\n1;\n2;\n").expect("writes");
        let script = scans.display().to_string();
        if !arguments.contains(&"-grayscale") {
            let apart = piped("jpegtran", &["-scans", &script], &file).expect("there");
            check(&format!("{arguments:?} apart"), &apart);
        }
        std::fs::remove_file(scans).expect("removes");
    }
}

#[test]
fn a_sequential_file_that_decoders_do_not_agree_on_is_refused() {
    let file = sequential(&planes(60, 40, &[(1, 1); 3], 5), 85);
    let map = map_scans(&file, &Limits::default()).expect("maps");
    let scan = &map.scans[0];
    let said = |file: &[u8]| match transcode(file, &options()) {
        Err(JpegError::Malformed { offset, what }) => (offset, what),
        other => panic!("{other:?}"),
    };
    let part = "a sequential scan of a part of the coefficients";
    for (back, byte) in [(3, 1), (2, 62), (1, 0x10), (1, 0x01)] {
        let mut changed = file.clone();
        changed[scan.data - back] = byte;
        assert_eq!(said(&changed), (scan.start, part), "{back} {byte}");
    }
    let twice = [&file[..scan.end], &file[scan.start..]].concat();
    let second = "a second sequential scan of a component";
    assert_eq!(said(&twice), (scan.end, second));
}

#[test]
fn what_cannot_be_rewritten_says_why() {
    let file = sequential(&planes(60, 40, &[(1, 1); 3], 5), 85);
    let frame = file
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .expect("there");
    let with = |at: usize, byte: u8| {
        let mut changed = file.clone();
        changed[at] = byte;
        transcode(&changed, &options())
    };
    let unsupported = |what| Err(JpegError::Unsupported { what });
    let other = "lossless, hierarchical or arithmetic coding";
    assert_eq!(with(frame + 1, 0xC9), unsupported(other), "arithmetic");
    assert_eq!(with(frame + 1, 0xC3), unsupported(other), "lossless");
    let deep = "samples of other than 8 bits";
    assert_eq!(with(frame + 4, 12), unsupported(deep));
    let cut = transcode(&file[..file.len() / 2], &options());
    assert!(matches!(cut, Err(JpegError::Truncated { .. })), "{cut:?}");
    let stop = TranscodeOptions {
        cancel: &|| true,
        ..options()
    };
    assert_eq!(transcode(&file, &stop), Err(JpegError::Cancelled));
}

#[test]
fn a_coarse_preview_does_not_cost_more_than_preferred() {
    let file = sequential(&planes(800, 600, &[(1, 1)], 9), 92);
    let written = |preview_budget, preferred_bytes| {
        let how = TranscodeOptions {
            write: WriteOptions {
                preview_budget,
                preferred_bytes,
                ..quick()
            },
            ..options()
        };
        transcode(&file, &how).expect("transcodes")
    };
    let coarse = written(1500, usize::MAX);
    assert!(
        coarse.scans[0].low_bit > 1,
        "a tight budget makes it coarse"
    );
    let fine = written(1500, coarse.bytes.len() - 1);
    assert_eq!(fine.scans[0].low_bit, 1);
    assert!(fine.bytes.len() < coarse.bytes.len());
    assert_eq!(written(1500, coarse.bytes.len()), coarse);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_coefficients_take_both_ways(
        seed in any::<u64>(),
        size in (1..70usize, 1..70usize),
        kind in 0..5usize,
        density in 0..64u32,
        magnitude in 0..10u32,
    ) {
        let file = sequential(&planes(size.0, size.1, SUBSAMPLINGS[kind], 3), 50);
        let mut wild = read_coefficients(&file, &DecodeOptions::default()).expect("reads");
        let mut random = seed | 1;
        for block in wild.components.iter_mut().flat_map(|component| &mut component.blocks) {
            for (k, value) in block.iter_mut().enumerate() {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let some = (random >> 33) as u32;
                let there = some % 64 < density;
                let bits = some >> 8 & ((2 << magnitude) - 1);
                let value_there = (bits as i32 - (1 << magnitude)) as i16;
                *value = if there { value_there } else { 0 };
                if k > 0 {
                    *value = (*value).clamp(-1023, 1023);
                }
            }
        }
        let how = WriteOptions { progressive: false, ..WriteOptions::default() };
        let baseline = write(&wild, &how).expect("writes").bytes;
        // Blocks that only fill up an MCU are not in the scans of one component.
        let read = read_coefficients(&baseline, &DecodeOptions::default()).expect("reads");
        let long = write(&read, &quick()).expect("writes");
        let short = transcode(&baseline, &options()).expect("transcodes");
        prop_assert!(short == long);
        prop_assert!(shown(&baseline) == shown(&short.bytes));
    }
}

#[test]
fn what_is_kept_from_one_file_does_not_show_in_the_next() {
    let file = |side: usize, quality| {
        let factors = SUBSAMPLINGS[3];
        sequential(&planes(side, side / 2, factors, side as u32), quality)
    };
    let files = [file(40, 30), file(400, 95), file(90, 60), file(40, 30)];
    let alone = files.each_ref().map(|file| {
        let made = std::thread::scope(|scope| {
            let thread = scope.spawn(|| transcode(file, &options()));
            thread.join()
        });
        made.expect("ends").expect("transcodes").bytes
    });
    for (file, alone) in files.iter().zip(&alone) {
        let after_others = transcode(file, &options()).expect("transcodes").bytes;
        assert!(after_others == *alone);
    }
}
