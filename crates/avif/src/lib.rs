//! AVIF: pixels in, a file out, and the pixels that a reader of it will see; and what a file from
//! outside says of itself.
//!
//! Still pictures of 8 bits a sample: colour at half its resolution (4:2:0) or at the full one
//! (4:4:4), grey, and transparency as a second picture. The pixels are taken for sRGB, and the file
//! says so. It is a room of its own so that the encoder, which is large, is built once.
//!
//! An encoder outside of this process may take the place of the one here: somebody else runs it, and
//! what it gives back is checked.
//!
//! Of files from outside, boxes are read ([`Still`]), and planes that were decoded elsewhere become
//! pixels ([`pixels`]). What is coded is not decoded here: no decoder of AV1 is free of `unsafe`.

mod colour;
mod container;
mod encoder;
mod header;
mod outside;
mod planes;
mod reader;

pub use colour::Channels;
pub use encoder::{AvifError, Effort, Encoded, MAX_SIDE, Options, encode};
pub use outside::{Order, Outside, Program};
pub use planes::{Layout, Planes, pixels};
pub use reader::{Numbers, ReadError, Still};
