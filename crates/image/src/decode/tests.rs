//! Files of every kind become the same pixels.

use ::tiff::encoder::colortype::{CMYK8, Gray8, RGB8, RGB16};

use super::*;
use crate::picture::Channels;
use crate::samples::{self, near, pixel, pixels};

fn decoded(bytes: &[u8]) -> Result<Decoded, ImageError> {
    let limits = Limits::default();
    let probe = crate::probe(bytes, &limits)?;
    decode(bytes, &probe, None, &limits, &|| false)
}

#[test]
fn exact_formats_give_exact_pixels() {
    for picture in [samples::drawing(61, 43), samples::cut_out(61, 43)] {
        assert_eq!(pixels(&samples::png(&picture)), picture);
    }
    let opaque = samples::drawing(61, 43);
    assert_eq!(pixels(&samples::webp(&opaque, true)), opaque);
}

#[test]
fn bitmaps_give_exact_pixels() {
    for (width, height) in [(61, 43), (64, 1), (1, 9)] {
        let picture = samples::drawing(width, height);
        assert_eq!(pixels(&samples::bmp(&picture)), picture);
    }
    // The fourth byte of a pixel means nothing in a header this short.
    let cut_out = samples::cut_out(30, 20);
    let bytes = samples::bmp(&cut_out);
    let probe = crate::probe(&bytes, &Limits::default()).unwrap();
    assert_eq!((probe.upright_size(), probe.has_alpha), ((30, 20), false));
    let colours = cut_out.data.chunks_exact(4).flat_map(|it| &it[..3]);
    assert!(pixels(&bytes).data.iter().eq(colours));
}

#[test]
fn tiff_gives_exact_pixels() {
    let picture = samples::drawing(61, 43);
    let eight = samples::tiff::<RGB8>(&picture, &picture.data, 1);
    assert_eq!(pixels(&eight), picture);
    let wide: Vec<u16> = picture.data.iter().map(|it| u16::from(*it) * 257).collect();
    assert_eq!(pixels(&samples::tiff::<RGB16>(&picture, &wide, 1)), picture);
    let turned = samples::tiff::<RGB8>(&picture, &picture.data, 6);
    let probe = crate::probe(&turned, &Limits::default()).unwrap();
    assert_eq!(probe.upright_size(), (43, 61));
    let grey: Vec<u8> = picture.data.iter().step_by(3).copied().collect();
    let read = pixels(&samples::tiff::<Gray8>(&picture, &grey, 1));
    assert_eq!((read.channels, read.data), (Channels::Grey, grey));
    // Inks are not read.
    let inks = [&picture.data[..], &picture.data].concat();
    let inks = samples::tiff::<CMYK8>(&picture, &inks[..61 * 43 * 4], 1);
    let refused = decoded(&inks).err();
    let format = Format::Tiff;
    assert_eq!(refused, Some(ImageError::Unsupported { format }));
}

#[test]
fn bitmaps_and_tiff_are_refused_by_their_headers() {
    let picture = samples::drawing(61, 43);
    let mut large = samples::bmp(&picture);
    large[18..22].copy_from_slice(&65_535_u32.to_le_bytes());
    large[22..26].copy_from_slice(&65_535_u32.to_le_bytes());
    let refused = crate::probe(&large, &Limits::default());
    assert!(matches!(refused, Err(ImageError::SourcePixels { .. })));
    for whole in [
        samples::bmp(&picture),
        samples::tiff::<RGB8>(&picture, &picture.data, 1),
    ] {
        for end in (0..whole.len()).step_by(7) {
            // Nothing is made up, and nothing falls.
            if let Ok(read) = decoded(&whole[..end]) {
                assert_eq!((read.picture.width, read.picture.height), (61, 43));
            }
        }
        let tight = Limits {
            max_pixels: 61 * 43 - 1,
            ..Limits::default()
        };
        let refused = crate::probe(&whole, &tight);
        assert!(matches!(refused, Err(ImageError::SourcePixels { .. })));
    }
}

