//! Message bodies, the same for every room: nothing, bytes at hand, or a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection that left HTTP (RFC 9110 §7.8): bytes both ways until either side closes.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than the reader allows.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The peer stopped sending, reset the stream or broke the framing.
    #[error("the body was cut off")]
    Aborted(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A message body.
#[derive(Default)]
pub enum Body {
    /// No bytes.
    #[default]
    Empty,
    /// All bytes are at hand; cloning them is free.
    Full(Bytes),
    /// Bytes arrive as they come. Dropping the body tells the sender to stop.
    Stream(UnsyncBoxBody<Bytes, BodyError>),
}

impl Body {
    /// Wraps any HTTP body, turning its error into [`BodyError::Aborted`].
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self::Stream(
            body.map_err(|error| BodyError::Aborted(error.into()))
                .boxed_unsync(),
        )
    }

    /// The length in bytes if it is known before reading.
    pub fn exact_len(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// [`BodyError::TooLarge`] as soon as more than `limit` bytes are known to come, before they
    /// are read; [`BodyError::Aborted`] if the sender stops early.
    ///
    /// # Cancel safety
    /// Not cancel safe: bytes read so far are lost with the future.
    pub async fn collect(mut self, limit: u64) -> Result<Bytes, BodyError> {
        if self.size_hint().lower() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if first.len() as u64 + rest.len() as u64 + data.remaining() as u64 > limit {
                return Err(BodyError::TooLarge { limit });
            }
            if first.is_empty() && rest.is_empty() {
                first = data;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                }
                rest.extend_from_slice(&data);
            }
        }
        Ok(if rest.is_empty() {
            first
        } else {
            rest.freeze()
        })
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => write!(f, "Stream({:?} bytes)", self.exact_len()),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Full(bytes)
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(stream) => Pin::new(stream).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(stream) => stream.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;

    fn pieces(pieces: &[&'static str]) -> Body {
        let frames: Vec<Result<_, std::io::Error>> = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))))
            .collect();
        Body::stream(StreamBody::new(futures_util::stream::iter(frames)))
    }

    #[tokio::test]
    async fn a_body_is_collected_in_order() {
        assert_eq!(
            pieces(&["one ", "two ", "three"])
                .collect(100)
                .await
                .unwrap(),
            "one two three"
        );
        assert_eq!(Body::from("whole").collect(5).await.unwrap(), "whole");
        assert_eq!(Body::Empty.collect(0).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        for body in [pieces(&["123", "456"]), Body::from("123456")] {
            let error = body.collect(5).await.unwrap_err();
            assert!(matches!(error, BodyError::TooLarge { limit: 5 }), "{error}");
        }
    }
}
