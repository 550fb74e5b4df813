//! The WebP encoder: libwebp, fed with pixels that this room made.
//!
//! All `unsafe` of the room is here. libwebp never sees bytes from outside: it gets a buffer whose
//! length was checked against the dimensions, and hands back bytes through a callback.

#![expect(unsafe_code, reason = "libwebp has a C interface")]

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libwebp_sys::{
    WebPConfig, WebPEncode, WebPEncodingError, WebPPicture, WebPPictureFree, WebPPictureImportRGB,
    WebPPictureImportRGBA, WebPValidateConfig,
};

use crate::picture::{Channels, Picture};
use crate::{Format, ImageError};

/// Longest side the format holds, in pixels (RFC 9649 §2.4).
pub(crate) const MAX_SIDE: usize = 16_383;

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WebPOptions {
    /// 1–100; without meaning when lossless.
    pub(crate) quality: u8,
    /// Whether every visible pixel is kept exactly.
    pub(crate) lossless: bool,
    /// 0 (quick) to 6 (small).
    pub(crate) method: u8,
    /// Whether colour edges are kept sharp at some cost: for text and drawings.
    pub(crate) sharp_colour: bool,
}

/// Encodes an RGB or RGBA picture.
///
/// # Errors
/// [`ImageError::Encode`] if a side is too long, the picture is grey, or memory runs out;
/// [`ImageError::Cancelled`].
pub(crate) fn encode(
    picture: &Picture,
    options: WebPOptions,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<u8>, ImageError> {
    let failed = |reason: &str| ImageError::encode(Format::WebP, reason);
    let depth = picture.channels.count();
    if picture.width.max(picture.height) > MAX_SIDE {
        return Err(failed("a side is longer than 16,383 pixels"));
    }
    if picture.data.len() != picture.width * picture.height * depth || depth < 3 {
        return Err(failed("the pixels do not fit the dimensions"));
    }
    let config = config(options).ok_or_else(|| failed("the options are invalid"))?;
    let mut sink = Sink {
        bytes: Vec::new(),
        cancel,
    };
    let mut target = Target::new().ok_or_else(|| failed("the library is of another version"))?;
    target.describe(picture, options.lossless);
    target
        .import(picture)
        .ok_or_else(|| failed("out of memory"))?;
    let outcome = target.encode(&config, &mut sink);
    match outcome {
        Ok(()) => Ok(sink.bytes),
        Err(WebPEncodingError::VP8_ENC_ERROR_USER_ABORT) => Err(ImageError::Cancelled),
        Err(error) => Err(failed(&format!("{error:?}"))),
    }
}

fn config(options: WebPOptions) -> Option<WebPConfig> {
    let mut config = WebPConfig::new().ok()?;
    config.quality = f32::from(options.quality);
    config.method = c_int::from(options.method.min(6));
    config.use_sharp_yuv = c_int::from(options.sharp_colour && !options.lossless);
    if options.lossless {
        config.lossless = 1;
        // For lossless files this is effort; 75 is where it stops paying.
        config.quality = 75.0;
    }
    // SAFETY: the pointer is to a live, initialised configuration, which is only read.
    let valid = unsafe { WebPValidateConfig(&raw const config) };
    (valid != 0).then_some(config)
}

/// Where the callbacks put bytes and ask whether to go on.
struct Sink<'a> {
    bytes: Vec<u8>,
    cancel: &'a dyn Fn() -> bool,
}

/// A `WebPPicture` that frees what the library allocated for it.
struct Target(WebPPicture);

impl Target {
    fn new() -> Option<Self> {
        WebPPicture::new().ok().map(Self)
    }

    fn describe(&mut self, picture: &Picture, lossless: bool) {
        // Sides are at most 16,383, checked by the caller.
        self.0.width = picture.width as c_int;
        self.0.height = picture.height as c_int;
        self.0.use_argb = c_int::from(lossless);
    }

    /// Copies the pixels; `None` if memory runs out.
    fn import(&mut self, picture: &Picture) -> Option<()> {
        let stride = picture.row_length() as c_int;
        let pixels = picture.data.as_ptr();
        let target = &raw mut self.0;
        // SAFETY: `target` is initialised with the picture's width and height; `pixels` holds
        // `height` rows of `stride` bytes, three or four to a pixel as the function expects, as the
        // caller checked; the library copies them before it returns.
        let imported = unsafe {
            match picture.channels {
                Channels::Rgba => WebPPictureImportRGBA(target, pixels, stride),
                _ => WebPPictureImportRGB(target, pixels, stride),
            }
        };
        (imported != 0).then_some(())
    }

