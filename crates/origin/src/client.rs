//! Asks a site's own origin.

use std::sync::Arc;
use std::time::Duration;

use base::{Body, ByteSize, Duplex};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version, request};
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::body::{Outgoing, Progress, watch};
use crate::connect::{Connector, Protocol, Trust};
use crate::failure::{Place, before_head};
use crate::plan::Plan;
use crate::pool::{Key, Lease, Pool, Sender};
use crate::settings::OriginSettings;
use crate::target::Upstream;
use crate::{OriginError, headers};

/// What came back.
pub struct Fetched {
    /// The status.
    pub status: StatusCode,
    /// The headers, without those that are about the connection. With status 101, `Connection`
    /// and `Upgrade` are among them.
    pub headers: HeaderMap,
    /// The body, as it comes. An error in it means that what came so far is not the whole.
    pub body: Body,
    /// With status 101: the connection, now speaking another protocol.
    pub upgrade: Option<Box<dyn Duplex>>,
    /// The HTTP version spoken.
    pub version: Version,
    /// Whether the connection had been used before.
    pub reused: bool,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched")
            .field("status", &self.status)
            .field("version", &self.version)
            .field("reused", &self.reused)
            .field("body", &self.body)
            .field("upgrade", &self.upgrade.is_some())
            .finish_non_exhaustive()
    }
}

/// The upstream client. Cloning is free; clones share connections.
#[derive(Clone)]
pub struct Client {
    pub(crate) pool: Arc<Pool>,
    pub(crate) limits: Limits,
}

#[derive(Clone, Copy)]
pub(crate) struct Limits {
    response_timeout: Duration,
    idle_timeout: Duration,
    max_body: u64,
    via: bool,
    pub(crate) max_redirects: u32,
    pub(crate) max_source_size: u64,
}

impl Client {
    /// A client with these settings. Opens nothing yet; reads the system's certificates.
    ///
    /// # Errors
    /// [`OriginError::Certificates`] if `ca_file` cannot be used.
    pub fn new(settings: &OriginSettings) -> Result<Self, OriginError> {
        Ok(Self::with_connector(settings, Connector::new(settings)?))
    }

    pub(crate) fn with_connector(settings: &OriginSettings, connector: Connector) -> Self {
        Self {
            pool: Arc::new(Pool::new(settings, connector)),
            limits: Limits {
                response_timeout: settings.response_timeout,
                idle_timeout: settings.idle_timeout,
                max_body: settings.max_body.map_or(u64::MAX, ByteSize::bytes),
                via: settings.via,
                max_redirects: settings.max_redirects,
                max_source_size: settings.max_source_size.bytes(),
            },
        }
    }

    /// Sends a request to a site's own origin and returns as soon as the head of the response is
    /// there; bodies stream both ways and are never held whole.
    ///
    /// Only path and query of `head.uri` matter. Redirects are not followed: they are the
    /// visitor's. A request to change the protocol (`Connection: upgrade`) goes out as such.
    /// A request is sent a second time only if a kept connection turned out to be closed and the
    /// first was never begun, or if it is idempotent and has no body (RFC 9110 §9.2.2).
    ///
    /// # Errors
    /// [`OriginError::Unsendable`], [`OriginError::RequestAborted`] and [`OriginError::Loop`] for
    /// requests that cannot go on, the rest for origins that fail. An origin's answer of any
    /// status is no error.
    ///
    /// # Cancel safety
    /// Dropping the future gives the request up; its connection is not used again.
    pub async fn fetch(
        &self,
        upstream: &Upstream,
        head: request::Parts,
        body: Body,
    ) -> Result<Fetched, OriginError> {
        if head.method == Method::CONNECT {
            return Err(OriginError::Unsendable("`CONNECT` is for proxies"));
        }
        let upgrade = headers::wanted_upgrade(&head, &body);
        let mut plan = Plan::for_upstream(upstream, head, &body)?;
        if self.limits.via {
            headers::add_via(&mut plan.headers);
        }
        match upgrade {
            Some(protocol) => self.change_protocol(plan, protocol).await,
            None => self.exchange(&plan, body, self.limits.max_body).await,
        }
    }

