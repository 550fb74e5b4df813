//! Settings of this room.

use base::{ByteSize, Quality};

use crate::{Decoders, Limits, Metadata, QualityChoice};

base::choices! {
    /// What matters more when a photograph's format is chosen.
    pub enum Prefer {
        /// An early preview: photographs become progressive JPEG, whose first scan shows the whole
        /// picture. WebP appears only row by row.
        Preview = "preview",
        /// Few bytes: photographs become WebP where the client accepts it.
        Bytes = "bytes",
    }
}

base::settings! {
    /// How variants of pictures are chosen.
    pub struct PolicySettings {
        /// Quality of lossy pictures where a URL asks for none: a number, the same for every picture,
        /// or `"auto"`: each about as good as quality 76 usually looks. A name is met by a search in the
        /// background, which the first visitors do not wait for: they get the quality that usually
        /// does. The qualities below then count as what they usually look like.
        quality: QualityChoice = QualityChoice::Number(Quality::new(80)),
        /// Quality for clients that send `Save-Data: on`, where a URL asks for none.
        save_data_quality: QualityChoice = QualityChoice::Low,
        /// Quality for clients whose connection is seen to be slow, where a URL asks for none:
        /// `"low"` is a target of 50 points, sought for each picture, whatever its number comes
        /// to. Photographs then have about four tenths of the bytes that they have at 80.
        slow_quality: QualityChoice = QualityChoice::Low,
        /// Quality for clients whose connection is seen to be neither slow nor fast, where a URL
        /// asks for none.
        medium_quality: QualityChoice = QualityChoice::Number(Quality::new(68)),
        /// Whether pictures made for displays of two or three device pixels to a CSS pixel have less
        /// quality, where a URL asks for none: so small a flaw is not seen. This holds for sizes
        /// that the URL's `dpr` or the browser's hints have made larger.
        dpr_quality: bool = true,
        /// Most device pixels to a CSS pixel that `width=auto` and the width hint are followed to,
        /// for clients that send `Save-Data: on` or whose connection is seen to be slow.
        slow_dpr: f64 = 1.5,
        /// Whether a picture whose size and look stay as they are may lose quality for fewer bytes,
        /// where a URL asks for none. `false` keeps every pixel as it is: a JPEG only becomes
        /// progressive, bit for bit the same picture, and others are passed on. Sizes, effects and
        /// formats that a URL asks for are made all the same.
        lossy: bool = true,
        /// What matters more when a photograph's format is chosen.
        prefer: Prefer = Prefer::Preview,
        /// Whether WebP is made for clients that accept it.
        webp: bool = true,
        /// Whether AVIF is made for clients that accept it: in the background, as it takes long, for
        /// pictures that need no preview. These are drawings and transparent pictures, small
        /// photographs, on fast connections also those of medium size, and with `prefer = "bytes"`
        /// all. What it replaces looks no better and is at least 8 % larger.
        avif: bool = true,
        /// Widest picture made where a URL asks for no size, in pixels; wider sources are made
        /// smaller. Not set: dimensions stay as they are.
        max_width: Option<u32> = None,
        /// Whether the `Sec-CH-Width` client hint may make a picture smaller where a URL asks for
        /// no size. Pages whose layout depends on a picture's own dimensions change their look.
        width_hints: bool = false,
        /// What becomes of EXIF data in JPEG results, where a URL does not say.
        metadata: Metadata = Metadata::Copyright,
    }
}

base::settings! {
    /// What may be read and made. Checked from headers, before anything is allocated.
    pub struct LimitSettings {
        /// Largest source file.
        max_bytes: ByteSize = ByteSize::mib(100),
        /// Largest source area, in pixels.
        max_pixels: u64 = 100_000_000,
        /// Longest side of a source, in pixels.
        max_side: u32 = 32_768,
        /// Longest side of a result, in pixels.
        max_output_side: u32 = 12_000,
        /// Largest area of a result, in pixels.
        max_output_pixels: u64 = 50_000_000,
        /// Most scans of a progressive JPEG source; each one costs a pass over the picture.
        max_scans: usize = 100,
        /// Most frames of an animation that becomes an animated WebP; one with more is passed on as
        /// it is.
        max_frames: usize = 1000,
        /// Most pixels of all its frames, in the source or in the result, whichever is larger.
        max_animation_pixels: u64 = 50_000_000,
        /// Largest area of an AVIF that is made, in pixels: two megapixels take about six seconds of
        /// a core, in the background. Larger pictures keep another format. `0`: none is made.
        max_avif_pixels: u64 = 2_000_000,
        /// Largest area of an AVIF that is made while a visitor waits, in pixels, where the URL asks
        /// for AVIF by name: this one takes about half a second. Larger ones are WebP until the
        /// background has made them. A program of the host (`avif_encoder`) makes up to eight times
        /// as many pixels at once.
        max_avif_pixels_at_once: u64 = 300_000,
    }
}

impl From<&LimitSettings> for Limits {
    fn from(settings: &LimitSettings) -> Self {
        Self {
            max_bytes: settings.max_bytes.bytes(),
            max_pixels: settings.max_pixels,
            max_side: settings.max_side,
            max_output_side: settings.max_output_side,
            max_output_pixels: settings.max_output_pixels,
            max_scans: settings.max_scans,
            max_frames: settings.max_frames,
            max_animation_pixels: settings.max_animation_pixels,
            max_avif_pixels: settings.max_avif_pixels,
            max_avif_pixels_at_once: settings.max_avif_pixels_at_once,
            avif_program: None,
            decoders: Decoders::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LimitSettings, PolicySettings};
    use crate::Limits;
    use base::settings::Settings;

    #[test]
    fn the_settings_default_to_the_limits_default() {
        assert_eq!(Limits::from(&LimitSettings::default()), Limits::default());
    }

    #[test]
    fn every_setting_is_documented() {
        let all = PolicySettings::describe()
            .into_iter()
            .chain(LimitSettings::describe());
        for setting in all {
            assert!(setting.doc.ends_with('.'), "{}", setting.name);
        }
    }
}
