//! What imgproxy's options mean here.

use super::NAME;
use super::options::{At, Crop, Options, Resizing};
use crate::grammar::GrammarError;
use crate::grammar::text::{blur, factor, format, point, times};
use crate::{
    Along, Colour, Demands, Extend, Factor, Fit, FormatChoice, Gravity, Length, Metadata, Rotation,
    Shift, Sides, Touch, Transform, Trim, Width,
};

const CLEAR: Colour = Colour {
    red: 255,
    green: 255,
    blue: 255,
    alpha: 0,
};

impl Options {
    /// The transform. `auto_format`: whether a URL that names no format gets the best.
    pub(super) fn into_transform(self, auto_format: bool) -> Result<Transform, GrammarError> {
        let format = self.chosen_format(auto_format)?;
        let mut transform = Transform {
            gravity: Some(self.gravity.gravity(self.dpr)),
            fit: Some(self.fit()),
            min_width: self.min_width.map(|width| times(width, self.dpr)),
            min_height: self.min_height.map(|height| times(height, self.dpr)),
            crop: self.crop.map(|crop| self.crop(crop)),
            trim: self.trim.map(|(tolerance, colour, even)| Trim::Border {
                tolerance,
                colour,
                bottom_right: false,
                even,
            }),
            background: self.background,
            blur: blur(self.blur),
            sharpen: factor(self.sharpen).filter(|sharpen| sharpen.thousandths() > 0),
            metadata: self.metadata(),
            // As imgproxy does unless told otherwise.
            animation: (self.frames <= 1).then_some(false),
            longest: self.longest,
            format,
            quality: self.quality,
            touches: self.touches(),
            demands: self.demands(),
            ..Transform::default()
        };
        self.scale(&mut transform);
        self.turn(&mut transform);
        self.surround(&mut transform);
        Ok(transform)
    }

    fn fit(&self) -> Fit {
        match (self.fit, self.enlarge) {
            (Resizing::Fit, false) => Fit::ScaleDown,
            (Resizing::Fit, true) => Fit::Contain,
            (Resizing::Fill, false) => Fit::Crop,
            (Resizing::FillDown, false) => Fit::AspectCrop,
            (Resizing::Fill | Resizing::FillDown, true) => Fit::Cover,
            (Resizing::Force, false) => Fit::SqueezeDown,
            (Resizing::Force, true) => Fit::Squeeze,
            (Resizing::Auto, false) => Fit::AutoDown,
            (Resizing::Auto, true) => Fit::Auto,
        }
    }

    fn scale(&self, transform: &mut Transform) {
        let boxed = self.width.is_some() || self.height.is_some();
        let apart = (self.zoom.0 - self.zoom.1).abs() > f64::EPSILON;
        // A picture that keeps its shape loses it after it has found its place in the box.
        let distort = boxed && apart && self.fit != Resizing::Force;
        let zoom = if distort { (1.0, 1.0) } else { self.zoom };
        if distort {
            transform.distort = factor(self.zoom.0).zip(factor(self.zoom.1));
        }
        let scale = (zoom.0 * self.dpr, zoom.1 * self.dpr);
        let side = |pixels: Option<u32>, scale: f64| pixels.map(|pixels| times(pixels, scale));
        transform.width = side(self.width, scale.0).map(Width::Pixels);
        transform.height = side(self.height, scale.1);
        let force = self.fit == Resizing::Force && (self.width.is_some() || self.height.is_some());
        let none = self.width.is_none() && self.height.is_none();
        let scaled = none && scale != (1.0, 1.0);
        if scaled || force && self.width.is_none() {
            transform.relative_width = factor(scale.0);
        }
        if scaled || force && self.height.is_none() {
            transform.relative_height = factor(scale.1);
        }
        if scaled {
            // Each side has its own factor.
            let fit = if self.enlarge {
                Fit::Squeeze
            } else {
                Fit::SqueezeDown
            };
            transform.fit = Some(fit);
        }
    }

