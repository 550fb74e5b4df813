//! A look at the first piece of a streamed body, before anything of the response is told.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use pipeline::Response;

/// Looks once at what is at hand of a streamed body. One that is broken from the start becomes a
/// 502: the client, which knows nothing yet, learns more from that than from a connection that
/// ends. Waits for nothing.
pub async fn peek(mut response: Box<Response>) -> Box<Response> {
    let Body::Stream(stream) = &mut response.body else {
        return response;
    };
    let first = poll_fn(|context| Poll::Ready(Pin::new(&mut *stream).poll_frame(context))).await;
    match first {
        Poll::Pending => response,
        Poll::Ready(Some(Err(error))) => {
            let error = base::failure::chain(&error);
            tracing::debug!(error, "a response broke off before its first byte");
            Box::new(Response::text(
                StatusCode::BAD_GATEWAY,
                "502 Bad Gateway: the origin's response broke off before its first byte\n",
            ))
        }
        Poll::Ready(first) => {
            let rest = std::mem::take(&mut response.body);
            response.body = Body::stream(Peeked {
                is_over: first.is_none(),
                first: first.and_then(Result::ok),
                rest,
            });
            response
        }
    }
}

/// A body whose first piece was taken already.
struct Peeked {
    first: Option<Frame<Bytes>>,
    rest: Body,
    /// Whether there is nothing at all: what has ended must not be asked again.
    is_over: bool,
}

impl Peeked {
    fn taken(&self) -> u64 {
        let data = self.first.as_ref().and_then(Frame::data_ref);
        data.map_or(0, |data| data.len() as u64)
    }
}

impl HttpBody for Peeked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.first.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.is_over => Poll::Ready(None),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && (self.is_over || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, taken) = (self.rest.size_hint(), self.taken());
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(taken));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(taken));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    fn stream(pieces: Vec<Result<&'static [u8], std::io::ErrorKind>>) -> Box<Response> {
        let frames = pieces.into_iter().map(|piece| match piece {
            Ok(bytes) => Ok(Frame::data(Bytes::from_static(bytes))),
            Err(kind) => Err(std::io::Error::from(kind)),
        });
        let body = StreamBody::new(futures_util::stream::iter(frames));
        Box::new(Response::new(StatusCode::OK, Body::stream(body)))
    }

    #[tokio::test]
    async fn a_body_is_the_same_after_the_look() {
        for pieces in [vec![], vec![Ok(&b"one "[..]), Ok(b"two")]] {
            let expected: Vec<u8> = pieces
                .iter()
                .filter_map(|it| it.ok())
                .flatten()
                .copied()
                .collect();
            let response = peek(stream(pieces)).await;
            assert_eq!(response.status, StatusCode::OK);
            let body = response.body.collect(100).await.unwrap();
            assert_eq!(body, expected);
        }
    }

    #[tokio::test]
    async fn what_breaks_at_once_is_a_502_and_what_breaks_later_is_not() {
        let broken = std::io::ErrorKind::InvalidData;
        let response = peek(stream(vec![Err(broken)])).await;
        assert_eq!(response.status, StatusCode::BAD_GATEWAY);
        let later = peek(stream(vec![Ok(b"x"), Err(broken)])).await;
        assert_eq!(later.status, StatusCode::OK);
        assert!(later.body.collect(100).await.is_err());
    }
}
