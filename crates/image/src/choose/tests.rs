//! What is chosen, case by case.

use std::collections::HashSet;

use proptest::prelude::*;

use base::Quality;

use super::*;
use crate::{Accept, QualityChoice, Target};

const CHROMIUM: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
const NEW_SAFARI: &str = "image/jxl,image/webp,image/avif,image/png,image/*;q=0.8,*/*;q=0.5";
const OLD_SAFARI: &str = "image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5";

fn signals(accept: &str) -> Signals {
    Signals {
        accept: Accept::parse(accept),
        ..Signals::default()
    }
}

fn chosen(options: &str, signals: &Signals) -> Choice {
    let transform = if options.is_empty() {
        Transform::default()
    } else {
        Transform::parse(options).unwrap()
    };
    choose(&transform, signals, &Policy::default())
}

#[test]
fn who_reads_jpeg_xl_matters_where_the_source_is_one() {
    let of_jxl = signals(NEW_SAFARI).of_jxl(true);
    assert_eq!(chosen("", &of_jxl).variant.key(), "auto-preview-jpwax,q80");
    let of_jxl = signals(CHROMIUM).of_jxl(true);
    assert_eq!(chosen("", &of_jxl).variant.key(), "auto-preview-jpwa,q80");
}

/// Options, `Accept`, and the key of the variant: a new case is a new line.
const KEYS: &[(&str, &str, &str)] = &[
    ("", CHROMIUM, "auto-preview-jpwa,q80"),
    ("", NEW_SAFARI, "auto-preview-jpwa,q80"),
    ("placeholder=lqip", NEW_SAFARI, "lqip-jpw,q80"),
    ("", "image/jxl", "auto-preview-jp,q80"),
    ("", OLD_SAFARI, "auto-preview-jp,q80"),
    ("", "", "auto-preview-jp,q80"),
    ("", "image/webp", "auto-preview-w,q80"),
    ("", "text/html", "auto-preview-jp,q80"),
    ("", "image/webp;q=0.1,image/*", "auto-preview-jp,q80"),
    ("", "image/webp;q=0,*/*", "auto-preview-jp,q80"),
    ("", "image/jpeg;q=0,*/*", "auto-preview-p,q80"),
    ("width=80", CHROMIUM, "source,q80,w80"),
    (
        "width=80,format=auto",
        CHROMIUM,
        "auto-preview-jpwa,q80,w80",
    ),
    ("w=80,f=auto,dpr=2", CHROMIUM, "auto-preview-jpwa,q68,w160"),
    ("w=80,h=30,f=jpeg,dpr=9", CHROMIUM, "jpeg,q50,w240,h90"),
    ("w=80,q=80,dpr=2", CHROMIUM, "source,q80,w160"),
    ("q=auto", CHROMIUM, "source,s75"),
    ("q=auto,w=80,dpr=2", CHROMIUM, "source,s70,w160"),
    ("q=high,w=80,dpr=2", CHROMIUM, "source,s85,w160"),
    ("q=auto,compression=fast", CHROMIUM, "source,q76,fast"),
    ("q=auto,f=png", CHROMIUM, "png,q76"),
    ("placeholder=lqip", CHROMIUM, "lqip-jpw,q80"),
    ("placeholder=lqip", OLD_SAFARI, "lqip-jp,q80"),
    ("placeholder=blurhash", CHROMIUM, "blurhash-jp,q80"),
    ("f=avif,w=80", CHROMIUM, "avif,q80,w80"),
    ("f=webp,q=high", OLD_SAFARI, "webp,s85"),
    ("f=png-force", CHROMIUM, "png,q80"),
    ("f=json", CHROMIUM, "facts,q80"),
    ("w=80,fit=cover", CHROMIUM, "source,q80,w80,contain"),
    ("h=80,fit=crop", CHROMIUM, "source,q80,h80"),
    (
        "w=80,h=80,fit=cover,g=left",
        CHROMIUM,
        "source,q80,w80,h80,cover,g0x500",
    ),
    (
        "w=80,h=80,fit=cover,g=face",
        CHROMIUM,
        "source,q80,w80,h80,cover,gauto",
    ),
    (
        "w=80,h=80,fit=contain,g=left",
        CHROMIUM,
        "source,q80,w80,h80,contain",
    ),
    ("fit=pad,g=auto", CHROMIUM, "source,q80"),
    (
        "brightness=1,contrast=0,gamma=1.0,sharpen=0,rotate=0",
        CHROMIUM,
        "source,q80",
    ),
    (
        "saturation=0,blur=2",
        CHROMIUM,
        "source,q80,blur2000,saturation0",
    ),
    ("trim=0;0;0;0", CHROMIUM, "source,q80"),
    ("trim=1;2;3;4,dpr=2", CHROMIUM, "source,q80,t2;4;6;8"),
    ("trim.left=5,trim.width=7", CHROMIUM, "source,q80,a5;0;7;-"),
    ("flip=hv,rotate=90", CHROMIUM, "source,q80,fh,fv,r90"),
    ("background=red", CHROMIUM, "source,q80,bgff0000ff"),
    ("anim=false", CHROMIUM, "source,q80,still"),
    ("anim=true", CHROMIUM, "source,q80"),
    (
        "metadata=keep,compression=fast",
        CHROMIUM,
        "source,q80,fast,mkeep",
    ),
    ("width=auto", CHROMIUM, "source,q80,w1200"),
];

