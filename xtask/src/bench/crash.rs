//! `kill -9` at random moments while the server keeps what it fetches on disk: every byte it serves
//! before and after is looked at. `--times 200` is the run the documentation speaks of.

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use testkit::crash;

use super::Options;
use super::ground::{self, Ground};
use crate::shell::{self, Outcome};

/// Runs it as many times as the options say.
pub fn run(options: &Options) -> Outcome {
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("crash")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = now.map_or(1, |now| now.as_nanos() as u64);
    println!("seed {seed}");
    let since = Instant::now();
    let rounds = u32::try_from(options.times).unwrap_or(u32::MAX);
    let report = crash::run(&binary, &ground.path(""), rounds, seed)?;
    if options.json {
        let line = serde_json::json!({
            "bench": "crash", "kills": report.kills, "answers": report.answers,
            "bytes": report.bytes, "flushed": report.flushed, "found": report.found,
            "changed": report.changed, "slowest_start_ms": report.slowest_start,
        });
        println!("{line}");
    } else {
        println!(
            "{} kills in {} s: {} answers with {} MB looked at, none wrong; {} pages changed",
            report.kills,
            since.elapsed().as_secs(),
            report.answers,
            report.bytes / 1_000_000,
            report.changed,
        );
        println!(
            "of {} things fetched more than 0.3 s before a kill, {} were there after it; slowest \
             start {} ms",
            report.flushed, report.found, report.slowest_start,
        );
    }
    disks(&binary, &ground)?;
    match report.found * 10 >= report.flushed * 9 {
        true => Ok(()),
        false => Err("more than a tenth of what was fetched was lost".into()),
    }
}

/// A full disk and a read-only one, where this may mount them: everything is served all the same.
fn disks(binary: &Path, ground: &Ground) -> Outcome {
    for (name, options, then) in [
        ("a full disk", "size=1m", None),
        ("a read-only disk", "size=64m", Some("remount,ro")),
    ] {
        let disk = match Mounted::new(ground, options, then) {
            Ok(disk) => disk,
            Err(why) => {
                shell::skip(name, &why);
                continue;
            }
        };
        let (hits, asked) = crash::serve_on(binary, &ground.path(""), &disk.0.join("cache"))?;
        println!("{name}: all served, none wrong; {hits} of {asked} hits");
    }
    slow_disk(binary, ground)
}

/// A disk on which no write ends while visitors come, where this may freeze one.
fn slow_disk(binary: &Path, ground: &Ground) -> Outcome {
    let name = "a disk on which writes do not end";
    let disk = match Mounted::loopback(ground) {
        Ok(disk) => disk,
        Err(why) => {
            shell::skip(name, &why);
            return Ok(());
        }
    };
    let freeze = || Frozen::new(&disk.0);
    let (hits, asked) =
        crash::serve_while(binary, &ground.path(""), &disk.0.join("cache"), freeze)?;
    println!("{name}: all served, none wrong; {hits} of {asked} hits");
    Ok(())
}

/// A file system whose writes wait until this is dropped.
struct Frozen(PathBuf);

impl Frozen {
    fn new(path: &Path) -> Result<Self, String> {
        let mut freeze = shell::command("fsfreeze", &["-f"]);
        freeze.arg(path);
        shell::output(freeze)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let mut thaw = shell::command("fsfreeze", &["-u"]);
        thaw.arg(&self.0);
        let _ = shell::output(thaw);
    }
}

/// A small file system in memory; unmounted with the value.
struct Mounted(PathBuf);

impl Mounted {
    fn new(ground: &Ground, options: &str, then: Option<&str>) -> Result<Self, String> {
        let path = ground.path("disk");
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        let mount = |options: &str| {
            let mut mount = shell::command("mount", &["-t", "tmpfs", "-o", options, "tmpfs"]);
            mount.arg(&path);
            shell::output(mount).map(drop)
        };
        mount(options)?;
        let mounted = Self(path.clone());
        if let Some(then) = then {
            mount(then)?;
        }
        Ok(mounted)
    }
}

impl Mounted {
    /// One on a file, which can be frozen.
    fn loopback(ground: &Ground) -> Result<Self, String> {
        let (path, image) = (ground.path("frozen"), ground.path("frozen.image"));
        std::fs::create_dir_all(&path).map_err(|error| error.to_string())?;
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(64 << 20).map_err(|error| error.to_string())?;
        let mut make = shell::command("mkfs.ext4", &["-q", "-F"]);
        make.arg(&image);
        shell::output(make)?;
        let mut mount = shell::command("mount", &["-o", "loop"]);
        mount.arg(&image).arg(&path);
        shell::output(mount)?;
        Ok(Self(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut unmount = shell::command("umount", &["-l"]);
        unmount.arg(&self.0);
        let _ = shell::output(unmount);
    }
}
