//! AVIF: what is made of planes that somebody else decoded.

use super::*;
use crate::picture::Channels;
use crate::samples::{self, near, pixel};
use crate::{Av1, Decoders, Orientation, Outcome, OutsideError, render};

/// Gives the planes of a picture as its encoder knows them, or an error.
struct Known(
    Result<Vec<::avif::Planes>, OutsideError>,
    std::sync::Mutex<usize>,
);

impl Av1 for Known {
    fn decode(
        &self,
        units: Vec<u8>,
        size: (u32, u32),
        _cancel: &dyn Fn() -> bool,
    ) -> Result<::avif::Planes, OutsideError> {
        assert!(!units.is_empty());
        let all = self.0.clone()?;
        let mut turn = self.1.lock().unwrap();
        let planes = all[*turn % all.len()].clone();
        *turn += 1;
        assert_eq!(size, (planes.width as u32, planes.height as u32));
        Ok(planes)
    }
}

fn limits(outcome: Result<Vec<::avif::Planes>, OutsideError>) -> Limits {
    Limits {
        decoders: Decoders {
            av1: Some(Box::leak(Box::new(Known(outcome, Default::default())))),
            svg: None,
        },
        ..Limits::default()
    }
}

/// A file of a red picture of 20 × 12 pixels, whose coded bytes nobody reads.
fn file(channels: ::avif::Channels) -> Vec<u8> {
    let options = ::avif::Options {
        quantizer: 150,
        alpha_quantizer: 150,
        full_colour: false,
        effort: ::avif::Effort::Quick,
        outside: None,
        shown: false,
    };
    let pixels = vec![100; 20 * 12 * channels.count()];
    let made = ::avif::encode(&pixels, channels, (20, 12), &options, &|| false);
    made.unwrap().bytes
}

fn flat(transfer: u16, [y, cb, cr]: [u8; 3]) -> ::avif::Planes {
    ::avif::Planes {
        width: 20,
        height: 12,
        layout: ::avif::Layout::Half,
        numbers: ::avif::Numbers {
            primaries: 1,
            transfer,
            matrix: 6,
            full_range: true,
        },
        samples: [vec![y; 240], vec![cb; 60], vec![cr; 60]],
    }
}

const RED: [u8; 3] = [76, 85, 255];

fn find(file: &[u8], name: &[u8]) -> usize {
    file.windows(4).position(|part| part == name).unwrap()
}

#[test]
fn planes_become_a_picture_and_any_format() {
    let source = file(::avif::Channels::Rgb);
    let limits = limits(Ok(vec![flat(13, RED)]));
    let probe = crate::probe(&source, &limits).unwrap();
    assert_eq!(
        (probe.width, probe.height, probe.has_alpha),
        (20, 12, false)
    );
    let decoded = decode(&source, &probe, None, &limits, &|| false).unwrap();
    assert_eq!(decoded.picture.channels, Channels::Rgb);
    assert!(near(pixel(&decoded.picture, 3, 3), [255, 0, 0, 255]));
    let variant = samples::variant("w=10,f=png", "*/*");
    let made = render(&source, &variant, &limits, &|| false).unwrap();
    let Outcome::Rendered(made) = made else {
        panic!("{made:?}");
    };
    assert_eq!((made.format, made.width, made.height), (Format::Png, 10, 6));
    // At its own size it stays.
    let variant = samples::variant("", "image/avif,image/webp,*/*");
    let kept = render(&source, &variant, &limits, &|| false).unwrap();
    assert!(matches!(kept, Outcome::Original(_)), "{kept:?}");
}

#[test]
fn transparency_is_a_picture_of_its_own() {
    let source = file(::avif::Channels::Rgba);
    let alpha = ::avif::Planes {
        layout: ::avif::Layout::Grey,
        samples: [vec![77; 240], Vec::new(), Vec::new()],
        ..flat(13, RED)
    };
    let limits = limits(Ok(vec![flat(13, RED), alpha]));
    let probe = crate::probe(&source, &limits).unwrap();
    assert!(probe.has_alpha);
    let decoded = decode(&source, &probe, None, &limits, &|| false).unwrap();
    assert!(near(pixel(&decoded.picture, 0, 0), [255, 0, 0, 77]));
}

#[test]
fn turns_of_a_file_turn_the_picture() {
    let mut source = file(::avif::Channels::Rgb);
    // Its pixel information becomes a quarter turn to the left.
    let place = find(&source, b"pixi");
    source[place..place + 5].copy_from_slice(b"irot\x01");
    let limits = limits(Ok(vec![flat(13, RED)]));
    let probe = crate::probe(&source, &limits).unwrap();
    assert_eq!(probe.orientation, Orientation::from_exif(8));
    assert_eq!(probe.upright_size(), (12, 20));
}

#[test]
fn without_a_decoder_or_for_bright_light_the_original_is_kept() {
    let source = file(::avif::Channels::Rgb);
    let variant = samples::variant("w=10", "*/*");
    let outcome = |source: &[u8], limits: &Limits| render(source, &variant, limits, &|| false);
    let mut bright = source.clone();
    let transfer = find(&source, b"nclx") + 4 + 3;
    bright[transfer] = 16;
    for (source, limits) in [
        (&source, Limits::default()),
        (&source, limits(Err(OutsideError::Absent))),
        (&bright, limits(Ok(vec![flat(13, RED)]))),
    ] {
        let Ok(Outcome::Original(original)) = outcome(source, &limits) else {
            panic!("not kept");
        };
        assert_eq!(original.reason, "AVIF is passed on as it is");
    }
    let crashed = limits(Err(OutsideError::Failed("it crashed".to_owned())));
    let error = outcome(&source, &crashed).unwrap_err();
    assert_eq!(error, ImageError::damaged(Format::Avif, "it crashed"));
    let late = outcome(&source, &limits(Err(OutsideError::Cancelled))).unwrap_err();
    assert_eq!(late, ImageError::Cancelled);
}

#[test]
fn a_bomb_is_refused_before_anything_is_decoded() {
    let mut source = file(::avif::Channels::Rgb);
    let size = find(&source, b"ispe") + 4 + 4;
    source[size..size + 8].copy_from_slice(&[0, 0, 0x42, 0x68, 0, 0, 0x42, 0x68]);
    let limits = limits(Err(OutsideError::Failed("it must not be asked".to_owned())));
    let refused = crate::probe(&source, &limits);
    let expected = ImageError::SourcePixels {
        width: 17_000,
        height: 17_000,
        max_side: limits.max_side,
        max_pixels: limits.max_pixels,
    };
    assert_eq!(refused, Err(expected));
}
