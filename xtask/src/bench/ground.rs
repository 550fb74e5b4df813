//! What every bench stands on: a folder, a certificate, free ports, peers that are started, timed
//! and stopped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rcgen::PublicKeyData;
use sha2::{Digest, Sha256};

use crate::shell;

/// A folder of its own with a certificate; gone with the value.
pub struct Ground {
    folder: PathBuf,
    /// The base64 of the SHA-256 of the key in `key.pem`, by which a browser can be told to trust it.
    pub key: String,
}

impl Ground {
    /// A fresh folder with `cert.pem` and `key.pem` for `localhost`.
    ///
    /// # Errors
    /// The folder cannot be written, or no certificate could be made.
    pub fn new(name: &str) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("firstlight-{name}-{}", std::process::id()));
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| error.to_string())?;
        let key = Sha256::digest(made.signing_key.subject_public_key_info());
        let key = BASE64_STANDARD.encode(key);
        let ground = Self { folder, key };
        fs::create_dir_all(ground.path("www")).map_err(|error| error.to_string())?;
        ground.write("cert.pem", made.cert.pem())?;
        ground.write("key.pem", made.signing_key.serialize_pem())?;
        Ok(ground)
    }

    /// A path inside the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file inside the folder.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf, String> {
        let path = self.path(name);
        fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// A file of a package of npm, as text. `package` is its name, and where `@` follows, a version.
    ///
    /// # Errors
    /// The package or the file in it cannot be had.
    pub fn packed(&self, package: &str, path: &str) -> Result<String, String> {
        let mut npm = shell::command("npm", &["pack", "--silent", package]);
        npm.current_dir(&self.folder);
        let tarball = shell::output(npm)?;
        let mut tar = shell::command("tar", &["xzf", tarball.trim(), "-O"]);
        tar.arg(format!("package/{path}")).current_dir(&self.folder);
        shell::output(tar)
    }

    /// A path inside the folder as text, for configurations.
    pub fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A port nobody listens on right now.
///
/// # Errors
/// None could be had.
pub fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener
        .local_addr()
        .map_err(|error| error.to_string())?
        .port())
}

/// A server that was started for a bench; stopped with the value.
pub struct Peer {
    /// What options call it.
    pub key: &'static str,
    /// What the tables call it.
    pub name: &'static str,
    /// The version it says it has.
    pub version: String,
    /// Where it listens for HTTPS, on every address of the machine.
    pub port: u16,
    /// Whether it is asked over HTTP/3, on the UDP port of that number.
    pub http3: bool,
    child: Child,
}

impl Peer {
    /// Starts a server that will listen on a port; `name` is what the tables call it.
    ///
    /// # Errors
    /// It cannot be started, or does not listen within ten seconds.
    pub fn start(
        ground: &Ground,
        name: &'static str,
        version: String,
        port: u16,
        mut command: Command,
    ) -> Result<Self, String> {
        let heard = ground.write(&format!("{port}.log"), "")?;
        let log = File::create(&heard).map_err(|error| error.to_string())?;
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = command
            .spawn()
            .map_err(|error| format!("{name} could not be started: {error}"))?;
        let mut peer = Self {
            key: name,
            name,
            version,
            port,
            http3: false,
            child,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = !matches!(peer.child.try_wait(), Ok(None));
            if ended || Instant::now() > deadline {
                let said = fs::read_to_string(&heard).unwrap_or_default();
                let line = shell::show(&command);
                return Err(format!("{name} does not listen: `{line}`: {said}"));
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(peer)
    }

    /// Whether it is Firstlight, keeping the order of bytes.
    pub fn is_ordered(&self) -> bool {
        ["firstlight", "http3"].contains(&self.key)
    }

    /// Processor time of the server and its children so far, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        let own = self.child.id();
        let ticks: u64 = family(own).into_iter().map(process_ticks).sum();
        ticks as f64 / 100.0 // USER_HZ is 100 on every Linux this runs on.
    }

    /// What the server and its children have in memory, in MB. What processes share is divided
    /// among them (PSS): a child that is just being started has all of its parent's.
    pub fn memory(&self) -> f64 {
        let shares = family(self.child.id()).into_iter().map(|process| {
            let path = format!("/proc/{process}/smaps_rollup");
            let rollup = fs::read_to_string(path).unwrap_or_default();
            let line = rollup.lines().find(|line| line.starts_with("Pss:"));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
                .unwrap_or_default()
        });
        shares.sum::<f64>() * 1.024 / 1000.0
    }

    /// Keeps the server, with its children, on these processors.
    ///
    /// # Errors
    /// `taskset` is missing or refused.
    pub fn pin(&self, processors: &str) -> Result<(), String> {
        for process in family(self.child.id()) {
            let process = process.to_string();
            shell::output(shell::command("taskset", &["-apc", processors, &process]))?;
        }
        Ok(())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A gentle end lets a server take its own children along.
        for process in family(self.child.id()).into_iter().rev() {
            let _ = Command::new("kill")
                .arg(process.to_string())
                .stderr(Stdio::null())
                .status();
        }
        let deadline = Instant::now() + Duration::from_secs(3);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process and all that descend from it. A child belongs to the thread that started it.
fn family(parent: u32) -> Vec<u32> {
    let mut members = vec![parent];
    let mut place = 0;
    while let Some(process) = members.get(place).copied() {
        place += 1;
        let threads = fs::read_dir(format!("/proc/{process}/task"));
        for thread in threads.into_iter().flatten().flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace();
            members.extend(children.filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    members
}

fn process_ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Fields 14 and 15 (proc(5)), counted from behind the program's name in parentheses.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum()
}

/// The release build of Firstlight, made first unless another one is named.
///
/// # Errors
/// It does not build.
pub fn binary(named: Option<&Path>) -> Result<PathBuf, String> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    shell::run(shell::cargo(&[
        "build",
        "--release",
        "--package",
        "firstlight",
    ]))?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| shell::root().join("target"), PathBuf::from);
    Ok(target.join("release/firstlight"))
}

/// The middle value; of an even number the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

/// The conditions every table names: processors, kernel, load.
pub fn conditions() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let control =
        fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = load.split_whitespace().next().unwrap_or_default();
    format!(
        "{processors} processors, Linux {}, congestion control {}, load {load}",
        kernel.trim(),
        control.trim()
    )
}
