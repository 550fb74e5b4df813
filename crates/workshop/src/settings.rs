//! How much work at once, and how long it may wait.

use std::time::Duration;

use base::ByteSize;

base::settings! {
    /// Work on pictures and texts: how much at once, and how long it may take.
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
        /// Memory for the compression of texts on their way. One that finds no room is sent
        /// uncompressed.
        encoders: ByteSize = ByteSize::mib(128),
        /// Things kept that may wait to be made better in the background, such as texts for the
        /// slowest and best compression; the most often requested come first.
        improve_queue: usize = 1024,
        /// Share of one core that this takes at most, in percent, beside that it runs only where
        /// nothing else wants to. `0`: nothing is made better later.
        improve_share: u32 = 50,
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
