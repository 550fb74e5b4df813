//! Options: a new case is a new line.

use proptest::prelude::*;

use super::*;

fn factor(thousandths: u32) -> Option<Factor> {
    Some(Factor::from_thousandths(thousandths))
}

/// What the options give beside the default.
type Change = fn(&mut Transform);

const GOOD: &[(&str, Change)] = &[
    ("width=80", |t| t.width = Some(Width::Pixels(80))),
    ("w=80", |t| t.width = Some(Width::Pixels(80))),
    ("width=auto", |t| t.width = Some(Width::Auto)),
    ("h=80", |t| t.height = Some(80)),
    ("dpr=1.5", |t| t.dpr = factor(1500)),
    ("dpr=2.6250001", |t| t.dpr = factor(2625)),
    ("fit=aspect-crop", |t| t.fit = Some(Fit::AspectCrop)),
    ("fit=squeeze", |t| t.fit = Some(Fit::Squeeze)),
    ("g=auto", |t| t.gravity = Some(Gravity::Salient)),
    ("gravity=entropy", |t| t.gravity = Some(Gravity::Salient)),
    ("gravity=center", |t| t.gravity = Some(Gravity::CENTER)),
    ("gravity=0.5x0.5", |t| t.gravity = Some(Gravity::CENTER)),
    ("gravity=top", |t| {
        t.gravity = Some(Gravity::Point {
            x: Factor::from_thousandths(500),
            y: Factor::from_thousandths(0),
        });
    }),
    ("gravity=0x1", |t| {
        t.gravity = Some(Gravity::Point {
            x: Factor::from_thousandths(0),
            y: Factor::from_thousandths(1000),
        });
    }),
    ("gravity=face,zoom=0.5", |t| {
        t.gravity = Some(Gravity::Face);
        t.zoom = factor(500);
    }),
    ("q=1", |t| {
        t.quality = Some(QualityChoice::Number(Quality::new(1)));
    }),
    ("quality=medium-low", |t| {
        t.quality = Some(QualityChoice::MediumLow);
    }),
    ("scq=low", |t| t.slow_quality = Some(QualityChoice::Low)),
    ("f=auto", |t| t.format = Some(FormatChoice::Auto)),
    ("format=baseline-jpeg", |t| {
        t.format = Some(FormatChoice::BaselineJpeg);
    }),
    ("compression=fast", |t| t.fast = true),
    ("anim=false", |t| t.animation = Some(false)),
    ("metadata=none", |t| t.metadata = Some(Metadata::None)),
    ("background=white", |t| t.background = Some(Colour::WHITE)),
    ("background=%23ffffff", |t| {
        t.background = Some(Colour::WHITE);
    }),
    ("background=rgb%28255%2C255%2c255%29", |t| {
        t.background = Some(Colour::WHITE);
    }),
    ("background=rgb(255,255,255),h=5", |t| {
        t.background = Some(Colour::WHITE);
        t.height = Some(5);
    }),
    ("blur=250", |t| t.blur = factor(250_000)),
    ("sharpen=.5", |t| t.sharpen = factor(500)),
    ("brightness=0.5,contrast=1.5,gamma=2,saturation=0", |t| {
        t.brightness = factor(500);
        t.contrast = factor(1500);
        t.gamma = factor(2000);
        t.saturation = factor(0);
    }),
    ("rotate=270", |t| t.rotate = Rotation::ThreeQuarters),
    ("rotate=360", |_| {}),
    ("flip=hv", |t| {
        t.flip_horizontal = true;
        t.flip_vertical = true;
    }),
    ("trim=20;30;20;0", |t| {
        t.trim = Some(Trim::Edges {
            top: 20,
            right: 30,
            bottom: 20,
            left: 0,
        });
    }),
    ("trim.width=20,trim.top=3", |t| {
        t.trim = Some(Trim::Area {
            left: 0,
            top: 3,
            width: Some(20),
            height: None,
        });
    }),
    ("onerror=redirect", |t| t.redirect_on_error = true),
    ("width=auto,wbreakpoints=100;200,wmobile=100", |t| {
        t.width = Some(Width::Auto);
        t.auto_width.breakpoints = vec![100, 200];
        t.auto_width.mobile = 100;
    }),
    ("upscale=interpolate", |_| {}),
    ("width%3D80%2Cheight%3D40", |t| {
        t.width = Some(Width::Pixels(80));
        t.height = Some(40);
    }),
];

