//! Land in perspective: heights sampled once where the camera looks, and what each pixel sees.

use super::Frame;
use super::canvas::for_each_row;
use super::tone::Tone;

/// Where the camera stands and looks. The picture plane stays upright, so that every column of
/// the picture is a vertical slice of the land.
#[derive(Clone, Copy)]
pub struct View {
    /// Height above zero.
    pub eye: f32,
    /// Picture height divided by the land it covers at distance 1; larger is a longer lens.
    pub lens: f32,
    /// Where the horizon lies, 0 at the top of the picture, 1 at the bottom.
    pub horizon: f32,
    /// First and last distance looked at.
    pub reach: (f32, f32),
    /// Steps from first to last; each is longer by the same factor.
    pub steps: usize,
    /// Whether height zero is the level of water, under which nothing is painted.
    pub water: bool,
}

impl View {
    /// The slope (sideways, upward) of the ray through a pixel.
    pub fn ray(&self, frame: &Frame, x: usize, y: f32) -> (f32, f32) {
        let scale = self.lens * frame.height as f32;
        (
            (x as f32 + 0.5 - frame.width as f32 / 2.0) / scale,
            (self.horizon * frame.height as f32 - y - 0.5) / scale,
        )
    }

    /// Distance one pixel covers at distance 1.
    pub fn pixel(&self, frame: &Frame) -> f32 {
        1.0 / (self.lens * frame.height as f32)
    }

    fn stride(&self) -> f32 {
        (self.reach.1 / self.reach.0).powf(1.0 / self.steps as f32)
    }
}

/// What a pixel sees.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Sideways place, right positive.
    pub x: f32,
    /// Height.
    pub y: f32,
    /// Distance along the view.
    pub z: f32,
    column: usize,
    step: f32,
}

/// What one column of the picture sees, by row.
pub struct Column {
    /// Land behind the middle of the pixel; `None` is sky.
    pub hits: Vec<Option<Hit>>,
    /// Crests that reach into the pixel from below, and the share of it they cover.
    pub rims: Vec<Option<(Hit, f32)>>,
}

/// Heights of the land below each column of the picture, close together near the camera and
/// wider apart with distance, as the picture needs them.
pub struct Relief {
    heights: Vec<f32>,
    row: usize,
    columns: usize,
    pixel: f32,
    near: f32,
    stride: f32,
    step_log: f32,
}

impl Relief {
    /// Surveys the land; `land(x, z, footprint)` is the height without detail smaller than the
    /// footprint.
    pub fn survey(frame: &Frame, view: &View, land: impl Fn(f32, f32, f32) -> f32 + Sync) -> Self {
        let (row, pixel, stride) = (view.steps + 1, view.pixel(frame), view.stride());
        let mut heights = vec![0.0; row * frame.width];
        for_each_row(&mut heights, row, |column, heights| {
            let (sideways, _) = view.ray(frame, column, 0.0);
            let mut z = view.reach.0;
            for height in heights {
                *height = land(sideways * z, z, z * pixel);
                z *= stride;
            }
        });
        Self {
            heights,
            row,
            columns: frame.width,
            pixel,
            near: view.reach.0,
            stride,
            step_log: 1.0 / stride.ln(),
        }
    }

    fn height(&self, column: usize, step: usize) -> f32 {
        self.heights[column.min(self.columns - 1) * self.row + step.min(self.row - 1)]
    }

    /// The height at a place; beyond the survey, that of its nearest edge.
    pub fn at(&self, x: f32, z: f32) -> f32 {
        let column = x / (z * self.pixel) + self.columns as f32 / 2.0 - 0.5;
        let step = ((z / self.near).max(1e-6).ln() * self.step_log).max(0.0);
        let (column, step_floor) = (column.max(0.0) as usize, step as usize);
        let share = step - step_floor as f32;
        let (here, next) = (
            self.height(column, step_floor),
            self.height(column, step_floor + 1),
        );
        here + (next - here) * share
    }

    /// The ground's normal where a pixel sees it.
    pub fn normal(&self, hit: &Hit) -> Tone {
        let step = hit.step as usize;
        let share = hit.step - step as f32;
        let sideways = hit.x / hit.z;
        let (left, right) = (
            hit.column.saturating_sub(1),
            (hit.column + 1).min(self.columns - 1),
        );
        let slopes = |step: usize, z: f32| {
            let across = (self.height(right, step) - self.height(left, step))
                / ((right - left).max(1) as f32 * z * self.pixel);
            let before = step.saturating_sub(1);
            let length = z * (self.stride - 1.0) * (step + 1 - before) as f32;
            let along =
                (self.height(hit.column, step + 1) - self.height(hit.column, before)) / length;
            (across, along - sideways * across)
        };
        let (here, next) = (slopes(step, hit.z), slopes(step + 1, hit.z * self.stride));
        let blend = |a: f32, b: f32| a + (b - a) * share;
        Tone(-blend(here.0, next.0), 1.0, -blend(here.1, next.1)).unit()
    }

