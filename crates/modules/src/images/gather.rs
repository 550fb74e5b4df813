//! Reads a body up to a limit and loses nothing of a larger one.

use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Body, BodyError};
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// What came of reading.
pub enum Gathered {
    /// All of it.
    Whole(Bytes),
    /// More than the limit: a body that begins with what was read.
    TooLarge(Body),
    /// It broke off: a body that gives what came, and then the error.
    Broken(Body),
}

/// Most memory that is taken on the word of a length, in bytes.
const AT_ONCE: u64 = 1 << 20;

/// Reads a body of at most `limit` bytes.
pub async fn gather(mut body: Body, limit: u64) -> Gathered {
    if let Body::Full(bytes) = body {
        return if bytes.len() as u64 <= limit {
            Gathered::Whole(bytes)
        } else {
            Gathered::TooLarge(Body::Full(bytes))
        };
    }
    if body.exact_len().is_some_and(|length| length > limit) {
        return Gathered::TooLarge(body);
    }
    // Memory grows with what comes, not with what is announced.
    let expected = body.exact_len().unwrap_or_default().min(AT_ONCE) as usize;
    let mut read = BytesMut::with_capacity(expected);
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => read.extend_from_slice(&data),
            // Trailers say nothing of a picture.
            Ok(Err(_)) => {}
            Err(error) => return Gathered::Broken(chain(read.freeze(), Err(error))),
        }
        if read.len() as u64 > limit {
            return Gathered::TooLarge(chain(read.freeze(), Ok(body)));
        }
    }
    Gathered::Whole(read.freeze())
}

fn chain(first: Bytes, then: Result<Body, BodyError>) -> Body {
    Body::stream(Chain {
        first,
        then: Some(then),
    })
}

/// Some bytes, then the rest or the error.
struct Chain {
    first: Bytes,
    then: Option<Result<Body, BodyError>>,
}

impl HttpBody for Chain {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match &mut self.then {
            Some(Ok(rest)) => Pin::new(rest).poll_frame(context),
            Some(Err(_)) => Poll::Ready(self.then.take().and_then(Result::err).map(Err)),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        let mut hint = match &self.then {
            Some(Ok(rest)) => rest.size_hint(),
            _ => SizeHint::new(),
        };
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + first);
        }
        hint.set_lower(hint.lower() + first);
        hint
    }
}
