//! How much work at once, and how long it may wait.

use std::time::Duration;

use base::ByteSize;

base::settings! {
    /// Work on pictures: how much at once, and how long it may take.
    pub struct WorkshopSettings {
        /// Threads that work on pictures; `0` means as many as there are cores.
        threads: usize = 0,
        /// Pixels of all pictures in work at once. A larger picture is worked on alone.
        budget: u64 = 64_000_000,
        /// Memory for the sources of pictures, from their first byte until the work on them is
        /// done. A source that finds no room is sent unchanged; one that is larger, only if there
        /// are others.
        sources: ByteSize = ByteSize::mib(256),
        /// Jobs that may wait for their turn; one more is refused.
        queue: usize = 256,
        /// Longest wait for a turn. What is left until the deadline is for the work itself.
        queue_wait: Duration = Duration::from_secs(8),
        /// Longest time for one job, waiting included.
        deadline: Duration = Duration::from_secs(10),
    }
}

impl WorkshopSettings {
    /// The number of threads, at least one.
    pub(crate) fn thread_count(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}
