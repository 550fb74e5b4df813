//! The decoder itself. Its interface is that of C, and only the worker calls it.
#![expect(
    unsafe_code,
    reason = "rav1d has no other interface; the process it runs in can do nothing else"
)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use avif::{Layout, Numbers, Planes};
use rav1d::include::dav1d::data::Dav1dData;
use rav1d::include::dav1d::dav1d::{Dav1dContext, Dav1dSettings};
use rav1d::include::dav1d::picture::Dav1dPicture;
use rav1d::src::lib::{
    dav1d_close, dav1d_data_create, dav1d_data_unref, dav1d_default_settings, dav1d_get_picture,
    dav1d_open, dav1d_picture_unref, dav1d_send_data,
};

/// What is not said of colours (ITU-T H.273).
const UNSPECIFIED: u16 = 2;

/// Decodes the first picture of a stream, of at most so many pixels, to eight bits a sample.
pub(crate) fn decode(units: &[u8], most_pixels: u32) -> Option<Planes> {
    let decoder = Open::new(most_pixels)?;
    let picture = decoder.picture(units)?;
    picture.planes()
}

/// A decoder that is open.
struct Open(Option<Dav1dContext>);

impl Open {
    fn new(most_pixels: u32) -> Option<Self> {
        let mut settings = MaybeUninit::<Dav1dSettings>::uninit();
        // SAFETY: the pointer is to memory of that type, which the call fills.
        let mut settings = unsafe {
            dav1d_default_settings(NonNull::new(settings.as_mut_ptr())?);
            settings.assume_init()
        };
        settings.n_threads = 1;
        settings.max_frame_delay = 1;
        settings.frame_size_limit = most_pixels;
        // Of a picture in layers, the last one.
        settings.all_layers = 0;
        let mut open = Self(None);
        // SAFETY: both pointers are to values that live longer than the call.
        let outcome = unsafe {
            dav1d_open(
                Some(NonNull::from(&mut open.0)),
                Some(NonNull::from(&mut settings)),
            )
        };
        (outcome.0 == 0 && open.0.is_some()).then_some(open)
    }

    fn picture(&self, units: &[u8]) -> Option<Picture> {
        let mut data = MaybeUninit::<Dav1dData>::zeroed();
        let pointer = NonNull::new(data.as_mut_ptr())?;
        // SAFETY: the pointer is to memory of that type, which the call fills if it gives a buffer.
        let buffer = NonNull::new(unsafe { dav1d_data_create(Some(pointer), units.len()) })?;
        // SAFETY: the buffer has as many bytes as were asked for, and nobody else has it yet.
        unsafe { slice::from_raw_parts_mut(buffer.as_ptr(), units.len()) }.copy_from_slice(units);
        let mut found = None;
        // A stream of one picture takes its bytes in one piece and gives it at once; a few rounds
        // more cost nothing.
        for _ in 0..8 {
            // SAFETY: the context is open, and the data was created above; what is taken is marked
            // as taken in it.
            let sent = unsafe { dav1d_send_data(self.0, Some(pointer)) };
            found = self.next();
            if found.is_some() || (sent.0 != 0 && sent.0 != -libc_again()) {
                break;
            }
        }
        // SAFETY: the data was created above; what is left of it is given back once.
        unsafe { dav1d_data_unref(Some(pointer)) };
        found
    }

    fn next(&self) -> Option<Picture> {
        let mut picture = MaybeUninit::<Dav1dPicture>::zeroed();
        let pointer = NonNull::new(picture.as_mut_ptr())?;
        // SAFETY: the context is open; the memory is of that type, and zeros are a picture without
        // data.
        let outcome = unsafe { dav1d_get_picture(self.0, Some(pointer)) };
        if outcome.0 != 0 {
            return None;
        }
        // SAFETY: the call filled it.
        Some(Picture(unsafe { picture.assume_init() }))
    }
}

/// "Give me what you have first", as the decoder says it.
const fn libc_again() -> i32 {
    11
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the context is open or there is none, and it is not used again.
        unsafe { dav1d_close(Some(NonNull::from(&mut self.0))) };
    }
}

