//! An emulated link: two TUN devices, one of them in a network namespace of its own, joined by a
//! thread that carries packets at the rate, with the delay and the queue of a [`Profile`].
//!
//! Both ends run the kernel's own TCP. Needs root, `/dev/net/tun` and `ip` (package iproute2).

mod measure;
mod meter;
mod passage;
mod queue;
mod system;
mod wire;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub use measure::{Direction, measure_goodput, measure_round_trip};
pub use meter::Meter;
pub use passage::{Passage, Passages};
pub use system::{set_congestion_control, set_unsent_limit};

use crate::Profile;
use wire::Wire;

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Devices and namespaces are root's.
    #[error("an emulated link needs root")]
    NotRoot,
    /// A part of the system is not there.
    #[error("an emulated link needs {what}")]
    Unavailable {
        /// What is missing and how to get it.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// `ip` refused.
    #[error("`ip {arguments}` failed: {message}")]
    Command {
        /// What it was asked.
        arguments: String,
        /// What it said.
        message: String,
    },
    /// A file or a thread of the link failed.
    #[error("the emulated link failed")]
    System(#[from] io::Error),
}

impl LinkError {
    /// Whether the machine lacks something, so that a test should skip rather than fail.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotRoot | Self::Unavailable { .. })
    }
}

/// A link between this process and a namespace for clients. Dropping it removes devices and
/// namespace.
pub struct Link {
    profile: Profile,
    namespace: String,
    client: Ipv4Addr,
    server: Ipv4Addr,
    counters: Arc<Counters>,
    passages: Passages,
    stop: Option<UnixStream>,
    worker: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Counters {
    down_bytes: AtomicU64,
    up_bytes: AtomicU64,
    dropped: AtomicU64,
}

/// What a link has carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Bytes that arrived at the client, packet headers included.
    pub down_bytes: u64,
    /// Bytes that arrived at the server.
    pub up_bytes: u64,
    /// Packets dropped in either direction.
    pub dropped_packets: u64,
}

static NEXT: AtomicU32 = AtomicU32::new(0);
const NAMESPACES: &str = "/run/netns";
const PREFIX: &str = "firstlight-";

impl Link {
    /// Puts up a link. It is ready when this returns.
    ///
    /// # Errors
    /// [`LinkError::NotRoot`] and [`LinkError::Unavailable`] where the machine cannot have one
    /// (see [`LinkError::is_missing`]); otherwise what went wrong.
    pub fn new(profile: Profile) -> Result<Self, LinkError> {
        if !system::is_root() {
            return Err(LinkError::NotRoot);
        }
        remove_left_behind();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let name = |end: &str| format!("fl{}{end}{number}", process % 10_000_000);
        let (outer_name, inner_name) = (name("s"), name("c"));
        let outer = open_device(&outer_name)?;
        let inner = open_device(&inner_name)?;
        let (server, client) = free_addresses(process, number)?;
        let mut link = Self {
            profile,
            namespace: format!("{PREFIX}{process}-{number}"),
            client,
            server,
            counters: Arc::default(),
            passages: Passages::default(),
            stop: None,
            worker: None,
        };
        link.configure(&outer_name, &inner_name)?;
        link.start(outer, inner)?;
        Ok(link)
    }

    /// The address of this process's end: where a server listens.
    pub fn server_address(&self) -> Ipv4Addr {
        self.server
    }

    /// The address of the client's end.
    pub fn client_address(&self) -> Ipv4Addr {
        self.client
    }

