//! One function per parser of outside bytes, for `cargo fuzz` and for the smoke run.
//!
//! A target takes any bytes and returns. It panics only if the parser breaks a promise.

mod caching;
mod connections;
mod http3;
mod mutate;
mod pictures;
mod requests;
mod settings;

pub use mutate::{fingerprint, mutate};

/// Files to begin with: name and content.
pub type Seeds = Vec<(&'static str, Vec<u8>)>;

/// A parser of outside bytes.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its corpus and of its file in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Feeds it one input.
    pub run: fn(&[u8]),
    /// Makes the corpus to begin with, by our own code.
    pub seeds: fn() -> Seeds,
}

/// Every target.
pub const TARGETS: &[Target] = &[
    target("accept", image::fuzz::accept, requests::accept_seeds),
    target(
        "accept_encoding",
        caching::accept_encoding,
        caching::encoding_seeds,
    ),
    target(
        "available_dictionary",
        caching::available_dictionary,
        caching::dictionary_seeds,
    ),
    target("avif_boxes", pictures::avif_boxes, pictures::avif_seeds),
    target("cache_files", caching::files, caching::file_seeds),
    target("cache_policy", caching::policy, caching::policy_seeds),
    target("config", settings::config, settings::seeds),
    target("front_fields", http3::fields, http3::field_seeds),
    target("front_guard", connections::guard, connections::guard_seeds),
    target(
        "front_proxied",
        connections::proxied,
        connections::proxied_seeds,
    ),
    target("front_streams", http3::streams, http3::stream_seeds),
    target("front_tap", connections::tap, connections::tap_seeds),
    target(
        "image_formats",
        image::fuzz::picture,
        pictures::format_seeds,
    ),
    target(
        "image_grammars",
        image::fuzz::grammars,
        requests::grammar_seeds,
    ),
    target(
        "image_options",
        image::fuzz::transform,
        requests::option_seeds,
    ),
    target(
        "image_picture",
        image::fuzz::picture,
        pictures::picture_seeds,
    ),
    target("image_render", pictures::render, pictures::render_seeds),
    target("jpeg_decode", pictures::decode_jpeg, pictures::jpeg_seeds),
    target("jpeg_map", pictures::map_jpeg, pictures::jpeg_seeds),
    target(
        "jpeg_transcode",
        pictures::transcode_jpeg,
        pictures::jpeg_seeds,
    ),
    target("priority", requests::priority, requests::priority_seeds),
    target("purge_order", requests::purge_order, requests::purge_seeds),
    target("store_behind", kv::fuzz::read, kv::fuzz::seeds),
];

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Seeds) -> Target {
    Target { name, run, seeds }
}

/// Feeds `input` to the target called `name`.
///
/// # Panics
/// If there is no such target, or the parser breaks a promise.
#[expect(
    clippy::panic,
    reason = "a fuzz target reports what it finds by panicking"
)]
pub fn run(name: &str, input: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(input),
        None => panic!("no fuzz target `{name}`"),
    }
}
