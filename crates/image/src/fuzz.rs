//! Entry points for fuzzing: outside bytes in, no panic out.

use crate::grammar::{GrammarSettings, Grammars, Request};
use crate::{
    Accept, Decoders, Format, Limits, PolicySettings, Signals, Transform, choose, outline_of,
    probe, render,
};

/// Small enough that one run takes milliseconds.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 1 << 18,
    max_side: 2048,
    max_output_side: 512,
    max_output_pixels: 1 << 18,
    max_scans: 20,
    max_frames: 8,
    max_animation_pixels: 1 << 18,
    max_avif_pixels: 1 << 10,
    max_avif_pixels_at_once: 1 << 10,
    avif_program: None,
    decoders: Decoders::NONE,
};

/// Reads options; those that are right give a variant whose key is made.
pub fn transform(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Transform::parse(text) {
        Ok(transform) => {
            let choice = choose(&transform, &Signals::default(), &PolicySettings::default());
            assert!(!choice.variant.key().is_empty());
            let printed = transform.to_string();
            assert!(printed.is_empty() || Transform::parse(&printed) == Ok(transform));
        }
        Err(error) => assert!(!error.problems.is_empty()),
    }
}

/// Reads an `Accept` header; every weight is in range.
pub fn accept(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let accept = Accept::parse(text);
    for format in Format::ALL {
        assert!(accept.weight(format) <= 1000);
        assert!(!accept.names(format) || accept.weight(format) > 0);
    }
}

/// Takes the first line as options and the rest as a picture, and renders it under tight limits.
pub fn picture(data: &[u8]) {
    let (options, source) = match data.iter().position(|byte| *byte == b'\n') {
        Some(end) if end < 100 => (&data[..end], &data[end + 1..]),
        _ => (&b""[..], data),
    };
    let options = std::str::from_utf8(options).unwrap_or_default();
    let transform = Transform::parse(options).unwrap_or_default();
    let choice = choose(&transform, &Signals::default(), &PolicySettings::default());
    if let Ok(probe) = probe(source, &LIMITS) {
        assert!(probe.width <= LIMITS.max_side && probe.pixels() <= LIMITS.max_pixels);
    }
    let outline = outline_of(source);
    assert_eq!(outline.length, source.len() as u64);
    assert!(outline.preview <= outline.length && outline.good <= outline.length);
    // Whatever comes of it, it comes without a panic and within the limits.
    let _ = render(source, &choice.variant, &LIMITS, &|| false);
}

/// Reads a URL by every grammar. What is read has a variant, and a source that is a path or an
/// address.
pub fn grammars(data: &[u8]) {
    static ALL: std::sync::LazyLock<Grammars> = std::sync::LazyLock::new(|| {
        let mut settings = GrammarSettings {
            next: true,
            vercel: true,
            netlify: true,
            ipx: true,
            weserv: true,
            fastly: true,
            photon: true,
            ..GrammarSettings::default()
        };
        settings.imgproxy.enabled = true;
        settings.imgproxy.unsigned = true;
        settings.imgproxy.watermark = "/logo.png".to_owned();
        settings.imgproxy.security_options = true;
        settings.imgproxy.presets = vec!["small=w:10/h:10".to_owned(), "loop=pr:loop".to_owned()];
        settings.thumbor.enabled = true;
        settings.thumbor.unsigned = true;
        settings.imagor.enabled = true;
        settings.imagor.prefix = "/imagor".to_owned();
        settings.imagor.unsigned = true;
        settings.imgix.enabled = true;
        settings.cloudinary.enabled = true;
        Grammars::new(&settings)
    });
    let Ok(url) = std::str::from_utf8(data) else {
        return;
    };
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    // As every request's path does.
    if !path.starts_with('/') {
        return;
    }
    let request = Request {
        path,
        query,
        picture: true,
        now: 1_700_000_000,
    };
    match ALL.read(&request) {
        None => {}
        Some(Err(error)) => assert!(!error.to_string().is_empty()),
        Some(Ok(parsed)) => {
            let source = &parsed.source;
            let sound = source.starts_with('/')
                || source.starts_with("http://")
                || source.starts_with("https://");
            assert!(sound || parsed.grammar == "cloudflare", "{source}");
            let policy = PolicySettings::default();
            let choice = choose(&parsed.transform, &Signals::default(), &policy);
            assert!(!choice.variant.key().is_empty());
        }
    }
}