/// A decoded picture, as long as the decoder lends it.
struct Picture(Dav1dPicture);

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the decoder filled it, and it is not used again.
        unsafe { dav1d_picture_unref(Some(NonNull::from(&mut self.0))) };
    }
}

impl Picture {
    fn planes(&self) -> Option<Planes> {
        let parameters = &self.0.p;
        let [width, height] = [parameters.w, parameters.h].map(usize::try_from);
        let (width, height) = (width.ok()?, height.ok()?);
        let depth = u32::try_from(parameters.bpc)
            .ok()
            .filter(|bits| (8..=12).contains(bits))?;
        let layout = match parameters.layout {
            0 => Layout::Grey,
            1 => Layout::Half,
            2 => Layout::HalfAcross,
            _ => Layout::Full,
        };
        // SAFETY: the sequence header lives as long as the picture that refers to it.
        let header = unsafe { self.0.seq_hdr?.as_ref() };
        let full_range = header.color_range != 0;
        let number = |value: u32| u16::try_from(value).unwrap_or(UNSPECIFIED);
        let numbers = Numbers {
            primaries: number(header.pri),
            transfer: number(header.trc),
            matrix: number(header.mtrx),
            full_range,
        };
        let colour = layout.colour_size(width, height);
        let mut samples = [const { Vec::new() }; 3];
        let sizes = [(width, height), colour, colour];
        for (place, (plane, (wide, high))) in samples.iter_mut().zip(sizes).enumerate() {
            if wide > 0 {
                *plane = self.plane(place, wide, high, (depth, full_range))?;
            }
        }
        Some(Planes {
            width,
            height,
            layout,
            numbers,
            samples,
        })
    }

    /// The samples of a plane, without what pads its rows.
    fn plane(
        &self,
        place: usize,
        width: usize,
        height: usize,
        (depth, full_range): (u32, bool),
    ) -> Option<Vec<u8>> {
        let start = self.0.data[place]?.cast::<u8>();
        let stride = self.0.stride[usize::from(place > 0)];
        let size = if depth > 8 { 2 } else { 1 };
        if stride.unsigned_abs() < width * size {
            return None;
        }
        let mut samples = Vec::with_capacity(width * height);
        for y in 0..height {
            let offset = stride.checked_mul(isize::try_from(y).ok()?)?;
            // SAFETY: the decoder's planes have `height` rows, `stride` bytes from each to the next,
            // and every row has at least `width` samples; they are not written to any more.
            let row = unsafe { slice::from_raw_parts(start.as_ptr().offset(offset), width * size) };
            match size {
                1 => samples.extend_from_slice(row),
                _ => samples.extend(
                    row.as_chunks::<2>()
                        .0
                        .iter()
                        .map(|pair| reduced(u16::from_ne_bytes(*pair).into(), depth, full_range)),
                ),
            }
        }
        Some(samples)
    }
}

/// A sample of more bits in eight. The limited range is the same shifted; the full one is stretched.
fn reduced(value: u32, depth: u32, full_range: bool) -> u8 {
    let value = if full_range {
        let most = (1 << depth) - 1;
        (value * 255 + most / 2) / most
    } else {
        (value + (1 << (depth - 9))) >> (depth - 8)
    };
    value.min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::{decode, reduced};

    #[test]
    fn ten_bits_become_eight() {
        for (value, full_range, expected) in [
            (0, true, 0),
            (1023, true, 255),
            (512, true, 128),
            (64, false, 16),
            (940, false, 235),
            (1023, false, 255),
        ] {
            assert_eq!(reduced(value, 10, full_range), expected, "{value}");
        }
        assert_eq!(reduced(4095, 12, true), 255);
    }

    #[test]
    fn what_is_no_stream_gives_nothing() {
        assert_eq!(decode(&[0; 100], 1000), None);
        assert_eq!(decode(b"\x0A\x03abc", 1000), None);
    }
}
