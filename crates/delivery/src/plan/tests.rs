use proptest::prelude::*;

use super::*;
use crate::Urgency;

fn said(urgency: u8, incremental: bool) -> Priority {
    Priority {
        urgency: Urgency::new(urgency),
        incremental,
        visible: false,
        offscreen: false,
        below: false,
    }
}

fn outline(length: u64, preview: u64, good: u64) -> Outline {
    Outline {
        length,
        header: 300.min(length),
        preview,
        good,
        scans: Vec::new(),
    }
}

/// Offset, level, concurrency and whether it is a unit, as text.
fn show(plan: &Plan) -> String {
    let phases = plan.phases().iter().map(|phase| {
        let whole = if phase.whole { " whole" } else { "" };
        format!(
            "{}:{}/{}{whole}",
            phase.offset, phase.level, phase.concurrency
        )
    });
    phases.collect::<Vec<_>>().join(", ")
}

#[test]
fn media_types_are_videos_and_sounds() {
    for (content_type, kind) in [
        ("video/mp4", Kind::Media),
        ("Audio/ogg; codecs=opus", Kind::Media),
        ("videos/mp4", Kind::Other),
        ("application/mp4", Kind::Other),
    ] {
        assert_eq!(
            Kind::from_content_type(content_type),
            kind,
            "{content_type}"
        );
    }
}

#[test]
fn urgency_gives_the_level_and_incremental_the_concurrency() {
    for (kind, urgency, incremental, expected) in [
        (Kind::Html, 0, true, "0:60/1"),
        (Kind::Html, 0, false, "0:60/1"),
        (Kind::Stylesheet, 0, false, "0:60/0"),
        (Kind::Font, 1, false, "0:50/0"),
        (Kind::Script, 2, false, "0:40/0"),
        (Kind::Script, 3, false, "0:30/0"),
        (Kind::Other, 1, true, "0:50/n"),
        (Kind::Other, 4, true, "0:24/n"),
        (Kind::Other, 5, false, "0:20/0"),
        (Kind::Other, 6, false, "0:12/0"),
        (Kind::Other, 7, true, "0:4/n"),
        (Kind::Media, 1, false, "0:50/0"),
        (Kind::Media, 3, false, "0:27/n, 65536:13/n"),
        (Kind::Media, 4, true, "0:27/n, 65536:13/n"),
        (Kind::Media, 7, true, "0:4/n, 65536:2/n"),
    ] {
        let plan = Plan::new(kind, None, said(urgency, incremental));
        assert_eq!(show(&plan), expected, "{kind:?} u={urgency}");
    }
    assert_eq!(show(&Plan::fair()), "0:30/n");
}

#[test]
fn a_progressive_picture_has_three_phases_and_its_first_scan_is_a_unit() {
    let picture = outline(100_000, 9_000, 40_000);
    for (priority, expected) in [
        (said(3, true), "0:28/1 whole, 9000:18/1, 40000:9/1"),
        (said(2, true), "0:29/1 whole, 9000:19/1, 40000:10/1"),
        (said(1, true), "0:34/1 whole, 9000:24/1, 40000:14/1"),
        (said(5, true), "0:25/1 whole, 9000:15/1, 40000:7/1"),
        (
            said(3, true).reweighted(220),
            "0:34/1 whole, 9000:24/1, 40000:14/1",
        ),
    ] {
        let plan = Plan::new(Kind::Image, Some(&picture), priority);
        assert_eq!(show(&plan), expected, "{priority:?}");
    }
}

#[test]
fn a_first_scan_that_fits_no_record_begins_with_a_full_one() {
    let fits = RECORD_BODY as u64;
    for (preview, expected) in [
        (fits, "0:28/1 whole, 16375:18/1, 40000:9/1"),
        (fits + 1, "0:28/1 whole, 16375:28/1, 16376:18/1, 40000:9/1"),
    ] {
        let picture = outline(100_000, preview, 40_000);
        let plan = Plan::new(Kind::Image, Some(&picture), said(3, true));
        assert_eq!(show(&plan), expected);
    }
}

#[test]
fn a_small_picture_goes_in_one_piece() {
    for picture in [outline(4095, 900, 2000), outline(16_375, 16_375, 16_375)] {
        let plan = Plan::new(Kind::Image, Some(&picture), said(3, true));
        assert_eq!(
            show(&plan),
            format!("0:28/1 whole, {}:28/1", picture.length)
        );
    }
}