    /// Connects to a site's own origin, unless a connection to it is kept. The next request uses
    /// it.
    ///
    /// # Errors
    /// Those of a connection that does not come about: [`OriginError::Unresolved`],
    /// [`OriginError::Unreachable`], [`OriginError::ConnectTimeout`], [`OriginError::Tls`],
    /// [`OriginError::Closed`].
    pub async fn reach(&self, upstream: &Upstream) -> Result<(), OriginError> {
        let key = Key {
            target: upstream.target().clone(),
            trust: Trust::Configured,
        };
        let mut lease = self.pool.acquire(&key).await?;
        // One that is not ready yet would be kept after the next request has opened another.
        lease.sender.ready(&key).await?;
        self.pool.give_back(&key, lease.sender);
        Ok(())
    }

    /// Sends a planned request over a kept or new connection.
    pub(crate) async fn exchange(
        &self,
        plan: &Plan,
        body: Body,
        max_body: u64,
    ) -> Result<Fetched, OriginError> {
        let replayable = plan.method.is_idempotent() && matches!(body, Body::Empty);
        let progress = Progress::new();
        let request = plan.request(Outgoing::new(body, progress.clone()))?;
        let lease = self.pool.acquire(&plan.key).await?;
        let (reused, protocol) = (lease.reused, lease.sender.protocol());
        let failure = match self.send(plan, lease, request, &progress).await {
            Ok(response) => return Ok(self.receive(plan, response, reused, max_body)),
            Err(failure) => failure,
        };
        let again = match failure.unsent {
            Some(request) => Some(request.into_body()),
            None if replayable && matches!(failure.error, OriginError::Closed { .. }) => {
                Some(Outgoing::new(Body::Empty, progress.clone()))
            }
            None => None,
        };
        let Some(body) = again.filter(|_| reused) else {
            return Err(failure.error);
        };
        tracing::debug!(place = %plan.target().place(), "a kept connection was closed");
        let lease = match protocol {
            // The other kept ones are likely to be as stale.
            Protocol::Http1 => self.pool.open(&plan.key).await?,
            // All who shared it need the same new one.
            Protocol::Http2 => self.pool.acquire(&plan.key).await?,
        };
        let reused = lease.reused;
        let sent = self.send(plan, lease, plan.request(body)?, &progress).await;
        let response = sent.map_err(|failure| failure.error)?;
        Ok(self.receive(plan, response, reused, max_body))
    }

    async fn send(
        &self,
        plan: &Plan,
        mut lease: Lease,
        mut request: Request<Outgoing>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, SendFailure> {
        plan.shape(&mut request, lease.sender.protocol());
        let sent = self.until_head(progress, lease.sender.send(request)).await;
        let Some(sent) = sent else {
            self.pool.retire(&plan.key, lease.id);
            return Err(SendFailure::from(OriginError::ResponseTimeout {
                place: plan.target().place(),
            }));
        };
        let response = sent.map_err(|mut error| {
            let unsent = error.take_message();
            let error = before_head(&Place(plan.target()), error.into_error());
            if matches!(error, OriginError::Closed { .. }) {
                self.pool.retire(&plan.key, lease.id);
            }
            SendFailure { error, unsent }
        })?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(plan.bad_response("it changes the protocol unasked").into());
        }
        if headers::has_unknown_coding(response.headers()) {
            return Err(plan.bad_response(UNKNOWN_CODING).into());
        }
        self.pool.give_back(&plan.key, lease.sender);
        Ok(response)
    }

    /// Waits for the head of a response; `None` if nothing moved for too long.
    async fn until_head<T>(
        &self,
        progress: &Progress,
        sending: impl Future<Output = T>,
    ) -> Option<T> {
        let mut sending = std::pin::pin!(sending);
        let mut since = Instant::now();
        loop {
            let deadline = since.max(progress.last()) + self.limits.response_timeout;
            match timeout_at(deadline, &mut sending).await {
                Ok(sent) => return Some(sent),
                Err(_) if progress.last() > since => since = progress.last(),
                Err(_) => return None,
            }
        }
    }

