//! The encoder, or a program in its place. Ours is rav1e without its assembly, so that the build needs no assembler.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rav1e::color::{
    ChromaSampling, ColorDescription, ColorPrimaries, MatrixCoefficients, PixelRange,
    TransferCharacteristics,
};
use rav1e::config::SpeedSettings;
use rav1e::prelude::{BlockSize, EncoderStatus, Frame, PartitionRange, SceneDetectionSpeed};
use rav1e::{Config, Context, EncoderConfig};

use crate::colour::{Channels, Plane, flatten_hidden, to_planes, to_rgb};
use crate::container::{self, Coded, Form, without_delimiters};
use crate::outside::{Errand, Outside};

/// Longest side that is encoded, in pixels.
pub const MAX_SIDE: usize = 16_384;

/// How much trouble is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// About two seconds a megapixel: for somebody who waits.
    Quick,
    /// Half as long again, for files that are a twentieth smaller.
    Thorough,
}

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The step between values that are told apart, on AV1's scale (§7.12.2): 1, the finest, to
    /// 255.
    pub quantizer: u8,
    /// The same for transparency.
    pub alpha_quantizer: u8,
    /// Whether colour keeps its resolution (4:4:4) or has half of it (4:2:0).
    pub full_colour: bool,
    /// How much trouble is taken.
    pub effort: Effort,
    /// The program that does it, in place of the encoder here. Its scale is that of libaom: a
    /// quarter of the quantizer.
    pub outside: Option<Outside>,
    /// Whether it is to be known what a reader sees; without a program it is known anyway.
    pub shown: bool,
}

/// A finished file.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// The pixels that a reader sees, in the channels that were given; `None` where nobody wanted to
    /// know.
    pub shown: Option<Vec<u8>>,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvifError {
    /// There are not as many pixels as the dimensions say.
    #[error("the pixels do not fit the dimensions")]
    Mismatch,
    /// A side is too long, or there is none.
    #[error("a side of {0} pixels is not encoded")]
    Side(usize),
    /// The encoder failed.
    #[error("{0}")]
    Encoder(String),
    /// The program outside failed.
    #[error("{0}")]
    Outside(String),
    /// The work was called off.
    #[error("the work was called off")]
    Cancelled,
}

/// Encodes a picture, row by row without padding. `cancel` is asked before each of its parts, colour
/// and transparency.
///
/// Costs about two microseconds a pixel, and 60 bytes of memory a pixel.
///
/// # Errors
/// [`AvifError`].
pub fn encode(
    pixels: &[u8],
    channels: Channels,
    (width, height): (usize, usize),
    options: &Options,
    cancel: &dyn Fn() -> bool,
) -> Result<Encoded, AvifError> {
    for side in [width, height] {
        if side == 0 || side > MAX_SIDE {
            return Err(AvifError::Side(side));
        }
    }
    if width * height * channels.count() != pixels.len() {
        return Err(AvifError::Mismatch);
    }
    let job = Job {
        width,
        height,
        options,
        cancel,
    };
    let (colour, alpha, shown) = match channels {
        Channels::Grey => {
            let planes = [plane(pixels.to_vec(), width)];
            let (coded, shown) = job.code(&planes, Form::Grey, options.quantizer)?;
            (coded, None, shown.map(|[shown]| shown.data))
        }
        Channels::Rgb => {
            let (coded, shown) = job.colour(pixels, 3)?;
            (coded, None, shown)
        }
        Channels::Rgba => {
            let mut cleaned = pixels.to_vec();
            flatten_hidden(&mut cleaned, width);
            let alpha = cleaned.chunks_exact(4).map(|pixel| pixel[3]).collect();
            let planes = [plane(alpha, width)];
            let (alpha, seen) = job.code(&planes, Form::Grey, options.alpha_quantizer)?;
            let (coded, rgb) = job.colour(&cleaned, 4)?;
            let shown = rgb.zip(seen).map(|(rgb, [seen])| {
                let pairs = rgb.as_chunks::<3>().0.iter().zip(&seen.data);
                pairs.flat_map(|([r, g, b], a)| [*r, *g, *b, *a]).collect()
            });
            (coded, Some(alpha), shown)
        }
    };
    let bytes = container::write(&colour, alpha.as_ref(), width as u32, height as u32);
    Ok(Encoded { bytes, shown })
}

fn plane(data: Vec<u8>, width: usize) -> Plane {
    Plane { width, data }
}

struct Job<'a> {
    width: usize,
    height: usize,
    options: &'a Options,
    cancel: &'a dyn Fn() -> bool,
}

