//! Writing a transform as options: those of `/cdn-cgi/image/` where they can say it, and words of
//! the same form where only other servers' URLs can.

use std::fmt::{self, Write};

use super::{
    Along, Colour, Crop, Extend, Factor, Gravity, Length, QualityChoice, Rotation, Shift, Sides,
    Transform, Trim, Width,
};

impl fmt::Display for Transform {
    /// Writes the options, separated by commas; nothing for a transform that asks nothing.
    /// [`Transform::parse`] reads what it could have read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Options(Vec::new());
        options.geometry(self);
        options.output(self);
        options.effects(self);
        options.drop_in(self);
        f.write_str(&options.0.join(","))
    }
}

/// Options in the making.
struct Options(Vec<String>);

impl Options {
    fn add(&mut self, name: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.0.push(format!("{name}={value}"));
        }
    }

    fn factor(&mut self, name: &str, value: Option<Factor>) {
        self.add(name, value.map(factor));
    }

    fn geometry(&mut self, transform: &Transform) {
        match transform.width {
            None => {}
            Some(Width::Pixels(width)) => self.add("width", Some(width)),
            Some(Width::Auto) => self.auto_width(transform),
        }
        self.add("height", transform.height);
        self.factor("dpr", transform.dpr);
        self.add("fit", transform.fit.map(super::Fit::word));
        self.add("gravity", transform.gravity.map(gravity));
        self.factor("zoom", transform.zoom);
        if transform.rotate != Rotation::None {
            self.add("rotate", Some(transform.rotate.word()));
        }
        let flip = match (transform.flip_horizontal, transform.flip_vertical) {
            (false, false) => None,
            (true, false) => Some("h"),
            (false, true) => Some("v"),
            (true, true) => Some("hv"),
        };
        self.add("flip", flip);
        self.trim(transform.trim);
    }

    fn auto_width(&mut self, transform: &Transform) {
        let auto = &transform.auto_width;
        let breakpoints: Vec<_> = auto.breakpoints.iter().map(u32::to_string).collect();
        self.add("width", Some("auto"));
        self.add("wbreakpoints", Some(breakpoints.join(";")));
        self.add("wmobile", Some(auto.mobile));
        self.add("wdesktop", Some(auto.desktop));
    }

    fn trim(&mut self, trim: Option<Trim>) {
        match trim {
            None => {}
            Some(Trim::Edges {
                top,
                right,
                bottom,
                left,
            }) => self.add("trim", Some(format!("{top};{right};{bottom};{left}"))),
            Some(Trim::Area {
                left,
                top,
                width,
                height,
            }) => {
                self.add("trim.left", Some(left));
                self.add("trim.top", Some(top));
                self.add("trim.width", width);
                self.add("trim.height", height);
            }
            Some(Trim::Border {
                tolerance,
                colour,
                bottom_right,
                even,
            }) => {
                let corner = if bottom_right { ";bottom-right" } else { "" };
                let even = super::even_word(even);
                let of = colour.map_or_else(String::new, |of| format!(";{}", self::colour(of)));
                self.add(
                    "trim.border",
                    Some(format!("{tolerance}{of}{corner}{even}")),
                );
            }
        }
    }

    fn output(&mut self, transform: &Transform) {
        self.add("quality", transform.quality.map(quality));
        self.add(
            "slow-connection-quality",
            transform.slow_quality.map(quality),
        );
        self.add("format", transform.format.map(super::FormatChoice::word));
        self.add(
            "placeholder",
            transform.placeholder.map(crate::Placeholder::word),
        );
        self.add("compression", transform.fast.then_some("fast"));
        self.add("anim", transform.animation);
        self.add("metadata", transform.metadata.map(super::Metadata::word));
        self.add("background", transform.background.map(colour));
        let redirect = transform.redirect_on_error.then_some("redirect");
        self.add("onerror", redirect);
    }

    fn effects(&mut self, transform: &Transform) {
        for (name, value) in [
            ("blur", transform.blur),
            ("sharpen", transform.sharpen),
            ("brightness", transform.brightness),
            ("contrast", transform.contrast),
            ("gamma", transform.gamma),
            ("saturation", transform.saturation),
        ] {
            self.factor(name, value);
        }
        self.add("lift", Some(transform.lift).filter(|lift| *lift != 0));
    }

    /// What only other servers' URLs ask for.
    fn drop_in(&mut self, transform: &Transform) {
        self.add("crop", transform.crop.map(crop));
        self.factor("relative-width", transform.relative_width);
        self.factor("relative-height", transform.relative_height);
        self.add("min-width", transform.min_width);
        self.add("min-height", transform.min_height);
        let extend = transform.extend.map(|extend| match extend {
            Extend::Box => "box",
            Extend::Shape => "shape",
        });
        self.add("extend", extend);
        self.add("place", transform.place.map(gravity));
        let Sides {
            top,
            right,
            bottom,
            left,
        } = transform.padding;
        let padding = format!("{top};{right};{bottom};{left}");
        self.add("padding", (!transform.padding.is_zero()).then_some(padding));
        let surroundings = transform.surroundings.map(crate::Surroundings::word);
        self.add("surroundings", surroundings);
        self.0
            .extend(transform.touches.iter().map(ToString::to_string));
        let distort = transform.distort;
        let distort = distort.map(|(x, y)| format!("{};{}", factor(x), factor(y)));
        self.add("distort", distort);
        self.add("longest", transform.longest);
        self.0
            .extend(transform.overlays.iter().map(ToString::to_string));
        self.0.extend(transform.demands.options());
    }
}

