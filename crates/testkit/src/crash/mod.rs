//! Kills a server again and again while it keeps what it fetches on disk, and looks at every byte
//! that it serves: before, while, and after.
//!
//! Bodies follow from their URLs, so that a wrong byte shows wherever it is. Some pages change: the
//! origin has a newer version, a POST through the server says so, and from its answer on no older
//! one may come.

mod site;
mod visitor;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use site::{PAGES, Site};
use visitor::{Answer, Visitor, Wrong};

/// Visitors at once.
const VISITORS: u64 = 3;
/// What was answered so long before the end counts as written.
const FLUSHED: Duration = Duration::from_millis(300);
/// The longest a start may take, whatever else the machine does.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Ends, each at a random moment.
    pub kills: u32,
    /// Answers that were looked at byte by byte.
    pub answers: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Things that had been fetched well before an end.
    pub flushed: u64,
    /// How many of them were there after it.
    pub found: u64,
    /// Pages that were changed, purged and asked for again.
    pub changed: u64,
    /// Starts that did without the disk; none may.
    pub without_disk: u32,
    /// The slowest start, in milliseconds.
    pub slowest_start: u64,
}

/// Runs `rounds` rounds with this binary in this folder. `seed` decides what happens when.
///
/// # Errors
/// A wrong byte was served, a page was older than it may be, or a start failed: says which.
pub fn run(binary: &Path, folder: &Path, rounds: u32, seed: u64) -> Result<Report, String> {
    let site = Site::start().map_err(|error| error.to_string())?;
    let rig = Rig {
        binary: binary.to_owned(),
        config: configure(folder, &folder.join("cache"), &site)?,
        site,
    };
    let mut report = Report::default();
    let mut chance = Chance(seed | 1);
    for round in 0..rounds {
        rig.round(&mut report, &mut chance)
            .map_err(|wrong| format!("round {round}: {wrong}"))?;
    }
    // The last end is looked at too.
    let mut server = rig.start(&mut report)?;
    rig.look(&server, &mut report, &[])?;
    server.end();
    match report.without_disk {
        0 => Ok(report),
        starts => Err(format!("{starts} starts did without the disk")),
    }
}

/// Serves with a disk at `cache` that may be full, read-only or no directory at all; every byte is
/// looked at. Returns how many of the things asked for were hits when they were asked for again.
///
/// # Errors
/// Something was not served, or was wrong.
pub fn serve_on(binary: &Path, folder: &Path, cache: &Path) -> Result<(u64, u64), String> {
    serve_while(binary, folder, cache, || Ok(()))
}

/// The same, where something happens to the disk once the server has begun; it ends when what comes
/// of it is dropped.
///
/// # Errors
/// Something was not served, or was wrong.
pub fn serve_while<T>(
    binary: &Path,
    folder: &Path,
    cache: &Path,
    happens: impl FnOnce() -> Result<T, String>,
) -> Result<(u64, u64), String> {
    let site = Site::start().map_err(|error| error.to_string())?;
    let rig = Rig {
        binary: binary.to_owned(),
        config: configure(folder, cache, &site)?,
        site,
    };
    let mut server = rig.start(&mut Report::default())?;
    let happening = happens()?;
    let mut visitor = Visitor::new(server.port);
    let (mut asked, mut hits) = (0, 0);
    for only_kept in [false, true] {
        for number in 1..LOOKED_AT {
            let path = site::staying(number);
            match visitor
                .get(&path, only_kept)
                .map_err(|wrong| wrong.to_string())?
            {
                Answer::Body(body) => {
                    rig.site.verify(&path, &body, 0)?;
                    hits += u64::from(only_kept);
                }
                Answer::Nothing => {}
            }
            asked += u64::from(only_kept);
        }
    }
    drop(happening);
    server.end();
    Ok((hits, asked))
}

/// Bodies asked for where a disk is not as it should be.
const LOOKED_AT: u64 = 120;

fn configure(folder: &Path, cache: &Path, site: &Site) -> Result<PathBuf, String> {
    let file = folder.join("crash.toml");
    let text = format!(
        "[front]\nhttp = [\"127.0.0.1:0\"]\nhttps = []\n\
         [cache]\nmemory = \"16 MiB\"\nmax_entry = \"256 KiB\"\n\
         [cache.disk]\npath = \"{}\"\nsize = \"256 MiB\"\n\
         [[site]]\norigin = \"http://127.0.0.1:{}\"\n[site.access_log]\nenabled = false\n",
        cache.display(),
        site.port(),
    );
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    Ok(file)
}

struct Rig {
    binary: PathBuf,
    config: PathBuf,
    site: Site,
}

/// A running server.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    /// Ends it as `kill -9` does.
    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

