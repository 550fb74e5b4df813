//! HTTP/1.1 and HTTP/1.0: hyper behind the [`guard`](crate::guard).

mod body;
mod relay;

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Body;
use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pipeline::Response;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;

use crate::context::ConnectionContext;
use crate::convert::{self, path};
use crate::ending::Ending;
use crate::guard::{Guarded, Limits, Timeouts, Turn, Violation, Watch};
use body::{Account, Sent};

/// Serves an HTTP/1 connection until it ends or, after a shutdown, until the request in flight is
/// answered. Connections that leave HTTP go on as tasks of `tracker`.
///
/// # Errors
/// What ended the connection before its time; the client's fault or a lost connection.
///
/// # Cancel safety
/// Dropping the future drops the connection with everything in flight.
pub async fn serve<IO>(
    io: IO,
    context: ConnectionContext,
    tracker: TaskTracker,
) -> Result<(), hyper::Error>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let settings = Arc::clone(&context.settings);
    let shutdown = context.shutdown.clone();
    let limits = Limits {
        bytes: usize::try_from(settings.limits.head.bytes()).unwrap_or(usize::MAX),
        headers: settings.limits.headers as usize,
    };
    let watch = Arc::new(Watch::default());
    let timeouts = Timeouts::from(&*settings);
    let io = Guarded::new(io, limits, timeouts, Arc::clone(&watch));
    let count = AtomicU64::new(0);
    let service = service_fn(move |request| {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        // Counted here and now, in the order of the requests.
        let turn = watch.begin();
        let answering = answer(request, number, turn, context.clone(), tracker.clone());
        async { Ok::<_, Infallible>(answering.await) }
    });
    let connection = builder(limits)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        served = connection.as_mut() => return served,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Time-outs are the guard's, which can tell a slow head from an idle connection; so is `Date`,
/// which HTTP/2 needs too.
fn builder(limits: Limits) -> Builder {
    const SMALLEST_BUFFER: usize = 64 * 1024;
    let mut builder = Builder::new();
    builder
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_buf_size(limits.bytes.saturating_mul(2).max(SMALLEST_BUFFER));
    builder
}

async fn answer(
    mut request: http::Request<Incoming>,
    number: u64,
    turn: Turn,
    context: ConnectionContext,
    tracker: TaskTracker,
) -> http::Response<Sent> {
    let version = request.version();
    let method = request.method().clone();
    let log = context.log.stream(number, path(request.uri()));
    if let Some(violation) = turn.violation() {
        return refusal(violation, turn);
    }
    let on_upgrade = turn
        .asks_upgrade()
        .then(|| hyper::upgrade::on(&mut request));
    let (mut response, mut ending) = run(request, &context, on_upgrade.is_some()).await;
    if let Some(violation) = turn.violation() {
        // The body broke while the pipeline was at work: its answer is to something that was
        // never asked.
        if let Some(ending) = &mut ending {
            ending.set_status(violation.status());
        }
        return refusal(violation, turn);
    }
    convert::settle(&method, on_upgrade.is_some(), &mut response);
    if let Some(ending) = &mut ending {
        ending.set_status(response.status);
        if let Some(alternative) = &context.alternative {
            alternative.advertise(ending.uri(), &mut response.headers);
        }
    }
    match (on_upgrade, response.upgrade.take()) {
        (Some(client), Some(origin)) if response.status == StatusCode::SWITCHING_PROTOCOLS => {
            turn.accept_upgrade();
            response
                .headers
                .insert(CONNECTION, HeaderValue::from_static("upgrade"));
            let relay = relay::run(client, origin, ending, context);
            tracker.spawn(relay);
            return assemble(*response, Sent::nothing(turn));
        }
        // What follows a request for another protocol, or the last one, is not read as a request.
        (Some(_), _) => close(&mut response),
        (None, _) if version == Version::HTTP_10 || method == Method::CONNECT => {
            close(&mut response);
        }
        (None, _) => {}
    }
    let account = Account::open(log, &response);
    let body = std::mem::take(&mut response.body);
    let body = Sent::new(body, ending, turn)
        .logged(account)
        .opening(&response);
    let mut assembled = assemble(*response, body);
    // hyper would otherwise offer a client of HTTP/1.0 to go on.
    *assembled.version_mut() = version;
    assembled
}

async fn run(
    request: http::Request<Incoming>,
    context: &ConnectionContext,
    upgrade: bool,
) -> (Box<Response>, Option<Ending>) {
    let (mut head, incoming) = request.into_parts();
    head.extensions.clear();
    let body = if incoming.is_end_stream() {
        Body::Empty
    } else {
        Body::stream(incoming)
    };
    match convert::exchange(head, body, &context.connection, upgrade) {
        Ok(exchange) => {
            let mut ending = Ending::new(&*context.directory, exchange);
            (ending.answer().await, Some(ending))
        }
        Err(answer) => (answer, None),
    }
}

/// The answer to a request that is not unambiguous; the connection ends with it.
fn refusal(violation: Violation, turn: Turn) -> http::Response<Sent> {
    tracing::debug!(%violation, "refused a request");
    let mut response = violation.answer();
    convert::settle(&Method::GET, false, &mut response);
    close(&mut response);
    let body = std::mem::take(&mut response.body);
    assemble(response, Sent::new(body, None, turn))
}

fn close(response: &mut Response) {
    response.headers.remove(UPGRADE);
    response
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
}

fn assemble(response: Response, body: Sent) -> http::Response<Sent> {
    let mut assembled = http::Response::new(body);
    *assembled.status_mut() = response.status;
    *assembled.headers_mut() = response.headers;
    assembled
}
