//! `gravity=auto`: where to cut so that what stands out stays.
//!
//! A pixel stands out as far as its colour differs from the mean of its surroundings, taken as the
//! largest rectangle around it that is symmetric about it (Achanta and Süsstrunk, "Saliency
//! detection using maximum symmetric surround", 2010), here in a simple opponent colour space on a
//! thumbnail.

use crate::Orientation;
use crate::effects::luma;
use crate::orient;
use crate::picture::Picture;
use crate::resize;

/// Longest side of the thumbnail, in pixels.
const SIDE: usize = 96;

/// Where the window of `window` pixels lies in the turned picture of `turned` pixels. `picture` is
/// the same picture before `turns`, of any size. A picture in which nothing stands out is cut
/// evenly.
pub(crate) fn window_offset(
    picture: &Picture,
    turns: Orientation,
    turned: (u32, u32),
    window: (u32, u32),
) -> (u32, u32) {
    let middle = ((turned.0 - window.0) / 2, (turned.1 - window.1) / 2);
    let Some(map) = map(picture, turns) else {
        return middle;
    };
    let columns = map.sums(|x, _| x, map.width);
    let rows = map.sums(|_, y| y, map.height);
    (
        best_offset(&columns, turned.0, window.0),
        best_offset(&rows, turned.1, window.1),
    )
}

/// How much each pixel of a thumbnail stands out.
struct Map {
    width: usize,
    height: usize,
    values: Vec<f32>,
}

impl Map {
    /// Sums by column or by row.
    fn sums(&self, line: impl Fn(usize, usize) -> usize, lines: usize) -> Vec<f32> {
        let mut sums = vec![0.0; lines];
        for (y, row) in self.values.chunks_exact(self.width).enumerate() {
            for (x, value) in row.iter().enumerate() {
                sums[line(x, y)] += value;
            }
        }
        sums
    }
}

fn map(picture: &Picture, turns: Orientation) -> Option<Map> {
    let longest = picture.width.max(picture.height);
    let side = |length: usize| (length * SIDE / longest).clamp(1, length);
    let (width, height) = (side(picture.width), side(picture.height));
    let small = resize::to_size(picture, width, height).ok()?;
    let small = orient::apply(small, turns).into_rgba();
    let (width, height) = (small.width, small.height);
    let planes = [
        |pixel: &[u8]| luma(pixel),
        |pixel: &[u8]| f32::from(pixel[0]) - f32::from(pixel[1]),
        |pixel: &[u8]| (f32::from(pixel[0]) + f32::from(pixel[1])) / 2.0 - f32::from(pixel[2]),
    ];
    let mut values = vec![0.0; width * height];
    for plane in planes {
        // What is transparent does not stand out.
        let pixels: Vec<f32> = small
            .data
            .chunks_exact(4)
            .map(|pixel| plane(pixel) * f32::from(pixel[3]) / 255.0)
            .collect();
        add_differences(&pixels, width, height, &mut values);
    }
    Some(Map {
        width,
        height,
        values,
    })
}

/// Adds to each value the square of the pixel's difference from its surroundings.
fn add_differences(pixels: &[f32], width: usize, height: usize, values: &mut [f32]) {
    let stride = width + 1;
    let mut integral = vec![0.0_f64; stride * (height + 1)];
    for y in 0..height {
        let mut row = 0.0;
        for x in 0..width {
            row += f64::from(pixels[y * width + x]);
            integral[(y + 1) * stride + x + 1] = integral[y * stride + x + 1] + row;
        }
    }
    for y in 0..height {
        let reach_y = y.min(height - 1 - y);
        let (top, bottom) = (y - reach_y, y + reach_y + 1);
        for x in 0..width {
            let reach_x = x.min(width - 1 - x);
            let (left, right) = (x - reach_x, x + reach_x + 1);
            let sum = integral[bottom * stride + right]
                - integral[top * stride + right]
                - integral[bottom * stride + left]
                + integral[top * stride + left];
            let mean = sum / ((bottom - top) * (right - left)) as f64;
            let difference = pixels[y * width + x] - mean as f32;
            values[y * width + x] += difference * difference;
        }
    }
}

/// The offset, on a side of `whole` pixels, of the window of `part` pixels that holds most of the
/// sums; of equal ones the most central.
fn best_offset(sums: &[f32], whole: u32, part: u32) -> u32 {
    let slack = whole - part;
    if slack == 0 {
        return 0;
    }
    let lines = sums.len();
    let length = ((part as usize * lines).div_ceil(whole as usize)).clamp(1, lines);
    let last = lines - length;
    let middle = last / 2;
    let total: f32 = sums.iter().sum();
    let mut window: f32 = sums[..length].iter().sum();
    let mut best = (0_usize, window);
    for start in 0..=last {
        // A thousandth of the whole is noise, for which nobody leaves the middle.
        let better = window > best.1 + total * 0.001;
        let equal = window >= best.1 - total * 0.001;
        let nearer = start.abs_diff(middle) < best.0.abs_diff(middle);
        if better || (equal && nearer) {
            best = (start, window);
        }
        if start < last {
            window += sums[start + length] - sums[start];
        }
    }
    if last == 0 {
        return slack / 2;
    }
    (u64::from(slack) * best.0 as u64 / last as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Channels;

    /// Grey, with a red spot of 20 × 20 pixels at (x, y).
    fn spot(x: usize, y: usize) -> Picture {
        let data = (0..100)
            .flat_map(|row| (0..300).map(move |column| (column, row)))
            .flat_map(|(column, row)| {
                let inside = (x..x + 20).contains(&column) && (y..y + 20).contains(&row);
                if inside { [220, 20, 20] } else { [128; 3] }
            })
            .collect();
        Picture::new(300, 100, Channels::Rgb, data).unwrap()
    }

    #[test]
    fn what_stands_out_stays() {
        for x in [0, 60, 140, 280] {
            let offset = window_offset(&spot(x, 40), Orientation::UPRIGHT, (300, 100), (100, 100));
            let (left, right) = (offset.0 as usize, offset.0 as usize + 100);
            assert!(left <= x && x + 20 <= right, "{x}: {left}..{right}");
        }
    }

    #[test]
    fn it_is_found_in_a_picture_that_is_turned() {
        // The spot at the left of the stored picture is at the top once turned clockwise.
        let turn = Orientation::from_exif(6);
        let offset = window_offset(&spot(0, 40), turn, (100, 300), (100, 100));
        assert!(offset.1 <= 3, "{offset:?}");
    }

    #[test]
    fn an_even_picture_is_cut_evenly() {
        let even = Picture::new(300, 100, Channels::Grey, vec![90; 30_000]).unwrap();
        let offset = window_offset(&even, Orientation::UPRIGHT, (300, 100), (100, 100));
        assert!(offset.0.abs_diff(100) <= 3, "{offset:?}");
    }
}
