//! What a client sends with a request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base::Body;
use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;

use crate::FrontSettings;
use crate::pace::Pace;

/// A request's body. Reading it opens the client's window again.
pub struct Upload {
    stream: RecvStream,
    left: Option<u64>,
    data_is_over: bool,
    /// The longest pause, and its end while the client is waited for.
    pause: Duration,
    until: Option<Pin<Box<Sleep>>>,
    pace: Pace,
}

/// What is wrong with a client that sends nothing, or next to nothing.
#[derive(Debug, thiserror::Error)]
#[error("the client sends too slowly")]
struct TooSlow;

impl Upload {
    /// The body of a request, with the length its head gives, from a client that may not take
    /// longer than the settings say.
    pub fn body(stream: RecvStream, headers: &HeaderMap, settings: &FrontSettings) -> Body {
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
            pause: settings.timeouts.body,
            until: None,
            pace: Pace::new(settings.timeouts.body, settings.limits.rate.bytes()),
        })
    }

    /// Waits for the client, as long as it may take.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.pace.wait();
        let sleep = self
            .until
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(self.pause)));
        sleep.as_mut().poll(context)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        while !self.data_is_over {
            let Poll::Ready(data) = self.stream.poll_data(context) else {
                std::task::ready!(self.wait(context));
                return Poll::Ready(Some(Err(TooSlow.into())));
            };
            match data {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.until = None;
                    if self.pace.moved(data.len()) {
                        return Poll::Ready(Some(Err(TooSlow.into())));
                    }
                    self.stream.flow_control().release_capacity(data.len())?;
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => self.data_is_over = true,
            }
        }
        self.stream
            .poll_trailers(context)
            .map_err(Into::into)
            .map(|trailers| trailers.transpose().map(|given| given.map(Frame::trailers)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}
