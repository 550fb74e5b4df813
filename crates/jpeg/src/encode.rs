//! From pixels to a file.

use crate::{
    JpegError, Outline, Planes, Scan, Script, WriteOptions, forward, quantisation, writer,
};

/// Which quantisation tables scale with the quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Tables {
    /// Two tables fitted to what is seen: about 14 % fewer bytes than with those of the standard
    /// at the same visible quality.
    #[default]
    Fitted,
    /// The two examples of ITU-T T.81 Annex K, which most files carry.
    AnnexK,
}

/// How to encode.
#[derive(Clone, Copy, Debug)]
pub struct EncodeOptions<'a> {
    /// 1 (smallest) to 100 (finest), scaled as libjpeg does: 50 takes the tables as they are.
    pub quality: u8,
    /// Several scans, coarse to fine, instead of one from top to bottom.
    pub progressive: bool,
    /// A progressive file smaller than this many bytes is replaced by a baseline one where that
    /// is smaller; 0 never does so.
    pub baseline_below: usize,
    /// Bytes within which everything up to the first preview should lie: header, first scan, and
    /// what lies before the second scan's data. The first scan is made coarser until it fits.
    pub preview_budget: usize,
    /// Which quantisation tables.
    pub tables: Tables,
    /// Colour profile, carried along in APP2 segments.
    pub icc: Option<&'a [u8]>,
    /// EXIF data (the TIFF part, with or without `Exif\0\0` before it), carried along in APP1.
    pub exif: Option<&'a [u8]>,
}

/// The most body bytes that leave in one TLS record on HTTP/2: 16,384 of plaintext less the
/// 9-byte frame head.
pub const RECORD: usize = 16_375;

impl Default for EncodeOptions<'_> {
    /// Progressive at quality 80, with a first scan that fits one record.
    fn default() -> Self {
        Self {
            quality: 80,
            progressive: true,
            baseline_below: 4096,
            preview_budget: RECORD,
            tables: Tables::default(),
            icc: None,
            exif: None,
        }
    }
}

/// A finished file with the offsets recorded while it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// The file.
    pub bytes: Vec<u8>,
    /// Every scan in file order.
    pub scans: Vec<Scan>,
    /// Offset at which a decoder knows the dimensions: after the first SOS header.
    pub header_end: usize,
    /// How many components the frame has.
    pub components: usize,
}

impl Encoded {
    /// The points of interest for the order of bytes.
    pub fn outline(&self) -> Outline {
        Outline::new(&self.scans, self.components, self.bytes.len())
    }
}

/// Encodes planes as a JPEG file.
///
/// # Errors
/// [`JpegError::InvalidInput`] when the planes do not fit together, the quality is 0 or above
/// 100, or the EXIF data does not fit one segment or the profile 255.
pub fn encode(planes: &Planes, options: &EncodeOptions<'_>) -> Result<Encoded, JpegError> {
    planes.check()?;
    if !(1..=100).contains(&options.quality) {
        return Err(JpegError::InvalidInput {
            what: "the quality must be 1 to 100",
        });
    }
    let tables = quantisation::tables(options.tables, options.quality);
    let coefficients = forward::coefficients(planes, &tables);
    let mut how = WriteOptions {
        progressive: options.progressive,
        script: Script::Small,
        preview_budget: options.preview_budget,
        preferred_bytes: usize::MAX,
        icc: options.icc,
        exif: options.exif,
    };
    let encoded = writer::write(&coefficients, &how)?;
    if options.progressive && encoded.bytes.len() < options.baseline_below {
        how.progressive = false;
        let baseline = writer::write(&coefficients, &how)?;
        if baseline.bytes.len() < encoded.bytes.len() {
            return Ok(baseline);
        }
    }
    Ok(encoded)
}
