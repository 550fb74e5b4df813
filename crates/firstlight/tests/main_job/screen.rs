//! What is on a screen, compared.

use std::io::Cursor;

use jpeg::{DecodeOptions, Pixels};

/// A picture of a page: RGB, rows from the top.
pub struct Screen {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// A picture is compared as this many cells each way: neither noise nor blur changes their means
/// by much.
const CELLS: usize = 16;
const QUARTER: usize = CELLS / 4;

impl Screen {
    /// Reads a screenshot.
    pub fn from_png(file: &[u8]) -> Self {
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut pixels).unwrap();
        let samples = frame.color_type.samples();
        assert!(samples >= 3, "a screenshot without colours");
        Self {
            width: frame.width as usize,
            height: frame.height as usize,
            pixels: pixels
                .chunks_exact(samples)
                .flat_map(|pixel| [pixel[0], pixel[1], pixel[2]])
                .collect(),
        }
    }

    /// Reads a frame of a screencast.
    pub fn from_jpeg(file: &[u8]) -> Self {
        let decoded = jpeg::decode(file, &DecodeOptions::default()).unwrap();
        let Pixels::Rgb8(pixels) = decoded.pixels else {
            panic!("a screen without colours");
        };
        Self {
            width: decoded.width as usize,
            height: decoded.height as usize,
            pixels,
        }
    }

    /// Mean colours of the cells of an area, row by row.
    fn cells(&self, area: Area) -> Vec<[f64; 3]> {
        assert!(area.left + area.width <= self.width && area.top + area.height <= self.height);
        let places = (0..CELLS).flat_map(|row| (0..CELLS).map(move |column| (row, column)));
        places
            .map(|(row, column)| {
                self.mean(Area {
                    left: area.left + area.width * column / CELLS,
                    top: area.top + area.height * row / CELLS,
                    width: (area.width / CELLS).max(1),
                    height: (area.height / CELLS).max(1),
                })
            })
            .collect()
    }

    fn mean(&self, area: Area) -> [f64; 3] {
        let mut sums = [0_u64; 3];
        for row in area.top..area.top + area.height {
            let start = (row * self.width + area.left) * 3;
            for pixel in self.pixels[start..start + area.width * 3].chunks_exact(3) {
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += u64::from(*value);
                }
            }
        }
        sums.map(|sum| sum as f64 / (area.width * area.height) as f64)
    }
}

/// How much of an area is still missing, for each quarter from the top: 0 looks as in `whole`, 1
/// is as far from it as `blank` is.
pub fn missing(now: &Screen, blank: &Screen, whole: &Screen, area: Area) -> [f64; 4] {
    let [now, blank, whole] = [now, blank, whole].map(|screen| screen.cells(area));
    std::array::from_fn(|quarter| {
        let rows = quarter * QUARTER * CELLS..(quarter + 1) * QUARTER * CELLS;
        let whole = &whole[rows.clone()];
        // A quarter that looks like nothing when it is there is never missing.
        distance(&now[rows.clone()], whole) / distance(&blank[rows], whole).max(8.0)
    })
}

/// Mean absolute difference, of 255.
fn distance(some: &[[f64; 3]], others: &[[f64; 3]]) -> f64 {
    let differences = some.iter().flatten().zip(others.iter().flatten());
    let sum: f64 = differences.map(|(a, b)| (a - b).abs()).sum();
    sum / (some.len() * 3) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(colour: impl Fn(usize) -> u8) -> Screen {
        let (width, height) = (64, 64);
        let pixels = (0..height).flat_map(|row| vec![colour(row); width * 3]);
        Screen {
            width,
            height,
            pixels: pixels.collect(),
        }
    }

    #[test]
    fn what_has_come_is_not_missing_and_the_rest_is() {
        let (whole, blank) = (screen(|row| row as u8 * 3), screen(|_| 230));
        let half = screen(|row| if row < 32 { row as u8 * 3 } else { 230 });
        let soft = screen(|row| (row / 4 * 4) as u8 * 3 + 4);
        let area = Area {
            left: 0,
            top: 0,
            width: 64,
            height: 64,
        };
        let missing = |now| missing(now, &blank, &whole, area);
        assert_eq!(missing(&whole), [0.0; 4]);
        assert_eq!(missing(&blank), [1.0; 4]);
        assert_eq!(missing(&half), [0.0, 0.0, 1.0, 1.0]);
        assert!(missing(&soft).iter().all(|share| *share < 0.05));
    }
}