    fn encode(
        &mut self,
        config: &WebPConfig,
        sink: &mut Sink<'_>,
    ) -> Result<(), WebPEncodingError> {
        let sink: *mut c_void = std::ptr::from_mut(sink).cast();
        self.0.writer = Some(write);
        self.0.custom_ptr = sink;
        self.0.progress_hook = Some(go_on);
        self.0.user_data = sink;
        // SAFETY: both pointers are to live, initialised structures. The callbacks get `sink` back,
        // which outlives the call, is not touched here meanwhile, and is used by one callback at a
        // time as the configuration asks for no threads.
        let encoded = unsafe { WebPEncode(config, &raw mut self.0) };
        self.0.custom_ptr = std::ptr::null_mut();
        self.0.user_data = std::ptr::null_mut();
        if encoded != 0 {
            Ok(())
        } else {
            Err(self.0.error_code)
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // SAFETY: the structure is initialised; freeing one without pixels does nothing.
        unsafe { WebPPictureFree(&raw mut self.0) };
    }
}

/// Takes a piece of the file.
unsafe extern "C" fn write(data: *const u8, size: usize, picture: *const WebPPicture) -> c_int {
    if size == 0 {
        return 1;
    }
    // SAFETY: the library calls this with `size` readable bytes and the picture given to
    // `WebPEncode`, whose `custom_ptr` is the sink that `Target::encode` put there.
    let (data, sink) = unsafe {
        let sink: *mut Sink<'_> = (*picture).custom_ptr.cast();
        (std::slice::from_raw_parts(data, size), &mut *sink)
    };
    sink.bytes.extend_from_slice(data);
    1
}

/// Answers whether the work is still wanted.
unsafe extern "C" fn go_on(_percent: c_int, picture: *const WebPPicture) -> c_int {
    // SAFETY: as for `write`; `user_data` is the same sink.
    let sink: &Sink<'_> = unsafe { &*(*picture).user_data.cast() };
    // A panic must not cross C: one in the question counts as "no".
    let cancelled = catch_unwind(AssertUnwindSafe(|| (sink.cancel)())).unwrap_or(true);
    c_int::from(!cancelled)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn gradient(channels: Channels) -> Picture {
        let depth = channels.count();
        let data = (0..40_usize)
            .flat_map(|y| (0..50_usize).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                let pixel = [(x * 5) as u8, (y * 6) as u8, 80, (x * 4 + 20) as u8];
                pixel.into_iter().take(depth)
            })
            .collect();
        Picture::new(50, 40, channels, data).unwrap()
    }

    fn options(lossless: bool) -> WebPOptions {
        WebPOptions {
            quality: 90,
            lossless,
            method: 4,
            sharp_colour: false,
        }
    }

    fn decode(bytes: &[u8], depth: usize) -> Vec<u8> {
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).unwrap();
        assert_eq!(decoder.dimensions(), (50, 40));
        let mut data = vec![0; 50 * 40 * depth];
        decoder.read_image(&mut data).unwrap();
        data
    }

    #[test]
    fn lossless_keeps_every_pixel() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let picture = gradient(channels);
            let bytes = encode(&picture, options(true), &|| false).unwrap();
            assert_eq!(decode(&bytes, channels.count()), picture.data);
        }
    }

    #[test]
    fn lossy_is_near_and_keeps_alpha() {
        let picture = gradient(Channels::Rgba);
        let bytes = encode(&picture, options(false), &|| false).unwrap();
        let decoded = decode(&bytes, 4);
        for (before, after) in picture.data.chunks_exact(4).zip(decoded.chunks_exact(4)) {
            assert_eq!(before[3], after[3]);
            assert!(before[1].abs_diff(after[1]) < 24, "{before:?} {after:?}");
        }
    }

    #[test]
    fn cancelling_and_panicking_questions_stop_the_work() {
        let picture = gradient(Channels::Rgb);
        let stopped = encode(&picture, options(false), &|| true);
        assert_eq!(stopped, Err(ImageError::Cancelled));
        let panicked = encode(&picture, options(false), &|| panic!("asked"));
        assert_eq!(panicked, Err(ImageError::Cancelled));
    }

    #[test]
    fn grey_and_oversized_pictures_are_refused() {
        let grey = Picture::new(2, 2, Channels::Grey, vec![0; 4]).unwrap();
        assert!(encode(&grey, options(true), &|| false).is_err());
        let long = Picture::new(16_384, 1, Channels::Rgb, vec![0; 3 * 16_384]).unwrap();
        assert!(encode(&long, options(true), &|| false).is_err());
    }
}
