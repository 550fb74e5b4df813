//! The scheduler of one connection.

use crate::{Level, Plan};

/// Leave to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Which stream.
    pub stream: u64,
    /// How many bytes at most.
    pub bytes: usize,
    /// At which level they leave.
    pub level: Level,
}

/// Decides which stream sends next.
#[derive(Debug, Default)]
pub struct Scheduler {
    streams: Vec<(u64, Plan)>,
}

impl Scheduler {
    /// A response begins.
    pub fn insert(&mut self, stream: u64, plan: Plan) {
        self.streams.push((stream, plan));
    }
}
