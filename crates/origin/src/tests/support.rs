//! Origins that run beside the test, on a port of their own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base::{Body, ByteSize};
use http::request::Parts;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::{Client, Fetched, OriginError, OriginSettings, Upstream};

/// An origin in this process; it ends with the value.
pub struct Origin {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    /// An origin that treats each connection as it likes; the number counts from 0.
    pub async fn raw<F, R>(handle: F) -> Self
    where
        F: Fn(TcpStream, usize) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(handle(stream, count.fetch_add(1, Ordering::SeqCst)));
            }
        });
        Self {
            address,
            connections,
            task,
        }
    }

    /// An HTTP/1.1 origin.
    pub async fn http1<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::raw(move |stream, _| {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            async move {
                let io = TokioIo::new(stream);
                let builder = hyper::server::conn::http1::Builder::new();
                builder.serve_connection(io, service).await.ok();
            }
        })
        .await
    }

    /// An origin that speaks HTTP/2 without TLS.
    pub async fn http2<F, R>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> R + Clone + Send + 'static,
        R: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::raw(move |stream, _| {
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            async move {
                let io = TokioIo::new(stream);
                let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                builder.serve_connection(io, service).await.ok();
            }
        })
        .await
    }

    /// An origin that reads one head on each connection, sends `bytes` and closes.
    pub async fn says(bytes: &'static [u8]) -> Self {
        Self::raw(move |mut stream, _| async move {
            read_head(&mut stream).await;
            stream.write_all(bytes).await.ok();
        })
        .await
    }

    pub fn upstream(&self) -> Upstream {
        Upstream::parse(&format!("http://{}", self.address)).unwrap()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads the head of a request byte by byte; empty if the connection closed before.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Settings whose times are short where a test waits for them to pass, and long elsewhere.
pub fn settings() -> OriginSettings {
    OriginSettings::default()
}

/// As short as a time-out can be without passing by itself on a busy machine before it should.
pub const SHORT: Duration = Duration::from_millis(100);

pub fn client() -> Client {
    Client::new(&settings()).unwrap()
}

pub fn head(request: http::request::Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

pub fn get(uri: &str) -> Parts {
    head(Request::get(uri))
}

impl Fetched {
    pub(super) async fn text(self) -> String {
        let body = self.body.collect(ByteSize::mib(10).bytes()).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The stable code of an error.
pub fn code<T: std::fmt::Debug>(result: Result<T, OriginError>) -> &'static str {
    base::Failure::code(&result.unwrap_err())
}