#[test]
fn jpeg_xl_gives_exact_pixels() {
    let grey = |(width, height): (usize, usize)| {
        let data = (0..width * height).map(|place| (place % 251) as u8);
        Picture::new(width, height, Channels::Grey, data.collect()).unwrap()
    };
    // One group, and several.
    for (width, height) in [(61, 43), (300, 270)] {
        for picture in [
            samples::drawing(width, height),
            samples::photograph(width, height),
            samples::cut_out(width, height),
            grey((width, height)),
        ] {
            assert_eq!(pixels(&samples::jxl(&picture)), picture);
        }
    }
}

#[test]
fn jpeg_xl_in_boxes_has_exif_data_that_turns_nothing() {
    let picture = samples::drawing(61, 43);
    let exif = samples::exif_orientation(6);
    let boxed = samples::jxl_in_boxes(&samples::jxl(&picture), &exif);
    let probe = crate::probe(&boxed, &Limits::default()).unwrap();
    assert_eq!(probe.upright_size(), (61, 43));
    let decoded = decoded(&boxed).unwrap();
    assert_eq!(decoded.picture, picture);
    assert_eq!(decoded.exif, Some(exif));
}

#[test]
fn jpeg_xl_is_called_off_between_groups() {
    let bytes = samples::jxl(&samples::photograph(1100, 300));
    let limits = Limits::default();
    let probe = crate::probe(&bytes, &limits).unwrap();
    let asked = std::cell::Cell::new(0);
    let stopped = decode(&bytes, &probe, None, &limits, &|| {
        asked.set(asked.get() + 1);
        asked.get() > 3
    });
    assert_eq!(stopped.err(), Some(ImageError::Cancelled));
    assert!(asked.get() < 7, "{asked:?}");
}

#[test]
fn lossy_formats_give_near_pixels() {
    let picture = samples::quarters(64, 48);
    let files = [
        samples::jpeg(&picture, 95, true),
        samples::jpeg(&picture, 95, false),
        samples::webp(&picture, false),
    ];
    for bytes in files {
        let made = pixels(&bytes);
        for (x, y) in [(10, 10), (50, 10), (10, 40), (50, 40)] {
            assert!(near(pixel(&made, x, y), pixel(&picture, x, y)), "{x} {y}");
        }
    }
}

#[test]
fn sixteen_bits_become_eight() {
    let mut info = ::png::Info::with_size(4, 1);
    info.color_type = ::png::ColorType::Rgb;
    info.bit_depth = ::png::BitDepth::Sixteen;
    let samples: Vec<u8> = (0..24).map(|place| place * 10).collect();
    let picture = pixels(&crate::samples::png_of(info, &samples));
    let high: Vec<u8> = samples.iter().copied().step_by(2).collect();
    assert_eq!(picture.data, high);
}

#[test]
fn palettes_with_alpha_are_expanded() {
    let mut info = ::png::Info::with_size(8, 1);
    info.color_type = ::png::ColorType::Indexed;
    info.bit_depth = ::png::BitDepth::Two;
    info.palette = Some(vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9].into());
    info.trns = Some(vec![0, 128].into());
    let picture = pixels(&samples::png_of(info, &[0b00_01_10_11, 0b00_01_10_11]));
    assert_eq!(picture.width, 8);
    assert_eq!(pixel(&picture, 0, 0)[3], 0);
    assert_eq!(pixel(&picture, 1, 0), [0, 255, 0, 128]);
    assert_eq!(pixel(&picture, 2, 0), [0, 0, 255, 255]);
    assert_eq!(pixel(&picture, 7, 0), [9, 9, 9, 255]);
}

#[test]
fn grey_stays_grey() {
    let mut info = ::png::Info::with_size(16, 1);
    info.bit_depth = ::png::BitDepth::One;
    let grey = pixels(&samples::png_of(info, &[0b1010_0000, 0xFF]));
    assert_eq!(grey.channels, crate::picture::Channels::Grey);
    assert_eq!(&grey.data[..4], [255, 0, 255, 0]);
    let jpeg = pixels(&samples::jpeg(&grey, 95, true));
    assert_eq!(jpeg.channels, crate::picture::Channels::Grey);
}

