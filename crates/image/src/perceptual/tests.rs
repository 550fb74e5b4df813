use super::*;
use crate::picture::{Channels, Picture};
use crate::samples;
use crate::{Signals, Transform, choose, render, render_found};

const ALL: &str = "image/webp,*/*";

fn never() -> bool {
    false
}

fn variant(options: &str) -> Variant {
    samples::variant(options, ALL)
}

fn searched(source: &[u8], variant: &Variant) -> Searched {
    let searched = search(source, variant, &Limits::default(), &never).unwrap();
    searched.expect("there is something to seek")
}

fn bytes(outcome: &Outcome) -> Vec<u8> {
    match outcome {
        Outcome::Rendered(rendered) => rendered.bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_target_is_met_whatever_the_format() {
    let source = samples::png(&samples::photograph(320, 240));
    for (options, format) in [
        ("width=256,quality=auto,format=jpeg", Format::Jpeg),
        ("width=256,quality=low,format=webp", Format::WebP),
        (
            "width=256,quality=medium-high,format=baseline-jpeg",
            Format::Jpeg,
        ),
    ] {
        let variant = variant(options);
        let searched = searched(&source, &variant);
        let Found::Lossy {
            score: claimed,
            format: found,
            ..
        } = searched.found
        else {
            panic!("{options}: {:?}", searched.found);
        };
        assert_eq!(found, format);
        assert!(searched.encodes <= MOST_ENCODES, "{options}");
        let target = f32::from(variant.target.unwrap().points());
        assert!(
            (claimed - target).abs() <= TOLERANCE,
            "{options}: {claimed}"
        );
        let file = bytes(&searched.outcome);
        let seen = scores(&source, &variant, &[&file], &Limits::default()).unwrap()[0];
        assert!(
            (seen.unwrap() - claimed).abs() < 0.01,
            "{options}: {seen:?}"
        );
        let again = render_found(
            &source,
            &variant,
            Some(searched.found),
            &Limits::default(),
            &never,
        );
        assert_eq!(bytes(&again.unwrap()), file, "{options}");
    }
}

#[test]
fn the_smallest_is_kept_where_bytes_count() {
    let source = samples::png(&samples::photograph(300, 200));
    let policy = crate::PolicySettings {
        prefer: crate::Prefer::Bytes,
        quality: crate::QualityChoice::Auto,
        ..Default::default()
    };
    let signals = Signals::read(|name| (name == "accept").then_some(ALL));
    let variant = choose(&Transform::default(), &signals, &policy).variant;
    let searched = searched(&source, &variant);
    assert_eq!(searched.sizes.len(), 2, "{:?}", searched.sizes);
    let smallest = searched.sizes.iter().map(|(_, size)| *size).min();
    assert_eq!(bytes(&searched.outcome).len() as u64, smallest.unwrap());
}

#[test]
fn a_drawing_stays_exact_where_that_costs_little() {
    let source = samples::png(&samples::drawing(200, 150));
    let searched = searched(&source, &variant("width=150,quality=auto,format=webp"));
    assert!(
        matches!(searched.found, Found::Exact { .. }),
        "{:?}",
        searched.found
    );
}

#[test]
fn nothing_larger_than_the_source_is_found() {
    let picture = samples::photograph(300, 200);
    for quality in [8, 15, 40, 70] {
        // So poor a file that nearly everything good that is made of it is larger.
        let source = samples::jpeg(&picture, quality, true);
        for options in [
            "quality=high,format=jpeg",
            "quality=high,format=jpeg,width=290",
        ] {
            let searched = searched(&source, &variant(options));
            match searched.outcome {
                Outcome::Rendered(made) => assert!(made.bytes.len() <= source.len(), "{quality}"),
                _ => assert_eq!(searched.found, Found::Source),
            }
        }
    }
}

#[test]
fn what_has_no_quality_is_not_sought() {
    let source = samples::png(&samples::photograph(60, 40));
    for options in ["quality=70", "quality=auto,format=png", "format=json"] {
        let variant = variant(options);
        let found = search(&source, &variant, &Limits::default(), &never).unwrap();
        assert!(found.is_none(), "{options}");
    }
    let small_webp = samples::webp(&samples::photograph(60, 40), false);
    let variant = variant("quality=auto,format=auto");
    let found = search(&small_webp, &variant, &Limits::default(), &never).unwrap();
    assert!(found.is_none(), "WebP stays as it is");
}

#[test]
fn a_sample_stands_for_a_large_picture() {
    let picture = samples::photograph(1500, 1100);
    let sample = gauge::sample(&picture);
    assert!(
        sample.width == 1500 && sample.height < 800,
        "{}",
        sample.height
    );
    let source = samples::jpeg(&picture, 95, false);
    let variant = variant("quality=medium-low,format=jpeg");
    let searched = searched(&source, &variant);
    assert!(searched.encodes <= MOST_ENCODES);
    let Found::Lossy { score: claimed, .. } = searched.found else {
        panic!("{:?}", searched.found);
    };
    let file = bytes(&searched.outcome);
    let seen = scores(&source, &variant, &[&file], &Limits::default()).unwrap()[0];
    assert!((seen.unwrap() - claimed).abs() < 1.0, "{seen:?} {claimed}");
}

#[test]
fn the_first_visitor_gets_what_usually_looks_so() {
    let source = samples::png(&samples::photograph(300, 200));
    let outcome = render(
        &source,
        &variant("quality=auto,format=jpeg"),
        &Limits::default(),
        &never,
    );
    let plain = variant("quality=auto,format=jpeg").quality;
    let by_number = variant(&format!("quality={plain},format=jpeg"));
    let expected = render(&source, &by_number, &Limits::default(), &never);
    assert_eq!(bytes(&outcome.unwrap()), bytes(&expected.unwrap()));
}

#[test]
fn a_search_is_called_off() {
    let source = samples::png(&samples::photograph(300, 200));
    let called_off = search(
        &source,
        &variant("quality=auto,format=jpeg"),
        &Limits::default(),
        &|| true,
    );
    assert_eq!(called_off.unwrap_err(), ImageError::Cancelled);
}

#[test]
fn usual_scores_rise_with_quality_and_targets_lead_back() {
    let mut last = f32::MIN;
    for quality in 5..=100 {
        let score = usual_score(Format::Jpeg, Quality::new(quality)).unwrap();
        assert!(score >= last - 1.0, "{quality}");
        last = score;
    }
    assert!(usual_score(Format::Png, Quality::new(80)).is_none());
    for points in [40, 50, 60, 70, 75] {
        let target = Target::new(points);
        let back = Target::usual(target.usual_quality()).points();
        assert!(back.abs_diff(points) <= 1, "{points} {back}");
    }
}

const NEW: &str = "image/avif,image/webp,*/*";

/// What a search for a smaller file without a target comes to, with other limits.
fn later(source: &[u8], options: &str, limits: &Limits) -> Option<Searched> {
    search(source, &samples::variant(options, NEW), limits, &never).unwrap()
}

/// Soft light and shapes without grain, transparent on the left.
fn soft(width: usize, height: usize) -> Picture {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let data = places.flat_map(|(x, y)| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let hill = ((u * 9.0).sin() * 0.15 + 0.55 - v).signum() * 30.0;
        let light = 110.0 + 60.0 * (u * 7.0 + v * 5.0).sin() + hill;
        let ripples = 8.0 * (u * 60.0 + v * 35.0).sin();
        let [red, green, blue] =
            [1.0, 0.9, 0.7 + 0.5 * v].map(|tint| (light * tint + ripples) as u8);
        [red, green, blue, if x < width / 10 { 0 } else { 255 }]
    });
    Picture::new(width, height, Channels::Rgba, data.collect()).unwrap()
}

#[test]
fn an_avif_looks_as_good_in_fewer_bytes() {
    let source = samples::png(&soft(400, 300));
    let limits = Limits::default();
    let searched = later(&source, "width=380,format=auto", &limits).unwrap();
    let Outcome::Rendered(made) = &searched.outcome else {
        panic!("{searched:?}");
    };
    assert_eq!(made.format, Format::Avif);
    assert!(searched.encodes <= MOST_ENCODES_OF_AVIF);
    let before = samples::rendered(&source, "width=380,format=auto", NEW);
    assert_eq!(before.format, Format::WebP);
    assert!(made.bytes.len() * 100 <= before.bytes.len() * 92);
    assert_eq!((made.width, made.height), (before.width, before.height));
    let Found::Lossy { score, .. } = searched.found else {
        panic!("{:?}", searched.found);
    };
    let variant = samples::variant("width=380,format=auto", NEW);
    let was = scores(&source, &variant, &[&before.bytes], &limits).unwrap()[0].unwrap();
    assert!(score >= was - TOLERANCE, "{score} {was}");
    // What was found is made again.
    let again = render_found(&source, &variant, Some(searched.found), &limits, &never);
    assert_eq!(bytes(&again.unwrap()), made.bytes);
    assert!(searched.found.is_slow());
}

#[test]
fn avif_is_not_made_where_it_may_not_be() {
    let limits = Limits::default();
    let photo = samples::jpeg(&samples::photograph(400, 300), 90, false);
    let cut_out = samples::png(&samples::cut_out(120, 90));
    for (source, options) in [
        // It needs its preview.
        (&photo, "width=380,format=auto"),
        (&photo, "width=380,format=webp"),
        (&cut_out, "format=auto,compression=fast"),
        // It was made at once.
        (&photo, "width=200,format=avif"),
    ] {
        assert!(later(source, options, &limits).is_none(), "{options}");
    }
    let none = Limits {
        max_avif_pixels: 0,
        ..limits
    };
    assert!(later(&photo, "width=200,format=avif", &none).is_none());
}

#[test]
fn avif_by_name_is_made_later_if_it_is_large() {
    let source = samples::png(&samples::photograph(200, 150));
    let limits = Limits {
        max_avif_pixels_at_once: 100,
        ..Limits::default()
    };
    let searched = later(&source, "width=150,format=avif,quality=60", &limits).unwrap();
    let Found::Lossy {
        format: Format::Avif,
        quality,
        score,
        ..
    } = searched.found
    else {
        panic!("{:?}", searched.found);
    };
    assert_eq!(quality.value(), 60);
    assert!(score > 30.0, "{score}");
    let variant = samples::variant("width=150,format=avif,quality=auto", NEW);
    let sought = search(&source, &variant, &limits, &never).unwrap().unwrap();
    assert!(
        matches!(sought.found, Found::Lossy { format: Format::Avif, score, .. } if (score - 75.0).abs() <= TOLERANCE),
        "{:?}",
        sought.found
    );
}
