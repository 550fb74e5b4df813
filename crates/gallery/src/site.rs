//! The sample site: addresses and what lies there.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use bytes::Bytes;

use crate::encode::{baseline_jpeg, png_with_alpha};
use crate::kept::Kept;
use crate::photo::{Scene, photograph};
use crate::{font, graphic};

/// What lies at an address.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Media type for `Content-Type`.
    pub content_type: &'static str,
    /// For `Cache-Control`.
    pub cache_control: &'static str,
    /// A strong validator with its quotes; equal bytes have equal tags.
    pub etag: String,
    /// The bytes.
    pub body: Bytes,
}

/// A site of sixteen photographs, each computed when first asked for and kept in memory.
///
/// At 1600 × 1067 all of them take about 4 MB as JPEG files.
pub struct Site {
    width: u32,
    height: u32,
    seed: u64,
    kept: Option<Kept>,
    photographs: Vec<OnceLock<Resource>>,
    fixed: Vec<(&'static str, Resource)>,
}

const PAGE: &str = "public, max-age=60";
const FILE: &str = "public, max-age=86400";
/// What a content management system saves at.
const QUALITY: u8 = 90;
const DEFAULT_SEED: u64 = 2026;

impl Default for Site {
    fn default() -> Self {
        Self::new(1600, 1067, DEFAULT_SEED)
    }
}

impl Site {
    /// A site whose photographs measure `width × height` pixels. Nothing is computed yet. The
    /// seed 2026 shows each scene's best take, any other another one.
    pub fn new(width: u32, height: u32, seed: u64) -> Self {
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let page = page(width, height);
        let lens = png_with_alpha(&graphic::lens(240), 240, 240);
        let files = [
            ("/", "text/html; charset=utf-8", PAGE, page.into()),
            (
                "/about.html",
                "text/html; charset=utf-8",
                PAGE,
                text(include_str!("../assets/about.html")),
            ),
            (
                "/style.css",
                "text/css; charset=utf-8",
                FILE,
                text(include_str!("../assets/style.css")),
            ),
            (
                "/script.js",
                "text/javascript; charset=utf-8",
                FILE,
                text(include_str!("../assets/script.js")),
            ),
            (
                "/fonts/imprint.ttf",
                "font/ttf",
                FILE,
                font::imprint().into(),
            ),
            (
                "/favicon.svg",
                "image/svg+xml",
                FILE,
                text(include_str!("../assets/favicon.svg")),
            ),
            (
                "/images/mark.svg",
                "image/svg+xml",
                FILE,
                text(include_str!("../assets/mark.svg")),
            ),
            ("/images/lens.png", "image/png", FILE, lens.into()),
            (
                "/robots.txt",
                "text/plain; charset=utf-8",
                FILE,
                text("User-agent: *\nDisallow:\n"),
            ),
        ];
        Self {
            width,
            height,
            seed,
            kept: None,
            photographs: Scene::ALL.iter().map(|_| OnceLock::new()).collect(),
            fixed: files
                .into_iter()
                .map(|(path, kind, cache, body)| (path, Resource::new(kind, cache, body)))
                .collect(),
        }
    }

    /// Keeps photographs in files below `directory` too, and finds those that were kept there
    /// before, so that the next start paints nothing. A directory that cannot be written is as
    /// good as none.
    #[must_use]
    pub fn kept_in(self, directory: &Path) -> Self {
        let kept = Kept::inside(directory, self.width, self.height, self.seed);
        Self {
            kept: Some(kept),
            ..self
        }
    }

    /// What lies at a path, without its query; `None` is "not found".
    ///
    /// Blocks while a photograph is computed for the first time, up to a second on a slow
    /// machine: call it from a thread that may wait, or after [`Site::is_ready`].
    pub fn get(&self, path: &str) -> Option<Resource> {
        let path = if path == "/index.html" { "/" } else { path };
        if let Some((_, resource)) = self.fixed.iter().find(|(known, _)| *known == path) {
            return Some(resource.clone());
        }
        let scene = scene_at(path)?;
        let place = self.photographs.get(scene as usize)?;
        Some(place.get_or_init(|| self.take(scene)).clone())
    }

    /// Whether [`Site::get`] answers at once.
    pub fn is_ready(&self, path: &str) -> bool {
        scene_at(path)
            .and_then(|scene| self.photographs.get(scene as usize))
            .is_none_or(|place| place.get().is_some())
    }

    /// Every path at which something lies.
    pub fn paths(&self) -> Vec<String> {
        let fixed = self.fixed.iter().map(|(path, _)| (*path).to_owned());
        fixed.chain(Self::photograph_paths()).collect()
    }

    /// The paths of the photographs in the order of the page.
    pub fn photograph_paths() -> Vec<String> {
        Scene::ALL
            .iter()
            .map(|scene| photograph_path(*scene))
            .collect()
    }

