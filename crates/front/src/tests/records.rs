//! A picture's header and first scan over HTTP/1.1: one TLS record.

use std::sync::Arc;

use bytes::Bytes;
use delivery::Outline;
use http::StatusCode;
use pipeline::{
    Connection, Directory, Exchange, Module, Phase, Pipeline, Protocol, Response, Step,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::byte_log::ConnectionLog;
use crate::context::ConnectionContext;
use crate::{FrontSettings, http1};
use writes::Writes;

/// Answers with a picture whose preview ends where the path says.
struct Picture;

impl Module for Picture {
    fn id(&self) -> &'static str {
        "picture"
    }

    fn phase(&self) -> Phase {
        Phase::Fetch
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let preview = exchange.uri.path()[1..].parse().unwrap();
        let mut response = Response::new(StatusCode::OK, Bytes::from(vec![1; 60_000]));
        response.outline = Some(Arc::new(Outline {
            length: 60_000,
            header: 400,
            preview,
            good: 30_000,
            scans: Vec::new(),
        }));
        Step::respond(response)
    }
}

struct One(Arc<Pipeline>);

impl Directory for One {
    fn pipeline(&self, _host: &str) -> Arc<Pipeline> {
        Arc::clone(&self.0)
    }
}

mod writes {
    use std::io::{self, IoSlice};
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

    /// Notes how many bytes each write takes; TLS begins a record with each.
    pub struct Writes(pub DuplexStream, pub Arc<Mutex<Vec<usize>>>);

    impl AsyncRead for Writes {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Writes {
        fn poll_write(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.poll_write_vectored(context, &[IoSlice::new(bytes)])
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let polled = Pin::new(&mut self.0).poll_write_vectored(context, slices);
            if let Poll::Ready(Ok(count)) = polled {
                self.1.lock().unwrap().push(count);
            }
            polled
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }
}

/// Lengths of the head and of the writes for a picture with such a preview.
async fn writes(preview: usize) -> (usize, Vec<usize>) {
    let connection = Connection {
        remote: ([192, 0, 2, 1], 5000).into(),
        local: ([192, 0, 2, 2], 443).into(),
        protocol: Protocol::Http1,
        tls: true,
        proxied: false,
        estimate: Arc::new(pipeline::NetworkEstimate::default),
    };
    let context = ConnectionContext {
        connection: Arc::new(connection),
        directory: Arc::new(One(Arc::new(
            Pipeline::new(vec![Box::new(Picture)]).unwrap(),
        ))),
        settings: Arc::new(FrontSettings::default()),
        socket: None,
        log: ConnectionLog::off(),
        learned: Arc::default(),
        shutdown: CancellationToken::new(),
        alternative: None,
    };
    let noted = Arc::default();
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let serving = http1::serve(
        Writes(near, Arc::clone(&noted)),
        context,
        TaskTracker::new(),
    );
    let serving = tokio::spawn(serving);
    let request = format!("GET /{preview} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    far.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.unwrap();
    serving.await.unwrap().unwrap();
    let head = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(answer.len(), head + 60_000);
    let writes = std::mem::take(&mut *noted.lock().unwrap());
    (head, writes)
}

#[tokio::test]
async fn head_header_and_first_scan_are_one_write_where_they_fit() {
    let (head, writes) = writes(9000).await;
    assert_eq!(writes[0], head + 9000);
}

#[tokio::test]
async fn a_large_first_scan_is_a_write_of_its_own() {
    let (head, writes) = writes(16_000).await;
    assert_eq!(writes[..2], [head, 16_000]);
}

#[tokio::test]
async fn what_fits_no_record_is_not_cut() {
    let (head, writes) = writes(20_000).await;
    assert_eq!(writes.iter().sum::<usize>(), head + 60_000);
    assert!(writes[0] > 20_000);
}
