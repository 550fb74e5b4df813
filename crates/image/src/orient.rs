//! Turning pictures, and rectangles back.

use crate::Orientation;
use crate::geometry::Rectangle;
use crate::picture::Picture;

/// Turns a picture.
pub(crate) fn apply(picture: Picture, turn: Orientation) -> Picture {
    if turn == Orientation::UPRIGHT {
        return picture;
    }
    match picture.channels.count() {
        1 => turned::<1>(&picture, turn),
        3 => turned::<3>(&picture, turn),
        _ => turned::<4>(&picture, turn),
    }
}

fn turned<const N: usize>(picture: &Picture, turn: Orientation) -> Picture {
    let (width, height) = if turn.swaps_sides() {
        (picture.height, picture.width)
    } else {
        (picture.width, picture.height)
    };
    let size = (picture.width as u32, picture.height as u32);
    let (pixels, _) = picture.data.as_chunks::<N>();
    let mut data = Vec::with_capacity(picture.data.len());
    for y in 0..height {
        for x in 0..width {
            let (from_x, from_y) = before((x as u32, y as u32), size, turn);
            let pixel = &pixels[from_y as usize * picture.width + from_x as usize];
            data.extend_from_slice(pixel);
        }
    }
    Picture {
        width,
        height,
        channels: picture.channels,
        data,
    }
}

/// Where a pixel of the turned picture was in the picture of `size` before.
fn before((x, y): (u32, u32), (width, height): (u32, u32), turn: Orientation) -> (u32, u32) {
    let (x, y) = match turn.quarters {
        0 => (x, y),
        1 => (y, height - 1 - x),
        2 => (width - 1 - x, height - 1 - y),
        _ => (width - 1 - y, x),
    };
    if turn.mirrored {
        (width - 1 - x, y)
    } else {
        (x, y)
    }
}

/// Where a rectangle of the turned picture of `size` was before.
pub(crate) fn undo(part: Rectangle, size: (u32, u32), turn: Orientation) -> Rectangle {
    let original = if turn.swaps_sides() {
        (size.1, size.0)
    } else {
        size
    };
    let last = (part.left + part.width - 1, part.top + part.height - 1);
    let one = before((part.left, part.top), original, turn);
    let other = before(last, original, turn);
    Rectangle {
        left: one.0.min(other.0),
        top: one.1.min(other.1),
        width: one.0.abs_diff(other.0) + 1,
        height: one.1.abs_diff(other.1) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Channels;

    /// `ab` over `cd`, over `ef`, turned by each orientation, as EXIF describes them.
    #[test]
    fn every_orientation_turns_as_exif_says() {
        let cases = [
            (1, "abcdef"),
            (2, "badcfe"),
            (3, "fedcba"),
            (4, "efcdab"),
            (5, "acebdf"),
            (6, "ecafdb"),
            (7, "fdbeca"),
            (8, "bdface"),
        ];
        for (number, expected) in cases {
            let stored = Picture::new(2, 3, Channels::Grey, b"abcdef".to_vec()).unwrap();
            let turned = apply(stored, Orientation::from_exif(number));
            assert_eq!(turned.data, expected.as_bytes(), "orientation {number}");
            let size = if number < 5 { (2, 3) } else { (3, 2) };
            assert_eq!((turned.width, turned.height), size, "orientation {number}");
        }
    }

    #[test]
    fn a_part_turned_is_the_part_of_the_turned() {
        let stored = Picture::new(4, 3, Channels::Rgb, (0..36).collect()).unwrap();
        for number in 1..=8 {
            let turn = Orientation::from_exif(number);
            let whole = apply(stored.clone(), turn);
            let part = Rectangle {
                left: 1,
                top: 0,
                width: 2,
                height: 2,
            };
            let size = (whole.width as u32, whole.height as u32);
            let origin = undo(part, size, turn);
            let cut = stored.part(
                origin.left as usize,
                origin.top as usize,
                origin.width as usize,
                origin.height as usize,
            );
            assert_eq!(
                apply(cut, turn),
                whole.part(1, 0, 2, 2),
                "orientation {number}"
            );
        }
    }
}