#[test]
fn wishes_lead_to_variants() {
    for (options, accept, key) in KEYS {
        let choice = chosen(options, &signals(accept));
        assert_eq!(choice.variant.key(), *key, "{options} {accept}");
        assert!(!choice.reasons.is_empty(), "{options}");
    }
}

#[test]
fn quality_follows_data_saving_and_slow_connections() {
    let saving = Signals {
        save_data: true,
        ..Signals::default()
    };
    let slow = Signals {
        rtt: Some(400),
        ..Signals::default()
    };
    let cases = [
        ("", &saving, 32),
        ("", &slow, 80),
        ("q=70", &saving, 70),
        ("q=70,scq=30", &saving, 30),
        ("q=70,scq=30", &slow, 30),
        ("q=70,scq=30", &Signals::default(), 70),
        ("scq=30", &Signals::default(), 80),
    ];
    for (options, signals, quality) in cases {
        let choice = chosen(options, signals);
        assert_eq!(choice.variant.quality.value(), quality, "{options}");
    }
}

#[test]
fn vary_names_what_was_looked_at() {
    let vary = |options| chosen(options, &signals(CHROMIUM)).vary;
    assert_eq!(vary(""), ["accept", "save-data"]);
    assert_eq!(vary("f=jpeg,q=70"), [""; 0]);
    assert_eq!(vary("f=jpeg"), ["save-data"]);
    assert_eq!(
        vary("f=jpeg,q=70,scq=30"),
        ["save-data", "rtt", "downlink", "ect"]
    );
    assert!(vary("width=auto").contains(&"sec-ch-width"));
}

#[test]
fn automatic_width_takes_hints_to_breakpoints() {
    let width = |signals: &Signals, options: &str| chosen(options, signals).variant.width;
    let hint = |width| Signals {
        width: Some(width),
        ..Signals::default()
    };
    assert_eq!(width(&hint(300), "w=auto"), Some(320));
    assert_eq!(width(&hint(321), "w=auto"), Some(768));
    assert_eq!(width(&hint(5000), "w=auto"), Some(1200));
    assert_eq!(width(&hint(90), "w=auto,wbreakpoints=100;200"), Some(100));
    let phone = Signals {
        viewport_width: Some(400),
        dpr: Some(Factor::from_thousandths(2625)),
        ..Signals::default()
    };
    assert_eq!(width(&phone, "w=auto"), Some(1200));
    let mobile = Signals {
        mobile: true,
        ..Signals::default()
    };
    assert_eq!(width(&mobile, "w=auto"), Some(768));
    assert_eq!(width(&mobile, "w=auto,wmobile=500"), Some(500));
}

#[test]
fn in_place_width_is_capped_by_settings_and_hints() {
    let hinted = Signals {
        width: Some(500),
        ..Signals::default()
    };
    let width = |policy: &Policy| choose(&Transform::default(), &hinted, policy).variant.width;
    assert_eq!(width(&Policy::default()), None);
    let capped = Policy {
        max_width: Some(1600),
        ..Policy::default()
    };
    assert_eq!(width(&capped), Some(1600));
    let hints = Policy {
        width_hints: true,
        ..capped
    };
    assert_eq!(width(&hints), Some(640));
    let tight = Policy {
        max_width: Some(300),
        ..hints
    };
    assert_eq!(width(&tight), Some(300));
}

#[test]
fn without_webp_or_avif_in_the_settings_none_is_made() {
    let policy = Policy {
        webp: false,
        ..Policy::default()
    };
    let choice = choose(&Transform::default(), &signals(CHROMIUM), &policy);
    assert_eq!(choice.variant.key(), "auto-preview-jpa,q80");
    let policy = Policy {
        avif: false,
        ..policy
    };
    let choice = choose(&Transform::default(), &signals(CHROMIUM), &policy);
    assert_eq!(choice.variant.key(), "auto-preview-jp,q80");
}

