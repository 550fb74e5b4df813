//! Filters that change pixels.

use super::super::Dialect;
use super::{Read, colour_or_none};
use crate::grammar::text::{number, whole, within};
use crate::{Colour, Kernel, Touch, Transform};

/// Filters that change pixels, in the order of the URL.
pub(super) fn touch(
    dialect: Dialect,
    name: &str,
    arguments: &[&str],
    transform: &mut Transform,
) -> Read {
    let first = arguments.first().copied().unwrap_or_default();
    let imagor = dialect == Dialect::Imagor;
    let (touch, form) = match name {
        "rgb" => (shift(arguments), "three numbers from -100 to 100"),
        "noise" => (
            whole(first)
                .filter(|amount| *amount <= 100)
                .map(|amount| Touch::Noise(amount as u8)),
            "0 to 100 per cent",
        ),
        "equalize" => (Some(Touch::Equalize), ""),
        "convolution" => (
            kernel(arguments).map(Touch::Kernel),
            "weights;weights,columns,true or false, of up to 15 rows and columns",
        ),
        "pixelate" if imagor => (whole(first).map(Touch::Pixelate), "a number of pixels"),
        "round_corner" => (corners(arguments, imagor), "a radius or two, and a colour"),
        _ => return None,
    };
    Some((touch.map(|touch| transform.touches.push(touch)), form))
}

/// `rgb(red,green,blue)`, in per cent.
fn shift(arguments: &[&str]) -> Option<Touch> {
    let [red, green, blue] = *arguments else {
        return None;
    };
    let amount = |text| Some((within(text, -100.0, 100.0)? * 2.55) as i16);
    Some(Touch::Shift([amount(red)?, amount(green)?, amount(blue)?]))
}

/// `convolution(weights,columns,normalized)`.
fn kernel(arguments: &[&str]) -> Option<Kernel> {
    let (weights, columns, normalized) = match *arguments {
        [weights, columns] => (weights, columns, true),
        [weights, columns, normalized] => {
            let no = matches!(normalized, "false" | "False" | "0");
            (weights, columns, !no)
        }
        _ => return None,
    };
    let weights: Option<Vec<f64>> = weights.split(';').map(number).collect();
    Kernel::new(whole(columns)? as usize, &weights?, normalized)
}

/// `round_corner(across|down,red,green,blue,clear)`; imagor's is `(across,down,colour)`.
fn corners(arguments: &[&str], imagor: bool) -> Option<Touch> {
    let (radii, rest) = arguments.split_first()?;
    let outside = |red, green, blue, alpha| Colour {
        red,
        green,
        blue,
        alpha,
    };
    let (across, down, outside) = if imagor {
        let down = rest.first().copied().unwrap_or(radii);
        let colour = rest.get(1).map(|text| colour_or_none(text));
        let clear = outside(255, 255, 255, 0);
        (*radii, down, colour.unwrap_or(Some(clear))?)
    } else {
        let (across, down) = radii.split_once('|').unwrap_or((radii, radii));
        let level = |place: usize| match rest.get(place) {
            None => Some(255),
            Some(text) => u8::try_from(whole(text)?).ok(),
        };
        let clear = matches!(rest.get(3), Some(&("1" | "true" | "True")));
        let alpha = if clear { 0 } else { 255 };
        let colour = outside(level(0)?, level(1)?, level(2)?, alpha);
        (across, down, colour)
    };
    Some(Touch::Round {
        across: whole(across)?,
        down: whole(down)?,
        outside,
    })
}
