//! JPEG XL. Of an animated one, its first frame.

use std::io::{Error, ErrorKind};

use ::jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlAuxBoxType, JxlBasicInfo, JxlColorProfile, JxlColorType,
    JxlDataFormat, JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlParallelRunner,
    JxlParallelRunnerFun, JxlPixelFormat, JxlTransferFunction,
};

use super::Parts;
use crate::picture::{Channels, Picture};
use crate::{Format, ImageError, Probe, colour};

/// Channels that a picture may have: four for colour and transparency, and few that are not shown.
const MOST_CHANNELS: usize = 8;
/// Most events of a file before its first frame is complete.
const MOST_EVENTS: usize = 64;
/// Where EXIF data begins in its box: an offset comes first (ISO/IEC 18181-2 §9.6).
const EXIF_AT: usize = 4;

pub(super) fn decode(
    source: &[u8],
    probe: &Probe,
    cancel: &dyn Fn() -> bool,
) -> Result<Parts, ImageError> {
    let pixels = usize::try_from(probe.pixels()).unwrap_or(usize::MAX);
    let mut options = JxlDecoderOptions::default();
    options.adjust_orientation = false;
    options.alpha_mode = AlphaMode::Unpremultiplied;
    options.sample_limit = Some(pixels.saturating_mul(MOST_CHANNELS));
    options.request_aux_boxes = vec![JxlAuxBoxType::EXIF];
    let mut reading = Reading {
        decoder: JxlDecoder::new(options),
        rest: source,
        cancel,
    };
    reading.until(Event::BasicInfo, None)?;
    let channels = reading.prepare(probe)?;
    let row = probe.width as usize * channels.count();
    let mut data = vec![0; row * probe.height as usize];
    reading.until(Event::FrameHeader, None)?;
    let mut buffer = [JxlOutputBuffer::new(&mut data, probe.height as usize, row)];
    let complete = Event::FrameComplete {
        has_more_frames: false,
    };
    reading.until(complete, Some(&mut buffer))?;
    let picture = Picture::new(probe.width as usize, probe.height as usize, channels, data)
        .ok_or_else(|| damaged("too few pixels"))?;
    let profile = reading.profile();
    let exif = reading.exif();
    let picture = colour::to_srgb(picture, profile.as_deref(), cancel)?;
    Ok((picture.without_idle_alpha(), exif))
}

fn damaged(reason: impl ToString) -> ImageError {
    ImageError::damaged(Format::Jxl, reason)
}

/// A file that is being read.
struct Reading<'a> {
    decoder: JxlDecoder,
    rest: &'a [u8],
    cancel: &'a dyn Fn() -> bool,
}

impl Reading<'_> {
    /// Goes on until something happened; whether frames follow does not matter.
    fn until(
        &mut self,
        wanted: Event,
        mut buffers: Option<&mut [JxlOutputBuffer<'_>]>,
    ) -> Result<(), ImageError> {
        let wanted = std::mem::discriminant(&wanted);
        for _ in 0..MOST_EVENTS {
            let mut runner = Runner {
                cancel: self.cancel,
            };
            let event = self
                .decoder
                .process(&mut self.rest, buffers.as_deref_mut(), Some(&mut runner))
                .map_err(|error| self.failure(error))?;
            if std::mem::discriminant(&event) == wanted {
                return Ok(());
            }
            if matches!(event, Event::NeedMoreInput { .. } | Event::Complete) {
                return Err(damaged("it is cut off"));
            }
        }
        Err(damaged("it has too many parts"))
    }

    fn failure(&self, error: ::jxl::error::Error) -> ImageError {
        if (self.cancel)() {
            return ImageError::Cancelled;
        }
        damaged(error)
    }

    /// Says what pixels are wanted.
    fn prepare(&mut self, probe: &Probe) -> Result<Channels, ImageError> {
        let (Some(info), Some(profile)) = (
            self.decoder.basic_info(),
            self.decoder.embedded_color_profile(),
        ) else {
            return Err(damaged("no complete header"));
        };
        if info.size != (probe.width as usize, probe.height as usize) {
            return Err(damaged("its sizes disagree"));
        }
        let (kind, channels) = shape(info, profile)?;
        let format = JxlPixelFormat {
            color_type: kind,
            color_data_format: Some(JxlDataFormat::U8 { bit_depth: 8 }),
            extra_channel_format: vec![None; info.extra_channels.len()],
        };
        self.decoder.set_pixel_format(format).map_err(damaged)?;
        Ok(channels)
    }

    /// The profile of the pixels that come out; `None` if they are sRGB.
    fn profile(&self) -> Option<Vec<u8>> {
        let profile = self.decoder.output_color_profile()?;
        let plain = JxlColorProfile::Simple(::jxl::api::JxlColorEncoding::srgb(false));
        if profile.same_color_encoding(&plain) {
            return None;
        }
        profile.try_as_icc().map(std::borrow::Cow::into_owned)
    }

    /// EXIF data as far as it came before the pixels, and is not compressed.
    fn exif(&self) -> Option<Vec<u8>> {
        let found = self.decoder.aux_boxes(JxlAuxBoxType::EXIF).first()?;
        let plain = (!found.is_compressed()).then(|| found.raw_data())?;
        plain.get(EXIF_AT..).map(<[u8]>::to_vec)
    }
}

/// What kind of pixels comes of a file. Inks, and light brighter than white, need more than eight
/// bits of sRGB have: such pictures are passed on.
fn shape(
    info: &JxlBasicInfo,
    profile: &JxlColorProfile,
) -> Result<(JxlColorType, Channels), ImageError> {
    let has = |kind: ExtraChannel| info.extra_channels.iter().any(|c| c.ec_type == kind);
    let bright = matches!(
        profile.transfer_function(),
        Some(JxlTransferFunction::PQ | JxlTransferFunction::HLG)
    );
    if bright || has(ExtraChannel::Black) || profile.is_cmyk() {
        return Err(ImageError::Unsupported {
            format: Format::Jxl,
        });
    }
    let grey = profile.channels() == 1;
    Ok(match (has(ExtraChannel::Alpha), grey) {
        (true, _) => (JxlColorType::Rgba, Channels::Rgba),
        (false, true) => (JxlColorType::Grayscale, Channels::Grey),
        (false, false) => (JxlColorType::Rgb, Channels::Rgb),
    })
}

/// Runs the groups of a frame one after the other, and asks between them whether they are still
/// wanted.
struct Runner<'a> {
    cancel: &'a dyn Fn() -> bool,
}

impl JxlParallelRunner for Runner<'_> {
    fn run(
        &mut self,
        count: usize,
        work: &JxlParallelRunnerFun<'_>,
    ) -> Result<(), ::jxl::error::Error> {
        for place in 0..count {
            if (self.cancel)() {
                let stopped = Error::new(ErrorKind::Interrupted, "no longer wanted");
                return Err(stopped.into());
            }
            work(place)?;
        }
        Ok(())
    }

    fn num_threads(&self) -> usize {
        1
    }

    fn run_ordered(
        &mut self,
        count: usize,
        _max_threads: Option<usize>,
        work: &JxlParallelRunnerFun<'_>,
    ) -> Result<(), ::jxl::error::Error> {
        self.run(count, work)
    }
}