#[test]
fn keys_tell_variants_apart() {
    let keys: HashSet<_> = KEYS
        .iter()
        .map(|(options, accept, _)| chosen(options, &signals(accept)).variant)
        .map(|variant| (variant.key(), variant))
        .collect();
    let names: HashSet<_> = keys.iter().map(|(key, _)| key).collect();
    assert_eq!(names.len(), keys.len());
}

#[test]
fn a_device_with_little_memory_gets_what_it_decodes_cheaply_where_hints_are_in_play() {
    let with = |memory: Option<u32>| Signals {
        memory: memory.map(Factor::from_thousandths),
        width: Some(900),
        dpr: Some(Factor::from_thousandths(3000)),
        ..signals(CHROMIUM)
    };
    let hinted = "w=auto,f=auto,wbreakpoints=600;900";
    assert_eq!(
        chosen(hinted, &with(None)).variant.key(),
        "auto-preview-jpwa,q50,w900"
    );
    let weak = chosen(hinted, &with(Some(2000)));
    assert_eq!(weak.variant.key(), "auto-bytes-jpw,q80,w600");
    assert!(!weak.lowered && weak.vary.contains(&"sec-ch-device-memory"));
    // Elsewhere nothing depends on it.
    let plain = chosen("w=600,f=auto", &with(Some(500)));
    assert_eq!(plain.variant.key(), "auto-preview-jpwa,q80,w600");
    assert_eq!(plain.vary, ["accept", "save-data"]);
}

#[test]
fn only_quick_ways_need_no_preview_of_medium_photographs() {
    let over = |tier, accept: &'static str, options| {
        let signals = Signals {
            tier,
            ..signals(accept)
        };
        chosen(options, &signals).variant.quick_way
    };
    let fast = Some(Tier::Fast);
    assert!(over(fast, CHROMIUM, ""));
    assert!(over(fast, CHROMIUM, "width=80,format=auto"));
    for tier in [None, Some(Tier::Slow), Some(Tier::Medium)] {
        assert!(!over(tier, CHROMIUM, ""));
    }
    assert!(!over(fast, OLD_SAFARI, ""));
    assert!(!over(fast, CHROMIUM, "format=avif"));
    assert!(!over(fast, CHROMIUM, "format=auto,compression=fast"));
}

proptest! {
    /// However clients differ, in-place negotiation gives few variants.
    #[test]
    fn few_variants_exist(
        accept in prop::collection::vec(
            (prop::sample::select(vec!["image/webp", "image/avif", "image/*", "*/*", "image/png",
                "image/jpeg"]), 0..=10_u8),
            0..5,
        ),
        width in prop::option::of(1..5000_u32),
        dpr in prop::option::of(100..5000_u32),
        save_data: bool,
        memory in prop::option::of(250..8000_u32),
    ) {
        let accept: Vec<String> = accept
            .into_iter()
            .map(|(name, tenths)| format!("{name};q={}.{}", tenths / 10, tenths % 10))
            .collect();
        let signals = Signals {
            width,
            dpr: dpr.map(Factor::from_thousandths),
            save_data,
            memory: memory.map(Factor::from_thousandths),
            ..signals(&accept.join(","))
        };
        let policy = Policy { width_hints: true, ..Policy::default() };
        let variant = choose(&Transform::default(), &signals, &policy).variant;
        prop_assert!(variant.width.is_none_or(|width| WIDTH_STEPS.contains(&width)));
        let plain = Variant { width: None, ..variant };
        let classes: Vec<String> = ["j", "p", "w", "jp", "jw", "pw", "jpw", "jpa", "jpwa"]
            .into_iter()
            .flat_map(|class| ["preview", "bytes"].map(|prefer| format!("{prefer}-{class}")))
            .flat_map(|kind| ["q80", "q68", "q50", "s50"].map(|q| format!("auto-{kind},{q}")))
            .collect();
        prop_assert!(classes.contains(&plain.key()), "{}", plain.key());
    }
}

