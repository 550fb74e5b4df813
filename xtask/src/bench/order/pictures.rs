//! What is asked for: pictures whose points of interest are known, and a stylesheet.

use testkit::photo::{Scene, photograph, progressive_jpeg};

use crate::bench::peers::File;

const PICTURE_BYTES: usize = 100_000;
const STYLESHEET_BYTES: usize = 20_000;

/// A picture and the offsets that matter.
pub struct Picture {
    pub bytes: Vec<u8>,
    pub header: u64,
    pub preview: u64,
    pub good: u64,
}

/// The files by which servers are asked for `pictures` and the stylesheet.
pub fn files(pictures: &[Picture]) -> Vec<File> {
    let picture = |(place, picture): (usize, &Picture)| File {
        name: format!("{place}.jpg"),
        content_type: "image/jpeg",
        bytes: picture.bytes.clone(),
    };
    let late = File {
        name: "late.css".into(),
        content_type: "text/css",
        bytes: stylesheet().into_bytes(),
    };
    let pictures = pictures.iter().enumerate().map(picture);
    pictures.chain([late]).collect()
}

/// So many photographs as progressive files of about 100 KB.
///
/// # Errors
/// One cannot be encoded.
pub fn pictures(count: usize) -> Result<Vec<Picture>, String> {
    (0..count).map(picture).collect()
}

fn picture(place: usize) -> Result<Picture, String> {
    let scene = Scene::ALL[place % Scene::ALL.len()];
    let photo = photograph(scene, 1200, 800, place as u64);
    let encode = |quality| progressive_jpeg(&photo, quality).map_err(|error| error.to_string());
    let (mut low, mut high) = (5, 97);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if encode(middle)?.bytes.len() > PICTURE_BYTES {
            high = middle;
        } else {
            low = middle;
        }
    }
    let encoded = encode(low)?;
    let outline = encoded.outline();
    Ok(Picture {
        header: outline.header as u64,
        preview: outline.preview as u64,
        good: outline.good as u64,
        bytes: encoded.bytes,
    })
}

fn stylesheet() -> String {
    let rules = (0..).map(|number| {
        format!(
            ".c{number:05} {{ color: #{:06x} }}\n",
            number * 7919 % 0xff_ffff
        )
    });
    let mut text = String::new();
    for rule in rules {
        text.push_str(&rule);
        if text.len() >= STYLESHEET_BYTES {
            break;
        }
    }
    text.truncate(STYLESHEET_BYTES);
    text
}
