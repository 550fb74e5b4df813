//! JPEG, and above all progressive JPEG: an encoder with its own scan script that knows the exact
//! offset at which each scan has been shown, a map of any file's scans that never touches entropy
//! data, and a decoder behind limits. Pure: bytes and pixels in, bytes and pixels out.

pub mod coefficients;
pub mod decode;
pub mod encode;
pub mod error;
pub mod map;
pub mod planes;
pub mod previews;
pub mod quantisation;
pub mod scan;
pub mod script;
pub mod transcode;
pub mod writer;

mod bits;
mod dct;
mod decoder;
mod forward;
mod headers;
mod huffman;
mod lanes;
mod markers;
mod segments;
mod spare;
mod stream;
mod tokens;
mod vectors;

pub use coefficients::{Block, Coefficients, ComponentCoefficients, Marks};
pub use decode::{DecodeOptions, Decoded, Pixels, decode, decode_planes, read_coefficients};
pub use encode::{EncodeOptions, Encoded, RECORD, Tables, encode};
pub use error::JpegError;
pub use map::{Component, Limits, Process, ScanMap, map_scans};
pub use planes::{Plane, Planes, Subsampling, gray_to_planes, rgb_to_planes};
pub use previews::scan_previews;
pub use quantisation::QuantisationTable;
pub use scan::{Outline, Scan};
pub use script::Script;
pub use transcode::{TranscodeOptions, transcode};
pub use writer::{WriteOptions, write};
