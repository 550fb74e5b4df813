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

/// The name of a file that has as many bytes as all previews together.
pub const ONE_FILE: &str = "previews.bin";

/// Bytes of all previews together.
pub fn previews(pictures: &[Picture]) -> u64 {
    pictures.iter().map(|picture| picture.preview).sum()
}

/// The files by which servers are asked for `pictures`, for the stylesheet, and for as many bytes as
/// all previews have in one file.
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
    let one = File {
        name: ONE_FILE.into(),
        content_type: "application/octet-stream",
        bytes: noise(previews(pictures)),
    };
    let pictures = pictures.iter().enumerate().map(picture);
    pictures.chain([late, one]).collect()
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

/// Bytes that no server can make fewer.
fn noise(length: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(4);
    (0..length).map(|_| random.u8(..)).collect()
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
