//! Pictures decoded smaller than they are.

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, Limits, Pixels, Planes, Process, Script, Subsampling,
    WriteOptions, decode, decode_planes, encode, gray_to_planes, map_scans, read_coefficients,
    rgb_to_planes, write,
};

use crate::oracle::piped;
use crate::picture::{natural, psnr};
use crate::transcode::{SUBSAMPLINGS, planes};

/// The whole picture averaged over squares of `side`; the squares at the right and lower edge
/// are as large as they can be.
fn averaged(rgb: &[u8], (width, height): (usize, usize), side: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for y in (0..height).step_by(side) {
        for x in (0..width).step_by(side) {
            for c in 0..3 {
                let (right, bottom) = ((x + side).min(width), (y + side).min(height));
                let mut sum = 0;
                for dy in y..bottom {
                    sum += (x..right)
                        .map(|dx| u32::from(rgb[(dy * width + dx) * 3 + c]))
                        .sum::<u32>();
                }
                out.push((sum / ((right - x) * (bottom - y)) as u32) as u8);
            }
        }
    }
    out
}

fn rgb(file: &[u8], min_size: (u32, u32)) -> (Vec<u8>, (u32, u32)) {
    let decoded = decode(
        file,
        &DecodeOptions {
            min_size,
            ..DecodeOptions::default()
        },
    )
    .expect("decodes");
    let Pixels::Rgb8(rgb) = decoded.pixels else {
        panic!("RGB expected")
    };
    assert_eq!(rgb.len(), (decoded.width * decoded.height * 3) as usize);
    (rgb, (decoded.width, decoded.height))
}

#[test]
fn reduced_pictures_are_the_whole_one_made_smaller() {
    // Large enough that blocks are skimmed, and a size that no square divides.
    let (width, height) = (1043, 677);
    let original = natural(width, height, 6);
    for subsampling in [Subsampling::Full, Subsampling::Quarter] {
        let planes = rgb_to_planes(&original, width, height, subsampling).expect("fits");
        for quality in [40, 85, 98] {
            let [baseline, progressive] = [false, true].map(|progressive| {
                let how = EncodeOptions {
                    quality,
                    progressive,
                    ..EncodeOptions::default()
                };
                encode(&planes, &how).expect("encodes").bytes
            });
            let (whole, _) = rgb(&baseline, (0, 0));
            for side in [1, 2, 4, 8] {
                let min_size = (width.div_ceil(side) as u32, height.div_ceil(side) as u32);
                let (small, size) = rgb(&baseline, min_size);
                assert_eq!(size, min_size);
                assert_eq!(
                    small,
                    rgb(&progressive, min_size).0,
                    "1/{side} at {quality}"
                );
                let likeness = psnr(&small, &averaged(&whole, (width, height), side));
                assert!(likeness > 31.0, "1/{side} at {quality}: {likeness} dB");
            }
        }
    }
}

#[test]
fn never_smaller_than_asked() {
    let planes = gray_to_planes(vec![50; 1000 * 500], 1000, 500).expect("fits");
    let file = encode(&planes, &EncodeOptions::default())
        .expect("encodes")
        .bytes;
    for (asked, given) in [
        ((0, 0), (1000, 500)),
        ((1, 1), (125, 63)),
        ((125, 63), (125, 63)),
        ((126, 1), (250, 125)),
        ((1, 64), (250, 125)),
        ((0, 126), (500, 250)),
        ((500, 250), (500, 250)),
        ((501, 1), (1000, 500)),
        ((2000, 1), (1000, 500)),
    ] {
        let options = DecodeOptions {
            min_size: asked,
            ..DecodeOptions::default()
        };
        let decoded = decode(&file, &options).expect("decodes");
        assert_eq!(
            (decoded.width, decoded.height),
            given,
            "asked for {asked:?}"
        );
        assert_eq!((decoded.full_width, decoded.full_height), (1000, 500));
    }
}

#[test]
fn planes_come_as_they_are_stored() {
    let (width, height) = (203, 99);
    let original = rgb_to_planes(
        &natural(width, height, 9),
        width,
        height,
        Subsampling::Quarter,
    )
    .expect("fits");
    let how = EncodeOptions {
        quality: 95,
        ..EncodeOptions::default()
    };
    let file = encode(&original, &how).expect("encodes").bytes;
    let whole = decode_planes(&file, &DecodeOptions::default()).expect("decodes");
    whole.check().expect("fits together");
    for (ours, theirs) in whole.components.iter().zip(&original.components) {
        assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
        let rows = |plane: &firstlight_jpeg::Plane| {
            (0..plane.height)
                .flat_map(|y| plane.row(y).to_vec())
                .collect::<Vec<_>>()
        };
        assert!(psnr(&rows(ours), &rows(theirs)) > 33.0);
    }
    // At half size, colour has as many samples as brightness.
    let options = DecodeOptions {
        min_size: (100, 40),
        ..DecodeOptions::default()
    };
    let half = decode_planes(&file, &options).expect("decodes");
    half.check().expect("fits together");
    assert!(
        half.components
            .iter()
            .all(|plane| (plane.width, plane.height) == (102, 50))
    );
}

