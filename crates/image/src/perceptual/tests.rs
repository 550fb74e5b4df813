use super::*;
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