    /// Walks toward the sun: 0 behind a hill, 1 in the open, between in half-shadow.
    pub fn sunlight(&self, hit: &Hit, sun: Tone) -> f32 {
        let mut open: f32 = 1.0;
        let mut way = hit.z * self.pixel * 4.0 + 0.006;
        for _ in 0..11 {
            let over = hit.y + sun.1 * way - self.at(hit.x + sun.0 * way, hit.z + sun.2 * way);
            open = open.min(0.5 + over / way * 14.0);
            if open <= 0.0 {
                return 0.0;
            }
            way *= 1.7;
        }
        open.clamp(0.0, 1.0)
    }

    /// What a column of the picture sees from `view`, which may stand higher or lower than the
    /// view of the survey.
    pub fn column(&self, frame: &Frame, view: &View, column: usize) -> Column {
        let mut seen = Column {
            hits: vec![None; frame.height],
            rims: vec![None; frame.height],
        };
        let scale = view.lens * frame.height as f32;
        let horizon = view.horizon * frame.height as f32;
        let (sideways, _) = view.ray(frame, column, 0.0);
        let mut free = frame.height;
        let (mut z, mut before) = (view.reach.0, (view.reach.0, view.eye - 1e6));
        for step in 0..self.row {
            let mut y = self.height(column, step);
            if view.eye < 0.0 && y < 0.0 {
                // A mirror image is seen through the ground under water.
                y = view.eye - 1e3;
            }
            let row = horizon + (view.eye - y) / z * scale;
            let top = (row - 0.5).ceil().max(0.0) as usize;
            while free > top {
                free -= 1;
                let slope = (horizon - free as f32 - 0.5) / scale;
                let share = meet(before, (z, y), view.eye, slope);
                let at = before.0 + (z - before.0) * share;
                seen.see(
                    free,
                    Hit {
                        x: sideways * at,
                        y: view.eye + slope * at,
                        z: at,
                        column,
                        step: (step as f32 - 1.0 + share).max(0.0),
                    },
                );
            }
            if free == top && top > 0 {
                let here = Hit {
                    x: sideways * z,
                    y,
                    z,
                    column,
                    step: step as f32,
                };
                seen.crest(top - 1, here, (top as f32 + 0.5 - row).clamp(0.0, 1.0));
            }
            if free == 0 {
                break;
            }
            before = (z, y);
            z *= self.stride;
        }
        seen
    }
}

impl Column {
    fn see(&mut self, row: usize, hit: Hit) {
        self.hits[row] = Some(hit);
        // A rim of the same slope is no crest.
        if self.rims[row].is_some_and(|(rim, _)| hit.z < rim.z * 1.03) {
            self.rims[row] = None;
        }
    }

    fn crest(&mut self, row: usize, hit: Hit, cover: f32) {
        let better = |(rim, known): (Hit, f32)| known < cover && hit.z < rim.z * 1.2;
        if self.rims[row].is_none_or(better) {
            self.rims[row] = Some((hit, cover));
        }
    }
}

/// Where between two points of the land, 0..1, a ray of `slope` from the eye meets it.
fn meet(before: (f32, f32), after: (f32, f32), eye: f32, slope: f32) -> f32 {
    let under = before.1 - (eye + slope * before.0);
    let over = after.1 - (eye + slope * after.0);
    if under < 0.0 && over > under {
        (-under / (over - under)).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::photo::noise::Noise;

    const VIEW: View = View {
        eye: 1.0,
        lens: 1.0,
        horizon: 0.5,
        reach: (0.5, 100.0),
        steps: 400,
        water: false,
    };

    fn frame() -> Frame {
        Frame {
            width: 60,
            height: 40,
            noise: Noise::new(1),
        }
    }

    #[test]
    fn flat_land_is_seen_where_rays_meet_it() {
        let frame = frame();
        let relief = Relief::survey(&frame, &VIEW, |_, _, _| 0.0);
        let seen = relief.column(&frame, &VIEW, 10);
        for (row, hit) in seen.hits.iter().enumerate() {
            let (_, upward) = VIEW.ray(&frame, 10, row as f32);
            match hit {
                Some(hit) => {
                    assert!((hit.z - -1.0 / upward).abs() < hit.z * 0.02, "row {row}");
                    assert!(relief.normal(hit).1 > 0.999);
                    assert!(relief.sunlight(hit, Tone(0.3, 0.9, 0.3).unit()) > 0.99);
                }
                None => assert!(upward > -0.02, "row {row} sees nothing"),
            }
        }
    }

    #[test]
    fn a_hill_hides_what_is_behind_it_and_shades_it() {
        let frame = frame();
        let hill = |_: f32, z: f32, _: f32| if (4.0..5.0).contains(&z) { 0.9 } else { 0.0 };
        let relief = Relief::survey(&frame, &VIEW, hill);
        let seen = relief.column(&frame, &VIEW, 30);
        let hidden = |hit: &Hit| (5.1..40.0).contains(&hit.z);
        assert!(!seen.hits.iter().flatten().any(hidden));
        let near = seen
            .hits
            .iter()
            .flatten()
            .find(|hit| (3.0..3.9).contains(&hit.z));
        let low_sun_ahead = Tone(0.0, 0.3, 1.0).unit();
        assert!(relief.sunlight(near.unwrap(), low_sun_ahead) < 0.1);
        let sun_behind = Tone(0.0, 0.3, -1.0).unit();
        assert!(relief.sunlight(near.unwrap(), sun_behind) > 0.9);
    }
}