/// A factor as a decimal number.
fn factor(factor: Factor) -> String {
    let mut text = format!("{}.{:03}", factor.0 / 1000, factor.0 % 1000);
    while text.ends_with('0') {
        text.pop();
    }
    text.trim_end_matches('.').to_owned()
}

fn quality(quality: QualityChoice) -> String {
    match quality {
        QualityChoice::Number(number) => number.to_string(),
        name => name.name().unwrap_or_default().to_owned(),
    }
}

fn colour(colour: Colour) -> String {
    let Colour {
        red,
        green,
        blue,
        alpha,
    } = colour;
    format!("#{red:02x}{green:02x}{blue:02x}{alpha:02x}")
}

fn gravity(gravity: Gravity) -> String {
    match gravity {
        Gravity::Point { x, y } => format!("{}x{}", factor(x), factor(y)),
        Gravity::Focus { x, y } => format!("focus:{}x{}", factor(x), factor(y)),
        Gravity::FocusAt { x, y } => format!("focus:{x}px,{y}px"),
        Gravity::Shifted { x, y } => format!("{}x{}", along(x), along(y)),
        Gravity::Salient => "auto".to_owned(),
        Gravity::Face => "face".to_owned(),
    }
}

fn along(along: Along) -> String {
    let mut text = factor(along.share);
    // Writing to a string cannot fail.
    let _ = match along.shift {
        Shift::Pixels(pixels) => write!(text, "{pixels:+}px"),
        Shift::Share(share) => write!(text, "{:+}%", f64::from(share) / 10.0),
    };
    text
}

fn crop(crop: Crop) -> String {
    match crop {
        Crop::Placed { width, height, at } => {
            format!("{}x{}@{}", length(width), length(height), gravity(at))
        }
        Crop::Between {
            left,
            top,
            right,
            bottom,
        } => format!(
            "{};{};{};{}",
            length(left),
            length(top),
            length(right),
            length(bottom)
        ),
        Crop::Shape { width, height, at } => format!("{width}:{height}@{}", gravity(at)),
    }
}

fn length(length: Length) -> String {
    match length {
        Length::Whole => "all".to_owned(),
        Length::Pixels(pixels) => pixels.to_string(),
        Length::Share(share) => format!("{}%", f64::from(share.0) / 10.0),
    }
}
