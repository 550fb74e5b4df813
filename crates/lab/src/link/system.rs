//! What the link asks of the kernel that the standard library has no words for.
#![expect(
    unsafe_code,
    reason = "TUN devices, namespaces and poll are system calls"
)]

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// Opens a new TUN device (plain IP packets, no header before them) that does not block.
/// `name` is at most 15 bytes; the device lives as long as the file.
pub fn open_tun(name: &str) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")?;
    // SAFETY: `ifreq` is plain data for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero and ends the name.
    let room = request.ifr_name.len() - 1;
    for (place, byte) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open, and TUNSETIFF reads and writes one `ifreq`, which lives
    // through the call.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    check(result).map(|_| file)
}

/// Waits until one of the files can be read or the time is up; says for each whether it can.
pub fn wait_readable<const COUNT: usize>(
    files: [BorrowedFd<'_>; COUNT],
    limit: Option<Duration>,
) -> io::Result<[bool; COUNT]> {
    let mut polled = files.map(|file| libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    });
    let limit = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: `polled` holds `COUNT` entries with open descriptors, `limit` is null or points to
    // a `timespec` that lives through the call, and a null signal mask leaves the mask alone.
    let result = unsafe {
        libc::ppoll(
            polled.as_mut_ptr(),
            COUNT as libc::nfds_t,
            limit,
            std::ptr::null(),
        )
    };
    match check(result) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok([false; COUNT]),
        Err(error) => Err(error),
        Ok(_) => Ok(polled.map(|entry| entry.revents != 0)),
    }
}

/// Moves the calling thread into a network namespace, for good.
pub fn enter_namespace(namespace: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open; `setns` changes nothing but the calling thread.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// Lets the calling thread run as soon as it has work and wakes it to the microsecond. Without
/// the right to do so it stays as it was.
pub fn hurry() {
    // Above whatever is run with the lowest real-time priority to be measured.
    let parameters = libc::sched_param { sched_priority: 2 };
    // SAFETY: both calls change only the calling thread's scheduling; `parameters` lives through
    // the first.
    unsafe {
        libc::sched_setscheduler(0, libc::SCHED_RR, &raw const parameters);
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64, 0_u64, 0_u64, 0_u64);
    }
}

/// Sets a socket's congestion control (`TCP_CONGESTION`), `bbr`, `cubic` or `reno`. A listener's
/// is inherited by what it accepts.
///
/// # Errors
/// The kernel's: `NotFound` where it has no such algorithm.
pub fn set_congestion_control(socket: &impl AsRawFd, name: &str) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `name`, which the kernel only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_CONGESTION,
            name.as_ptr().cast(),
            name.len() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Bounds what the kernel holds unsent of a connection (`TCP_NOTSENT_LOWAT`), so that what is sent
/// next is chosen late. A listener's bound is inherited by what it accepts.
///
/// # Errors
/// The kernel's.
pub fn set_unsent_limit(socket: &impl AsRawFd, bytes: u32) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `bytes`, which the kernel only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_NOTSENT_LOWAT,
            (&raw const bytes).cast(),
            size_of::<u32>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Bounds what a socket may receive ahead, and with it what the other end may have on its way
/// (`SO_RCVBUFFORCE`: beyond the system's limit, as root may). A listener's bound is inherited by
/// what it accepts.
pub fn set_receive_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
    // SAFETY: the pointer and the length describe `bytes`, which the kernel only reads.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            (&raw const bytes).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// Whether the process runs as root.
pub fn is_root() -> bool {
    // SAFETY: the call has no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
