//! A bucket that speaks as much of S3 as a store behind needs, in memory; and that fails as told.
//! Signatures are not looked at.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Most bytes of a request.
const MOST: usize = 64 << 20;

/// How a bucket answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    #[default]
    Well,
    /// Always with this status.
    Status(u16),
    /// With bytes that are no HTTP.
    Garbage,
    /// Not at all; the connection stays.
    Never,
    /// With other bytes than were put, under the right names.
    Damaged,
    /// It promises more bytes than anybody has.
    Huge,
}

/// A bucket named `bucket` on a free port, for as long as it lives.
pub struct Bucket {
    address: SocketAddr,
    shared: Arc<Shared>,
    worker: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    objects: Mutex<BTreeMap<String, Object>>,
    mood: Mutex<Mood>,
    asked: AtomicU64,
    count: AtomicU64,
}

#[derive(Clone)]
struct Object {
    tag: String,
    expires: Option<String>,
    bytes: Vec<u8>,
}

struct Asked {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Bucket {
    /// Starts on loopback.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let served = shared.clone();
        let worker = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = served.clone();
                tokio::spawn(async move {
                    // A client that leaves is no failure.
                    let _ = serve(stream, &shared).await;
                });
            }
        });
        Ok(Self {
            address,
            shared,
            worker,
        })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/bucket", self.address)
    }

    /// From now on it answers so.
    pub fn set_mood(&self, mood: Mood) {
        *lock(&self.shared.mood) = mood;
    }

    /// How many requests have come.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// The names of what is in it.
    pub fn names(&self) -> Vec<String> {
        lock(&self.shared.objects).keys().cloned().collect()
    }

    /// Changes one byte in the middle of everything whose name begins so. Returns how many things
    /// that were.
    pub fn damage(&self, prefix: &str) -> usize {
        let mut objects = lock(&self.shared.objects);
        let chosen = objects
            .iter_mut()
            .filter(|(name, _)| name.starts_with(prefix));
        let mut count = 0;
        for (_, object) in chosen {
            let middle = object.bytes.len() / 2;
            if let Some(byte) = object.bytes.get_mut(middle) {
                *byte ^= 1;
                count += 1;
            }
        }
        count
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut held = Vec::new();
    while let Some(asked) = read(&mut stream, &mut held).await? {
        shared.asked.fetch_add(1, Ordering::SeqCst);
        let mood = *lock(&shared.mood);
        let answer = match mood {
            Mood::Well => shared.answer(&asked),
            Mood::Damaged => {
                let mut answer = shared.answer(&asked);
                if let Some(last) = answer.last_mut() {
                    *last ^= 1;
                }
                answer
            }
            Mood::Status(status) => reply(status, "", b"<Error><Code>Trouble</Code></Error>"),
            Mood::Garbage => b"\x00\xff no such protocol\r\n\r\n".to_vec(),
            Mood::Huge => {
                b"HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 9999999999999\r\n\r\n".to_vec()
            }
            Mood::Never => std::future::pending().await,
        };
        stream.write_all(&answer).await?;
        if matches!(mood, Mood::Garbage) {
            return Ok(());
        }
    }
    Ok(())
}

/// The next request; `None` at the end of the connection.
async fn read(stream: &mut TcpStream, held: &mut Vec<u8>) -> io::Result<Option<Asked>> {
    loop {
        if let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            let mut asked = parse(&head);
            let length = asked.header("content-length").unwrap_or("0");
            let length: usize = length.parse().unwrap_or(0);
            while held.len() < end + 4 + length.min(MOST) {
                if stream.read_buf(held).await? == 0 {
                    return Ok(None);
                }
            }
            asked.body = held[end + 4..end + 4 + length].to_vec();
            held.drain(..end + 4 + length);
            return Ok(Some(asked));
        }
        if held.len() > MOST || stream.read_buf(held).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(head: &str) -> Asked {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (decoded(name), decoded(value))
    };
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    Asked {
        method,
        path: decoded(path),
        query: query.split('&').map(pair).collect(),
        headers: lines.filter_map(header).collect(),
        body: Vec::new(),
    }
}