/// Files of the same coefficients as a progressive one: sequential with the best codes, and where
/// `jpegtran` is installed with the usual ones and with restarts; and progressive without any
/// refinement but of DC coefficients.
fn sequential_and_progressive(picture: &Planes, quality: u8) -> (Vec<Vec<u8>>, Vec<u8>) {
    let [best, progressive] = [false, true].map(|progressive| {
        let how = EncodeOptions {
            quality,
            progressive,
            ..EncodeOptions::default()
        };
        encode(picture, &how).expect("encodes").bytes
    });
    let others = [
        &[][..],
        &["-restart", "1"],
        &["-optimize", "-restart", "300B"],
    ];
    let others = others.map(|arguments| piped("jpegtran", arguments, &best));
    let mut files: Vec<_> = others.into_iter().flatten().collect();
    let quick = WriteOptions {
        script: Script::Quick,
        ..WriteOptions::default()
    };
    let coefficients = read_coefficients(&best, &DecodeOptions::default()).expect("reads");
    files.push(write(&coefficients, &quick).expect("writes").bytes);
    files.push(best);
    (files, progressive)
}

fn is_sequential(file: &[u8]) -> bool {
    let map = map_scans(file, &Limits::default()).expect("maps");
    map.process != Process::Progressive
}

/// All samples without the padding to whole blocks.
fn samples(picture: &Planes) -> Vec<&[u8]> {
    let planes = picture.components.iter();
    planes
        .flat_map(|plane| (0..plane.height).map(|y| plane.row(y)))
        .collect()
}

#[test]
fn skimmed_blocks_are_the_same_as_those_read_whole() {
    let (width, height) = (1043, 677);
    for (seed, factors) in (0..).zip(SUBSAMPLINGS) {
        let mut picture = planes(width, height, factors, 7 * seed);
        for quality in [30, 90, 100] {
            if quality == 100 {
                // So that blocks are full to the last coefficient.
                for (at, sample) in (0u32..).zip(&mut picture.components[0].data) {
                    *sample ^= (at.wrapping_mul(2_654_435_761) >> 26) as u8;
                }
            }
            let (files, progressive) = sequential_and_progressive(&picture, quality);
            for (side, subsampled) in [(2, true), (4, true), (4, false), (8, true), (8, false)] {
                let options = DecodeOptions {
                    min_size: (width.div_ceil(side) as u32, height.div_ceil(side) as u32),
                    subsampled,
                    ..DecodeOptions::default()
                };
                let read = |file: &[u8]| decode_planes(file, &options).expect("decodes");
                let expected = read(&progressive);
                expected.check().expect("sound");
                for (way, file) in files.iter().enumerate() {
                    let same = samples(&read(file)) == samples(&expected);
                    assert!(
                        same,
                        "{way}, 1/{side} of {factors:?} at {quality}, {subsampled}"
                    );
                }
            }
        }
    }
}

#[test]
fn bits_that_are_left_out_are_half_there() {
    let (width, height) = (1043usize, 677usize);
    let options = DecodeOptions {
        min_size: (width.div_ceil(4) as u32, height.div_ceil(4) as u32),
        subsampled: true,
        ..DecodeOptions::default()
    };
    for (seed, factors) in (0..).zip(SUBSAMPLINGS) {
        let picture = planes(width, height, factors, 5 * seed);
        for quality in [75, 90, 98] {
            let (files, progressive) = sequential_and_progressive(&picture, quality);
            let best = files.last().expect("the best codes");
            let mut coefficients =
                read_coefficients(best, &DecodeOptions::default()).expect("reads");
            // Our script leaves the last bit of brightness for later, and no other but of DC.
            for block in &mut coefficients.components[0].blocks {
                for value in &mut block[1..] {
                    let upper = value.abs() / 2 * 2;
                    *value = value.signum() * (upper + i16::from(upper > 0));
                }
            }
            let expected = write(&coefficients, &WriteOptions::default()).expect("writes");
            let expected = decode_planes(&expected.bytes, &options).expect("decodes");
            let coarse = DecodeOptions {
                coarse: true,
                ..options
            };
            let given = decode_planes(&progressive, &coarse).expect("decodes");
            let same = samples(&given) == samples(&expected);
            assert!(same, "{factors:?} at {quality}");
        }
    }
}

#[test]
fn damage_costs_no_more_than_what_follows_it() {
    let (width, height) = (1043, 677);
    let rgb = natural(width, height, 11);
    let picture = rgb_to_planes(&rgb, width, height, Subsampling::Quarter).expect("fits");
    let (mut files, _) = sequential_and_progressive(&picture, 90);
    let options = DecodeOptions {
        min_size: (width.div_ceil(4) as u32, height.div_ceil(4) as u32),
        lenient: true,
        ..DecodeOptions::default()
    };
    let read = |file: &[u8]| decode_planes(file, &options).expect("decodes");
    files.retain(|file| is_sequential(file));
    for file in files {
        let whole = read(&file);
        for eighths in 2..8 {
            let at = file.len() * eighths / 8;
            let (mut bent, cut) = (file.clone(), &file[..at]);
            bent[at] ^= 0x55;
            for damaged in [&bent, cut] {
                let so_far = read(damaged);
                let (luma, before) = (&so_far.components[0], &whole.components[0]);
                let same = (0..luma.height).take_while(|y| luma.row(*y) == before.row(*y));
                // Rows take about as many bytes each, and one row of MCUs may be lost.
                let hoped = luma.height * (eighths - 1) / 8 - 4;
                assert!(same.count() >= hoped, "{eighths}/8");
            }
        }
    }
}

