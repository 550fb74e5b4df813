//! Clients that ask for one thing after another over HTTP/1.1, as many at once as there are
//! clients, and a look at the memory of whoever answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::ground::Peer;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the memory.
const LOOKS: Duration = Duration::from_millis(50);
/// The longest line of a response's head.
const LINE: u64 = 16 << 10;

/// How much is asked for.
#[derive(Clone, Copy)]
pub enum Until {
    /// As much as there is time for.
    Elapsed(Duration),
    /// So many requests.
    Asked(usize),
}

/// What is asked for, and how.
pub struct Load<'a> {
    /// Where it is asked for, on loopback.
    pub port: u16,
    /// How many clients; each has one request in flight.
    pub clients: usize,
    /// When it ends.
    pub until: Until,
    /// The target and the value of `Accept` of the request of this number. Numbers are given out
    /// once, whichever client takes them.
    pub request: &'a (dyn Fn(usize) -> (String, &'static str) + Sync),
    /// Content types that are right.
    pub types: &'a [&'a str],
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests that were answered as they should be.
    pub requests: usize,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Seconds from the first request to the last answer.
    pub seconds: f64,
}

impl Load<'_> {
    /// Asks.
    ///
    /// # Errors
    /// An answer is none, has another status than 200, or another type.
    pub fn run(&self) -> Result<Tally, String> {
        let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let start = Instant::now();
        let tallies = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..self.clients)
                .map(|_| {
                    scope.spawn(|| {
                        let tally = self.one_client(&next, &failed, start);
                        failed.fetch_or(tally.is_err(), Ordering::Relaxed);
                        tally
                    })
                })
                .collect();
            clients
                .into_iter()
                .map(|client| {
                    client
                        .join()
                        .unwrap_or_else(|_| Err("a client fell".into()))
                })
                .collect::<Result<Vec<_>, _>>()
        })?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(tallies.iter().fold(
            Tally {
                seconds,
                ..Tally::default()
            },
            |sum, tally| Tally {
                requests: sum.requests + tally.requests,
                bytes: sum.bytes + tally.bytes,
                ..sum
            },
        ))
    }

    fn one_client(
        &self,
        next: &AtomicUsize,
        failed: &AtomicBool,
        start: Instant,
    ) -> Result<Tally, String> {
        let mut tally = Tally::default();
        let mut connection = None;
        while !failed.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let over = match self.until {
                Until::Elapsed(time) => start.elapsed() >= time,
                Until::Asked(most) => number >= most,
            };
            if over {
                break;
            }
            let (target, accept) = (self.request)(number);
            let mut stream = match connection.take() {
                Some(stream) => stream,
                None => connect(self.port).map_err(|error| error.to_string())?,
            };
            let answer = ask(&mut stream, &target, accept)
                .map_err(|error| format!("`{target}` was not answered: {error}"))?;
            let right = self.types.iter().any(|kind| answer.kind == *kind);
            if answer.status != 200 || !right {
                let Answer { status, kind, .. } = answer;
                return Err(format!("`{target}` was answered {status} `{kind}`"));
            }
            tally.requests += 1;
            tally.bytes += answer.bytes;
            if !answer.closes {
                connection = Some(stream);
            }
        }
        Ok(tally)
    }
}

/// Does something, and looks at a server's memory meanwhile: what came of it, and the most that
/// the server and its children had at once, in MB.
pub fn watched<T: Send>(peer: &Peer, work: impl FnOnce() -> T + Send) -> (T, f64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = peer.memory();
            while !done.load(Ordering::Relaxed) {
                std::thread::park_timeout(LOOKS);
                most = most.max(peer.memory());
            }
            most
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        (result, watcher.join().unwrap_or(f64::NAN))
    })
}

struct Answer {
    status: u16,
    kind: String,
    bytes: u64,
    closes: bool,
}

fn connect(port: u16) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::with_capacity(64 << 10, stream))
}

/// Asks for one thing, and reads it to its end.
fn ask(stream: &mut BufReader<TcpStream>, target: &str, accept: &str) -> std::io::Result<Answer> {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes())?;
    let garbage = || std::io::Error::other("it is no response");
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut answer = Answer {
        status: status.ok_or_else(garbage)?,
        kind: String::new(),
        bytes: 0,
        closes: false,
    };
    let (mut length, mut chunked) = (None, false);
    loop {
        let line = line(stream)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default();
                answer.kind = kind.trim().to_owned();
            }
            "content-length" => length = Some(value.parse().map_err(|_| garbage())?),
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "connection" => answer.closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    answer.bytes = match length {
        Some(length) => skip(stream, length)?,
        None if chunked => chunks(stream)?,
        None => {
            answer.closes = true;
            skip(stream, u64::MAX)?
        }
    };
    match length {
        Some(length) if answer.bytes < length => Err(garbage()),
        _ => Ok(answer),
    }
}

fn line(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut line = String::new();
    stream.by_ref().take(LINE).read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(std::io::Error::other("it ended early")),
    }
}

fn skip(stream: &mut BufReader<TcpStream>, length: u64) -> std::io::Result<u64> {
    std::io::copy(&mut stream.by_ref().take(length), &mut std::io::sink())
}

fn chunks(stream: &mut BufReader<TcpStream>) -> std::io::Result<u64> {
    let mut bytes = 0;
    loop {
        let size = line(stream)?;
        let size = u64::from_str_radix(&size, 16).map_err(std::io::Error::other)?;
        bytes += skip(stream, size)?;
        line(stream)?;
        if size == 0 {
            return Ok(bytes);
        }
    }
}