    /// Computes every photograph on threads of its own, in the order of the page; returns at
    /// once.
    pub fn warm(self: &Arc<Self>) {
        let next = Arc::new(AtomicUsize::new(0));
        // Painting uses all cores, encoding one: two at a time keep the cores busy.
        for _ in 0..2 {
            let (site, next) = (Arc::clone(self), Arc::clone(&next));
            thread::spawn(move || {
                while let Some(scene) = Scene::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    site.get(&photograph_path(*scene));
                }
            });
        }
    }

    fn take(&self, scene: Scene) -> Resource {
        let kept = self.kept.as_ref();
        let file = kept
            .and_then(|kept| kept.find(scene))
            .unwrap_or_else(|| self.paint(scene));
        Resource::new("image/jpeg", FILE, file.into())
    }

    fn paint(&self, scene: Scene) -> Vec<u8> {
        let seed = scene
            .take()
            .wrapping_add(self.seed.wrapping_sub(DEFAULT_SEED));
        let picture = photograph(scene, self.width, self.height, seed);
        let file = baseline_jpeg(&picture, QUALITY);
        if let Some(kept) = &self.kept {
            // Where it cannot be kept, it is painted again next time.
            let _ = kept.keep(scene, &file);
        }
        file
    }
}

impl Resource {
    fn new(content_type: &'static str, cache_control: &'static str, body: Bytes) -> Self {
        Self {
            content_type,
            cache_control,
            etag: format!("\"{:016x}\"", fingerprint(body.iter().copied())),
            body,
        }
    }
}

fn photograph_path(scene: Scene) -> String {
    format!("/photographs/{}.jpg", scene.name())
}

fn scene_at(path: &str) -> Option<Scene> {
    Scene::from_name(path.strip_prefix("/photographs/")?.strip_suffix(".jpg")?)
}

/// FNV-1a over 64 bits: names bytes, protects nothing.
pub fn fingerprint(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The page, filled in from the list of scenes. The first is the hero; those below the first
/// rows load lazily.
fn page(width: u32, height: u32) -> String {
    let mut figures = String::new();
    for (index, scene) in Scene::ALL.iter().enumerate().skip(1) {
        let lazy = if index > 8 { " loading=\"lazy\"" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            figures,
            "<figure><img src=\"{}\" alt=\"{}\" width=\"{width}\" height=\"{height}\"{lazy}>\
             <figcaption>{}<span class=\"imprint\">{:02}/{}</span></figcaption></figure>",
            photograph_path(*scene),
            scene.description(),
            scene.title(),
            index + 1,
            Scene::ALL.len(),
        );
    }
    let hero = Scene::ALL.first().copied().unwrap_or(Scene::Lake);
    include_str!("../assets/index.html")
        .replace("{{figures}}", figures.trim_end())
        .replace("{{hero.source}}", &photograph_path(hero))
        .replace("{{hero.description}}", hero.description())
        .replace("{{width}}", &width.to_string())
        .replace("{{height}}", &height.to_string())
        .replace("{{count}}", &Scene::ALL.len().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_the_page_names_is_there() {
        let site = Site::new(48, 32, 1);
        let mut seen = 0;
        for source in ["/", "/about.html", "/style.css"] {
            let body = site.get(source).unwrap().body;
            let text = std::str::from_utf8(&body).unwrap();
            for part in text.split(['"', '\'']).filter(|part| part.starts_with('/')) {
                let path = part.split('#').next().unwrap();
                assert!(
                    site.get(path).is_some_and(|found| !found.body.is_empty()),
                    "{path}"
                );
                seen += 1;
            }
        }
        assert!(seen > 25, "only {seen} references found");
    }

    #[test]
    fn every_photograph_is_on_the_page_with_a_description() {
        let page = page(1600, 1067);
        assert!(!page.contains("{{"), "a place was not filled in");
        for scene in Scene::ALL {
            assert!(page.contains(&photograph_path(*scene)), "{scene:?}");
            assert!(page.contains(scene.description()), "{scene:?}");
        }
        let lazy = page.matches("loading=\"lazy\"").count();
        assert_eq!(lazy, Scene::ALL.len() - 9);
    }

    #[test]
    fn photographs_are_baseline_files_of_the_size_asked_for() {
        let site = Site::new(96, 64, 1);
        assert!(!site.is_ready("/photographs/lake.jpg"));
        let lake = site.get("/photographs/lake.jpg").unwrap();
        let map = jpeg::map_scans(&lake.body, &jpeg::Limits::default()).unwrap();
        assert_eq!((map.width, map.height, map.scans.len()), (96, 64, 1));
        assert!(site.is_ready("/photographs/lake.jpg"));
        let dunes = site.get("/photographs/dunes.jpg").unwrap();
        assert_ne!(lake.etag, dunes.etag);
        assert_eq!(
            lake.etag,
            Site::new(96, 64, 1)
                .get("/photographs/lake.jpg")
                .unwrap()
                .etag
        );
    }

    #[test]
    fn unknown_paths_are_not_found() {
        let site = Site::new(16, 16, 1);
        for path in [
            "",
            "/photographs/",
            "/photographs/none.jpg",
            "/style.css/",
            "/../etc/passwd",
        ] {
            assert!(site.get(path).is_none(), "{path}");
        }
    }
}