    /// What the link does.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The namespace's name, as `ip netns` knows it.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A command that will run in the client's namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(program);
        command
    }

    /// Runs a closure on a thread in the client's namespace and waits for it. Sockets opened
    /// there are the client's; a runtime must be made inside, with no thread but the current.
    ///
    /// # Errors
    /// [`LinkError::System`] when the namespace cannot be entered. A panic is passed on.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LinkError> {
        let namespace = File::open(format!("{NAMESPACES}/{}", self.namespace))?;
        let joined = std::thread::scope(|scope| {
            scope
                .spawn(|| system::enter_namespace(&namespace).map(|()| work()))
                .join()
        });
        match joined {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// What the link has carried so far.
    pub fn carried(&self) -> Carried {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Carried {
            down_bytes: read(&self.counters.down_bytes),
            up_bytes: read(&self.counters.up_bytes),
            dropped_packets: read(&self.counters.dropped),
        }
    }

    /// Begins to write down when each packet that arrives at the client had left the server.
    pub fn passages(&self) -> Passages {
        self.passages.begin();
        self.passages.clone()
    }

    /// Begins to write down what arrives at the client.
    ///
    /// # Errors
    /// [`LinkError::System`] when no thread can be had.
    pub fn meter(&self) -> Result<Meter, LinkError> {
        Ok(Meter::start(Arc::clone(&self.counters))?)
    }

    fn configure(&self, outer: &str, inner: &str) -> Result<(), LinkError> {
        let namespace = self.namespace.as_str();
        let (server, client) = (format!("{}/30", self.server), format!("{}/30", self.client));
        ip(&["netns", "add", namespace])?;
        ip(&["link", "set", inner, "netns", namespace])?;
        ip(&["address", "add", &server, "dev", outer])?;
        ip(&["link", "set", outer, "mtu", "1500", "up"])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&["-n", namespace, "address", "add", &client, "dev", inner])?;
        ip(&["-n", namespace, "link", "set", inner, "mtu", "1500", "up"])
    }

    fn start(&mut self, outer: File, inner: File) -> Result<(), LinkError> {
        let (stop, stopped) = UnixStream::pair()?;
        let profile = self.profile;
        let seed = profile.seed.wrapping_mul(2);
        let carrier = Carrier {
            outer,
            inner,
            stopped,
            down: Wire::new(profile.down_kbit, profile.down_loss, &profile, seed + 1),
            up: Wire::new(profile.up_kbit, profile.up_loss, &profile, seed + 2),
            zero: Instant::now(),
            counters: Arc::clone(&self.counters),
            passages: self.passages.clone(),
        };
        self.stop = Some(stop);
        let thread = std::thread::Builder::new().name("link".into());
        self.worker = Some(thread.spawn(move || carrier.carry())?);
        Ok(())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // The worker ends when its end of the pair is closed, and its devices with it.
        self.stop = None;
        if let Some(worker) = self.worker.take() {
            // It panics only if it has a bug, which the test's own checks then show.
            let _ = worker.join();
        }
        // A namespace still in use by a child goes with the child; the name goes now.
        let _ = ip(&["netns", "delete", &self.namespace]);
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("namespace", &self.namespace)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// The thread between the devices.
struct Carrier {
    outer: File,
    inner: File,
    stopped: UnixStream,
    down: Wire,
    up: Wire,
    zero: Instant,
    counters: Arc<Counters>,
    passages: Passages,
}

impl Carrier {
    fn carry(mut self) {
        system::hurry();
        let mut packet = vec![0; 65_536];
        loop {
            let now = self.zero.elapsed();
            let next = [self.down.next_arrival(), self.up.next_arrival()];
            let limit = next
                .into_iter()
                .flatten()
                .min()
                .map(|arrival| arrival.saturating_sub(now));
            let files = [self.outer.as_fd(), self.inner.as_fd(), self.stopped.as_fd()];
            let Ok([from_server, from_client, stopped]) = system::wait_readable(files, limit)
            else {
                return;
            };
            if stopped {
                return;
            }
            if from_server {
                drain(&mut self.outer, &mut self.down, self.zero, &mut packet);
            }
            if from_client {
                drain(&mut self.inner, &mut self.up, self.zero, &mut packet);
            }
            let counters = &self.counters;
            let (zero, passages) = (self.zero, &self.passages);
            let down = &counters.down_bytes;
            deliver(&mut self.down, &mut self.inner, zero, down, |left| {
                passages.note(zero + left);
            });
            let up = &counters.up_bytes;
            deliver(&mut self.up, &mut self.outer, zero, up, |_| {});
            let dropped = self.down.dropped() + self.up.dropped();
            counters.dropped.store(dropped, Ordering::Relaxed);
        }
    }
}

/// Takes what the device has; bounded, so that due packets are not kept waiting.
fn drain(device: &mut File, wire: &mut Wire, zero: Instant, packet: &mut [u8]) {
    for _ in 0..64 {
        match device.read(packet) {
            Ok(size) if size > 0 => wire.offer(zero.elapsed(), packet[..size].to_vec()),
            _ => return,
        }
    }
}

fn deliver(
    wire: &mut Wire,
    device: &mut File,
    zero: Instant,
    counter: &AtomicU64,
    note: impl Fn(Duration),
) {
    while let Some((left, packet)) = wire.arrived(zero.elapsed()) {
        note(left);
        // A device that is going down loses packets, as cables do.
        if device.write(&packet).is_ok() {
            counter.fetch_add(packet.len() as u64, Ordering::Relaxed);
        }
    }
}

fn open_device(name: &str) -> Result<File, LinkError> {
    system::open_tun(name).map_err(|source| LinkError::Unavailable {
        what: "TUN devices (`/dev/net/tun` and the right to use it)",
        source,
    })
}

/// Two addresses of a network of four that no device has: from 198.18.0.0/15, set aside for
/// tests of this kind (RFC 2544).
fn free_addresses(process: u32, number: u32) -> Result<(Ipv4Addr, Ipv4Addr), LinkError> {
    let taken = ip_output(&["-4", "-oneline", "address", "show"])?;
    for attempt in 0..64 {
        let network = process
            .wrapping_mul(8)
            .wrapping_add(number)
            .wrapping_add(attempt * 997)
            % (1 << 15);
        let address = |host: u32| Ipv4Addr::from_bits(0xc612_0000 + network * 4 + host);
        if !taken.contains(&format!(" {}/", address(1))) {
            return Ok((address(1), address(2)));
        }
    }
    Err(LinkError::System(io::Error::from(io::ErrorKind::AddrInUse)))
}

/// Removes the namespaces of processes that ended without doing so.
fn remove_left_behind() {
    let Ok(entries) = fs::read_dir(NAMESPACES) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
            .and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !fs::exists(format!("/proc/{process}")).unwrap_or(true)) {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), LinkError> {
    ip_output(arguments).map(drop)
}

fn ip_output(arguments: &[&str]) -> Result<String, LinkError> {
    let output = Command::new("ip").args(arguments).output();
    let output = output.map_err(|source| LinkError::Unavailable {
        what: "the command `ip` (package iproute2)",
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LinkError::Command {
        arguments: arguments.join(" "),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests;