impl Rig {
    /// Starts, looks at what is there, loads, and ends at a random moment.
    fn round(&self, report: &mut Report, chance: &mut Chance) -> Result<(), String> {
        let mut server = self.start(report)?;
        let stop = AtomicBool::new(false);
        let answered = Answered::default();
        let moment = Duration::from_micros(20_000 + chance.below(700_000));
        let seeds: Vec<u64> = (0..=VISITORS).map(|_| chance.next()).collect();
        let port = server.port;
        let outcome: Result<Vec<Seen>, String> = std::thread::scope(|scope| {
            let visitors: Vec<_> = seeds
                .iter()
                .take(VISITORS as usize)
                .map(|seed| scope.spawn(|| self.visit(port, Chance(*seed | 1), &stop, &answered)))
                .collect();
            let publisher =
                scope.spawn(|| self.publish(port, Chance(seeds[VISITORS as usize] | 1), &stop));
            std::thread::sleep(moment);
            server.end();
            stop.store(true, Ordering::Relaxed);
            report.changed += publisher.join().map_err(|_| "the publisher panicked")?;
            let mut seen = Vec::new();
            for visitor in visitors {
                seen.extend(visitor.join().map_err(|_| "a visitor panicked")??);
            }
            Ok(seen)
        });
        let ended = Instant::now();
        let seen = outcome?;
        report.kills += 1;
        report.answers += answered.count.load(Ordering::Relaxed);
        report.bytes += answered.bytes.load(Ordering::Relaxed);
        let mut flushed: Vec<String> = seen
            .into_iter()
            .filter(|(_, when)| ended.duration_since(*when) > FLUSHED)
            .map(|(path, _)| path)
            .collect();
        flushed.sort_unstable();
        flushed.dedup();
        let mut server = self.start(report)?;
        self.look(&server, report, &flushed)?;
        server.end();
        Ok(())
    }

    fn start(&self, report: &mut Report) -> Result<Running, String> {
        let since = Instant::now();
        let mut child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(&self.config)
            .env("NO_COLOR", "1")
            .env("FIRSTLIGHT_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut said = String::new();
        let mut heard = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let port = loop {
            let mut line = String::new();
            let read = heard.read_line(&mut line).unwrap_or(0);
            if let Some(port) = port_in(&line) {
                break port;
            }
            said.push_str(&line);
            if read == 0 || since.elapsed() > PATIENCE {
                let _ = child.kill();
                return Err(format!("it does not start: {said}"));
            }
        };
        // What it says later is of no interest, but must go somewhere.
        std::thread::spawn(move || std::io::copy(&mut heard, &mut std::io::sink()));
        report.slowest_start = report.slowest_start.max(since.elapsed().as_millis() as u64);
        report.without_disk += u32::from(said.contains("memory alone"));
        Ok(Running { child, port })
    }

    /// Asks for what should be there, without the origin; and for every page that changes.
    fn look(
        &self,
        server: &Running,
        report: &mut Report,
        flushed: &[String],
    ) -> Result<(), String> {
        let mut visitor = Visitor::new(server.port);
        for path in flushed {
            let answer = visitor.get(path, true).map_err(|wrong| wrong.to_string())?;
            report.flushed += 1;
            if let Answer::Body(body) = answer {
                report.found += 1;
                report.answers += 1;
                report.bytes += body.len() as u64;
                self.site.verify(path, &body, 0)?;
            }
        }
        for page in 0..PAGES {
            let least = self.site.least(page);
            let path = site::changing(page);
            match visitor.get(&path, false) {
                Ok(Answer::Body(body)) => self.site.verify(&path, &body, least)?,
                Ok(Answer::Nothing) => {}
                Err(wrong) => return Err(wrong.to_string()),
            }
            report.answers += 1;
        }
        Ok(())
    }

    /// Asks for this and that until the server is gone; returns what came and when.
    fn visit(
        &self,
        port: u16,
        mut chance: Chance,
        stop: &AtomicBool,
        answered: &Answered,
    ) -> Result<Vec<Seen>, String> {
        let mut visitor = Visitor::new(port);
        let mut seen = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let (path, page) = self.site.any(&mut chance);
            let least = page.map_or(0, |page| self.site.least(page));
            match visitor.get(&path, false) {
                Ok(Answer::Body(body)) => {
                    self.site.verify(&path, &body, least)?;
                    answered.count.fetch_add(1, Ordering::Relaxed);
                    answered
                        .bytes
                        .fetch_add(body.len() as u64, Ordering::Relaxed);
                    if page.is_none() {
                        seen.push((path, Instant::now()));
                    }
                }
                Ok(Answer::Nothing) => {}
                // The server ends in the middle of things: that is what this is about.
                Err(Wrong::Ended) => return Ok(seen),
                Err(wrong) => return Err(wrong.to_string()),
            }
        }
        Ok(seen)
    }

    /// Changes pages and says so, until the server is gone; returns how many.
    fn publish(&self, port: u16, mut chance: Chance, stop: &AtomicBool) -> u64 {
        let mut visitor = Visitor::new(port);
        let mut changed = 0;
        while !stop.load(Ordering::Relaxed) {
            let page = chance.below(PAGES);
            let version = self.site.change(page);
            if visitor.post(&site::changing(page)).is_err() {
                return changed;
            }
            self.site.announce(page, version);
            changed += 1;
            std::thread::sleep(Duration::from_millis(3));
        }
        changed
    }
}

/// A path that was answered, and when.
type Seen = (String, Instant);

#[derive(Default)]
struct Answered {
    count: AtomicU64,
    bytes: AtomicU64,
}

/// The port in `serving http://localhost:4711 …`.
fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("serving http://localhost:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Numbers that look random and are the same each time (xorshift).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }
}

/// For the threads of the origin.
pub(crate) type Shared<T> = Arc<T>;