#[test]
fn a_picture_without_a_preview_comes_with_the_refinements_unless_it_is_seen() {
    let picture = outline(80_000, 80_000, 80_000);
    for outline in [Some(&picture), None, Some(&outline(0, 0, 0))] {
        assert_eq!(
            show(&Plan::new(Kind::Image, outline, said(3, true))),
            "0:18/1"
        );
        let seen = said(3, true).reweighted(220);
        assert_eq!(show(&Plan::new(Kind::Image, outline, seen)), "0:32/1");
    }
}

#[test]
fn outlines_that_make_little_sense_give_sound_plans() {
    for (picture, expected) in [
        (outline(100_000, 9_000, 9_000), "0:28/1 whole, 9000:9/1"),
        (outline(100_000, 9_000, 100), "0:28/1 whole, 9000:9/1"),
        (outline(100_000, 9_000, 100_000), "0:28/1 whole, 9000:18/1"),
        (outline(100_000, 200_000, 300_000), "0:18/1"),
    ] {
        let plan = Plan::new(Kind::Image, Some(&picture), said(3, true));
        assert_eq!(show(&plan), expected);
    }
}

#[test]
fn previews_of_all_come_before_refinements_of_any_and_after_what_the_page_needs() {
    let picture = outline(100_000, 9_000, 40_000);
    let phases = |priority| Plan::new(Kind::Image, Some(&picture), priority).phases;
    let seen = phases(said(3, true).reweighted(220));
    for urgency in 2..=5 {
        let unseen = phases(said(urgency, true));
        assert!(unseen[0].level > seen[1].level, "u={urgency}");
        for (better, worse) in seen.iter().zip(&unseen) {
            assert!(better.level > worse.level, "u={urgency}");
        }
        for kind in [Kind::Stylesheet, Kind::Font, Kind::Script] {
            let needed = Plan::new(kind, None, Priority::default());
            assert!(needed.phases[0].level > unseen[0].level, "{kind:?}");
        }
    }
}

#[test]
fn an_origin_can_write_the_plan() {
    for (priority, change, expected) in [
        ("30/0", None, "0:30/0"),
        (
            "30/0",
            Some("512:20/1, 15000:10/n"),
            "0:30/0, 512:20/1, 15000:10/n",
        ),
        (" 63 / n ", Some(""), "0:63/n"),
        (
            "30/1",
            Some("512:20/1,400:9/1,0:8/1,x,9:9,600:64/0,700:5/n"),
            "0:30/1, 512:20/1, 700:5/n",
        ),
    ] {
        let plan = Plan::parse_cf(priority, change).unwrap();
        assert_eq!(show(&plan), expected);
    }
    for wrong in [
        "", "30", "30/2", "64/0", "-1/0", "+1/0", "300/0", "/0", "30/0/0",
    ] {
        assert_eq!(Plan::parse_cf(wrong, None), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn every_plan_is_sound(
        sizes in (0u64..200_000, 0u64..200_000, 0u64..200_000),
        urgency in 0u8..8,
        (visible, below) in prop_oneof![Just((true, false)), Just((false, true)), Just((false, false))],
        kind in prop_oneof![Just(Kind::Image), Just(Kind::Html), Just(Kind::Other)],
    ) {
        let picture = outline(sizes.0, sizes.1, sizes.2);
        let priority = Priority { visible, below, ..said(urgency, true) };
        let plan = Plan::new(kind, Some(&picture), priority);
        check(&plan)?;
        for pair in plan.phases().windows(2) {
            prop_assert!(pair[0].level >= pair[1].level);
        }
    }

    #[test]
    fn any_text_gives_a_sound_plan_or_none(priority in ".{0,12}", change in "[0-9:/n, x]{0,60}") {
        for first in [priority.as_str(), "30/n"] {
            if let Some(plan) = Plan::parse_cf(first, Some(&change)) {
                check(&plan)?;
            }
        }
    }
}

fn check(plan: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(plan.phases()[0].offset, 0);
    for pair in plan.phases().windows(2) {
        let length = pair[1].offset - pair[0].offset;
        prop_assert!(pair[0].offset < pair[1].offset);
        prop_assert!(!pair[0].whole || length <= RECORD_BODY as u64);
    }
    prop_assert!(!plan.phases().last().unwrap().whole);
    Ok(())
}
