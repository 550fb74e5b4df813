//! The pages: photographs as progressive files, each page with a stylesheet of its own.

use testkit::photo::{Picture, Scene, photograph, progressive_jpeg};

use crate::bench::peers::File;

/// The pages by the names of `--page`.
pub const NAMES: [&str; 3] = ["gallery", "hero", "hero-css"];

/// A page.
pub struct Page {
    /// What the tables call it.
    pub name: &'static str,
    /// What is on it.
    pub about: &'static str,
    /// Its file.
    pub file: &'static str,
}

/// Size of every photograph, pixels.
const SIZE: (u32, u32) = (1600, 1200);
/// Bytes of a photograph of the gallery; eight take about 1.2 MB.
const PHOTOGRAPH_BYTES: usize = 150_000;
/// Bytes of a hero.
const HERO_BYTES: usize = 300_000;
/// Photographs of the gallery, and below the fold of the pages with a hero.
const PHOTOGRAPHS: usize = 8;

/// Makes the pages of these names and everything they ask for.
///
/// # Errors
/// A photograph cannot be encoded.
pub fn make(names: &[&str]) -> Result<(Vec<Page>, Vec<File>), String> {
    let mut files = Vec::new();
    for place in 0..PHOTOGRAPHS {
        files.push(photo(&format!("{place}.jpg"), place, PHOTOGRAPH_BYTES)?);
    }
    files.push(photo("hero.jpg", PHOTOGRAPHS, HERO_BYTES)?);
    let pages: Vec<Page> = names.iter().map(|name| page(name)).collect();
    for page in &pages {
        let (html, css) = content(page.name);
        files.push(text(page.file, "text/html; charset=utf-8", html));
        let name = format!("{}.css", page.name);
        files.push(text(&name, "text/css; charset=utf-8", css));
    }
    Ok((pages, files))
}

fn page(name: &str) -> Page {
    match name {
        "hero" => Page {
            name: "hero",
            about: "one visible hero of 300 KB as an <img>, eight photographs of 150 KB below the fold",
            file: "hero.html",
        },
        "hero-css" => Page {
            name: "hero-css",
            about: "the same hero as a CSS background",
            file: "hero-css.html",
        },
        _ => Page {
            name: "gallery",
            about: "eight photographs of 1600x1200, 1.2 MB together, shown at 300x225",
            file: "gallery.html",
        },
    }
}

fn content(name: &str) -> (String, String) {
    let photographs: String = (0..PHOTOGRAPHS)
        .map(|place| format!("<img src=\"{place}.jpg\" width=300 height=225 alt=\"\">\n"))
        .collect();
    let hero = match name {
        "hero" => "<img class=hero src=\"hero.jpg\" alt=\"\">\n",
        "hero-css" => "<div class=hero></div>\n",
        _ => "",
    };
    let html = format!(
        "<!doctype html>\n<html lang=en>\n<title>Photographs</title>\n\
         <link rel=icon href=\"data:,\">\n<link rel=stylesheet href=\"{name}.css\">\n\
         <h1>Photographs</h1>\n{hero}<main>\n{photographs}</main>\n"
    );
    let background = match name {
        "hero-css" => ".hero { background: url(hero.jpg) center / cover }\n",
        _ => "",
    };
    let css = format!(
        "body {{ margin: 0; background: #fff; color: #222; font: 16px/1.4 sans-serif }}\n\
         h1 {{ margin: 0; padding: 14px 20px; font-size: 22px }}\n\
         main {{ display: grid; grid-template-columns: repeat(4, 300px); gap: 12px; padding: 10px 20px }}\n\
         main img {{ display: block; background: #ddd }}\n\
         .hero {{ display: block; width: 100%; height: 760px; object-fit: cover; background-color: #ddd }}\n\
         {background}"
    );
    (html, css)
}

fn text(name: &str, content_type: &'static str, content: String) -> File {
    File {
        name: name.to_owned(),
        content_type,
        bytes: content.into_bytes(),
    }
}

fn photo(name: &str, place: usize, most: usize) -> Result<File, String> {
    let scene = Scene::ALL[place % Scene::ALL.len()];
    let (width, height) = SIZE;
    let picture = photograph(scene, width, height, 2026);
    Ok(File {
        name: name.to_owned(),
        content_type: "image/jpeg",
        bytes: largest_below(&picture, most)?,
    })
}

/// The progressive file of the best quality that takes no more than so many bytes.
fn largest_below(picture: &Picture, most: usize) -> Result<Vec<u8>, String> {
    let encode = |quality| {
        progressive_jpeg(picture, quality)
            .map(|encoded| encoded.bytes)
            .map_err(|error| error.to_string())
    };
    let (mut low, mut high) = (5, 97);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if encode(middle)?.len() > most {
            high = middle;
        } else {
            low = middle;
        }
    }
    encode(low)
}
