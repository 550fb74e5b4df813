//! The framing of a chunked body (RFC 9112 §7.1), stricter than the grammar: no white space around
//! sizes, no bare line feeds, bounded extensions.

use super::head::examine_trailers;
use super::{Limits, Violation, check_line_byte};

/// Longest size line: sixteen digits, an extension, CR LF. Nobody sends extensions in earnest.
const MAX_LINE: usize = 256;

/// All size lines' extensions of one body together; more is an attempt to hide work in framing.
const MAX_EXTENSIONS: usize = 4096;

/// Where in the body the next byte is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunked {
    place: Place,
    extensions: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In a size line, the beginning of which may be held.
    #[default]
    Size,
    /// In data: so many bytes to come, at least one.
    Data(u64),
    /// Before the CR after data.
    Cr,
    /// Before the LF after data.
    Lf,
    /// In the lines after the last chunk; held from the last size line on, this long at first.
    Trailers(usize),
    /// After the body.
    Over,
}

impl Chunked {
    /// Whether the body is complete.
    pub fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Takes at least one byte of `input`, which is not empty; says how many. Lines are collected
    /// in `held` and go to `passed` when they are complete.
    ///
    /// # Errors
    /// [`Violation::Chunk`], or what is wrong with the trailers.
    pub fn take(
        &mut self,
        input: &[u8],
        held: &mut Vec<u8>,
        limits: Limits,
        passed: &mut Vec<u8>,
    ) -> Result<usize, Violation> {
        let Some(byte) = input.first().copied() else {
            return Ok(0);
        };
        match self.place {
            Place::Data(left) => {
                let count = left.min(input.len() as u64);
                passed.extend_from_slice(input.get(..count as usize).unwrap_or(input));
                self.place = match left - count {
                    0 => Place::Cr,
                    left => Place::Data(left),
                };
                return Ok(count as usize);
            }
            Place::Cr if byte == b'\r' => {
                passed.push(byte);
                self.place = Place::Lf;
            }
            Place::Lf if byte == b'\n' => {
                passed.push(byte);
                self.place = Place::Size;
            }
            Place::Cr | Place::Lf => return Err(Violation::Chunk),
            Place::Size => self.take_size_byte(byte, held, passed)?,
            Place::Trailers(start) => {
                take_line_byte(byte, held)?;
                if held.len() - start > limits.bytes {
                    return Err(Violation::TooLarge);
                }
                let trailers = held.get(start..).unwrap_or_default();
                if trailers == b"\r\n" || trailers.ends_with(b"\r\n\r\n") {
                    examine_trailers(trailers, limits)?;
                    passed.append(held);
                    self.place = Place::Over;
                }
            }
            Place::Over => return Ok(0),
        }
        Ok(1)
    }

    fn take_size_byte(
        &mut self,
        byte: u8,
        held: &mut Vec<u8>,
        passed: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        take_line_byte(byte, held)?;
        if held.len() > MAX_LINE {
            return Err(Violation::Chunk);
        }
        let Some(line) = held.strip_suffix(b"\r\n") else {
            return Ok(());
        };
        let digits = line
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let extension = line.get(digits..).unwrap_or_default();
        self.extensions += extension.len();
        if !(extension.is_empty() || extension.starts_with(b";"))
            || self.extensions > MAX_EXTENSIONS
        {
            return Err(Violation::Chunk);
        }
        match parse_size(line.get(..digits).unwrap_or_default())? {
            0 => self.place = Place::Trailers(held.len()),
            size => {
                passed.append(held);
                self.place = Place::Data(size);
            }
        }
        Ok(())
    }
}

/// Adds a byte to a line; a line is free of control characters and ends with CR LF.
fn take_line_byte(byte: u8, held: &mut Vec<u8>) -> Result<(), Violation> {
    check_line_byte(byte, held.last().copied())?;
    held.push(byte);
    Ok(())
}

/// At most fifteen hexadecimal digits: a size that nobody's integers wrap around.
fn parse_size(digits: &[u8]) -> Result<u64, Violation> {
    if digits.is_empty() || digits.len() > 15 {
        return Err(Violation::Chunk);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or(Violation::Chunk)
}
