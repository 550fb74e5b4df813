//! One request run in this process, without a socket, through the pipeline that serves visitors.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base::{Body, BodyError};
use bytes::Bytes;
use delivery::Plan;
use http::{HeaderMap, Request, Uri};
use pipeline::{Connection, Exchange, NetworkEstimate, Protocol, Response};

use crate::Rooms;

/// What a rehearsal asked and got.
pub struct Rehearsal {
    /// The exchange after the last module, with a detailed trace.
    pub exchange: Exchange,
    /// The response; its body is in `body`.
    pub response: Box<Response>,
    /// The whole body.
    pub body: Bytes,
    /// In which order its bytes would leave.
    pub plan: Plan,
}

/// Why a request could not be rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The URL lacks its scheme or host, or is none.
    #[error("`{url}` is not an absolute URL such as `https://example.com/a.jpg`")]
    Url {
        /// The URL as given.
        url: String,
    },
    /// The response broke off.
    #[error("the response broke off")]
    Body(#[from] BodyError),
}

/// Most bytes of a body that a rehearsal reads.
const LONGEST: u64 = 1 << 30;

impl Rooms {
    /// Runs a GET of `url` as if it had come over HTTP/2 from this machine. The log does not learn
    /// how it ended: nobody was served.
    ///
    /// # Errors
    /// [`RehearsalError`].
    pub async fn rehearse(
        &self,
        url: &str,
        headers: HeaderMap,
    ) -> Result<Rehearsal, RehearsalError> {
        let mut exchange = exchange(url, headers)?;
        let pipeline = self.pipeline(&exchange.host().to_ascii_lowercase());
        // Modules may change the headers for the origin; the front goes by what the client sent.
        let sent = exchange.headers.clone();
        let mut response = pipeline.run(&mut exchange).await;
        let plan = front::plan_for(&self.http2, &sent, &response);
        let body = std::mem::take(&mut response.body).collect(LONGEST).await?;
        Ok(Rehearsal {
            exchange,
            response,
            body,
            plan,
        })
    }
}

fn exchange(url: &str, headers: HeaderMap) -> Result<Exchange, RehearsalError> {
    let wrong = || RehearsalError::Url {
        url: url.to_owned(),
    };
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong());
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let tls = scheme == "https";
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority.as_str().to_ascii_lowercase())
        .path_and_query(if path.is_empty() { "/" } else { path })
        .build()
        .map_err(|_| wrong())?;
    let request = Request::get(uri).version(http::Version::HTTP_2).body(());
    let (mut head, ()) = request.map_err(|_| wrong())?.into_parts();
    head.headers = headers;
    let mut exchange = Exchange::new(head, Body::Empty, Arc::new(connection(tls)));
    exchange.trace.set_detailed(true);
    Ok(exchange)
}

fn connection(tls: bool) -> Connection {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Connection {
        remote: here,
        local: here,
        protocol: Protocol::Http2,
        tls,
        proxied: false,
        estimate: Arc::new(|| NetworkEstimate {
            rtt: Some(Duration::from_millis(1)),
            ..NetworkEstimate::default()
        }),
    }
}
