//! Photographs kept in a directory, so that they are painted once.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process;

use crate::encode::baseline_jpeg;
use crate::photo::{Scene, photograph};
use crate::site::fingerprint;

/// A file larger than this is none of ours.
const MOST_BYTES: u64 = 64 << 20;

/// The files of one size, one seed and one edition of the painter.
#[derive(Debug)]
pub struct Kept {
    directory: PathBuf,
    width: u32,
    height: u32,
}

impl Kept {
    /// Files below `directory`, which is made when the first is kept.
    pub fn inside(directory: &Path, width: u32, height: u32, seed: u64) -> Self {
        let edition = edition();
        Self {
            directory: directory.join(format!("{edition:016x}-{width}x{height}-{seed}")),
            width,
            height,
        }
    }

    /// A photograph kept before; `None` also where the file is not whole.
    pub fn find(&self, scene: Scene) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = fs::File::open(self.place(scene)).ok()?;
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        let map = jpeg::map_scans(&bytes, &jpeg::Limits::default()).ok()?;
        let whole =
            (map.width, map.height) == (self.width, self.height) && bytes.ends_with(&[0xff, 0xd9]);
        whole.then_some(bytes)
    }

    /// Keeps a photograph: under another name first, so that no half of one is ever found.
    ///
    /// # Errors
    /// The directory or the file cannot be written.
    pub fn keep(&self, scene: Scene, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        let place = self.place(scene);
        let fresh = place.with_extension(format!("{}.new", process::id()));
        let written = fs::write(&fresh, bytes).and_then(|()| fs::rename(&fresh, &place));
        if written.is_err() {
            // It may not be there; what counts is the first error.
            let _ = fs::remove_file(&fresh);
        }
        written
    }

    fn place(&self, scene: Scene) -> PathBuf {
        self.directory.join(format!("{}.jpg", scene.name()))
    }
}

/// Names the way photographs are painted: all scenes as thumbnails, painted and encoded. Whoever
/// changes a scene, the camera or the encoder changes it; a hundredth of a second.
fn edition() -> u64 {
    let thumbnails = Scene::ALL
        .iter()
        .flat_map(|scene| baseline_jpeg(&photograph(*scene, 24, 16, scene.take()), 90));
    fingerprint(thumbnails)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let name = format!("firstlight-gallery-{}-{name}", process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_kept_is_found_and_what_is_not_whole_is_not() {
        let directory = Scratch::new("kept");
        let kept = Kept::inside(&directory.0, 48, 32, 1);
        assert!(kept.find(Scene::Lake).is_none());
        let file = baseline_jpeg(&photograph(Scene::Lake, 48, 32, 1), 90);
        kept.keep(Scene::Lake, &file).unwrap();
        assert_eq!(kept.find(Scene::Lake).as_ref(), Some(&file));
        assert!(kept.find(Scene::Dunes).is_none());

        let again = Kept::inside(&directory.0, 48, 32, 1);
        assert_eq!(again.find(Scene::Lake).as_ref(), Some(&file));
        let other = Kept::inside(&directory.0, 48, 32, 2);
        assert!(other.find(Scene::Lake).is_none(), "another seed");

        for broken in [&file[..file.len() / 2], b"", b"not a picture"] {
            kept.keep(Scene::Lake, broken).unwrap();
            assert!(kept.find(Scene::Lake).is_none());
        }
        let wrong_size = baseline_jpeg(&photograph(Scene::Lake, 64, 32, 1), 90);
        kept.keep(Scene::Lake, &wrong_size).unwrap();
        assert!(kept.find(Scene::Lake).is_none());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_an_error() {
        let directory = Scratch::new("in-the-way");
        let file = directory.0.join("file");
        fs::write(&file, "in the way").unwrap();
        let kept = Kept::inside(&file, 48, 32, 1);
        assert!(kept.keep(Scene::Lake, b"bytes").is_err());
        assert!(kept.find(Scene::Lake).is_none());
    }
}