    fn turn(&self, transform: &mut Transform) {
        transform.rotate = match self.quarters {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        // imgproxy mirrors what it has turned, we turn what we have mirrored.
        let (horizontal, vertical) = self.flip;
        let lies = self.quarters % 2 == 1;
        transform.flip_horizontal = if lies { vertical } else { horizontal };
        transform.flip_vertical = if lies { horizontal } else { vertical };
    }

    fn surround(&self, transform: &mut Transform) {
        if let Some(at) = self.extend {
            transform.extend = Some(Extend::Box);
            transform.place = Some(at.gravity(self.dpr));
        } else if let Some(at) = self.extend_shape {
            transform.extend = Some(Extend::Shape);
            transform.place = Some(at.gravity(self.dpr));
        }
        let [top, right, bottom, left] = self.padding.map(|pixels| match pixels {
            0 => 0,
            pixels => times(pixels, self.dpr),
        });
        transform.padding = Sides {
            top,
            right,
            bottom,
            left,
        };
        // What is added is clear where the format can say so, else white.
        if transform.extend.is_some() || !transform.padding.is_zero() {
            transform.background.get_or_insert(CLEAR);
        }
    }

    /// The crop as it is before turning; imgproxy counts it after.
    fn crop(&self, crop: Crop) -> crate::Crop {
        let at = crop.at.unwrap_or(self.gravity).gravity(1.0);
        let length = |length: f64| match length {
            0.0 => Length::Whole,
            pixels if pixels >= 1.0 => Length::Pixels(pixels as u32),
            share => factor(share).map_or(Length::Whole, Length::Share),
        };
        let (width, height) = (length(crop.width), length(crop.height));
        let lies = self.quarters % 2 == 1;
        let (width, height) = if lies {
            (height, width)
        } else {
            (width, height)
        };
        crate::Crop::Placed {
            width,
            height,
            at: at.turned(4 - self.quarters),
        }
    }

    fn demands(&self) -> Demands {
        let most_frames = Some(self.frames).filter(|frames| *frames > 1);
        Demands {
            most_frames,
            ..self.demands.clone()
        }
    }

    fn touches(&self) -> Vec<Touch> {
        let size = Some(self.pixelate).filter(|size| *size > 1);
        size.map(Touch::Pixelate).into_iter().collect()
    }

    fn metadata(&self) -> Option<Metadata> {
        match (self.strip, self.keep_copyright) {
            (Some(false), _) => Some(Metadata::Keep),
            (_, false) => Some(Metadata::None),
            (Some(true), true) => Some(Metadata::Copyright),
            (None, true) => None,
        }
    }

    fn chosen_format(&self, auto_format: bool) -> Result<Option<FormatChoice>, GrammarError> {
        match self.format.as_deref() {
            None if auto_format => Ok(Some(FormatChoice::Auto)),
            None => Ok(None),
            Some("best") => Ok(Some(FormatChoice::Auto)),
            Some(word) => format(word).map(Some).ok_or_else(|| {
                GrammarError::refused(NAME, &format!("format:{word}"), "it is not written")
            }),
        }
    }
}

impl At {
    /// The same here, offsets times `dpr`.
    fn gravity(self, dpr: f64) -> Gravity {
        match self {
            Self::Smart => Gravity::Salient,
            Self::Focus { x, y } => Gravity::Focus {
                x: share(x),
                y: share(y),
            },
            Self::Compass {
                x,
                y,
                offset_x: 0.0,
                offset_y: 0.0,
            } => point((x * 1000.0) as u32, (y * 1000.0) as u32),
            Self::Compass {
                x,
                y,
                offset_x,
                offset_y,
            } => Gravity::Shifted {
                x: along(x, offset_x, dpr),
                y: along(y, offset_y, dpr),
            },
        }
    }
}

fn share(share: f64) -> Factor {
    factor(share).unwrap_or(Factor::ONE)
}

/// Offsets lead away from the edge that the gravity names.
pub(super) fn along(at: f64, offset: f64, dpr: f64) -> Along {
    let inward = if at > 0.75 { -offset } else { offset };
    Along {
        share: share(at),
        shift: shift(inward, dpr),
    }
}

/// Pixels from 1 on, below that a share of the side.
pub(super) fn shift(offset: f64, dpr: f64) -> Shift {
    if offset.abs() >= 1.0 {
        Shift::Pixels((offset * dpr).round() as i32)
    } else {
        Shift::Share((offset * 1000.0).round() as i32)
    }
}
