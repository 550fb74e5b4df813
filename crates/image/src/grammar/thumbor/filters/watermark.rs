//! `watermark(picture,x,y,alpha,w_ratio,h_ratio)`.

use super::super::{Dialect, decoded_source};
use crate::grammar::GrammarError;
use crate::grammar::text::{factor, number, within};
use crate::{Along, Factor, Gap, Overlay, Shift, Spot};

pub(super) const FORM: &str =
    "a picture, two places, 0 to 100 and up to two shares of the picture in per cent";
/// Most per cent of the picture's sides that a watermark is made to fit into.
const MOST: f64 = 1000.0;

/// Reads the filter; `None` if it makes no sense. `inside`: whether the canvas has not grown yet.
pub(super) fn read(
    dialect: Dialect,
    arguments: &[&str],
    inside: bool,
) -> Option<Result<Overlay, GrammarError>> {
    let imagor = dialect == Dialect::Imagor;
    let (source, places, rest) = match *arguments {
        [source, x, y, ref rest @ ..] => (source, (x, y), rest),
        // imagor takes the left top corner where nothing is said.
        [source] if imagor => (source, ("0", "0"), &[][..]),
        _ => return None,
    };
    let (alpha, shares) = match *rest {
        [alpha, ref shares @ ..] if shares.len() <= 2 => (alpha, shares),
        [] if imagor => ("0", &[][..]),
        _ => return None,
    };
    let clear = within(alpha, 0.0, 100.0)?;
    let share = |place: usize| match shares.get(place).copied() {
        None | Some("" | "none") => Some(None),
        Some(text) => within(text, 0.001, MOST)
            .and_then(|per_cent| factor(per_cent / 100.0))
            .map(Some),
    };
    let across = spot(places.0, ["left", "right"], dialect)?;
    let down = spot(places.1, ["top", "bottom"], dialect)?;
    let (width, height) = (share(0)?, share(1)?);
    Some(decoded_source(dialect, source).map(|source| Overlay {
        source,
        file: None,
        opacity: factor((100.0 - clear) / 100.0).unwrap_or(Factor::ONE),
        across,
        down,
        width,
        height,
        inside,
    }))
}

/// A place along one side, which has these ends.
fn spot(text: &str, ends: [&str; 2], dialect: Dialect) -> Option<Spot> {
    let imagor = dialect == Dialect::Imagor;
    let at = |thousandths: u32, shift: Shift| {
        Spot::At(Along {
            share: Factor::from_thousandths(thousandths),
            shift,
        })
    };
    let gap = if imagor { Gap::None } else { Gap::Even };
    match text {
        "repeat" => return Some(Spot::Repeated(gap)),
        "center" => return Some(at(500, Shift::Pixels(0))),
        _ => {}
    }
    if imagor {
        for (end, share, inward) in [(ends[0], 0, 1), (ends[1], 1000, -1)] {
            let short = end.get(..1)?;
            let rest = text.strip_prefix(end).or_else(|| text.strip_prefix(short));
            if let Some(rest) = rest {
                let offset = match rest {
                    "" => 0.0,
                    rest => within(rest.strip_prefix('-')?, 0.0, 65_535.0)?,
                };
                return Some(at(share, Shift::Pixels(offset as i32 * inward)));
            }
        }
    }
    // From the other end, be it by nothing.
    let from = if text.starts_with('-') { 1000 } else { 0 };
    let shift = match text.strip_suffix('p') {
        Some(per_cent) => Shift::Share((number(per_cent)?.clamp(-1000.0, 1000.0) * 10.0) as i32),
        None if imagor && text.contains('.') => {
            Shift::Share((within(text, -1.0, 1.0)? * 1000.0) as i32)
        }
        None => {
            let pixels = within(text, -65_535.0, 65_535.0)?;
            Shift::Pixels(Some(pixels).filter(|pixels| pixels.fract() == 0.0)? as i32)
        }
    };
    Some(at(from, shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_each_server_reads_them() {
        let once = |share, shift| {
            Some(Spot::At(Along {
                share: Factor::from_thousandths(share),
                shift,
            }))
        };
        let both = [Dialect::Thumbor, Dialect::Imagor];
        for (text, expected) in [
            ("10", once(0, Shift::Pixels(10))),
            ("-10", once(1000, Shift::Pixels(-10))),
            ("-0", once(1000, Shift::Pixels(0))),
            ("20p", once(0, Shift::Share(200))),
            ("-20p", once(1000, Shift::Share(-200))),
            ("center", once(500, Shift::Pixels(0))),
            ("", None),
            ("x", None),
            ("10.5", None),
            ("p", None),
        ] {
            for dialect in both {
                if dialect == Dialect::Thumbor || text != "10.5" {
                    assert_eq!(spot(text, ["left", "right"], dialect), expected, "{text}");
                }
            }
        }
        let imagor = |text| spot(text, ["left", "right"], Dialect::Imagor);
        assert_eq!(imagor("right"), once(1000, Shift::Pixels(0)));
        assert_eq!(imagor("r-10"), once(1000, Shift::Pixels(-10)));
        assert_eq!(imagor("left-20"), once(0, Shift::Pixels(20)));
        assert_eq!(imagor("0.5"), once(0, Shift::Share(500)));
        assert_eq!(imagor("repeat"), Some(Spot::Repeated(Gap::None)));
        let thumbor = |text| spot(text, ["left", "right"], Dialect::Thumbor);
        assert_eq!(thumbor("repeat"), Some(Spot::Repeated(Gap::Even)));
        assert_eq!(thumbor("right"), None);
    }
}
