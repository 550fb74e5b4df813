//! The offsets that are recorded while writing, against the file.

use firstlight_jpeg::{
    DecodeOptions, EncodeOptions, Encoded, Limits, RECORD, ScanMap, Subsampling, encode,
    gray_to_planes, map_scans, rgb_to_planes, scan_previews,
};

use crate::picture::{natural, pixels, psnr};

fn photo(width: usize, height: usize, quality: u8) -> (Vec<u8>, Encoded) {
    let rgb = natural(width, height, 11);
    let planes = rgb_to_planes(&rgb, width, height, Subsampling::Quarter).expect("fits");
    let how = EncodeOptions {
        quality,
        ..EncodeOptions::default()
    };
    (rgb, encode(&planes, &how).expect("encodes"))
}

fn map(file: &[u8]) -> ScanMap {
    map_scans(file, &Limits::default()).expect("maps")
}

#[test]
fn the_map_of_our_own_file_is_what_was_recorded() {
    let (_, encoded) = photo(300, 200, 80);
    let map = map(&encoded.bytes);
    assert!(map.complete && map.progressive());
    assert_eq!(
        (map.width, map.height, map.length),
        (300, 200, encoded.bytes.len())
    );
    assert_eq!(map.scans, encoded.scans);
    assert_eq!(map.header_end, encoded.header_end);
    assert_eq!(map.outline(), encoded.outline());
}

#[test]
fn a_cut_where_a_scan_is_shown_holds_exactly_the_scans_before_it() {
    let (_, encoded) = photo(300, 200, 80);
    let file = &encoded.bytes;
    for (index, scan) in encoded.scans.iter().enumerate() {
        assert_eq!(
            file[scan.start..scan.start + 2],
            [0xFF, 0xDA],
            "a scan starts at its marker"
        );
        let cut = map(&file[..scan.shown_at]);
        let Some(next) = encoded.scans.get(index + 1) else {
            assert_eq!(scan.shown_at, file.len());
            assert!(cut.complete);
            continue;
        };
        assert_eq!(scan.shown_at, next.data);
        assert!(!cut.complete);
        // The whole scans, and the next one's header with nothing behind it.
        assert_eq!(cut.scans.len(), index + 2);
        assert_eq!(cut.scans[index].end, scan.end);
        assert_eq!(cut.scans[index + 1].data, scan.shown_at);
        assert_eq!(cut.scans[index + 1].end, scan.shown_at);
        // One byte less, and the next scan has not begun.
        assert_eq!(map(&file[..scan.shown_at - 1]).scans.len(), index + 1);
    }
}

#[test]
fn the_first_scan_of_a_large_photo_fits_a_record() {
    for quality in [50, 80, 90] {
        let (rgb, encoded) = photo(1600, 1200, quality);
        let outline = encoded.outline();
        let first = &encoded.scans[0];
        assert!(
            first.shown_at <= RECORD,
            "{} bytes at quality {quality}",
            first.shown_at
        );
        assert_eq!(outline.preview, first.shown_at);
        assert_eq!(first.components, [0, 1, 2], "all colours in the preview");
        assert!(outline.header < outline.preview && outline.preview < outline.good);
        let share = outline.good as f64 / outline.length as f64;
        assert!((0.15..=0.5).contains(&share), "good at {share}");
        assert!(encoded.scans.len() <= 11);
        let lenient = DecodeOptions {
            lenient: true,
            ..DecodeOptions::default()
        };
        let shown = scan_previews(&encoded.bytes, &map(&encoded.bytes))
            .map(|file| psnr(&pixels(&file, &lenient), &rgb))
            .collect::<Vec<_>>();
        assert!(shown[0] > 17.0, "the preview is a picture: {shown:?}");
        // Colour alone can move a hundredth of a decibel the wrong way.
        let better = shown.windows(2).all(|pair| pair[1] > pair[0] - 0.1);
        assert!(better, "each scan makes it better: {shown:?}");
        assert_eq!(
            shown.last(),
            Some(&psnr(&pixels(&encoded.bytes, &lenient), &rgb))
        );
    }
}

#[test]
fn a_small_budget_makes_the_first_scan_coarser() {
    let rgb = natural(400, 300, 11);
    let planes = rgb_to_planes(&rgb, 400, 300, Subsampling::Full).expect("fits");
    let first_at = |quality, preview_budget| {
        let how = EncodeOptions {
            quality,
            preview_budget,
            ..EncodeOptions::default()
        };
        encode(&planes, &how).expect("encodes").scans.swap_remove(0)
    };
    let first = |preview_budget| first_at(50, preview_budget);
    let (fine, coarse, hopeless) = (first(RECORD), first(2000), first(100));
    assert_eq!(fine.low_bit, 1);
    assert_eq!(first_at(80, RECORD).low_bit, 2, "steps too fine to be seen");
    assert!(coarse.low_bit > 1 && coarse.shown_at <= 2000, "{coarse:?}");
    assert_eq!(hopeless.low_bit, 2, "neither the finest nor the coarsest");
}

#[test]
fn a_grey_picture_has_a_preview_too() {
    let gray: Vec<u8> = natural(400, 300, 4)
        .chunks_exact(3)
        .map(|pixel| pixel[0])
        .collect();
    let planes = gray_to_planes(gray, 400, 300).expect("fits");
    let encoded = encode(&planes, &EncodeOptions::default()).expect("encodes");
    let outline = encoded.outline();
    assert_eq!(outline.scans, map(&encoded.bytes).scans);
    assert_eq!(outline.preview, outline.scans[0].shown_at);
    assert!(outline.preview < outline.good && outline.good < outline.length);
}

#[test]
fn baseline_shows_at_its_end() {
    let planes = gray_to_planes(vec![7; 640], 32, 20).expect("fits");
    let how = EncodeOptions {
        progressive: false,
        ..EncodeOptions::default()
    };
    let encoded = encode(&planes, &how).expect("encodes");
    let outline = encoded.outline();
    assert_eq!(encoded.scans.len(), 1);
    assert_eq!(
        (outline.preview, outline.good),
        (outline.length, outline.length)
    );
    assert_eq!(map(&encoded.bytes).outline(), outline);
}

#[test]
fn what_lies_behind_the_picture_is_no_part_of_it() {
    let (_, encoded) = photo(64, 64, 80);
    let mut file = encoded.bytes.clone();
    file.extend_from_slice(&encoded.bytes);
    let map = map(&file);
    assert_eq!(map.length, encoded.bytes.len());
    assert_eq!(map.scans, encoded.scans);
}
