//! Overlays on pictures of few pixels.

use super::*;
use crate::picture::{Channels, Picture};
use crate::{Along, ImageError, Limits, Shift, samples};

const WHITE: [u8; 3] = [255; 3];
const RED: [u8; 3] = [255, 0, 0];

fn at(share: u32, shift: Shift) -> Spot {
    Spot::At(Along {
        share: Factor::from_thousandths(share),
        shift,
    })
}

fn pixels(share: u32, pixels: i32) -> Spot {
    at(share, Shift::Pixels(pixels))
}

/// A picture of one colour.
fn plain(width: usize, height: usize, colour: [u8; 3]) -> Picture {
    let data = colour.repeat(width * height);
    Picture::new(width, height, Channels::Rgb, data).unwrap()
}

fn overlay(width: usize, height: usize) -> Overlay {
    let file = samples::png(&plain(width, height, RED));
    Overlay {
        source: "/logo.png".into(),
        file: Some(OverlayFile::new(file.into())),
        opacity: Factor::ONE,
        across: pixels(0, 0),
        down: pixels(0, 0),
        width: None,
        height: None,
        inside: false,
    }
}

fn drawn(overlay: &Overlay, width: usize, height: usize) -> Picture {
    let picture = plain(width, height, WHITE);
    draw(picture, overlay, &Limits::default(), &|| false).unwrap()
}

/// The columns and the rows that are red throughout somewhere.
fn red(picture: &Picture) -> (Vec<usize>, Vec<usize>) {
    let is_red = |x: usize, y: usize| {
        let place = (y * picture.width + x) * 3;
        picture.data[place..place + 3] == RED
    };
    let columns = (0..picture.width).filter(|x| (0..picture.height).any(|y| is_red(*x, y)));
    let rows = (0..picture.height).filter(|y| (0..picture.width).any(|x| is_red(x, *y)));
    (columns.collect(), rows.collect())
}

#[test]
fn places_are_those_of_the_servers() {
    let even = Spot::Repeated(Gap::Even);
    let around = |shift| Spot::Repeated(Gap::Around(shift));
    for (spot, whole, part, expected) in [
        (pixels(0, 10), 300, 30, vec![10]),
        // From the right.
        (pixels(1000, -10), 300, 30, vec![260]),
        (pixels(500, 0), 300, 30, vec![135]),
        (at(0, Shift::Share(200)), 300, 30, vec![60]),
        (at(1000, Shift::Share(-200)), 300, 30, vec![210]),
        // Larger than the picture.
        (pixels(500, 0), 300, 400, vec![-50]),
        (even, 100, 30, vec![0, 35, 70]),
        (even, 100, 60, vec![0]),
        (even, 100, 200, vec![]),
        (Spot::Repeated(Gap::None), 100, 40, vec![0, 40, 80]),
        (around(Shift::Pixels(0)), 100, 40, vec![-10, 30, 70]),
        (around(Shift::Pixels(10)), 100, 40, vec![-20, 30, 80]),
        (around(Shift::Share(100)), 100, 40, vec![-20, 30, 80]),
        (around(Shift::Pixels(-30)), 100, 40, vec![-10, 30, 70]),
        (around(Shift::Pixels(500)), 100, 40, vec![30]),
        (around(Shift::Pixels(0)), 100, 200, vec![-50]),
    ] {
        assert_eq!(spot.places(whole, part), expected, "{spot:?}");
    }
}

#[test]
fn an_overlay_lies_where_it_is_to_lie_and_is_cut_off_outside() {
    let corner = Overlay {
        across: pixels(1000, -1),
        down: pixels(0, -1),
        ..overlay(3, 3)
    };
    assert_eq!(red(&drawn(&corner, 10, 8)), (vec![6, 7, 8], vec![0, 1]));
    let outside = Overlay {
        across: pixels(0, 50),
        ..overlay(3, 3)
    };
    assert_eq!(drawn(&outside, 10, 8), plain(10, 8, WHITE));
    let tiled = Overlay {
        across: Spot::Repeated(Gap::Even),
        ..overlay(4, 2)
    };
    let expected = (vec![0, 1, 2, 3, 6, 7, 8, 9], vec![0, 1]);
    assert_eq!(red(&drawn(&tiled, 10, 8)), expected);
}

#[test]
fn an_overlay_takes_the_size_that_the_documentation_states() {
    let share = |thousandths| Some(Factor::from_thousandths(thousandths));
    // The examples of thumbor's documentation: 30 by 40 on 300 by 200.
    for (width, height, expected) in [
        (None, None, (30, 40)),
        (share(200), None, (60, 80)),
        (None, share(150), (23, 30)),
        (share(300), share(300), (45, 60)),
        (share(152), None, (46, 61)),
        (share(1), share(1), (1, 1)),
    ] {
        let sized = Overlay {
            width,
            height,
            ..overlay(30, 40)
        };
        let (columns, rows) = red(&drawn(&sized, 300, 200));
        assert_eq!((columns.len(), rows.len()), expected);
    }
}

#[test]
fn half_of_it_is_seen_where_half_is_asked() {
    let half = Overlay {
        opacity: Factor::from_thousandths(500),
        ..overlay(2, 2)
    };
    assert_eq!(drawn(&half, 4, 4).data[..3], [255, 127, 127]);
    let clear = Overlay {
        opacity: Factor::from_thousandths(0),
        ..overlay(2, 2)
    };
    assert_eq!(drawn(&clear, 4, 4), plain(4, 4, WHITE));
}

#[test]
fn a_clear_picture_stays_clear_where_nothing_lies_on_it() {
    let clear = Picture::new(4, 4, Channels::Rgba, vec![0; 64]).unwrap();
    let made = draw(clear, &overlay(2, 2), &Limits::default(), &|| false).unwrap();
    assert_eq!(made.data[..4], [255, 0, 0, 255]);
    assert_eq!(made.data[60..], [0; 4]);
}

#[test]
fn what_cannot_be_read_is_an_error_of_the_overlay() {
    let with = |file: Option<&[u8]>| Overlay {
        file: file.map(|file| OverlayFile::new(Bytes::copy_from_slice(file))),
        ..overlay(1, 1)
    };
    for file in [None, Some(&b"no picture"[..]), Some(b"\x89PNG\r\n\x1a\n")] {
        let wrong = draw(plain(4, 4, WHITE), &with(file), &Limits::default(), &|| {
            false
        });
        assert!(matches!(wrong, Err(ImageError::Overlay { .. })), "{file:?}");
    }
    let cancelled = draw(
        plain(4, 4, WHITE),
        &overlay(1, 1),
        &Limits::default(),
        &|| true,
    );
    assert_eq!(cancelled.unwrap_err(), ImageError::Cancelled);
}

#[test]
fn texts_of_overlays_differ_as_they_do() {
    let one = overlay(1, 1);
    let others = [
        overlay(2, 1),
        Overlay {
            source: "/a,b;c.png".into(),
            ..overlay(1, 1)
        },
        Overlay {
            across: Spot::Repeated(Gap::None),
            ..overlay(1, 1)
        },
        Overlay {
            width: Some(Factor::ONE),
            ..overlay(1, 1)
        },
        Overlay {
            inside: true,
            ..overlay(1, 1)
        },
    ];
    let mut seen = std::collections::HashSet::from([one.to_string()]);
    for other in others {
        assert!(!other.to_string().contains(','), "{other}");
        assert!(seen.insert(other.to_string()), "{other}");
    }
}
