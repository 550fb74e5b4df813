//! Settings of HTTP/2.

use base::ByteSize;

base::settings! {
    /// How HTTP/2 is spoken, and how finely the order of bytes is kept.
    pub struct Http2Settings {
        /// Whether responses leave in the order of what they show. Off: plain HTTP/2, every
        /// response as soon as it is there, whatever the client said of its priority.
        order: bool = true,
        /// Whether browsers that say which pictures are on screen teach the order for those that
        /// do not. Which pictures of a page were on screen is then remembered, in memory and as
        /// hashes.
        learn: bool = true,
        /// Requests open at once on one connection. A client that gives up four times as many,
        /// and takes few responses to their end meanwhile, loses the connection.
        max_streams: u32 = 250,
        /// Streams that may be reset while their request still waits to be looked at; a client
        /// that goes beyond loses the connection.
        max_resets: u32 = 32,
        /// How much of an upload a client may send ahead, for one request.
        stream_window: ByteSize = ByteSize::kib(256),
        /// How much of all uploads of a connection a client may send ahead.
        connection_window: ByteSize = ByteSize::mib(1),
        /// How much of a streamed response is read ahead of the connection.
        read_ahead: ByteSize = ByteSize::kib(64),
        /// How much the kernel may hold unsent at least: what is chosen next is chosen when less is
        /// left. On a fast connection it is what leaves in 40 ms.
        unsent: ByteSize = ByteSize::kib(16),
    }
}
