//! Files that must not have more than a number of bytes.

use crate::encode::{Encoders, Goal, Made, encode_as};
use crate::render::{Job, Pixels};
use crate::{Format, ImageError};

/// The least quality that is tried: less is no picture any more.
const LEAST: u8 = 10;

/// The best file of the same kind within `most` bytes. If none is, the smallest; a file without a
/// quality stays.
///
/// Costs up to seven encodes.
pub(crate) fn within(job: &Job<'_>, made: Made, most: u32) -> Result<Made, ImageError> {
    let lossy = matches!(made.format, Format::Jpeg | Format::WebP) && !made.exact;
    if !lossy {
        return Ok(made.because(format!("more than {most} bytes, as it has no quality")));
    }
    let Pixels {
        picture,
        photograph,
        exif,
    } = job.pixels()?;
    let goal = Goal {
        found: None,
        avif: Encoders::default(),
        ..job.goal(photograph, exif.as_deref())
    };
    let format = made.format;
    let at = |quality: u8| {
        job.go_on()?;
        encode_as(&picture, format, (quality, false), &goal)
    };
    // Below `over` it is known to be too large, and at `best` it fits.
    let mut over = job.variant.quality_for(format).value().max(LEAST);
    let (mut best, mut smallest) = (None, made);
    let mut least = LEAST;
    while least < over {
        let middle = u8::midpoint(least, over);
        let tried = at(middle)?;
        if tried.bytes.len() <= most as usize {
            least = middle + 1;
            best = Some((middle, tried));
        } else {
            over = middle;
            smallest = tried;
        }
    }
    Ok(match best {
        Some((quality, made)) => {
            made.because(format!("quality {quality}, to have at most {most} bytes"))
        }
        None => smallest.because(format!("quality {over}, and still more than {most} bytes")),
    })
}

#[cfg(test)]
mod tests {
    use crate::samples::{jpeg, photograph, variant};
    use crate::{Demands, Limits, Outcome, Variant, render};

    fn made(options: &str, most: u32) -> (usize, Vec<String>) {
        let variant = Variant {
            demands: Demands {
                max_bytes: Some(most),
                ..Demands::default()
            },
            ..variant(options, "*/*")
        };
        let source = jpeg(&photograph(320, 240), 92, false);
        match render(&source, &variant, &Limits::default(), &|| false).unwrap() {
            Outcome::Rendered(made) => (made.bytes.len(), made.notes),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_keep_to_their_bytes_with_the_best_quality_that_does() {
        for options in ["width=300,format=jpeg", "width=300,format=webp"] {
            let (free, _) = made(options, u32::MAX);
            for share in [3, 2] {
                let most = free / share;
                let (bytes, notes) = made(options, most as u32);
                assert!(bytes <= most, "{options}: {bytes} of {most}");
                assert!(bytes * 10 > most * 8, "{options}: {bytes} of {most}");
                assert!(
                    notes.iter().any(|note| note.contains("at most")),
                    "{notes:?}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_so_small_is_as_small_as_it_can_be() {
        let (bytes, notes) = made("width=300,format=jpeg", 1);
        assert!(bytes > 1 && notes.iter().any(|note| note.contains("still more")));
        let (bytes, notes) = made("width=30,format=png", 1);
        assert!(bytes > 1 && notes.iter().any(|note| note.contains("no quality")));
    }
}
