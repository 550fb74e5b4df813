//! When each picture of the page was first recognisable.
//!
//! A box is laid out in cells. Its picture is recognisable once nine cells of ten are nearly as
//! bright as they end up. How near is near depends on the picture's own contrast, chosen so that
//! no box of one colour (blank, or a placeholder) passes for a picture that has more than one.

use std::time::Duration;

use super::picture::{Picture, luma};

/// Cells along each side of a box at most.
const CELLS: usize = 16;
/// Shortest side of a cell, pixels: a first preview knows one value for 8 by 8 pixels.
const CELL: usize = 8;
/// Shortest side of what must be in view of a box, pixels.
const SMALLEST: usize = 16;
/// Share of the cells that must be right.
const ENOUGH: f64 = 0.9;
/// Furthest that a cell's brightness may be off, 0–255.
const TOLERANCE: f32 = 24.0;
/// Nearest, for a picture that is of one colour itself.
const FLOOR: f32 = 4.0;

/// Watches the boxes of a page's pictures.
pub struct Watch(Vec<Option<Watched>>);

struct Watched {
    area: Area,
    goal: Vec<f32>,
    tolerance: f32,
    shown: Option<Duration>,
}

impl Watch {
    /// Boxes are `[x, y, width, height]` in CSS pixels of `viewport`, of which `goal` is the
    /// picture in the end, in whatever size.
    pub fn new(goal: &Picture, boxes: &[[f64; 4]], viewport: (u32, u32)) -> Self {
        let watch = |place: &[f64; 4]| {
            let area = Area::of(*place, viewport, goal.size())?;
            let cells = area.cells(goal);
            Some(Watched {
                area,
                tolerance: tolerance(&cells),
                goal: cells,
                shown: None,
            })
        };
        Self(boxes.iter().map(watch).collect())
    }

    /// Takes the next frame.
    pub fn add(&mut self, at: Duration, frame: &Picture) {
        for watched in self.0.iter_mut().flatten() {
            if watched.shown.is_none() && watched.recognisable(frame) {
                watched.shown = Some(at);
            }
        }
    }

    /// When each box first showed its picture, in the order given; `None` for one that is hardly
    /// in view.
    pub fn times(&self) -> Vec<Option<Duration>> {
        let time = |watched: &Option<Watched>| watched.as_ref().and_then(|watched| watched.shown);
        self.0.iter().map(time).collect()
    }
}

impl Watched {
    fn recognisable(&self, frame: &Picture) -> bool {
        let cells = self.area.cells(frame);
        let near = |(cell, goal): &(&f32, &f32)| (*cell - *goal).abs() < self.tolerance;
        let right = cells.iter().zip(&self.goal).filter(near).count();
        right as f64 >= ENOUGH * self.goal.len() as f64
    }
}

/// Part of a frame, in its pixels.
#[derive(Clone, Copy)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Area {
    /// What of a box is in the frame, if it is enough.
    fn of(place: [f64; 4], viewport: (u32, u32), size: (usize, usize)) -> Option<Self> {
        let [x, y, width, height] = place;
        let across = |css: f64| to_pixels(css, viewport.0, size.0);
        let down = |css: f64| to_pixels(css, viewport.1, size.1);
        let (left, right) = (across(x), across(x + width));
        let (top, bottom) = (down(y), down(y + height));
        let area = Self {
            left,
            top,
            width: right.saturating_sub(left),
            height: bottom.saturating_sub(top),
        };
        (area.width >= SMALLEST && area.height >= SMALLEST).then_some(area)
    }

    /// Mean brightness of each cell.
    fn cells(self, frame: &Picture) -> Vec<f32> {
        let columns = (self.width / CELL).clamp(1, CELLS);
        let rows = (self.height / CELL).clamp(1, CELLS);
        let mut sums = vec![(0.0_f32, 0_u32); columns * rows];
        for y in 0..self.height {
            let line = &mut sums[y * rows / self.height * columns..][..columns];
            let pixels = frame.row(self.top + y, self.left, self.width);
            for (x, pixel) in pixels.iter().enumerate() {
                let cell = &mut line[x * columns / self.width];
                *cell = (cell.0 + luma(*pixel), cell.1 + 1);
            }
        }
        sums.iter()
            .map(|(sum, count)| sum / (*count).max(1) as f32)
            .collect()
    }
}

