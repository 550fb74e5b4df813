//! A request on its way out, before the connection is known.

use base::Body;
use http::header::{self, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri, request};

use crate::body::Outgoing;
use crate::connect::{Protocol, Trust};
use crate::pool::Key;
use crate::target::{Target, Upstream};
use crate::{OriginError, headers};

/// A request that is ready for either version of HTTP.
pub(crate) struct Plan {
    pub(crate) key: Key,
    pub(crate) method: Method,
    pub(crate) host: HeaderValue,
    pub(crate) path: PathAndQuery,
    /// Without `Host` and without hop-by-hop fields.
    pub(crate) headers: HeaderMap,
    pub(crate) takes_trailers: bool,
}

impl Plan {
    /// Rewrites a visitor's request for the site's own origin.
    pub(crate) fn for_upstream(
        upstream: &Upstream,
        head: request::Parts,
        body: &Body,
    ) -> Result<Self, OriginError> {
        let mut headers = head.headers;
        let takes_trailers = headers::takes_trailers(&headers);
        headers::strip_hop_by_hop(&mut headers);
        headers::mark_pass(&mut headers)?;
        headers::set_length(&head.method, &mut headers, body);
        // Bodies are sent at once; whoever waits for leave to send was answered by the front.
        headers.remove(header::EXPECT);
        let asked = headers.remove(header::HOST);
        let path = upstream.path_for(head.uri.path_and_query());
        Ok(Self {
            key: Key {
                target: upstream.target().clone(),
                trust: Trust::Configured,
            },
            method: head.method,
            host: upstream.host_for(asked.as_ref()),
            path: path.ok_or(OriginError::Unsendable("its path is not valid"))?,
            headers,
            takes_trailers,
        })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.key.target
    }

    /// The request with this body; [`Plan::shape`] finishes it.
    pub(crate) fn request(&self, body: Outgoing) -> Result<Request<Outgoing>, OriginError> {
        // The scheme and authority matter to HTTP/2 only; to HTTP/1.1 `shape` leaves the path.
        let uri = Uri::builder()
            .scheme(self.target().scheme.name())
            .authority(self.host.as_bytes())
            .path_and_query(self.path.clone())
            .build()
            .map_err(|_| OriginError::Unsendable("its host is not valid"))?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Gives the request the form that this version of HTTP wants.
    pub(crate) fn shape(&self, request: &mut Request<Outgoing>, protocol: Protocol) {
        let unframed = !http_body::Body::is_end_stream(request.body())
            && !request.headers().contains_key(header::CONTENT_LENGTH);
        match protocol {
            Protocol::Http1 => {
                *request.uri_mut() = self.path.clone().into();
                request
                    .headers_mut()
                    .insert(header::HOST, self.host.clone());
                if unframed {
                    let chunked = HeaderValue::from_static("chunked");
                    request
                        .headers_mut()
                        .insert(header::TRANSFER_ENCODING, chunked);
                }
            }
            Protocol::Http2 if self.takes_trailers => {
                let trailers = HeaderValue::from_static("trailers");
                request.headers_mut().insert(header::TE, trailers);
            }
            Protocol::Http2 => {}
        }
    }

    pub(crate) fn bad_response(&self, problem: &'static str) -> OriginError {
        OriginError::BadResponse {
            place: self.target().place(),
            source: problem.into(),
        }
    }
}
