//! Pixels to file to pixels.

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, JpegError, Pixels, Planes, Process, Subsampling, Tables, decode,
    encode, gray_to_planes, map_scans, rgb_to_planes,
};

use crate::picture::{natural, pixels, psnr};

const SIZES: [(usize, usize); 12] = [
    (1, 1),
    (1, 40),
    (40, 1),
    (7, 9),
    (8, 8),
    (9, 8),
    (16, 16),
    (17, 33),
    (31, 15),
    (100, 75),
    (129, 64),
    (250, 199),
];

fn gray(width: usize, height: usize) -> Vec<u8> {
    natural(width, height, 3)
        .chunks_exact(3)
        .map(|pixel| pixel[1])
        .collect()
}

fn options(quality: u8, progressive: bool) -> EncodeOptions<'static> {
    EncodeOptions {
        quality,
        progressive,
        baseline_below: 0,
        ..EncodeOptions::default()
    }
}

/// Every kind of planes at a size, with the pixels they are made of.
fn kinds(width: usize, height: usize) -> Vec<(Planes, Vec<u8>)> {
    let rgb = natural(width, height, 1);
    let gray = gray(width, height);
    let planes = |subsampling| rgb_to_planes(&rgb, width, height, subsampling).expect("fits");
    vec![
        (
            gray_to_planes(gray.clone(), width, height).expect("fits"),
            gray,
        ),
        (planes(Subsampling::Full), rgb.clone()),
        (planes(Subsampling::Quarter), rgb.clone()),
    ]
}

#[test]
fn every_size_and_kind_comes_back_close() {
    for (width, height) in SIZES {
        for (planes, original) in kinds(width, height) {
            for progressive in [false, true] {
                let encoded = encode(&planes, &options(92, progressive)).expect("encodes");
                let decoded = decode(&encoded.bytes, &DecodeOptions::default()).expect("decodes");
                assert_eq!(
                    (decoded.width, decoded.height),
                    (width as u32, height as u32)
                );
                let back = pixels(&encoded.bytes, &DecodeOptions::default());
                let likeness = psnr(&back, &original);
                assert!(
                    likeness > 30.0,
                    "{width}×{height}, {} components, progressive {progressive}: {likeness} dB",
                    planes.components.len()
                );
            }
        }
    }
}

#[test]
fn progressive_and_baseline_show_the_same_pixels() {
    for (width, height) in SIZES {
        for (planes, _) in kinds(width, height) {
            for quality in [1, 30, 75, 100] {
                let [baseline, progressive] = [false, true].map(|progressive| {
                    encode(&planes, &options(quality, progressive))
                        .expect("encodes")
                        .bytes
                });
                assert!(
                    pixels(&baseline, &DecodeOptions::default())
                        == pixels(&progressive, &DecodeOptions::default()),
                    "{width}×{height} at {quality}"
                );
            }
        }
    }
}

#[test]
fn quality_buys_likeness_with_bytes() {
    let (width, height) = (320, 240);
    let rgb = natural(width, height, 5);
    for tables in [Tables::Fitted, Tables::AnnexK] {
        let planes = rgb_to_planes(&rgb, width, height, Subsampling::Full).expect("fits");
        let mut last = (0, 0.0);
        for quality in [1, 5, 10, 20, 35, 50, 65, 80, 90, 96, 100] {
            let how = EncodeOptions {
                tables,
                ..options(quality, true)
            };
            let encoded = encode(&planes, &how).expect("encodes");
            let likeness = psnr(&pixels(&encoded.bytes, &DecodeOptions::default()), &rgb);
            assert!(encoded.bytes.len() > last.0, "{tables:?} {quality}: bytes");
            assert!(likeness > last.1, "{tables:?} {quality}: {likeness} dB");
            last = (encoded.bytes.len(), likeness);
        }
        assert!(last.1 > 44.0, "{tables:?} at 100: {} dB", last.1);
    }
}

#[test]
fn flat_and_extreme_pictures_survive() {
    for value in [
        [0, 0, 0],
        [255, 255, 255],
        [255, 0, 0],
        [0, 0, 255],
        [0, 255, 0],
    ] {
        let rgb = value.repeat(40 * 24);
        for subsampling in [Subsampling::Full, Subsampling::Quarter] {
            let planes = rgb_to_planes(&rgb, 40, 24, subsampling).expect("fits");
            let encoded = encode(&planes, &options(100, true)).expect("encodes");
            let back = pixels(&encoded.bytes, &DecodeOptions::default());
            let worst = back.iter().zip(&rgb).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(3), "{value:?} off by {worst:?}");
        }
    }
    // The hardest checkerboard: every coefficient at its largest.
    let board: Vec<u8> = (0..64 * 64)
        .map(|i| if (i + i / 64) % 2 == 0 { 0 } else { 255 })
        .collect();
    let planes = gray_to_planes(board.clone(), 64, 64).expect("fits");
    let encoded = encode(&planes, &options(100, true)).expect("encodes");
    assert!(psnr(&pixels(&encoded.bytes, &DecodeOptions::default()), &board) > 40.0);
}

