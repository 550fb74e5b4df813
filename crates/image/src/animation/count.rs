//! How many frames there are, by a walk over their headers: nothing is decoded.

use crate::Format;
use crate::outline::frames;

/// What a walk came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    /// So many frames, all of them whole.
    Frames(usize),
    /// More than wanted; where the walk stopped.
    TooMany,
    /// The file ends inside a frame, or is something else.
    Damaged,
}

/// Counts up to `most` frames.
pub(super) fn count(format: Format, bytes: &[u8], most: usize) -> Count {
    let ends: &mut dyn Iterator<Item = Option<usize>> = match format {
        Format::Gif => &mut frames::gif_frames(bytes),
        Format::Png => &mut frames::apng_frames(bytes),
        Format::WebP => &mut frames::webp_frames(bytes),
        _ => return Count::Damaged,
    };
    let mut frames = 0;
    for end in ends {
        if end.is_none_or(|end| end > bytes.len()) {
            return Count::Damaged;
        }
        frames += 1;
        if frames > most {
            return Count::TooMany;
        }
    }
    match frames {
        0 => Count::Damaged,
        frames => Count::Frames(frames),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn every_frame_counts_and_a_cut_one_is_noticed() {
        let frames = [vec![0; 12], vec![1; 12], vec![2; 12]];
        let gif = samples::gif(4, 3, &frames);
        assert_eq!(count(Format::Gif, &gif, 9), Count::Frames(3));
        assert_eq!(count(Format::Gif, &gif, 2), Count::TooMany);
        assert_eq!(count(Format::Gif, &gif[..gif.len() - 6], 9), Count::Damaged);
        assert_eq!(count(Format::Gif, b"GIF89a", 9), Count::Damaged);
        assert_eq!(count(Format::Jpeg, &gif, 9), Count::Damaged);
    }
}
