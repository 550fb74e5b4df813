//! Reads a body up to a limit and loses nothing of a larger one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::{Body, BodyError, Share};
use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;

/// A source in memory. Whoever holds its bytes holds their share of the memory for sources.
pub struct Source {
    /// The bytes.
    pub bytes: Bytes,
    /// Their share.
    pub share: Arc<Share>,
}

/// What came of reading.
pub enum Gathered {
    /// All of it.
    Whole(Source),
    /// More than the limit: a body that begins with what was read.
    TooLarge(Body),
    /// More than there is room for now: a body that begins with what was read.
    NoRoom(Body),
    /// It broke off: a body that gives what came, and then the error.
    Broken(Body),
}

/// Most memory that is taken on the word of a length, in bytes.
const AT_ONCE: u64 = 1 << 20;

/// Reads a body of at most `limit` bytes, as far as the share may grow. Bytes that are in memory
/// already count elsewhere.
pub async fn gather(mut body: Body, limit: u64, share: Share) -> Gathered {
    let share = Arc::new(share);
    if let Body::Full(bytes) = body {
        return if bytes.len() as u64 <= limit {
            Gathered::Whole(Source { bytes, share })
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
            Ok(Ok(data)) => {
                let room = share.grow(data.len() as u64);
                read.extend_from_slice(&data);
                if !room {
                    return Gathered::NoRoom(chain(hold(read, share), Ok(body)));
                }
            }
            // Trailers say nothing of a picture.
            Ok(Err(_)) => {}
            Err(error) => return Gathered::Broken(chain(hold(read, share), Err(error))),
        }
        if read.len() as u64 > limit {
            return Gathered::TooLarge(chain(hold(read, share), Ok(body)));
        }
    }
    Gathered::Whole(Source {
        bytes: hold(read, share.clone()),
        share,
    })
}

/// Bytes that give their share back when nobody has them any more.
fn hold(bytes: BytesMut, share: Arc<Share>) -> Bytes {
    struct Held(
        BytesMut,
        #[expect(dead_code, reason = "held to be dropped")] Arc<Share>,
    );
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    match bytes.is_empty() {
        true => Bytes::new(),
        false => Bytes::from_owner(Held(bytes, share)),
    }
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

#[cfg(test)]
mod tests {
    use base::{Allowance, ByteSize};

    use super::*;
    use crate::harness::Feed;

    /// Ten pieces of ten bytes.
    fn body() -> Body {
        let (feed, body) = Feed::new();
        for piece in 0..10 {
            feed.send(vec![piece; 10]);
        }
        body()
    }

    #[tokio::test]
    async fn a_source_takes_its_share_until_nobody_has_it() {
        let allowance = Allowance::new(ByteSize(150));
        let Gathered::Whole(one) = gather(body(), 100, allowance.share()).await else {
            panic!("there is room")
        };
        assert_eq!((one.bytes.len(), allowance.taken()), (100, 100));
        let Gathered::NoRoom(other) = gather(body(), 100, allowance.share()).await else {
            panic!("there is no room for two")
        };
        assert_eq!(
            other.collect(1000).await.unwrap(),
            one.bytes,
            "nothing of it is lost"
        );
        let copy = one.bytes.clone();
        drop(one);
        assert_eq!(allowance.taken(), 100);
        drop(copy);
        assert_eq!(allowance.taken(), 0);
    }

    #[tokio::test]
    async fn what_is_in_memory_already_takes_nothing() {
        let allowance = Allowance::new(ByteSize(0));
        let body = Body::Full(Bytes::from_static(b"kept"));
        let gathered = gather(body, 100, allowance.share()).await;
        assert!(matches!(gathered, Gathered::Whole(_)));
        assert_eq!(allowance.taken(), 0);
    }

    #[tokio::test]
    async fn what_is_too_large_is_handed_on_whole() {
        let allowance = Allowance::new(ByteSize(1000));
        let Gathered::TooLarge(body) = gather(body(), 55, allowance.share()).await else {
            panic!("it is too large")
        };
        assert_eq!(allowance.taken(), 60);
        assert_eq!(body.collect(1000).await.unwrap().len(), 100);
        assert_eq!(allowance.taken(), 0);
    }
}
