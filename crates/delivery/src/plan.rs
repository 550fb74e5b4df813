//! Plans: from which offset on a body is sent at which level.

use crate::{Concurrency, Kind, Level, Outline, Priority};

/// Most bytes of a body that fit one TLS record together with the HTTP/2 frame head: 16,384 bytes
/// of plaintext (RFC 8446 §5.1) less 9 (RFC 9113 §4.1).
pub const RECORD_BODY: usize = 16_375;

/// A stretch of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Where it starts, in bytes from the start of the body.
    pub offset: u64,
    /// Its level.
    pub level: Level,
    /// How it shares the level.
    pub concurrency: Concurrency,
    /// Whether the stretch is of use only as a whole and must leave in one piece (one TLS
    /// record): the header and first scan of a progressive picture. Only for stretches of at most
    /// [`RECORD_BODY`] bytes.
    pub whole: bool,
}

/// The phases of a body, by offset; the first starts at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    phases: Vec<Phase>,
}

impl Plan {
    /// The plan for a response: the client's priority joined with what the body is.
    ///
    /// `outline` is absent for bodies whose structure is not known.
    pub fn new(_kind: Kind, _outline: Option<&Outline>, _priority: Priority) -> Self {
        let phase = Phase {
            offset: 0,
            level: Level::new(30),
            concurrency: Concurrency::RoundRobin,
            whole: false,
        };
        Self {
            phases: vec![phase],
        }
    }

    /// The phases by offset.
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }
}
