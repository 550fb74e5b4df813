//! The origin: bodies that follow from their paths, and pages that change.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Chance, Shared};

/// Pages that change.
pub(super) const PAGES: u64 = 24;
/// Bodies that stay as they are.
const BODIES: u64 = 300;
/// Every so many of them is too large for memory.
const LARGE: u64 = 40;

pub(super) struct Site {
    port: u16,
    pages: Shared<Vec<Page>>,
}

/// A page that changes.
#[derive(Default)]
struct Page {
    /// What the origin serves.
    version: AtomicU64,
    /// What may be served at least.
    least: AtomicU64,
}

impl Site {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let pages: Shared<Vec<Page>> = Shared::new((0..PAGES).map(|_| Page::default()).collect());
        let served = pages.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pages = served.clone();
                std::thread::spawn(move || drop(serve(&stream, &pages)));
            }
        });
        Ok(Self { port, pages })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Something to ask for, and which page that is if it changes.
    pub(super) fn any(&self, chance: &mut Chance) -> (String, Option<u64>) {
        if chance.below(4) == 0 {
            let page = chance.below(PAGES);
            return (changing(page), Some(page));
        }
        // Some are asked for more often than others.
        let number = chance.below(BODIES).min(chance.below(BODIES));
        (staying(number), None)
    }

    /// A page is another from now on at the origin; returns its version.
    pub(super) fn change(&self, page: u64) -> u64 {
        let page = &self.pages[page as usize];
        page.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The server knows that a page is of this version.
    pub(super) fn announce(&self, page: u64, version: u64) {
        let page = &self.pages[page as usize];
        page.least.fetch_max(version, Ordering::SeqCst);
    }

    /// The oldest version of a page that may be served now.
    pub(super) fn least(&self, page: u64) -> u64 {
        self.pages[page as usize].least.load(Ordering::SeqCst)
    }

    /// Whether a body is what it must be; of a page no older than `least`.
    pub(super) fn verify(&self, path: &str, body: &[u8], least: u64) -> Result<(), String> {
        verify(path, body, least)
    }
}

/// A body that stays as it is.
pub(super) fn staying(number: u64) -> String {
    format!("/body/{number}")
}

pub(super) fn changing(page: u64) -> String {
    format!("/page/{page}")
}

pub(super) fn verify(path: &str, body: &[u8], least: u64) -> Result<(), String> {
    let expected = if path.starts_with("/page/") {
        let version = body.get(..8).and_then(|bytes| bytes.try_into().ok());
        let version = u64::from_le_bytes(version.ok_or(format!("{path} is too short"))?);
        if version < least {
            return Err(format!("{path} is of version {version}, not of {least}"));
        }
        page(path, version)
    } else {
        self::body(path)
    };
    match expected == body {
        true => Ok(()),
        false => Err(format!(
            "{path} is wrong: {} bytes of {}, first difference at {:?}",
            body.len(),
            expected.len(),
            expected
                .iter()
                .zip(body)
                .position(|(one, other)| one != other)
        )),
    }
}

/// The bytes of a path.
fn body(path: &str) -> Vec<u8> {
    let number: u64 = path
        .rsplit('/')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let mut chance = Chance(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let length = match number % LARGE {
        0 => 400_000 + chance.below(2_000_000),
        _ => 200 + chance.below(30_000),
    };
    bytes(&mut chance, length)
}

/// The bytes of a page of this version; they begin with it.
fn page(path: &str, version: u64) -> Vec<u8> {
    let number: u64 = path
        .rsplit('/')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let mut chance = Chance((number << 32 | version).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let length = 3000 + chance.below(5000);
    [&version.to_le_bytes()[..], &bytes(&mut chance, length)].concat()
}

fn bytes(chance: &mut Chance, length: u64) -> Vec<u8> {
    let words = length.div_ceil(8);
    let mut bytes: Vec<u8> = (0..words)
        .flat_map(|_| chance.next().to_le_bytes())
        .collect();
    bytes.truncate(length as usize);
    bytes
}

/// Answers requests on one connection.
fn serve(stream: &TcpStream, pages: &[Page]) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = match path
            .strip_prefix("/page/")
            .and_then(|page| page.parse().ok())
        {
            Some(number) => {
                let version = pages
                    .get::<usize>(number)
                    .map_or(0, |page| page.version.load(Ordering::SeqCst));
                page(&path, version)
            }
            None => self::body(&path),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
             Cache-Control: max-age=86400\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(&[head.as_bytes(), &body].concat())?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_byte_is_found() {
        for path in ["/body/3", "/body/40"] {
            let right = body(path);
            assert_eq!(verify(path, &right, 0), Ok(()));
            let mut wrong = right.clone();
            wrong[100] ^= 1;
            assert!(verify(path, &wrong, 0).is_err());
            assert!(verify(path, &right[1..], 0).is_err());
            assert!(verify("/body/4", &right, 0).is_err());
        }
    }

    #[test]
    fn an_old_page_is_found() {
        let body = page("/page/3", 7);
        assert_eq!(verify("/page/3", &body, 7), Ok(()));
        assert!(verify("/page/3", &body, 8).is_err());
        assert!(verify("/page/4", &body, 7).is_err());
    }
}
