//! How much is kept, and where.

use std::path::PathBuf;

use base::ByteSize;

base::settings! {
    /// What is kept of responses and pictures.
    pub struct StoreSettings {
        /// Memory for everything that is kept, bodies and headers together, and for knowing what
        /// is on disk. What is still on its way takes a quarter as much at most.
        memory: ByteSize = ByteSize::mib(256),
        /// The largest single thing that is kept in memory; larger ones are kept on disk, if there
        /// is one, and else pass through.
        max_entry: ByteSize = ByteSize::mib(16),
        /// How many variants of one URL are kept; the oldest makes room for the next.
        max_variants: u32 = 64,
        /// What is kept on disk, so that a restart loses nothing.
        disk: DiskSettings = DiskSettings::default(),
    }
}

base::settings! {
    /// The disk behind the memory. Where it cannot be written the cache does without it, and a
    /// warning says so.
    pub struct DiskSettings {
        /// Whether a disk is used. It takes a path, or a state directory.
        enabled: bool = true,
        /// The directory; one process only. Not set: `cache` in the state directory (`front.state`),
        /// and no disk where there is none. Whatever is in it may be lost at any time.
        path: Option<PathBuf> = None,
        /// The room it may take, in whole blocks of 4 KiB.
        size: ByteSize = ByteSize::mib(4096),
        /// The largest single thing that is kept there.
        max_entry: ByteSize = ByteSize::mib(1024),
        /// Memory for what waits to be written. While a slow disk leaves no room there, what comes
        /// is not kept on it.
        queue: ByteSize = ByteSize::mib(32),
    }
}