    fn receive(
        &self,
        plan: &Plan,
        response: Response<Incoming>,
        reused: bool,
        max_body: u64,
    ) -> Fetched {
        let (head, incoming) = response.into_parts();
        let mut headers = head.headers;
        headers::strip_hop_by_hop(&mut headers);
        let body = watch(incoming, self.limits.idle_timeout, max_body);
        let tells_length_only =
            plan.method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED;
        if !tells_length_only && body.exact_len().is_none() {
            // It came in chunks or until the connection closed; a length beside that is a lie
            // (RFC 9112 §6.3).
            headers.remove(header::CONTENT_LENGTH);
        }
        Fetched {
            status: head.status,
            headers,
            body,
            upgrade: None,
            version: head.version,
            reused,
        }
    }

    /// Sends a request to change the protocol, over a connection of its own.
    async fn change_protocol(
        &self,
        plan: Plan,
        protocol: HeaderValue,
    ) -> Result<Fetched, OriginError> {
        let progress = Progress::new();
        let mut request = plan.request(Outgoing::new(Body::Empty, progress.clone()))?;
        plan.shape(&mut request, Protocol::Http1);
        headers::set_upgrade(request.headers_mut(), protocol.clone());
        let mut sender: Sender = self.pool.open_for_upgrade(&plan.key).await?;
        let place = Place(plan.target());
        let mut response = self
            .until_head(&progress, sender.send(request))
            .await
            .ok_or_else(|| OriginError::ResponseTimeout {
                place: plan.target().place(),
            })?
            .map_err(|error| before_head(&place, error.into_error()))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            if headers::has_unknown_coding(response.headers()) {
                return Err(plan.bad_response(UNKNOWN_CODING));
            }
            return Ok(self.receive(&plan, response, false, self.limits.max_body));
        }
        let agreed = response.headers().get(header::UPGRADE).cloned();
        let agreed = agreed
            .filter(|agreed| agreed.as_bytes().eq_ignore_ascii_case(protocol.as_bytes()))
            .ok_or_else(|| plan.bad_response("it changes to another protocol"))?;
        let io = hyper::upgrade::on(&mut response)
            .await
            .map_err(|error| before_head(&place, error))?;
        let mut fetched = self.receive(&plan, response, false, 0);
        headers::set_upgrade(&mut fetched.headers, agreed);
        fetched.body = Body::Empty;
        fetched.upgrade = Some(Box::new(TokioIo::new(io)));
        Ok(fetched)
    }
}

const UNKNOWN_CODING: &str = "its transfer coding is not `chunked` alone";

struct SendFailure {
    error: OriginError,
    /// The request, if not a byte of it was sent.
    unsent: Option<Request<Outgoing>>,
}

impl From<OriginError> for SendFailure {
    fn from(error: OriginError) -> Self {
        Self {
            error,
            unsent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_head_begins_again_while_the_request_is_on_its_way() {
        let settings = OriginSettings {
            response_timeout: Duration::from_secs(30),
            ..OriginSettings::default()
        };
        let client = Client::new(&settings).unwrap();
        let progress = Progress::new();
        let minute = || sleep(Duration::from_secs(60));
        assert!(client.until_head(&progress, minute()).await.is_none());
        let uploading = async {
            for _ in 0..3 {
                sleep(Duration::from_secs(20)).await;
                progress.note();
            }
        };
        let since = Instant::now();
        let (answered, ()) = tokio::join!(client.until_head(&progress, minute()), uploading);
        assert!(answered.is_some());
        let silent = client
            .until_head(&progress, std::future::pending::<()>())
            .await;
        assert!(silent.is_none());
        assert_eq!(since.elapsed().as_secs(), 90);
    }
}