impl Job<'_> {
    /// Codes the first three channels; gives what is seen of them too.
    fn colour(&self, pixels: &[u8], depth: usize) -> Result<(Coded, Option<Vec<u8>>), AvifError> {
        let full = self.options.full_colour;
        let planes = to_planes(pixels, depth, self.width, full);
        let form = if full {
            Form::FullColour
        } else {
            Form::HalfColour
        };
        let (coded, shown) = self.code(&planes, form, self.options.quantizer)?;
        Ok((coded, shown.as_ref().map(to_rgb)))
    }

    /// Codes planes; gives them as they will be seen.
    fn code<const PLANES: usize>(
        &self,
        planes: &[Plane; PLANES],
        form: Form,
        quantizer: u8,
    ) -> Result<(Coded, Option<[Plane; PLANES]>), AvifError> {
        if (self.cancel)() {
            return Err(AvifError::Cancelled);
        }
        if let Some(Outside(program)) = self.options.outside {
            let errand = Errand {
                program,
                size: (self.width, self.height),
                effort: self.options.effort,
                shown: self.options.shown,
                cancel: self.cancel,
            };
            let (obus, shown) = errand.run(planes, form, quantizer)?;
            return Ok((Coded { obus, form }, shown));
        }
        let config = self.config(form, quantizer);
        // It is a large machine: what it did not foresee costs one picture, not the process.
        let run = || run(config, planes);
        catch_unwind(AssertUnwindSafe(run))
            .unwrap_or_else(|_| Err(AvifError::Encoder("the encoder gave up".to_owned())))
            .map(|(obus, shown)| (Coded { obus, form }, Some(shown)))
    }

    fn config(&self, form: Form, quantizer: u8) -> EncoderConfig {
        let quantizer = quantizer.max(1);
        EncoderConfig {
            width: self.width,
            height: self.height,
            bit_depth: 8,
            chroma_sampling: match form {
                Form::Grey => ChromaSampling::Cs400,
                Form::HalfColour => ChromaSampling::Cs420,
                Form::FullColour => ChromaSampling::Cs444,
            },
            pixel_range: PixelRange::Full,
            color_description: (form != Form::Grey).then_some(ColorDescription {
                color_primaries: ColorPrimaries::BT709,
                transfer_characteristics: TransferCharacteristics::SRGB,
                matrix_coefficients: MatrixCoefficients::BT601,
            }),
            still_picture: true,
            quantizer: usize::from(quantizer),
            min_quantizer: quantizer,
            speed_settings: settings(self.options.effort),
            ..EncoderConfig::default()
        }
    }
}

/// Of what the encoder can try, what pays for single pictures.
fn settings(effort: Effort) -> SpeedSettings {
    let (preset, smallest) = match effort {
        Effort::Quick => (9, BlockSize::BLOCK_16X16),
        Effort::Thorough => (8, BlockSize::BLOCK_8X8),
    };
    let mut settings = SpeedSettings::from_preset(preset);
    settings.partition.partition_range = PartitionRange::new(smallest, BlockSize::BLOCK_32X32);
    settings.multiref = false;
    settings.rdo_lookahead_frames = 1;
    settings.scene_detection_mode = SceneDetectionSpeed::None;
    settings
}

fn run<const PLANES: usize>(
    config: EncoderConfig,
    planes: &[Plane; PLANES],
) -> Result<(Vec<u8>, [Plane; PLANES]), AvifError> {
    let failed = |error: &dyn std::fmt::Display| AvifError::Encoder(error.to_string());
    let config = Config::new().with_encoder_config(config).with_threads(1);
    let mut context: Context<u8> = config.new_context().map_err(|error| failed(&error))?;
    let mut frame = context.new_frame();
    for (target, plane) in frame.planes.iter_mut().zip(planes) {
        target.copy_from_raw_u8(&plane.data, plane.width, 1);
    }
    context.send_frame(frame).map_err(|error| failed(&error))?;
    context.flush();
    loop {
        match context.receive_packet() {
            Ok(packet) => {
                let shown = packet.rec.ok_or_else(|| failed(&"no picture came back"))?;
                return Ok((without_delimiters(&packet.data), seen(&shown, planes)));
            }
            Err(EncoderStatus::Encoded) => {}
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// The planes of a frame, in the sizes of those that were given.
fn seen<const PLANES: usize>(frame: &Frame<u8>, like: &[Plane; PLANES]) -> [Plane; PLANES] {
    std::array::from_fn(|place| {
        let Plane { width, data } = &like[place];
        let mut copy = plane(vec![0; data.len()], *width);
        frame.planes[place].copy_to_raw_u8(&mut copy.data, *width, 1);
        copy
    })
}

#[cfg(test)]
mod tests;