#[test]
fn a_way_that_is_seen_to_be_slow_lowers_the_quality_unless_the_url_says_it() {
    let over = |tier, options: &str| {
        let signals = Signals::default().over(tier);
        let transform = Transform::parse(options).unwrap();
        let choice = choose(&transform, &signals, &Policy::default());
        (choice.variant.quality.value(), choice.lowered)
    };
    assert_eq!(over(None, "width=9"), (80, false));
    assert_eq!(over(Some(Tier::Fast), "width=9"), (80, false));
    assert_eq!(over(Some(Tier::Medium), "width=9"), (68, true));
    assert_eq!(over(Some(Tier::Slow), "width=9"), (32, true));
    assert_eq!(over(Some(Tier::Slow), "quality=75"), (75, false));
    assert_eq!(over(Some(Tier::Slow), "quality=75,scq=40"), (40, true));
    assert_eq!(over(Some(Tier::Medium), "quality=75,scq=40"), (75, false));
}

#[test]
fn a_way_in_between_is_slow_by_the_browsers_word_and_for_many_pictures() {
    let said = |tier, slow_type, crowded| {
        let signals = Signals {
            slow_type,
            ..Signals::default()
        };
        let signals = signals.over(tier).among(crowded);
        let choice = choose(&Transform::default(), &signals, &Policy::default());
        (choice.variant.quality.value(), choice.vary.contains(&"ect"))
    };
    let medium = Some(Tier::Medium);
    assert_eq!(said(medium, false, false), (68, true));
    assert_eq!(said(medium, true, false), (32, true));
    assert_eq!(said(medium, false, true), (32, true));
    // What was measured stays, and nothing follows from what is said alone.
    for tier in [Some(Tier::Fast), None] {
        assert_eq!(said(tier, true, true), (80, false));
    }
    assert_eq!(said(Some(Tier::Slow), false, false), (32, false));
}

#[test]
fn a_slow_way_never_raises_the_quality() {
    let policy = Policy {
        quality: QualityChoice::Number(Quality::new(30)),
        ..Policy::default()
    };
    let signals = Signals::default().over(Some(Tier::Slow));
    let choice = choose(&Transform::default(), &signals, &policy);
    assert_eq!(
        (choice.variant.quality.value(), choice.lowered),
        (30, false)
    );
}

#[test]
fn a_target_follows_the_way_and_the_display() {
    let perceptual = Policy {
        quality: QualityChoice::Auto,
        ..Policy::default()
    };
    let key = |options: &str, signals: &Signals| {
        let transform = match options {
            "" => Transform::default(),
            options => Transform::parse(options).unwrap(),
        };
        let choice = choose(&transform, signals, &perceptual);
        (choice.variant.key(), choice.lowered)
    };
    let over = |tier| Signals::default().over(tier);
    let usual = |quality| Target::usual(Quality::new(quality)).points();
    assert_eq!(key("", &over(None)), ("auto-preview-jp,s75".into(), false));
    let slow = "auto-preview-jp,s50".to_owned();
    assert_eq!(key("", &over(Some(Tier::Slow))), (slow.clone(), true));
    let medium = format!("auto-preview-jp,s{}", usual(68));
    assert_eq!(key("", &over(Some(Tier::Medium))), (medium, true));
    let saving = Signals {
        save_data: true,
        ..Signals::default()
    };
    assert_eq!(key("", &saving), (slow, false));
    assert_eq!(key("q=70", &saving).0, "source,q70", "a number is a number");
    assert_eq!(key("q=low", &saving).0, "source,s50");
    assert_eq!(key("w=9,dpr=3", &over(None)).0, "source,s62,w27");
}

#[test]
fn hinted_displays_are_followed_as_far_as_it_pays() {
    let dense = Signals {
        width: Some(900),
        dpr: Some(Factor::from_thousandths(3000)),
        ..Signals::default()
    };
    let hints = Policy {
        width_hints: true,
        ..Policy::default()
    };
    let chosen =
        |signals: &Signals, policy: &Policy| choose(&Transform::default(), signals, policy);
    let choice = chosen(&dense, &hints);
    assert_eq!(choice.variant.width, Some(960));
    assert_eq!(choice.variant.quality.value(), 50);
    assert_eq!(
        choice.vary,
        [
            "sec-ch-device-memory",
            "device-memory",
            "accept",
            "sec-ch-width",
            "width",
            "sec-ch-dpr",
            "dpr",
            "save-data"
        ],
        "each of them would change it"
    );
    let slow = chosen(&dense.clone().over(Some(Tier::Slow)), &hints);
    assert_eq!((slow.variant.width, slow.lowered), (Some(480), true));
    let even = Policy {
        dpr_quality: false,
        ..hints
    };
    assert_eq!(chosen(&dense, &even).variant.quality.value(), 80);
    let unhinted = chosen(&dense, &Policy::default());
    assert_eq!(unhinted.variant.quality.value(), 80, "of its own size");
}
