//! A front on port 0 with one module behind it, and a client that sees every byte.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Body;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use parking_lot::Mutex;
use pipeline::{Directory, Exchange, Module, Outcome, Phase, Pipeline, Response, Step, Verdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Drained, Front, FrontSettings};

/// Nothing here takes longer; what does hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the module behind the front saw.
#[derive(Default)]
pub struct Seen {
    /// Method and path of every request that reached the pipeline.
    pub requests: Mutex<Vec<String>>,
    /// Bodies that were read.
    pub bodies: Mutex<Vec<String>>,
    /// How requests ended: status, body bytes, complete.
    pub endings: Mutex<Vec<(u16, u64, bool)>>,
    /// One is notified when `/slow` has begun, the other lets it answer.
    pub slow_begun: Notify,
    pub slow_may_end: Notify,
}

struct Answers(Arc<Seen>);

impl Module for Answers {
    fn id(&self) -> &'static str {
        "answers"
    }

    fn phase(&self) -> Phase {
        Phase::Fetch
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let line = format!("{} {}", exchange.method, exchange.path_and_query());
        self.0.requests.lock().push(line);
        Step::later(async move { Verdict::respond(self.answer(exchange).await) })
    }
}

impl Answers {
    async fn answer(&self, exchange: &mut Exchange) -> Response {
        let body = std::mem::take(&mut exchange.body);
        match exchange.uri.path() {
            "/echo" => match body.collect(1 << 20).await {
                Ok(bytes) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    self.0.bodies.lock().push(text);
                    Response::new(StatusCode::OK, bytes)
                }
                Err(_) => Response::text(StatusCode::BAD_GATEWAY, "the body was cut off\n"),
            },
            "/stream" => Response::new(StatusCode::OK, pieces(&["one ", "two ", "three"])),
            "/large" => Response::new(StatusCode::OK, "x".repeat(8 << 20)),
            "/slow" => {
                self.0.slow_begun.notify_one();
                self.0.slow_may_end.notified().await;
                Response::new(StatusCode::OK, "at last")
            }
            "/upgrade" => {
                let (ours, theirs) = tokio::io::duplex(1024);
                tokio::spawn(async move {
                    let (mut read, mut write) = tokio::io::split(theirs);
                    let _ = write.write_all(b"welcome ").await;
                    let _ = tokio::io::copy(&mut read, &mut write).await;
                    let _ = write.shutdown().await;
                });
                let mut response = Response::new(StatusCode::SWITCHING_PROTOCOLS, Body::Empty);
                let protocol = HeaderValue::from_static("echo");
                response.headers.insert(http::header::UPGRADE, protocol);
                response.upgrade = Some(Box::new(ours));
                response
            }
            "/host" => Response::new(StatusCode::OK, exchange.uri.to_string()),
            "/remote" => Response::new(
                StatusCode::OK,
                format!(
                    "{} {}",
                    exchange.connection.remote.ip(),
                    exchange.connection.tls
                ),
            ),
            _ => Response::new(StatusCode::OK, "hello"),
        }
    }
}

struct Log(Arc<Seen>);

impl Module for Log {
    fn id(&self) -> &'static str {
        "log"
    }

    fn phase(&self) -> Phase {
        Phase::Log
    }

    fn ended(&self, _exchange: &Exchange, outcome: &Outcome) {
        let ending = (
            outcome.status.as_u16(),
            outcome.body_bytes,
            outcome.complete,
        );
        self.0.endings.lock().push(ending);
    }
}

struct OneSite(Arc<Pipeline>);

impl Directory for OneSite {
    fn pipeline(&self, _host: &str) -> Arc<Pipeline> {
        Arc::clone(&self.0)
    }
}

fn pieces(pieces: &[&'static str]) -> Body {
    let frames: Vec<Result<_, std::io::Error>> = pieces
        .iter()
        .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
        .collect();
    Body::stream(StreamBody::new(futures_util::stream::iter(frames)))
}

/// Settings with one plain and one TLS address on ports the system chooses.
pub fn settings() -> FrontSettings {
    FrontSettings {
        https: vec!["127.0.0.1:0".parse().unwrap()],
        http: vec!["127.0.0.1:0".parse().unwrap()],
        ..FrontSettings::default()
    }
}

/// A running front.
pub struct Server {
    pub front: Arc<Front>,
    pub seen: Arc<Seen>,
    pub shutdown: CancellationToken,
    serving: JoinHandle<Drained>,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&settings())
    }

    pub fn with(settings: &FrontSettings) -> Self {
        let seen = Arc::new(Seen::default());
        let modules: Vec<Box<dyn Module>> = vec![
            Box::new(Answers(Arc::clone(&seen))),
            Box::new(Log(Arc::clone(&seen))),
        ];
        let directory = OneSite(Arc::new(Pipeline::new(modules).unwrap()));
        let front = Arc::new(Front::bind(settings, Arc::new(directory)).unwrap());
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn({
            let (front, shutdown) = (Arc::clone(&front), shutdown.clone());
            async move { front.serve(shutdown).await }
        });
        Self {
            front,
            seen,
            shutdown,
            serving,
        }
    }

    pub fn port(&self, tls: bool) -> u16 {
        let mut addresses = self.front.addresses().iter();
        let address = addresses.find(|address| address.tls == tls).unwrap();
        address.socket.port()
    }

    pub async fn connect(&self, tls: bool) -> TcpStream {
        let address = ("127.0.0.1", self.port(tls));
        TcpStream::connect(address).await.unwrap()
    }

    /// Sends these bytes over plain TCP and reads until the server closes.
    pub async fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect(false).await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        read_to_end(&mut stream).await
    }

    pub fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().clone()
    }

    /// Waits until so many requests have reached the pipeline.
    pub async fn reached(&self, count: usize) {
        let reached = async {
            while self.seen.requests.lock().len() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("the request never arrives");
    }

    /// Waits for the end after a shutdown.
    pub async fn drained(self) -> Drained {
        tokio::time::timeout(PATIENCE, self.serving)
            .await
            .expect("the shutdown hangs")
            .unwrap()
    }
}

/// Reads until the peer closes; fails if it does not.
pub async fn read_to_end(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.unwrap_or_else(|_| {
        panic!(
            "the connection is still open after {:?}",
            String::from_utf8_lossy(&bytes)
        )
    })
    .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads until what was read ends with `end`.
pub async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), end: &str) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while !bytes.ends_with(end.as_bytes()) {
            let count = stream.read_buf(&mut bytes).await.unwrap();
            assert_ne!(
                count,
                0,
                "closed after {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the answer does not come");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A directory that is removed with everything in it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("firstlight-front-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
