//! What a client sends with a request.

use std::pin::Pin;
use std::task::{Context, Poll};

use base::Body;
use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};

/// A request's body. Reading it opens the client's window again.
pub struct Upload {
    stream: RecvStream,
    left: Option<u64>,
    data_is_over: bool,
}

impl Upload {
    /// The body of a request, with the length its head gives.
    pub fn body(stream: RecvStream, headers: &HeaderMap) -> Body {
        if stream.is_end_stream() {
            return Body::Empty;
        }
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok());
        Body::stream(Self {
            stream,
            left: length.and_then(|length| length.parse().ok()),
            data_is_over: false,
        })
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        while !self.data_is_over {
            match std::task::ready!(self.stream.poll_data(context)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.stream.flow_control().release_capacity(data.len())?;
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.data_is_over = true,
            }
        }
        self.stream
            .poll_trailers(context)
            .map(|trailers| trailers.transpose().map(|given| given.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}
