//! A picture in linear light before the camera has had its say, and how it is painted on all
//! cores.

use std::num::NonZero;
use std::thread;

use super::tone::Tone;

/// Linear-light pixels in rows from the top.
pub struct Canvas {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width × height` pixels.
    pub pixels: Vec<Tone>,
}

impl Canvas {
    /// Asks `shade` for each pixel's light, rows in parallel.
    pub fn paint(width: usize, height: usize, shade: impl Fn(usize, usize) -> Tone + Sync) -> Self {
        let mut pixels = vec![Tone::default(); width * height];
        for_each_row(&mut pixels, width, |y, row| {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = shade(x, y);
            }
        });
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Paints column by column: `shade` fills one column from the top.
    pub fn paint_columns(
        width: usize,
        height: usize,
        shade: impl Fn(usize, &mut [Tone]) + Sync,
    ) -> Self {
        let mut turned = vec![Tone::default(); width * height];
        for_each_row(&mut turned, height, |x, column| shade(x, column));
        Self::paint(width, height, |x, y| turned[x * height + y])
    }

    /// The pixel at a place; places outside show the nearest edge.
    pub fn at(&self, x: isize, y: isize) -> Tone {
        let x = x.clamp(0, self.width as isize - 1) as usize;
        let y = y.clamp(0, self.height as isize - 1) as usize;
        self.pixels[y * self.width + x]
    }

    /// The light between pixels, interpolated.
    pub fn sample(&self, x: f32, y: f32) -> Tone {
        let (floor_x, floor_y) = (x.floor(), y.floor());
        let (ix, iy) = (floor_x as isize, floor_y as isize);
        let top = self.at(ix, iy).mix(self.at(ix + 1, iy), x - floor_x);
        let bottom = self
            .at(ix, iy + 1)
            .mix(self.at(ix + 1, iy + 1), x - floor_x);
        top.mix(bottom, y - floor_y)
    }

    /// Three box blurs in each direction: close to a Gaussian of standard deviation `radius`.
    pub fn blurred(&self, radius: f32) -> Self {
        let reach = radius.round().max(0.0) as usize;
        if reach == 0 {
            return Self {
                width: self.width,
                height: self.height,
                pixels: self.pixels.clone(),
            };
        }
        let sideways = |canvas: &Self| {
            let mut pixels = canvas.pixels.clone();
            for_each_row(&mut pixels, canvas.width, |_, row| {
                let mut spare = row.to_vec();
                for _ in 0..3 {
                    box_blur(&spare, row, reach);
                    spare.copy_from_slice(row);
                }
            });
            Self {
                width: canvas.width,
                height: canvas.height,
                pixels,
            }
        };
        sideways(&sideways(self).turned()).turned()
    }

    /// The mean of each square of `factor` × `factor` pixels.
    pub fn reduced(&self, factor: usize) -> Self {
        let share = 1.0 / (factor * factor) as f32;
        Self::paint(
            self.width.div_ceil(factor),
            self.height.div_ceil(factor),
            |x, y| {
                let mut sum = Tone::default();
                for step in 0..factor * factor {
                    let (dx, dy) = (step % factor, step / factor);
                    sum += self.at((x * factor + dx) as isize, (y * factor + dy) as isize);
                }
                sum * share
            },
        )
    }

    fn turned(&self) -> Self {
        Self::paint(self.height, self.width, |x, y| {
            self.pixels[x * self.width + y]
        })
    }
}

fn box_blur(from: &[Tone], to: &mut [Tone], reach: usize) {
    let last = from.len() - 1;
    let share = 1.0 / (2 * reach + 1) as f32;
    let mut sum = from[0] * reach as f32;
    for x in 0..=reach {
        sum += from[x.min(last)];
    }
    for (x, pixel) in to.iter_mut().enumerate() {
        *pixel = sum * share;
        sum += from[(x + reach + 1).min(last)] - from[x.saturating_sub(reach)];
    }
}

/// Hands rows of `width` items to all cores; each row is visited once.
pub fn for_each_row<T: Send>(
    items: &mut [T],
    width: usize,
    visit: impl Fn(usize, &mut [T]) + Sync,
) {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let rows = items.len() / width.max(1);
    // Small shares even out rows that cost more than others.
    let share = rows.div_ceil(workers * 8).max(1);
    let queue = std::sync::Mutex::new(items.chunks_mut(width * share).enumerate());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().map(|mut chunks| chunks.next());
                    let Ok(Some((index, chunk))) = next else {
                        break;
                    };
                    for (row, items) in chunk.chunks_mut(width).enumerate() {
                        visit(index * share + row, items);
                    }
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_painted_once_by_rows_and_by_columns() {
        let place = |x: usize, y: usize| Tone(x as f32, y as f32, 1.0);
        let rows = Canvas::paint(37, 53, place);
        let columns = Canvas::paint_columns(37, 53, |x, column| {
            for (y, pixel) in column.iter_mut().enumerate() {
                *pixel += place(x, y);
            }
        });
        assert_eq!(rows.pixels, columns.pixels);
        assert_eq!(rows.pixels[53 * 37 - 1], place(36, 52));
    }

    #[test]
    fn a_blur_keeps_what_is_even_and_spreads_what_is_not() {
        let even = Canvas::paint(40, 30, |_, _| Tone::grey(0.5));
        let soft = even.blurred(4.0);
        assert!(soft.pixels.iter().all(|pixel| (pixel.0 - 0.5).abs() < 1e-3));
        let point = Canvas::paint(41, 41, |x, y| {
            Tone::grey(f32::from(u8::from(x == 20 && y == 20)))
        });
        let soft = point.blurred(3.0);
        let sum: f32 = soft.pixels.iter().map(|pixel| pixel.0).sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        assert!(soft.at(20, 20).0 < 0.05 && soft.at(23, 18).0 > 0.0);
        assert!((soft.at(17, 20).0 - soft.at(20, 23).0).abs() < 1e-5);
    }
}