#[test]
fn colours_stay_in_their_places() {
    let mut rgb = Vec::new();
    for y in 0..64 {
        for x in 0..64 {
            rgb.extend_from_slice(match (x / 32, y / 32) {
                (0, 0) => &[200, 30, 30],
                (1, 0) => &[30, 200, 30],
                (0, 1) => &[30, 30, 200],
                _ => &[128, 128, 128],
            });
        }
    }
    let planes = rgb_to_planes(&rgb, 64, 64, Subsampling::Quarter).expect("fits");
    let encoded = encode(&planes, &options(90, true)).expect("encodes");
    let back = pixels(&encoded.bytes, &DecodeOptions::default());
    for (x, y) in [(8, 8), (56, 8), (8, 56), (56, 56)] {
        let at = (y * 64 + x) * 3;
        for c in 0..3 {
            assert!(back[at + c].abs_diff(rgb[at + c]) <= 4, "at {x},{y}");
        }
    }
}

#[test]
fn small_pictures_may_be_baseline() {
    let rgb = natural(24, 24, 2);
    let planes = rgb_to_planes(&rgb, 24, 24, Subsampling::Quarter).expect("fits");
    let always = encode(&planes, &options(80, true)).expect("encodes");
    let free = encode(&planes, &EncodeOptions::default()).expect("encodes");
    let process = |file: &[u8]| map_scans(file, &Default::default()).expect("maps").process;
    assert_eq!(process(&always.bytes), Process::Progressive);
    assert_eq!(process(&free.bytes), Process::Baseline);
    assert!(free.bytes.len() < always.bytes.len());
    assert_eq!(free.outline().preview, free.bytes.len());
}

#[test]
fn metadata_passes_through() {
    let planes = gray_to_planes(vec![90; 64], 8, 8).expect("fits");
    // More than one segment holds, to see the profile cut and joined.
    let icc: Vec<u8> = (0..150_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
    let exif = b"II*\0\x08\0\0\0\0\0";
    let how = EncodeOptions {
        icc: Some(&icc),
        exif: Some(exif),
        ..options(80, true)
    };
    let encoded = encode(&planes, &how).expect("encodes");
    let decoded = decode(&encoded.bytes, &DecodeOptions::default()).expect("decodes");
    assert_eq!(decoded.icc.as_deref(), Some(&icc[..]));
    assert_eq!(decoded.exif.as_deref(), Some(&exif[..]));
    assert!(matches!(decoded.pixels, Pixels::Gray8(_)));
    let named = [b"Exif\0\0", &exif[..]].concat();
    let again = encode(
        &planes,
        &EncodeOptions {
            exif: Some(&named),
            ..how
        },
    )
    .expect("encodes");
    assert_eq!(again.bytes, encoded.bytes, "the prefix may be there or not");
}

#[test]
fn wrong_input_is_refused() {
    let planes = gray_to_planes(vec![0; 16], 4, 4).expect("fits");
    let refused = |planes: &Planes, how: &EncodeOptions<'_>| {
        matches!(encode(planes, how), Err(JpegError::InvalidInput { .. }))
    };
    assert!(!refused(&planes, &options(1, true)));
    assert!(refused(&planes, &options(0, true)));
    assert!(refused(&planes, &options(101, true)));
    let long = vec![0; 70_000];
    assert!(refused(
        &planes,
        &EncodeOptions {
            exif: Some(&long),
            ..options(80, true)
        }
    ));
    let huge = vec![0; 17_000_000];
    assert!(refused(
        &planes,
        &EncodeOptions {
            icc: Some(&huge),
            ..options(80, true)
        }
    ));
    let mut short = planes.clone();
    short.components[0].data.pop();
    assert!(refused(&short, &options(80, true)));
    let mut two = planes.clone();
    two.components.push(planes.components[0].clone());
    assert!(refused(&two, &options(80, true)));
    assert!(gray_to_planes(vec![0; 15], 4, 4).is_err());
    assert!(gray_to_planes(Vec::new(), 0, 4).is_err());
    assert!(rgb_to_planes(&[0; 47], 4, 4, Subsampling::Full).is_err());
}

#[test]
fn odd_sampling_factors_encode() {
    // 4:2:2 and 4:4:0 and luma subsampled below colour: legal, if rare.
    let kinds: [[(usize, usize); 3]; 3] = [
        [(2, 1), (1, 1), (1, 1)],
        [(1, 2), (1, 1), (1, 1)],
        [(1, 1), (2, 1), (1, 1)],
    ];
    for factors in kinds {
        let (width, height) = (45, 37);
        let largest = factors
            .iter()
            .fold((1, 1), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let components = factors.map(|(h, v)| {
            let (width, height) = (
                (width * h).div_ceil(largest.0),
                (height * v).div_ceil(largest.1),
            );
            let data = gray(width, height);
            firstlight_jpeg::Plane {
                width,
                height,
                stride: width,
                horizontal: h as u8,
                vertical: v as u8,
                data,
            }
        });
        let planes = Planes {
            width,
            height,
            components: components.to_vec(),
        };
        let [baseline, progressive] = [false, true]
            .map(|progressive| encode(&planes, &options(90, progressive)).expect("encodes"));
        for file in [&baseline, &progressive] {
            let map = map_scans(&file.bytes, &Default::default()).expect("maps");
            assert_eq!(map.scans, file.scans);
        }
    }
}