#[test]
fn grey_with_alpha_becomes_colour() {
    let mut info = ::png::Info::with_size(2, 1);
    info.color_type = ::png::ColorType::GrayscaleAlpha;
    let picture = pixels(&samples::png_of(info, &[100, 50, 200, 255]));
    assert_eq!(picture.data, [100, 100, 100, 50, 200, 200, 200, 255]);
}

/// An interlaced PNG (Adam7) of 3 × 3 grey pixels 0–8, put together by hand: passes 1, 2, 3, 5, 6
/// and 7 have pixels.
fn interlaced() -> Vec<u8> {
    // Each row of each pass with its filter byte.
    let passes: &[&[u8]] = &[
        &[0, 0],       // pass 1: (0, 0)
        &[0, 2],       // pass 4: (2, 0)
        &[0, 6, 8],    // pass 5: (0, 2) (2, 2)
        &[0, 1],       // pass 6: (1, 0)
        &[0, 7],       // pass 6: (1, 2)
        &[0, 3, 4, 5], // pass 7: (0..3, 1)
    ];
    let raw = passes.concat();
    let mut zlib = vec![0x78, 0x01, 1];
    zlib.extend_from_slice(&(raw.len() as u16).to_le_bytes());
    zlib.extend_from_slice(&(!(raw.len() as u16)).to_le_bytes());
    zlib.extend_from_slice(&raw);
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in &raw {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    zlib.extend_from_slice(&((high << 16) | low).to_be_bytes());
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(
        &mut bytes,
        b"IHDR",
        &[0, 0, 0, 3, 0, 0, 0, 3, 8, 0, 0, 0, 1],
    );
    chunk(&mut bytes, b"IDAT", &zlib);
    chunk(&mut bytes, b"IEND", &[]);
    bytes
}

fn chunk(bytes: &mut Vec<u8>, name: &[u8; 4], body: &[u8]) {
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    let start = bytes.len();
    bytes.extend_from_slice(name);
    bytes.extend_from_slice(body);
    let mut crc = u32::MAX;
    for byte in &bytes[start..] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xEDB8_8320
            } else {
                crc >> 1
            };
        }
    }
    bytes.extend_from_slice(&(!crc).to_be_bytes());
}

