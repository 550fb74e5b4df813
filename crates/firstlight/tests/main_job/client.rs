//! A client that asks over HTTP/1.1 or HTTP/2 and keeps the whole answer.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::support::PATIENCE;

/// The host asked for, wherever it is asked: what answers may depend on it.
pub const HOST: &str = "photographs.example";

/// A server and how it is spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub port: u16,
    /// HTTP/2 with prior knowledge (RFC 9113 §3.3) instead of HTTP/1.1.
    pub http2: bool,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: Method,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
}

/// What was answered, after the whole body has come.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub fn get(path: &str) -> Ask {
    Ask {
        method: Method::GET,
        path: path.to_owned(),
        headers: Vec::new(),
    }
}

pub fn head(path: &str) -> Ask {
    Ask {
        method: Method::HEAD,
        ..get(path)
    }
}

impl Ask {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn request(&self, version: Version) -> Request<Empty<Bytes>> {
        let mut request = Request::builder().method(&self.method).version(version);
        request = match version {
            Version::HTTP_2 => request.uri(format!("http://{HOST}{}", self.path)),
            _ => request.uri(&self.path).header("host", HOST),
        };
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(Empty::new()).unwrap()
    }
}

impl Answer {
    /// A header as text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Server {
    /// Asks on a connection of its own.
    pub async fn ask(self, ask: &Ask) -> Answer {
        tokio::time::timeout(PATIENCE, self.exchange(ask))
            .await
            .unwrap_or_else(|_| panic!("no answer from {self:?} to {ask:?}"))
    }

    async fn exchange(self, ask: &Ask) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let stream = TokioIo::new(stream);
        let response = if self.http2 {
            let executor = TokioExecutor::new();
            let (mut sender, connection) = http2::handshake(executor, stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(ask.request(Version::HTTP_2)).await
        } else {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(ask.request(Version::HTTP_11)).await
        };
        collect(response.unwrap_or_else(|error| panic!("{error} at {ask:?}"))).await
    }
}

async fn collect(response: http::Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.collect().await.unwrap().to_bytes(),
    }
}