#[test]
fn good_options_are_read() {
    for (text, change) in GOOD {
        let mut expected = Transform::default();
        change(&mut expected);
        let printed = expected.to_string();
        if !printed.is_empty() {
            assert_eq!(
                Transform::parse(&printed),
                Ok(expected.clone()),
                "{printed}"
            );
        }
        assert_eq!(Transform::parse(text), Ok(expected), "{text}");
    }
}

/// Each text with the options it must complain of, in order.
const BAD: &[(&str, &[&str])] = &[
    ("", &["options"]),
    (",", &["options"]),
    ("width=8,,height=x", &["options", "height"]),
    ("width", &["width"]),
    ("width=0", &["width"]),
    ("width=-1", &["width"]),
    ("width=+1", &["width"]),
    ("width=65536", &["width"]),
    ("width=80px", &["width"]),
    ("width=80,w=80", &["w"]),
    ("Width=80", &["Width"]),
    ("widht=80", &["widht"]),
    ("dpr=0", &["dpr"]),
    ("dpr=11", &["dpr"]),
    ("dpr=1e1", &["dpr"]),
    ("dpr=inf", &["dpr"]),
    ("fit=fill", &["fit"]),
    ("gravity=north", &["gravity"]),
    ("gravity=1.5x0", &["gravity"]),
    ("zoom=0.5", &["zoom"]),
    ("q=0", &["q"]),
    ("q=101", &["q"]),
    ("q=best", &["q"]),
    ("f=jxl", &["f"]),
    ("compression=slow", &["compression"]),
    ("anim=yes", &["anim"]),
    ("metadata=some", &["metadata"]),
    ("background=reddish", &["background"]),
    ("background=rgb(1,2", &["background"]),
    ("blur=0", &["blur"]),
    ("blur=251", &["blur"]),
    ("sharpen=10.1", &["sharpen"]),
    ("rotate=45", &["rotate"]),
    ("flip=x", &["flip"]),
    ("trim=1;2;3", &["trim"]),
    ("trim=1;2;3;4;5", &["trim"]),
    ("trim=1;2;3;4,trim.left=1", &["trim.left"]),
    ("onerror=ignore", &["onerror"]),
    ("wmobile=100", &["wmobile"]),
    ("width=auto,wbreakpoints=200;100", &["wbreakpoints"]),
    ("upscale=generate", &["upscale"]),
    ("width=%zz", &["options"]),
    ("width=%ff", &["options"]),
    ("width=%4", &["options"]),
    (
        "width=0,height=x,fit=contain,what=1",
        &["width", "height", "what"],
    ),
];

#[test]
fn every_wrong_option_is_named() {
    for (text, options) in BAD {
        let error = Transform::parse(text).unwrap_err();
        let named: Vec<_> = error
            .problems
            .iter()
            .map(|problem| &*problem.option)
            .collect();
        assert_eq!(named, *options, "{text}");
    }
}

#[test]
fn a_complaint_says_what_would_have_been_right() {
    let error = Transform::parse("widht=80,q=best").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`widht=80`: expected a known option (did you mean `width`?); \
         `q=best`: expected 1 to 100, auto, high, medium-high, medium-low or low"
    );
    let long = format!("width={}", "9".repeat(500));
    let error = Transform::parse(&long).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn too_much_is_refused_at_once() {
    let many = vec!["width=1"; 100].join(",");
    assert_eq!(Transform::parse(&many).unwrap_err().problems.len(), 1);
    let long = "x".repeat(5000);
    assert_eq!(Transform::parse(&long).unwrap_err().problems.len(), 1);
}

#[test]
fn option_names_are_unique() {
    let mut names: Vec<_> = option_forms().flat_map(|(names, _)| names).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,80}") {
        let _ = Transform::parse(&text);
    }

    #[test]
    fn anything_like_options_is_read_without_panic(
        parts in prop::collection::vec(
            (prop::sample::select(option_forms().flat_map(|(names, _)| names).copied()
                .collect::<Vec<_>>()), "[0-9a-z.;x%(),-]{0,12}"),
            0..6,
        ),
    ) {
        let text: Vec<String> =
            parts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        crate::fuzz::transform(text.join(",").as_bytes());
    }

    #[test]
    fn factors_are_read_as_they_are_written(thousandths in 0..999_999_u32) {
        let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        prop_assert_eq!(Factor::parse(&text), factor(thousandths));
    }
}
