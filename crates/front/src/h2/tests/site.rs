//! A site that answers by path, and a server for it over a pipe.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::Bytes;
use delivery::Outline;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use pipeline::{
    Connection, Directory, Exchange, Module, NetworkEstimate, Outcome, Phase, Pipeline, Protocol,
    Response, Step,
};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::FrontSettings;
use crate::byte_log::ConnectionLog;
use crate::context::ConnectionContext;
use crate::h2::{H2Error, serve};

/// Turns a request into a response.
pub type Answer = dyn Fn(&mut Exchange) -> Step<'static> + Send + Sync;

struct Site(Box<Answer>);

impl Module for Site {
    fn id(&self) -> &'static str {
        "site"
    }

    fn phase(&self) -> Phase {
        Phase::Fetch
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        (self.0)(exchange)
    }
}

/// Path, status, body bytes and completeness of every request that ended.
pub type Log = Arc<Mutex<Vec<(String, u16, u64, bool)>>>;

struct Logger(Log);

impl Module for Logger {
    fn id(&self) -> &'static str {
        "log"
    }

    fn phase(&self) -> Phase {
        Phase::Log
    }

    fn ended(&self, exchange: &Exchange, outcome: &Outcome) {
        let line = (
            exchange.path_and_query().to_owned(),
            outcome.status.as_u16(),
            outcome.body_bytes,
            outcome.complete,
        );
        self.0.lock().unwrap().push(line);
    }
}

struct One(Arc<Pipeline>);

impl Directory for One {
    fn pipeline(&self, _host: &str) -> Arc<Pipeline> {
        Arc::clone(&self.0)
    }
}

/// The one site there is, and what it logs.
pub fn directory(
    answer: impl Fn(&mut Exchange) -> Step<'static> + Send + Sync + 'static,
) -> (Arc<dyn Directory>, Log) {
    let log = Log::default();
    let modules: Vec<Box<dyn Module>> = vec![
        Box::new(Site(Box::new(answer))),
        Box::new(Logger(Arc::clone(&log))),
    ];
    let pipeline = Pipeline::new(modules).unwrap();
    (Arc::new(One(Arc::new(pipeline))), log)
}

/// A server under test.
pub struct Server {
    pub log: Log,
    pub shutdown: CancellationToken,
    pub context: ConnectionContext,
}

impl Server {
    /// A server on a path that is far and slow.
    pub fn new(answer: impl Fn(&mut Exchange) -> Step<'static> + Send + Sync + 'static) -> Self {
        Self::with(FrontSettings::default(), NetworkEstimate::default(), answer)
    }

    /// A server with these settings on such a path.
    pub fn with(
        settings: FrontSettings,
        estimate: NetworkEstimate,
        answer: impl Fn(&mut Exchange) -> Step<'static> + Send + Sync + 'static,
    ) -> Self {
        let (directory, log) = directory(answer);
        let shutdown = CancellationToken::new();
        let connection = Connection {
            remote: ([192, 0, 2, 1], 5000).into(),
            local: ([192, 0, 2, 2], 443).into(),
            protocol: Protocol::Http2,
            tls: true,
            proxied: false,
            estimate: Arc::new(move || estimate),
        };
        let context = ConnectionContext {
            connection: Arc::new(connection),
            directory,
            settings: Arc::new(settings),
            socket: None,
            log: ConnectionLog::off(),
            learned: Arc::default(),
            shutdown: shutdown.clone(),
            alternative: None,
        };
        Self {
            log,
            shutdown,
            context,
        }
    }

    /// Serves one connection over a pipe that holds so many bytes each way.
    pub fn connect(&self, pipe: usize) -> (DuplexStream, JoinHandle<Result<(), H2Error>>) {
        let (near, far) = tokio::io::duplex(pipe);
        let serving = tokio::spawn(serve(near, self.context.clone()));
        (far, serving)
    }
}

/// A body in which every byte depends on its place.
pub fn pattern(length: usize) -> Bytes {
    (0..length).map(|place| (place * 7 / 5) as u8).collect()
}

/// A response of this type.
pub fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(StatusCode::OK, body);
    let value = HeaderValue::from_static(content_type);
    response.headers.insert(http::header::CONTENT_TYPE, value);
    response
}

/// A progressive picture.
pub fn picture(length: usize, preview: u64, good: u64) -> Response {
    let mut response = typed("image/jpeg", pattern(length));
    response.outline = Some(Arc::new(Outline {
        length: length as u64,
        header: 400,
        preview,
        good,
        scans: Vec::new(),
    }));
    response
}

/// Adds a header to a response.
pub fn with_header(mut response: Response, name: &'static str, value: &'static str) -> Response {
    response.headers.insert(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    );
    response
}

/// What [`Pieces`] gives next.
pub enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// A pause: others have their turn.
    Pause,
    Error,
}

/// A body of given pieces, which counts how many were asked for.
pub struct Pieces {
    pub pieces: std::vec::IntoIter<Piece>,
    pub asked: Arc<Mutex<usize>>,
}

impl Pieces {
    pub fn body(pieces: Vec<Piece>) -> (Body, Arc<Mutex<usize>>) {
        let asked = Arc::new(Mutex::new(0));
        let pieces = Self {
            pieces: pieces.into_iter(),
            asked: Arc::clone(&asked),
        };
        (Body::stream(pieces), asked)
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let piece = self.pieces.next();
        *self.asked.lock().unwrap() += usize::from(piece.is_some());
        match piece {
            None => Poll::Ready(None),
            Some(Piece::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Piece::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Some(Piece::Pause) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Piece::Error) => {
                let cause = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                Poll::Ready(Some(Err(BodyError::Aborted(cause.into()))))
            }
        }
    }
}

/// Lets every other task run until nothing more happens.
pub async fn quiet() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
