//! Every scene keeps the promises of the module.

use super::*;

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for scene in Scene::ALL {
        let first = photograph(*scene, 60, 40, 7);
        assert_eq!(first.pixels.len(), 60 * 40 * 3, "{scene:?}");
        assert_eq!(first, photograph(*scene, 60, 40, 7), "{scene:?}");
        assert_ne!(
            first,
            photograph(*scene, 60, 40, 8),
            "{scene:?}: the seed changes nothing"
        );
    }
}

#[test]
fn pictures_are_neither_flat_nor_burnt_out() {
    for scene in Scene::ALL {
        let picture = photograph(*scene, 150, 100, 2026);
        let (mut sum, mut squares, mut ends) = (0.0, 0.0, 0);
        for pixel in picture.pixels.chunks(3) {
            let grey = pixel.iter().map(|value| f64::from(*value)).sum::<f64>() / 3.0;
            sum += grey;
            squares += grey * grey;
            ends += usize::from(pixel == [255, 255, 255] || pixel == [0, 0, 0]);
        }
        let count = (picture.pixels.len() / 3) as f64;
        let (mean, deviation) = (
            sum / count,
            (squares / count - (sum / count).powi(2)).sqrt(),
        );
        assert!((25.0..215.0).contains(&mean), "{scene:?}: mean {mean}");
        assert!(deviation > 18.0, "{scene:?}: deviation {deviation}");
        assert!(
            ends as f64 / count < 0.12,
            "{scene:?}: {ends} pixels black or white"
        );
    }
}

#[test]
fn odd_sizes_are_painted() {
    for scene in Scene::ALL {
        for (width, height) in [(1, 1), (1, 9), (31, 2), (0, 5)] {
            let picture = photograph(*scene, width, height, 3);
            assert_eq!(
                picture.pixels.len(),
                (width * height * 3) as usize,
                "{scene:?}"
            );
        }
    }
}

#[test]
fn names_are_unique_and_fit_an_address() {
    for (index, scene) in Scene::ALL.iter().enumerate() {
        assert_eq!(*scene as usize, index);
        assert_eq!(Scene::from_name(scene.name()), Some(*scene));
        assert!(scene.name().bytes().all(|byte| byte.is_ascii_lowercase()));
    }
}
