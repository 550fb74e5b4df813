//! Beside other decoders and encoders: `zune-jpeg`, and libjpeg-turbo's programs where they are
//! installed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, Limits, Subsampling, Tables, WriteOptions, decode, encode,
    gray_to_planes, map_scans, read_coefficients, rgb_to_planes, write,
};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::picture::{natural, pixels, psnr};

/// What a program makes of the input; none, and a word about it, if the program is missing.
pub fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: `{program}` is not installed (package libjpeg-turbo-progs)");
        return None;
    };
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("runs");
    feeder.join().expect("feeds").expect("reads it all");
    assert!(
        output.status.success(),
        "{program} {arguments:?} refused the file"
    );
    Some(output.stdout)
}

/// What `zune-jpeg` makes of a file.
fn zune(file: &[u8], colour: ColorSpace) -> Vec<u8> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(colour);
    JpegDecoder::new_with_options(ZCursor::new(file), options)
        .decode()
        .expect("decodes")
}

#[test]
fn another_decoder_sees_the_same_picture() {
    for (width, height) in [(1, 1), (16, 16), (129, 67), (320, 241)] {
        let rgb = natural(width, height, 51);
        let gray: Vec<u8> = rgb.chunks_exact(3).map(|pixel| pixel[2]).collect();
        let files = [
            (
                gray_to_planes(gray, width, height).expect("fits"),
                ColorSpace::Luma,
            ),
            (
                rgb_to_planes(&rgb, width, height, Subsampling::Full).expect("fits"),
                ColorSpace::RGB,
            ),
        ];
        for (planes, colour) in files {
            for progressive in [false, true] {
                let how = EncodeOptions {
                    progressive,
                    baseline_below: 0,
                    ..EncodeOptions::default()
                };
                let file = encode(&planes, &how).expect("encodes").bytes;
                let ours = pixels(&file, &DecodeOptions::default());
                let likeness = psnr(&ours, &zune(&file, colour));
                assert!(
                    likeness > 45.0,
                    "{width}×{height}, {progressive}: {likeness} dB"
                );
            }
        }
    }
}

#[test]
fn coefficients_are_written_down_again_without_loss() {
    let (width, height) = (231, 145);
    let rgb = natural(width, height, 61);
    for subsampling in [Subsampling::Full, Subsampling::Quarter] {
        let planes = rgb_to_planes(&rgb, width, height, subsampling).expect("fits");
        let [baseline, progressive] = [false, true].map(|progressive| {
            let how = EncodeOptions {
                progressive,
                baseline_below: 0,
                ..EncodeOptions::default()
            };
            encode(&planes, &how).expect("encodes").bytes
        });
        let read = |file: &[u8]| read_coefficients(file, &DecodeOptions::default()).expect("reads");
        let coefficients = read(&baseline);
        assert!(
            coefficients == read(&progressive),
            "the same from either kind of file"
        );
        let how = WriteOptions::default();
        assert!(write(&coefficients, &how).expect("writes").bytes == progressive);
        let how = WriteOptions {
            progressive: false,
            ..how
        };
        assert!(write(&coefficients, &how).expect("writes").bytes == baseline);
    }
}

/// The pixels of a PGM or PPM file.
fn samples(file: &[u8], count: usize) -> &[u8] {
    &file[file.len() - count..]
}

#[test]
fn djpeg_sees_the_same_picture() {
    for (width, height) in [(1, 1), (7, 9), (17, 33), (200, 150), (333, 222)] {
        let rgb = natural(width, height, 21);
        let gray: Vec<u8> = rgb.chunks_exact(3).map(|pixel| pixel[0]).collect();
        let files = [
            (
                gray_to_planes(gray.clone(), width, height).expect("fits"),
                &gray,
            ),
            (
                rgb_to_planes(&rgb, width, height, Subsampling::Full).expect("fits"),
                &rgb,
            ),
            (
                rgb_to_planes(&rgb, width, height, Subsampling::Quarter).expect("fits"),
                &rgb,
            ),
        ];
        for (planes, original) in files {
            for progressive in [false, true] {
                let how = EncodeOptions {
                    quality: 90,
                    progressive,
                    baseline_below: 0,
                    ..EncodeOptions::default()
                };
                let file = encode(&planes, &how).expect("encodes").bytes;
                let Some(theirs) = piped("djpeg", &["-pnm"], &file) else {
                    return;
                };
                let theirs = samples(&theirs, original.len());
                let ours = pixels(&file, &DecodeOptions::default());
                assert!(
                    psnr(theirs, &ours) > 42.0,
                    "{width}×{height}: {}",
                    psnr(theirs, &ours)
                );
                assert!(psnr(theirs, original) > 30.0);
            }
        }
    }
}

#[test]
fn at_equal_coefficients_the_file_is_no_larger_than_jpegtrans() {
    for (size, quality) in [((400, 300), 60), ((640, 480), 80), ((500, 700), 90)] {
        let rgb = natural(size.0, size.1, 31);
        let planes = rgb_to_planes(&rgb, size.0, size.1, Subsampling::Quarter).expect("fits");
        let how = EncodeOptions {
            quality,
            tables: Tables::AnnexK,
            ..EncodeOptions::default()
        };
        let ours = encode(&planes, &how).expect("encodes").bytes;
        let baseline = encode(
            &planes,
            &EncodeOptions {
                progressive: false,
                ..how
            },
        )
        .expect("encodes");
        let Some(theirs) = piped("jpegtran", &["-progressive"], &baseline.bytes) else {
            return;
        };
        assert!(
            pixels(&ours, &DecodeOptions::default()) == pixels(&theirs, &DecodeOptions::default()),
            "the same coefficients"
        );
        let ratio = ours.len() as f64 / theirs.len() as f64;
        assert!(ratio < 1.01, "{size:?} at {quality}: {ratio}");
    }
}

#[test]
fn foreign_files_are_mapped_and_decoded() {
    let (width, height) = (150, 111);
    let rgb = natural(width, height, 41);
    let mut ppm = format!("P6\n{width} {height}\n255\n").into_bytes();
    ppm.extend_from_slice(&rgb);
    let kinds: [&[&str]; 9] = [
        &[],
        &["-optimize"],
        &["-progressive"],
        &["-restart", "1"],
        &["-progressive", "-restart", "3B"],
        &["-sample", "2x1"],
        &["-sample", "1x2", "-progressive"],
        &["-sample", "1x1"],
        &["-grayscale"],
    ];
    for arguments in kinds {
        let arguments = [&["-quality", "92"], arguments].concat();
        let Some(file) = piped("cjpeg", &arguments, &ppm) else {
            return;
        };
        let map = map_scans(&file, &Limits::default()).expect("maps");
        assert!(map.complete && map.length == file.len(), "{arguments:?}");
        let progressive = arguments.contains(&"-progressive");
        assert_eq!(map.progressive(), progressive, "{arguments:?}");
        assert_eq!(
            map.scans.len(),
            if progressive { 10 } else { 1 },
            "{arguments:?}"
        );
        assert_eq!(
            map.restart_interval > 0,
            arguments.contains(&"-restart"),
            "{arguments:?}"
        );
        let decoded = decode(&file, &DecodeOptions::default()).expect("decodes");
        assert_eq!((decoded.width, decoded.height), (150, 111));
        let ours = pixels(&file, &DecodeOptions::default());
        let theirs = piped("djpeg", &["-pnm"], &file).expect("runs");
        let likeness = psnr(&ours, samples(&theirs, ours.len()));
        assert!(likeness > 40.0, "{arguments:?}: {likeness} dB");
    }
}
