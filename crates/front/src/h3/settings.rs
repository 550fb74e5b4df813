//! Settings of HTTP/3.

use std::time::Duration;

use base::ByteSize;

base::choices! {
    /// How the sending rate of a QUIC connection follows the path.
    pub enum QuicCongestion {
        /// Until something is lost, then less, then cautiously back (RFC 9438).
        Cubic = "cubic",
        /// The textbook (RFC 9002 §7).
        NewReno = "new-reno",
        /// By rate and round-trip time, after BBR: as much is under way as the path holds, and
        /// hardly anything waits in its queues.
        Bbr = "bbr",
    }
}

base::settings! {
    /// How HTTP/3 is spoken: QUIC on the UDP ports of the HTTPS addresses.
    pub struct Http3Settings {
        /// Whether HTTP/3 is spoken at all.
        enabled: bool = true,
        /// How long a browser may remember that HTTP/3 is spoken here: `ma` of the `Alt-Svc` header
        /// that answers over HTTP/1.1 and HTTP/2 then carry. `"0s"`: it is not sent, and browsers
        /// stay with HTTP/2, over which pictures come in whole first scans and browsers say which
        /// are on screen.
        advertise: Duration = Duration::ZERO,
        /// Whether responses leave in the order of what they show, as for HTTP/2.
        order: bool = true,
        /// Requests open at once on one connection. A client that gives up four times as many,
        /// and takes few responses to their end meanwhile, loses the connection.
        max_streams: u32 = 250,
        /// Handshakes under way at once from which on a client must first prove its address
        /// (a Retry, which costs it one round trip). 0: always.
        retry_above: u32 = 200,
        /// Whether a returning client's first request may come with its first packet (0-RTT).
        /// Only GET and HEAD are answered then, marked `Early-Data: 1` for the origin; others get
        /// 425 and come again (RFC 8470).
        early_data: bool = true,
        /// How the sending rate follows the path.
        congestion_control: QuicCongestion = QuicCongestion::Bbr,
        /// How much of an upload a client may send ahead, for one request.
        stream_window: ByteSize = ByteSize::kib(256),
        /// How much of all uploads of a connection a client may send ahead.
        connection_window: ByteSize = ByteSize::mib(1),
        /// How much of a streamed response is read ahead of the connection.
        read_ahead: ByteSize = ByteSize::kib(64),
        /// How much may wait in QUIC to be sent, at least: what is chosen next is chosen when less
        /// is left. On fast paths it is what leaves in 10 ms.
        unsent: ByteSize = ByteSize::kib(8),
    }
}
