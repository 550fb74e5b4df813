//! The few questions about a TCP socket that the standard library does not ask.
#![cfg_attr(
    target_os = "linux",
    expect(
        unsafe_code,
        reason = "TCP_INFO, TCP_NOTSENT_LOWAT and poll have no safe wrapper among our dependencies"
    )
)]

use std::io;
use std::time::{Duration, Instant};

use base::ByteSize;
use pipeline::NetworkEstimate;
use tokio::net::TcpStream;

#[cfg(target_os = "linux")]
pub(super) use linux::{Descriptor, descriptor, estimate, has_room, look, set_unsent_low_water};
#[cfg(not(target_os = "linux"))]
pub(super) use other::{Descriptor, descriptor, estimate, has_room, look, set_unsent_low_water};

/// What the kernel says of the bytes of a connection at a moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// When.
    pub at: Instant,
    /// Bytes acknowledged since the beginning.
    pub acknowledged: u64,
    /// Bytes written but not sent.
    pub unsent: u64,
    /// The pace at which it sends, if it keeps one, in bytes a second.
    pub pace: u64,
    /// Payload of a full packet.
    pub packet: u64,
    /// Lowest round-trip time seen.
    pub min_rtt: Option<Duration>,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::{offset_of, size_of};
    use std::os::fd::{AsRawFd, RawFd};

    use super::{ByteSize, Duration, Instant, Look, NetworkEstimate, TcpStream, io};

    /// The number of an open socket; valid only while the socket is open.
    #[derive(Debug)]
    pub struct Descriptor(RawFd);

    #[expect(
        clippy::unnecessary_wraps,
        reason = "other systems have no descriptor to ask"
    )]
    pub fn descriptor(stream: &TcpStream) -> Option<Descriptor> {
        Some(Descriptor(stream.as_raw_fd()))
    }

    /// Sets `TCP_NOTSENT_LOWAT`, or goes back to the system's own mark; old kernels that lack it
    /// keep theirs.
    pub fn set_unsent_low_water(descriptor: &Descriptor, unsent: Option<ByteSize>) {
        let mark = unsent.map_or(0, ByteSize::bytes);
        let mark = libc::c_int::try_from(mark).unwrap_or(libc::c_int::MAX);
        // SAFETY: `mark` lives through the call and its size is passed; the caller holds the lock
        // that keeps the descriptor open.
        unsafe {
            libc::setsockopt(
                descriptor.0,
                libc::IPPROTO_TCP,
                libc::TCP_NOTSENT_LOWAT,
                (&raw const mark).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }

    /// Whether less is unsent than the low-water mark, by `poll(2)`; if not, the kernel will wake
    /// whoever waits for the socket to become writable.
    pub fn has_room(stream: &TcpStream) -> io::Result<bool> {
        let mut query = libc::pollfd {
            fd: stream.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        // SAFETY: `query` is one valid `pollfd`, one is the count passed; a time-out of 0 returns
        // at once.
        let answer = unsafe { libc::poll(&raw mut query, 1, 0) };
        match answer {
            0 => Ok(false),
            // An error or hang-up counts as room: the write will tell.
            1.. => Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::Interrupted => Ok(true),
                    _ => Err(error),
                }
            }
        }
    }

    /// Reads `TCP_INFO`. Fields that an old kernel does not fill are absent.
    pub fn estimate(descriptor: &Descriptor) -> NetworkEstimate {
        let Some(known) = Known::ask(descriptor) else {
            return NetworkEstimate::default();
        };
        let info = &known.info;
        NetworkEstimate {
            rtt: micros(info.tcpi_rtt),
            min_rtt: known.min_rtt(),
            delivery_rate: (known.fills(offset_of!(libc::tcp_info, tcpi_delivery_rate) + 8)
                && info.tcpi_delivery_rate != 0)
                .then_some(info.tcpi_delivery_rate),
            limited: known.limited || info.tcpi_snd_ssthresh >= SLOW_START,
            retransmits: info.tcpi_total_retrans,
            ..NetworkEstimate::default()
        }
    }

    /// Reads from `TCP_INFO` how far the bytes have come; `None` where the kernel does not say.
    pub fn look(descriptor: &Descriptor) -> Option<Look> {
        let known = Known::ask(descriptor)?;
        let info = &known.info;
        known
            .fills(offset_of!(libc::tcp_info, tcpi_notsent_bytes) + 4)
            .then(|| Look {
                at: Instant::now(),
                acknowledged: info.tcpi_bytes_acked,
                unsent: info.tcpi_notsent_bytes.into(),
                pace: info.tcpi_pacing_rate,
                packet: info.tcpi_snd_mss.into(),
                min_rtt: known.min_rtt(),
            })
    }

    /// The threshold of a sender that has not yet met the limit of the path.
    const SLOW_START: u32 = 0x7fff_ffff;

    /// What the kernel filled in of `tcp_info`.
    struct Known {
        info: libc::tcp_info,
        length: usize,
        limited: bool,
    }

    fn micros(value: u32) -> Option<Duration> {
        (value != 0).then(|| Duration::from_micros(value.into()))
    }

    impl Known {
        fn fills(&self, end: usize) -> bool {
            self.length >= end
        }

        /// The kernel says `u32::MAX` until it has measured one.
        fn min_rtt(&self) -> Option<Duration> {
            let filled = self.fills(offset_of!(libc::tcp_info, tcpi_min_rtt) + 4);
            micros(self.info.tcpi_min_rtt).filter(|_| filled && self.info.tcpi_min_rtt != u32::MAX)
        }

        fn ask(descriptor: &Descriptor) -> Option<Self> {
            let mut bytes = [0u8; size_of::<libc::tcp_info>()];
            let mut length = bytes.len() as libc::socklen_t;
            // SAFETY: the kernel writes at most `length` bytes into `bytes`, which has that size; the
            // caller holds the lock that keeps the descriptor open.
            let answer = unsafe {
                libc::getsockopt(
                    descriptor.0,
                    libc::IPPROTO_TCP,
                    libc::TCP_INFO,
                    bytes.as_mut_ptr().cast(),
                    &raw mut length,
                )
            };
            if answer != 0 {
                return None;
            }
            // SAFETY: as many bytes as `tcp_info` has, which is plain integers: any bytes are a value.
            let info: libc::tcp_info =
                unsafe { bytes.as_ptr().cast::<libc::tcp_info>().read_unaligned() };
            Some(Self {
                info,
                length: length as usize,
                limited: bytes[LIMITED_AT] & LIMITED != 0,
            })
        }
    }

    /// The byte of `tcp_info` that holds `tcpi_delivery_rate_app_limited`; the crate has no name for
    /// it.
    const LIMITED_AT: usize = offset_of!(libc::tcp_info, tcpi_snd_rcv_wscale) + 1;
    /// Its bit: compilers fill a byte of bit fields from the end that the byte order starts at.
    const LIMITED: u8 = if cfg!(target_endian = "little") {
        1
    } else {
        0x80
    };
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{ByteSize, Look, NetworkEstimate, TcpStream, io};

    /// Nothing to ask here.
    #[derive(Debug)]
    pub struct Descriptor;

    pub fn descriptor(_stream: &TcpStream) -> Option<Descriptor> {
        None
    }

    pub fn set_unsent_low_water(_descriptor: &Descriptor, _unsent: Option<ByteSize>) {}

    pub fn has_room(_stream: &TcpStream) -> io::Result<bool> {
        Ok(true)
    }

    pub fn estimate(_descriptor: &Descriptor) -> NetworkEstimate {
        NetworkEstimate::default()
    }

    pub fn look(_descriptor: &Descriptor) -> Option<Look> {
        None
    }
}
