//! HTTP/3 on the wire (RFC 9114): numbers, frames, the client's unidirectional streams and field
//! sections. Pure: bytes in, meaning or an error code out.
//!
//! Written here rather than taken from a library because a server must hear PRIORITY_UPDATE
//! (RFC 9218 §7.2) and must grant the bytes of every stream itself, which the libraries at hand
//! hide; with a QPACK table of no size it is little.

mod code;
mod control;
mod frames;
mod huffman;
mod number;
mod qpack;
mod table;

pub use code::{Broken, Code};
pub use control::{Event, Purpose, Table, Unidirectional};
pub use frames::{Frames, Head, Step, kind};
pub use number::{Number, write_number};
pub use qpack::{
    FieldError, decode, encode_content_type_of, encode_field, encode_start, insert_content_type,
    set_capacity,
};

#[cfg(test)]
mod tests;
