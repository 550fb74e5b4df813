//! Sizes: a new case is a new line.

use proptest::prelude::*;

use super::*;
use crate::{Format, PolicySettings, Signals, Transform, choose};

fn layout(size: (u32, u32), options: &str) -> Layout {
    layout_of(size, &Transform::parse(options).unwrap())
}

fn layout_of(size: (u32, u32), transform: &Transform) -> Layout {
    let probe = Probe {
        format: Format::Png,
        width: size.0,
        height: size.1,
        orientation: Orientation::UPRIGHT,
        has_alpha: false,
        animated: false,
    };
    let variant = choose(transform, &Signals::default(), &PolicySettings::default()).variant;
    let limits = Limits {
        max_output_side: u32::MAX,
        max_output_pixels: u64::MAX,
        ..Limits::default()
    };
    Layout::new(&probe, &variant, &limits).unwrap()
}

/// Source, options, window, inner size, canvas.
type Case = ((u32, u32), &'static str, (u32, u32), (u32, u32), (u32, u32));

const CASES: &[Case] = &[
    // One side.
    ((600, 400), "w=300", (600, 400), (300, 200), (300, 200)),
    ((600, 400), "h=100", (600, 400), (150, 100), (150, 100)),
    ((600, 400), "w=900", (600, 400), (600, 400), (600, 400)),
    (
        (600, 400),
        "w=900,fit=contain",
        (600, 400),
        (900, 600),
        (900, 600),
    ),
    (
        (600, 400),
        "w=900,fit=scale-up",
        (600, 400),
        (900, 600),
        (900, 600),
    ),
    (
        (600, 400),
        "w=300,fit=scale-up",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    (
        (600, 400),
        "w=300,fit=pad",
        (600, 400),
        (300, 200),
        (300, 200),
    ),
    (
        (600, 400),
        "w=900,fit=crop",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    ((1000, 1), "w=10", (1000, 1), (10, 1), (10, 1)),
    // Scale down.
    (
        (600, 400),
        "w=300,h=300",
        (600, 400),
        (300, 200),
        (300, 200),
    ),
    (
        (400, 600),
        "w=300,h=300",
        (400, 600),
        (200, 300),
        (200, 300),
    ),
    (
        (600, 400),
        "w=900,h=900",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    (
        (600, 400),
        "w=900,h=200",
        (600, 400),
        (300, 200),
        (300, 200),
    ),
    (
        (600, 400),
        "w=300,h=300,dpr=2",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    // Scale up.
    (
        (600, 400),
        "w=900,h=900,fit=scale-up",
        (600, 400),
        (900, 600),
        (900, 600),
    ),
    (
        (600, 400),
        "w=900,h=300,fit=scale-up",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    // Contain.
    (
        (600, 400),
        "w=900,h=900,fit=contain",
        (600, 400),
        (900, 600),
        (900, 600),
    ),
    (
        (600, 400),
        "w=300,h=900,fit=contain",
        (600, 400),
        (300, 200),
        (300, 200),
    ),
    // Cover.
    (
        (600, 400),
        "w=300,h=300,fit=cover",
        (400, 400),
        (300, 300),
        (300, 300),
    ),
    (
        (400, 600),
        "w=300,h=300,fit=cover",
        (400, 400),
        (300, 300),
        (300, 300),
    ),
    (
        (600, 400),
        "w=900,h=900,fit=cover",
        (400, 400),
        (900, 900),
        (900, 900),
    ),
    (
        (600, 400),
        "w=300,h=100,fit=cover",
        (600, 200),
        (300, 100),
        (300, 100),
    ),
    // Crop.
    (
        (600, 400),
        "w=300,h=300,fit=crop",
        (400, 400),
        (300, 300),
        (300, 300),
    ),
    (
        (600, 400),
        "w=900,h=900,fit=crop",
        (600, 400),
        (600, 400),
        (600, 400),
    ),
    (
        (600, 400),
        "w=300,h=900,fit=crop",
        (300, 400),
        (300, 400),
        (300, 400),
    ),
    // Crop to the shape.
    (
        (612, 613),
        "w=1920,h=1120,fit=aspect-crop",
        (612, 357),
        (612, 357),
        (612, 357),
    ),
    (
        (600, 400),
        "w=300,h=300,fit=aspect-crop",
        (400, 400),
        (300, 300),
        (300, 300),
    ),
    (
        (600, 400),
        "w=300,h=600,fit=aspect-crop",
        (200, 400),
        (200, 400),
        (200, 400),
    ),
    // Pad.
    (
        (600, 400),
        "w=300,h=300,fit=pad",
        (600, 400),
        (300, 200),
        (300, 300),
    ),
    (
        (600, 400),
        "w=900,h=700,fit=pad",
        (600, 400),
        (900, 600),
        (900, 700),
    ),
    // Squeeze.
    (
        (600, 400),
        "w=123,h=456,fit=squeeze",
        (600, 400),
        (123, 456),
        (123, 456),
    ),
    // Turned and trimmed: sides are those after it.
    (
        (600, 400),
        "w=200,rotate=90",
        (400, 600),
        (200, 300),
        (200, 300),
    ),
    ((600, 400), "rotate=180", (600, 400), (600, 400), (600, 400)),
    (
        (600, 400),
        "trim=10;20;30;40",
        (540, 360),
        (540, 360),
        (540, 360),
    ),
    (
        (600, 400),
        "trim=10;20;30;40,w=270",
        (540, 360),
        (270, 180),
        (270, 180),
    ),
    (
        (600, 400),
        "trim=10;20;30;40,rotate=90",
        (360, 540),
        (360, 540),
        (360, 540),
    ),
    (
        (600, 400),
        "trim.left=500,trim.width=300",
        (100, 400),
        (100, 400),
        (100, 400),
    ),
    ((600, 400), "trim=900;900;900;900", (1, 1), (1, 1), (1, 1)),
];

#[test]
fn every_fit_has_its_sizes() {
    for (size, options, window, inner, canvas) in CASES {
        let layout = layout(*size, options);
        assert_eq!(layout.window, *window, "window of {size:?} {options}");
        assert_eq!(layout.inner, *inner, "inner size of {size:?} {options}");
        assert_eq!(layout.canvas, *canvas, "canvas of {size:?} {options}");
    }
}

#[test]
fn what_changes_nothing_is_known() {
    for options in [
        "w=600",
        "w=900,h=900",
        "fit=pad",
        "w=600,h=400,fit=cover",
        "q=5",
    ] {
        assert!(layout((600, 400), options).unchanged, "{options}");
    }
    for options in [
        "w=599",
        "flip=h",
        "rotate=90",
        "trim=1;0;0;0",
        "w=600,h=401,fit=pad",
    ] {
        assert!(!layout((600, 400), options).unchanged, "{options}");
    }
}

#[test]
fn flips_come_before_turns() {
    // Mirrored, then turned clockwise, is EXIF's orientation 7.
    assert_eq!(
        layout((6, 4), "flip=h,rotate=90").turn,
        Orientation::from_exif(7)
    );
    assert_eq!(
        layout((6, 4), "flip=v,rotate=90").turn,
        Orientation::from_exif(5)
    );
    assert_eq!(
        layout((6, 4), "flip=hv,rotate=180").turn,
        Orientation::UPRIGHT
    );
}

#[test]
fn a_result_over_the_limits_is_refused() {
    let limits = Limits::default();
    let probe = Probe {
        format: Format::Png,
        width: 10,
        height: 10,
        orientation: Orientation::UPRIGHT,
        has_alpha: false,
        animated: false,
    };
    for options in [
        "w=12001,fit=contain",
        "w=5000,h=5000,dpr=3,fit=cover",
        "w=9000,h=9000,fit=pad",
    ] {
        let transform = Transform::parse(options).unwrap();
        let variant = choose(&transform, &Signals::default(), &PolicySettings::default()).variant;
        let refused = Layout::new(&probe, &variant, &limits);
        assert!(
            matches!(refused, Err(ImageError::OutputPixels { .. })),
            "{options}"
        );
    }
}

proptest! {
    /// Whatever is asked, the window lies in the picture, nothing is empty, and the promises of
    /// each fit hold.
    #[test]
    fn promises_hold(
        size in (1..5000_u32, 1..5000_u32),
        bounds in (1..3000_u32, 1..3000_u32),
        fit in prop::sample::select(Fit::ALL.to_vec()),
    ) {
        let (_, fit) = fit;
        let layout = layout_of(size, &Transform {
            width: Some(crate::Width::Pixels(bounds.0)),
            height: Some(bounds.1),
            fit: Some(fit),
            ..Transform::default()
        });
        prop_assert!(layout.window.0 <= size.0 && layout.window.1 <= size.1);
        prop_assert!(layout.window.0 > 0 && layout.window.1 > 0);
        let (width, height) = layout.canvas;
        prop_assert!(width > 0 && height > 0);
        let inside = width <= bounds.0 && height <= bounds.1;
        let exact = (width, height) == bounds;
        let shrunk = width <= size.0 && height <= size.1;
        match fit {
            Fit::ScaleDown | Fit::Crop | Fit::AspectCrop => prop_assert!(inside && shrunk),
            Fit::ScaleUp => prop_assert!(width >= size.0 && height >= size.1),
            Fit::Contain => prop_assert!(inside),
            Fit::Cover | Fit::Pad | Fit::Squeeze => prop_assert!(exact),
            Fit::SqueezeDown | Fit::AutoDown => prop_assert!(inside && shrunk),
            Fit::Outside => prop_assert!(width >= bounds.0 && height >= bounds.1),
            Fit::OutsideDown => prop_assert!(shrunk),
            Fit::Auto => prop_assert!(inside),
            Fit::Adaptive => prop_assert!(
                shrunk && (inside || width <= bounds.1 && height <= bounds.0)
            ),
        }
    }

    /// Whatever is cropped, extended and padded, the part lies in the picture and the picture on
    /// the canvas.
    #[test]
    fn parts_and_canvases_hold(
        size in (1..3000_u32, 1..3000_u32),
        bounds in (1..2000_u32, 1..2000_u32),
        crop in (1..4000_u32, 0..2000_u32, -3000..3000_i32, 0..1500_u32),
        padding in 0..100_u32,
        fit in prop::sample::select(Fit::ALL.to_vec()),
        least in 0..1000_u32,
    ) {
        let along = crate::Along {
            share: crate::Factor::from_thousandths(crop.3),
            shift: crate::Shift::Pixels(crop.2),
        };
        let layout = layout_of(size, &Transform {
            width: Some(crate::Width::Pixels(bounds.0)),
            height: Some(bounds.1),
            fit: Some(fit.1),
            crop: Some(crate::Crop::Placed {
                width: crate::Length::Pixels(crop.0),
                height: crate::Length::Share(crate::Factor::from_thousandths(crop.1)),
                at: Gravity::Shifted { x: along, y: along },
            }),
            min_width: Some(least),
            extend: Some(Extend::Shape),
            padding: crate::Sides { top: padding, left: padding, ..Default::default() },
            ..Transform::default()
        });
        let part = layout.trim;
        prop_assert!(part.width > 0 && part.left + part.width <= size.0);
        prop_assert!(part.height > 0 && part.top + part.height <= size.1);
        prop_assert!(layout.window.0 <= layout.turned.0 && layout.window.1 <= layout.turned.1);
        prop_assert!(layout.window.0 > 0 && layout.window.1 > 0);
        prop_assert!(layout.at.0 >= padding && layout.at.1 >= padding);
        prop_assert!(layout.at.0 + layout.inner.0 <= layout.canvas.0);
        prop_assert!(layout.at.1 + layout.inner.1 <= layout.canvas.1);
    }
}
