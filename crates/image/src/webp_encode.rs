//! The WebP encoder: libwebp, fed with pixels that this room made.
//!
//! All `unsafe` of the room is here. libwebp never sees bytes from outside: it gets a buffer whose
//! length was checked against the dimensions, and hands back bytes through a callback.

#![expect(unsafe_code, reason = "libwebp has a C interface")]

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jpeg::Plane;
use libwebp_sys::{
    WebPConfig, WebPEncCSP, WebPEncode, WebPEncodingError, WebPPicture, WebPPictureFree,
    WebPPictureImportRGB, WebPPictureImportRGBA, WebPValidateConfig,
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
    let depth = picture.channels.count();
    if picture.data.len() != picture.width * picture.height * depth || depth < 3 {
        return Err(failed("the pixels do not fit the dimensions"));
    }
    let mut target = Target::new((picture.width, picture.height), options)?;
    target.import(picture)?;
    target.finish(cancel)
}

/// Encodes with loss a picture of brightness and of two components of colour of half its width and
/// height, rounded up, all in the range of video (ITU-R BT.601).
///
/// # Errors
/// [`ImageError::Encode`] if a side is too long, the planes do not fit together, or memory runs
/// out; [`ImageError::Cancelled`].
pub(crate) fn encode_planes(
    luma: &Plane,
    colour: &[Plane; 2],
    options: WebPOptions,
    cancel: &dyn Fn() -> bool,
) -> Result<Vec<u8>, ImageError> {
    let (width, height) = (luma.width, luma.height);
    let halves = (width.div_ceil(2), height.div_ceil(2));
    let is_whole = |plane: &Plane, size: (usize, usize)| {
        (plane.width, plane.height, plane.stride) == (size.0, size.1, size.0)
            && plane.data.len() == size.0 * size.1
    };
    let fit = is_whole(luma, (width, height)) && colour.iter().all(|it| is_whole(it, halves));
    if !fit || options.lossless {
        return Err(failed("the planes do not fit together"));
    }
    let mut target = Target::new((width, height), options)?;
    target.lend(luma, colour);
    target.finish(cancel)
}

fn failed(reason: &str) -> ImageError {
    ImageError::encode(Format::WebP, reason)
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

/// A picture on its way into a file, with the planes that it only borrows.
///
/// What the library allocated for it is freed at its end.
struct Target<'a> {
    picture: WebPPicture,
    config: WebPConfig,
    planes: PhantomData<&'a [u8]>,
}

impl<'a> Target<'a> {
    /// Without pixels.
    fn new((width, height): (usize, usize), options: WebPOptions) -> Result<Self, ImageError> {
        if width.max(height) > MAX_SIDE {
            return Err(failed("a side is longer than 16,383 pixels"));
        }
        let config = config(options).ok_or_else(|| failed("the options are invalid"))?;
        let another = |_| failed("the library is of another version");
        let mut picture = WebPPicture::new().map_err(another)?;
        picture.width = width as c_int;
        picture.height = height as c_int;
        picture.use_argb = c_int::from(options.lossless);
        Ok(Self {
            picture,
            config,
            planes: PhantomData,
        })
    }

    /// Copies the pixels of a picture of that size, of three or four bytes each.
    fn import(&mut self, picture: &Picture) -> Result<(), ImageError> {
        let stride = picture.row_length() as c_int;
        let pixels = picture.data.as_ptr();
        let target = &raw mut self.picture;
        // SAFETY: `target` is initialised with the picture's width and height; `pixels` holds
        // `height` rows of `stride` bytes, three or four to a pixel as the function expects, as the
        // caller checked; the library copies them before it returns.
        let imported = unsafe {
            match picture.channels {
                Channels::Rgba => WebPPictureImportRGBA(target, pixels, stride),
                _ => WebPPictureImportRGB(target, pixels, stride),
            }
        };
        if imported == 0 {
            return Err(failed("out of memory"));
        }
        Ok(())
    }

    /// Points to planes of that size, which the library reads and does not write: it writes to
    /// those of pictures with alpha alone.
    fn lend(&mut self, luma: &'a Plane, [first, second]: &'a [Plane; 2]) {
        let picture = &mut self.picture;
        picture.colorspace = WebPEncCSP::WEBP_YUV420;
        picture.y = luma.data.as_ptr().cast_mut();
        picture.u = first.data.as_ptr().cast_mut();
        picture.v = second.data.as_ptr().cast_mut();
        picture.y_stride = luma.stride as c_int;
        picture.uv_stride = first.stride as c_int;
    }

    /// The file.
    fn finish(mut self, cancel: &dyn Fn() -> bool) -> Result<Vec<u8>, ImageError> {
        let mut sink = Sink {
            bytes: Vec::new(),
            cancel,
        };
        let callbacks: *mut c_void = std::ptr::from_mut(&mut sink).cast();
        self.picture.writer = Some(write);
        self.picture.custom_ptr = callbacks;
        self.picture.progress_hook = Some(go_on);
        self.picture.user_data = callbacks;
        // SAFETY: both pointers are to live, initialised structures, and planes that the picture
        // points to outlive it and have the sizes that it states. The callbacks get `sink` back,
        // which outlives the call, is not touched here meanwhile, and is used by one callback at a
        // time as the configuration asks for no threads.
        let encoded = unsafe { WebPEncode(&raw const self.config, &raw mut self.picture) };
        self.picture.custom_ptr = std::ptr::null_mut();
        self.picture.user_data = std::ptr::null_mut();
        match self.picture.error_code {
            _ if encoded != 0 => Ok(sink.bytes),
            WebPEncodingError::VP8_ENC_ERROR_USER_ABORT => Err(ImageError::Cancelled),
            error => Err(failed(&format!("{error:?}"))),
        }
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        // SAFETY: the structure is initialised; freeing one without pixels of its own does nothing.
        unsafe { WebPPictureFree(&raw mut self.picture) };
    }
}

/// Takes a piece of the file.
unsafe extern "C" fn write(data: *const u8, size: usize, picture: *const WebPPicture) -> c_int {
    if size == 0 {
        return 1;
    }
    // SAFETY: the library calls this with `size` readable bytes and the picture given to
    // `WebPEncode`, whose `custom_ptr` is the sink that `Target::finish` put there.
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