#[test]
fn interlaced_rows_come_in_order() {
    assert_eq!(pixels(&interlaced()).data, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn the_first_frame_of_a_gif_lies_on_its_screen() {
    let frames = [vec![1, 2, 3, 0, 1, 2], vec![0; 6]];
    let picture = pixels(&samples::gif(3, 2, &frames));
    assert_eq!(pixel(&picture, 0, 0), [255, 0, 0, 255]);
    assert_eq!(pixel(&picture, 1, 0), [0, 255, 0, 255]);
    assert_eq!(pixel(&picture, 2, 0)[3], 0);
    assert_eq!(pixel(&picture, 0, 1), [0, 0, 0, 255]);
}

#[test]
fn a_gif_frame_may_hang_over_its_screen() {
    let mut bytes = samples::gif(4, 4, &[vec![1; 16]]);
    // The screen becomes 2 × 3; the frame stays 4 × 4.
    bytes[6] = 2;
    bytes[8] = 3;
    let picture = pixels(&bytes);
    assert_eq!((picture.width, picture.height), (2, 3));
    assert_eq!(pixel(&picture, 1, 2), [255, 0, 0, 255]);
}

#[test]
fn cut_off_files_are_damaged() {
    let picture = samples::photograph(120, 90);
    let files = [
        samples::png(&picture),
        samples::jpeg(&picture, 80, true),
        samples::jpeg(&picture, 80, false),
        samples::webp(&picture, true),
        samples::webp(&picture, false),
        samples::jxl(&picture),
        samples::gif(
            120,
            90,
            &[(0..120 * 90).map(|place| (place % 3) as u8).collect()],
        ),
    ];
    for bytes in files {
        let cut = &bytes[..bytes.len() / 2];
        let error = decoded(cut).err();
        assert!(
            matches!(error, Some(ImageError::Damaged { .. })),
            "{error:?}"
        );
    }
}

#[test]
fn bitmaps_of_which_the_decoder_makes_another_picture_are_not_read() {
    let usual = samples::bmp(&samples::drawing(6, 4));
    assert!(decoded(&usual).is_ok());
    let with = |changes: &[(usize, u32)]| {
        let mut bytes = usual.clone();
        for (at, number) in changes {
            bytes[*at..*at + 4].copy_from_slice(&number.to_le_bytes());
        }
        decoded(&bytes).err()
    };
    let unsupported = Some(ImageError::Unsupported {
        format: Format::Bmp,
    });
    for changes in [
        // Fields of bits in another order; packed rows from the top; a palette behind a new header.
        &[(28, 32), (30, 3), (54, 0xFF), (58, 0xFF00), (62, 0xFF_0000)][..],
        &[(22, 4_u32.wrapping_neg()), (28, 8), (30, 1)],
        &[(14, 124), (28, 1)],
    ] {
        assert_eq!(with(changes), unsupported, "{changes:?}");
    }
}

#[test]
fn the_largest_picture_of_an_icon_is_read() {
    for as_png in [false, true] {
        let icon = samples::ico(as_png);
        let header = crate::probe(&icon, &Limits::default()).unwrap();
        assert_eq!(
            (header.format, header.width, header.height),
            (Format::Ico, 32, 32)
        );
        let picture = decoded(&icon).unwrap().picture;
        assert_eq!(picture.data, [0, 0, 255].repeat(32 * 32), "{as_png}");
        for end in [3, 20, 60, icon.len() - 1] {
            let cut = decoded(&icon[..end]);
            // The smaller one may be there still.
            assert!(cut.is_err() || cut.unwrap().picture.width == 16, "{end}");
        }
        let kept = samples::kept(&icon, "", "image/webp,*/*");
        assert!(kept.reason.contains("several sizes"), "{}", kept.reason);
        let made = samples::rendered(&icon, "w=8,format=webp", "image/webp,*/*");
        assert_eq!((made.width, made.height), (8, 8));
    }
    // An icon's own sizes count, not those of its directory.
    let mut large = samples::ico(false);
    let start = large
        .windows(4)
        .rposition(|four| four == [40, 0, 0, 0])
        .unwrap();
    large[start + 4..start + 8].copy_from_slice(&60_000_u32.to_le_bytes());
    let refused = crate::probe(&large, &Limits::default());
    assert!(
        matches!(refused, Err(ImageError::SourcePixels { .. })),
        "{refused:?}"
    );
}

#[test]
fn decoding_is_called_off() {
    let limits = Limits::default();
    let picture = samples::photograph(120, 90);
    for bytes in [samples::png(&picture), samples::jpeg(&picture, 80, true)] {
        let probe = crate::probe(&bytes, &limits).unwrap();
        let stopped = decode(&bytes, &probe, None, &limits, &|| true).err();
        assert_eq!(stopped, Some(ImageError::Cancelled));
    }
}

#[test]
fn a_decoder_that_panics_means_a_damaged_file() {
    let outcome: Result<(), _> = guard(Format::Gif, || panic!("unexpected"));
    assert!(matches!(
        outcome,
        Err(ImageError::Damaged {
            format: Format::Gif,
            ..
        })
    ));
}

#[test]
fn drawings_and_photographs_are_told_apart() {
    let photograph = |picture| decoded(&samples::png(&picture)).unwrap().photograph;
    assert!(photograph(samples::photograph(200, 150)));
    assert!(!photograph(samples::drawing(200, 150)));
}