/// A text without its percent signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, value) {
            (b'%', Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name)?;
        Some(&found.1)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(own, _)| own == name)?;
        Some(&found.1)
    }
}

impl Shared {
    fn answer(&self, asked: &Asked) -> Vec<u8> {
        let Some(name) = asked.path.strip_prefix("/bucket") else {
            return reply(404, "", b"");
        };
        let name = name.trim_start_matches('/');
        let mut objects = lock(&self.objects);
        match (&*asked.method, name) {
            ("GET", "") => list(&objects, asked),
            ("GET", _) => get(objects.get(name), asked),
            ("PUT", _) => {
                let there = objects.get(name).map(|object| object.tag.clone());
                match (asked.header("if-match"), asked.header("if-none-match")) {
                    (Some(_), _) if there.is_none() => return reply(404, "", b""),
                    (Some(tag), _) if there.as_deref() != Some(tag) => return reply(412, "", b""),
                    (_, Some("*")) if there.is_some() => return reply(412, "", b""),
                    _ => {}
                }
                let tag = format!("\"{:x}\"", self.count.fetch_add(1, Ordering::SeqCst));
                let object = Object {
                    tag: tag.clone(),
                    expires: asked.header("x-amz-meta-expires").map(str::to_owned),
                    bytes: asked.body.clone(),
                };
                objects.insert(name.to_owned(), object);
                reply(200, &format!("etag: {tag}\r\n"), b"")
            }
            ("DELETE", _) => {
                objects.remove(name);
                b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()
            }
            _ => reply(405, "", b""),
        }
    }
}

fn get(object: Option<&Object>, asked: &Asked) -> Vec<u8> {
    let Some(object) = object else {
        return reply(404, "", b"<Error><Code>NoSuchKey</Code></Error>");
    };
    let mut headers = format!("etag: {}\r\n", object.tag);
    if asked.header("if-none-match") == Some(&object.tag) {
        return format!("HTTP/1.1 304 Not Modified\r\n{headers}\r\n").into_bytes();
    }
    if let Some(expires) = &object.expires {
        // Writing to a String cannot fail.
        let _ = write!(headers, "x-amz-meta-expires: {expires}\r\n");
    }
    reply(200, &headers, &object.bytes)
}

fn list(objects: &BTreeMap<String, Object>, asked: &Asked) -> Vec<u8> {
    let prefix = asked.parameter("prefix").unwrap_or_default();
    let most: usize = asked
        .parameter("max-keys")
        .and_then(|most| most.parse().ok())
        .unwrap_or(1000);
    let token = asked.parameter("continuation-token");
    let start = token.map_or(Bound::Included(prefix), Bound::Excluded);
    let found = objects
        .range::<str, _>((start, Bound::Unbounded))
        .take_while(|(name, _)| name.starts_with(prefix));
    let found: Vec<_> = found.take(most + 1).collect();
    let more = found.len() > most;
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
    );
    let _ = write!(
        text,
        "<MaxKeys>{most}</MaxKeys><IsTruncated>{more}</IsTruncated>"
    );
    for (name, object) in found.iter().take(most) {
        let (tag, size) = (object.tag.replace('"', "&quot;"), object.bytes.len());
        let _ = write!(
            text,
            "<Contents><Key>{name}</Key><ETag>{tag}</ETag><Size>{size}</Size></Contents>"
        );
    }
    if more && let Some((name, _)) = found.get(most.saturating_sub(1)) {
        let _ = write!(
            text,
            "<NextContinuationToken>{name}</NextContinuationToken>"
        );
    }
    text.push_str("</ListBucketResult>");
    reply(200, "content-type: application/xml\r\n", text.as_bytes())
}

fn reply(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
