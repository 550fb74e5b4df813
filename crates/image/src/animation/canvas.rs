//! What frames are drawn on, one over what those before left.

use crate::picture::{Channels, Picture};
use crate::{Format, ImageError};

/// Where a frame lies.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// How a frame meets what is below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// It takes its place.
    Source,
    /// It covers it as far as it is opaque.
    Over,
}

/// What becomes of a frame before the next one is drawn.
#[derive(Clone, Copy)]
pub(super) enum After {
    Kept,
    Cleared,
    /// What was there before it comes back.
    Restored,
}

enum Disposal {
    Keep,
    Clear(Place),
    /// What the canvas was before the frame.
    Restore(Vec<u8>),
}

/// The screen, as RGBA, transparent at first.
pub(super) struct Canvas {
    width: usize,
    height: usize,
    data: Vec<u8>,
    /// What becomes of the last frame before the next one is drawn.
    disposal: Disposal,
}

impl Canvas {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            data: vec![0; width * height * 4],
            disposal: Disposal::Keep,
        }
    }

    /// Draws a frame of RGBA.
    pub(super) fn draw(&mut self, place: Place, pixels: &[u8], blend: Blend, after: After) {
        match std::mem::replace(&mut self.disposal, Disposal::Keep) {
            Disposal::Keep => {}
            Disposal::Clear(place) => self.rows(place).for_each(|row| row.fill(0)),
            Disposal::Restore(data) => self.data = data,
        }
        self.disposal = match after {
            After::Kept => Disposal::Keep,
            After::Cleared => Disposal::Clear(place),
            After::Restored => Disposal::Restore(self.data.clone()),
        };
        if place.width == 0 {
            return;
        }
        for (row, new) in self.rows(place).zip(pixels.chunks_exact(place.width * 4)) {
            if blend == Blend::Source {
                row.copy_from_slice(&new[..row.len()]);
                continue;
            }
            for (old, new) in row.chunks_exact_mut(4).zip(new.chunks_exact(4)) {
                over(old, new);
            }
        }
    }

    /// What is shown.
    pub(super) fn picture(&self, format: Format) -> Result<Picture, ImageError> {
        Picture::new(self.width, self.height, Channels::Rgba, self.data.clone())
            .ok_or_else(|| ImageError::damaged(format, "its screen is empty"))
    }

    /// The rows of a place that lie on the screen, each as far as it does.
    fn rows(&mut self, place: Place) -> impl Iterator<Item = &mut [u8]> {
        let (width, height) = (self.width, self.height);
        let (left, right) = (place.left.min(width), (place.left + place.width).min(width));
        let bottom = (place.top + place.height).min(height);
        let rows = self.data.chunks_exact_mut(width * 4);
        let rows = rows.take(bottom).skip(place.top);
        rows.map(move |row| &mut row[left * 4..right * 4])
    }
}

/// One pixel over another, alpha straight (PNG 3rd edition §13.16).
fn over(old: &mut [u8], new: &[u8]) {
    match new[3] {
        0 => {}
        255 => old.copy_from_slice(new),
        _ => {
            let above = u32::from(new[3]) * 255;
            let below = u32::from(255 - new[3]) * u32::from(old[3]);
            let both = above + below;
            for (old, new) in old.iter_mut().zip(new).take(3) {
                let sum = u32::from(*new) * above + u32::from(*old) * below;
                *old = ((sum + both / 2) / both) as u8;
            }
            old[3] = ((both + 127) / 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Place = Place {
        left: 0,
        top: 0,
        width: 2,
        height: 1,
    };
    const RIGHT: Place = Place {
        left: 1,
        width: 1,
        ..ALL
    };

    fn shown(canvas: &Canvas) -> Vec<u8> {
        canvas.data.clone()
    }

    #[test]
    fn frames_leave_what_they_say() {
        let red = [200, 0, 0, 255];
        let blue = [0, 0, 200, 255];
        for (after, left) in [
            (After::Kept, [red, blue]),
            (After::Cleared, [red, [0; 4]]),
            (After::Restored, [red, red]),
        ] {
            let mut canvas = Canvas::new(2, 1);
            canvas.draw(ALL, &[red, red].concat(), Blend::Source, After::Kept);
            canvas.draw(RIGHT, &blue, Blend::Source, after);
            assert_eq!(shown(&canvas), [red, blue].concat());
            canvas.draw(ALL, &[0; 8], Blend::Over, After::Kept);
            assert_eq!(shown(&canvas), left.concat());
        }
    }

    #[test]
    fn what_is_half_transparent_is_mixed() {
        let mut canvas = Canvas::new(2, 1);
        canvas.draw(RIGHT, &[0, 0, 200, 255], Blend::Source, After::Kept);
        canvas.draw(ALL, &[200, 0, 0, 128].repeat(2), Blend::Over, After::Kept);
        assert_eq!(shown(&canvas), [200, 0, 0, 128, 100, 0, 100, 255]);
        canvas.draw(ALL, &[9, 9, 9, 1].repeat(2), Blend::Source, After::Kept);
        assert_eq!(shown(&canvas), [9, 9, 9, 1].repeat(2));
    }
}