#[test]
fn damage_to_a_scan_costs_no_more_than_it_adds() {
    let (width, height) = (1043, 677);
    let rgb = natural(width, height, 11);
    let picture = rgb_to_planes(&rgb, width, height, Subsampling::Quarter).expect("fits");
    let (files, progressive) = sequential_and_progressive(&picture, 90);
    let quick = files.iter().find(|file| !is_sequential(file));
    let options = DecodeOptions {
        min_size: (width.div_ceil(4) as u32, height.div_ceil(4) as u32),
        lenient: true,
        ..DecodeOptions::default()
    };
    let read = |file: &[u8]| decode_planes(file, &options).expect("decodes");
    for file in [quick.expect("a progressive one"), &progressive] {
        let whole = read(file);
        let map = map_scans(file, &Limits::default()).expect("maps");
        for (place, scan) in map.scans.iter().enumerate() {
            let at = usize::midpoint(scan.data, scan.end);
            let (mut bent, cut) = (file.clone(), &file[..at]);
            bent[at] ^= 0x55;
            for damaged in [&bent, cut] {
                let so_far = read(damaged);
                let luma = so_far.components[0].height;
                let upper = |picture: &Planes| {
                    let rows = (0..luma / 4).map(|y| picture.components[0].row(y).to_vec());
                    rows.collect::<Vec<_>>().concat()
                };
                // Half of a scan is its upper half, and the first one gives all but detail.
                let likeness = psnr(&upper(&so_far), &upper(&whole));
                assert!(likeness > 25.0, "scan {place}: {likeness} dB");
            }
        }
    }
}

#[test]
fn what_is_left_out_of_progressive_files_hardly_shows() {
    let (width, height) = (643, 477);
    let rgb = natural(width, height, 21);
    let picture = rgb_to_planes(&rgb, width, height, Subsampling::Quarter).expect("fits");
    for quality in [40, 80, 92, 98] {
        let how = EncodeOptions {
            quality,
            ..EncodeOptions::default()
        };
        let file = encode(&picture, &how).expect("encodes").bytes;
        for side in [1, 2, 4, 8] {
            let [whole, coarse] = [false, true].map(|coarse| {
                let options = DecodeOptions {
                    min_size: (width.div_ceil(side) as u32, height.div_ceil(side) as u32),
                    coarse,
                    ..DecodeOptions::default()
                };
                decode_planes(&file, &options).expect("decodes")
            });
            let (whole, coarse) = (samples(&whole), samples(&coarse));
            let pairs = whole.iter().zip(&coarse);
            let off = pairs.flat_map(|(one, other)| one.iter().zip(*other));
            let off: Vec<_> = off.map(|(one, other)| one.abs_diff(*other)).collect();
            let (most, sum) = (
                off.iter().max(),
                off.iter().map(|off| f64::from(*off)).sum::<f64>(),
            );
            let mean = sum / off.len() as f64;
            let limits = if side < 4 { (0, 0.0) } else { (6, 0.7) };
            assert!(most <= Some(&limits.0), "1/{side} at {quality}: {most:?}");
            assert!(mean <= limits.1, "1/{side} at {quality}: {mean}");
        }
    }
}

#[test]
fn an_interval_of_few_blocks_may_have_many_bytes() {
    let (width, height) = (1043, 677);
    let picture = planes(width, height, SUBSAMPLINGS[1], 3);
    let (files, _) = sequential_and_progressive(&picture, 90);
    let options = DecodeOptions {
        min_size: (width.div_ceil(4) as u32, height.div_ceil(4) as u32),
        lenient: true,
        ..DecodeOptions::default()
    };
    let file = files.last().expect("the best codes");
    let start = |marker: u8| file.windows(2).position(|two| two == [0xFF, marker]);
    let scan = start(0xDA).expect("a scan");
    // A restart is said to follow each MCU, and none does: all is in the first interval.
    for filler in [0, 700_000, 1_000_000, 1_300_000] {
        let mut bent = file[..scan].to_vec();
        bent.extend_from_slice(&[0xFF, 0xDD, 0, 4, 0, 1]);
        bent.extend_from_slice(&file[scan..file.len() - 2]);
        bent.resize(bent.len() + filler, 0x5A);
        bent.extend_from_slice(&[0xFF, 0xD9]);
        let so_far = decode_planes(&bent, &options).expect("decodes");
        assert_eq!(so_far.width, width.div_ceil(4));
    }
}