/// A length in CSS pixels as pixels of the frame, inside of it.
fn to_pixels(css: f64, viewport: u32, size: usize) -> usize {
    let scale = size as f64 / f64::from(viewport.max(1));
    (css * scale).round().clamp(0.0, size as f64) as usize
}

/// Just under half of the median distance from the median, within bounds. If nine of ten cells
/// were nearer than that to one value, so would the median be, and most cells would be nearer to
/// the median than half of them are.
fn tolerance(cells: &[f32]) -> f32 {
    let middle = median(cells.to_vec());
    let spread = median(cells.iter().map(|cell| (cell - middle).abs()).collect());
    (spread * 0.49).clamp(FLOOR, TOLERANCE)
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 64;

    /// A frame of 64 by 64 whose cells of 8 by 8 have the given values.
    fn frame(cells: &[u8]) -> Picture {
        let value = |y: usize, x: usize| cells[(y / 8 * 8 + x / 8) % cells.len()];
        let pixels = (0..SIDE).flat_map(|y| (0..SIDE).flat_map(move |x| [value(y, x); 3]));
        Picture::new(SIDE, SIDE, pixels.collect())
    }

    fn ms(at: u64) -> Duration {
        Duration::from_millis(at)
    }

    fn watch(goal: &Picture) -> Watch {
        Watch::new(goal, &[[0.0, 0.0, 64.0, 64.0]], (64, 64))
    }

    fn ramp() -> Vec<u8> {
        (0..64).map(|cell| cell * 4).collect()
    }

    #[test]
    fn a_blurred_picture_counts_and_a_slice_of_it_does_not() {
        let goal = frame(&ramp());
        let blurred: Vec<u8> = ramp()
            .iter()
            .map(|value| value.saturating_add(12))
            .collect();
        let slice: Vec<u8> = (0..64)
            .map(|cell| if cell < 32 { cell * 4 } else { 200 })
            .collect();
        let mut watch = watch(&goal);
        watch.add(ms(10), &Picture::white(SIDE, SIDE));
        watch.add(ms(20), &frame(&slice));
        watch.add(ms(30), &frame(&blurred));
        watch.add(ms(40), &goal);
        assert_eq!(watch.times(), [Some(ms(30))]);
    }

    #[test]
    fn boxes_are_scaled_and_cut_to_the_frame() {
        let goal = frame(&ramp());
        let boxes = [
            [-20.0, 0.0, 148.0, 500.0],
            [120.0, 0.0, 100.0, 100.0],
            [0.0, 0.0, 10.0, 10.0],
            [f64::NAN, 0.0, 100.0, 100.0],
        ];
        let mut watch = Watch::new(&goal, &boxes, (128, 128));
        watch.add(ms(5), &goal);
        // The second is 4 pixels wide in the frame, the third 5 by 5, the last nowhere.
        assert_eq!(watch.times(), [Some(ms(5)), None, None, None]);
    }

    #[test]
    fn a_picture_of_one_colour_is_there_when_its_colour_is() {
        let goal = frame(&[90]);
        let mut watch = watch(&goal);
        watch.add(ms(10), &frame(&[110]));
        watch.add(ms(20), &frame(&[92]));
        assert_eq!(watch.times(), [Some(ms(20))]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_flat_box_passes_for_a_picture(
            cells in prop::collection::vec(any::<u8>(), 64), flat: u8,
        ) {
            let goal = frame(&cells);
            let mut watch = watch(&goal);
            // Pictures flatter than twice the floor are judged by the floor.
            let contrast = tolerance(&watch.0[0].as_ref().unwrap().goal) > FLOOR;
            watch.add(ms(1), &frame(&[flat]));
            prop_assert!(!contrast || watch.times() == [None]);
            watch.add(ms(2), &goal);
            prop_assert!(watch.times()[0].is_some());
        }
    }
}
