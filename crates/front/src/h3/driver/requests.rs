//! From the head of a request to the head of its response.

use std::task::{Context, Poll};

use base::Body;
use bytes::Bytes;
use delivery::Priority;
use http::header::EXPECT;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use pipeline::{Exchange, Response};

use super::super::stream::{Sending, State};
use super::super::upload::{Arrived, RequestError};
use super::super::{H3Error, head};
use super::Driver;
use crate::byte_log::{self, Event as Noted};
use crate::convert::{self, path};
use crate::ending::{Answer, Ending};
use crate::guard::Violation;
use crate::multiplex::{Asked, Source, Wish, is_shared};

/// Says that a request came before its handshake was over (RFC 8470 §5.1).
const EARLY_DATA: HeaderName = HeaderName::from_static("early-data");

impl Driver {
    /// Puts the pipeline to work on a request.
    pub(super) fn begin(&mut self, id: u32, arrived: Arrived, context: &mut Context<'_>) {
        let Arrived { mut head, body } = arrived;
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        self.clock.busy();
        let learns = self.context.settings.http2.learn;
        let learned = Some(&*self.context.learned).filter(|_| learns);
        let place = learned.and_then(|it| it.place(&head.uri, &head.headers));
        let asked = Asked {
            said: self.early.resolve(id, &head.headers),
            shared: is_shared(&head.headers),
            method: head.method.clone(),
            place,
            // Browsers do not say over HTTP/3 what is on screen; those that did over HTTP/2 know.
            recalled: place.and_then(|place| self.context.learned.recall(place)),
            // No client names pictures over HTTP/3.
            before_layout: false,
            log: self.context.log.stream(u64::from(id) * 4, path(&head.uri)),
        };
        if let Some(priority) = asked.said {
            asked.log.note(|| said(byte_log::Source::Request, priority));
        }
        stream.asked = Some(asked);
        if stream.early {
            if !matches!(head.method, Method::GET | Method::HEAD) {
                return self.respond(id, None, too_early());
            }
            head.headers
                .insert(EARLY_DATA, HeaderValue::from_static("1"));
        }
        let goes_on = head.headers.contains_key(EXPECT) && !matches!(body, Body::Empty);
        let exchange = convert::exchange(head, body, &self.context.connection, false);
        let exchange = match exchange.and_then(|exchange| self.bound_headers(exchange)) {
            Ok(exchange) => exchange,
            Err(refusal) => return self.respond(id, None, refusal),
        };
        let mut ending = Box::new(Ending::new(&*self.context.directory, exchange));
        let mut answer: Answer = Box::pin(async move {
            let response = ending.answer().await;
            (ending, response)
        });
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if goes_on {
            stream.go_on(context);
        }
        match answer.as_mut().poll(context) {
            Poll::Ready((ending, response)) => self.respond(id, Some(ending), response),
            Poll::Pending => {
                stream.state = State::Answer(answer);
                self.active += 1;
            }
        }
    }

    /// Refuses a request with too many headers. Counted when a cookie that came in pieces is whole.
    fn bound_headers(&self, exchange: Exchange) -> Result<Exchange, Box<Response>> {
        let limit = self.context.settings.limits.headers as usize;
        match exchange.headers.len() > limit {
            true => Err(Box::new(Violation::TooMany.answer())),
            false => Ok(exchange),
        }
    }

    /// A request that cannot be read.
    pub(super) fn refuse(&mut self, id: u32, error: &RequestError) -> Result<(), H3Error> {
        match error {
            RequestError::Broken(broken) => return Err((*broken).into()),
            RequestError::TooLarge => {
                let refusal = Box::new(Violation::TooLarge.answer());
                self.respond(id, None, refusal);
            }
            RequestError::Gone(_) => return self.give_up(id),
            RequestError::Refused(code) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.refuse(*code);
                }
                return self.give_up(id);
            }
        }
        Ok(())
    }

    /// Sends the head of a response, and its body as soon as its turn comes.
    pub(super) fn respond(
        &mut self,
        id: u32,
        mut ending: Option<Box<Ending>>,
        mut response: Box<Response>,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let wish = Wish::of(&response, self.gate.keeps_order());
        let method = stream.asked.as_ref().map(|asked| asked.method.clone());
        convert::settle(&method.unwrap_or_default(), false, &mut response);
        if let Some(ending) = &mut ending {
            ending.set_status(response.status);
        }
        stream.note(|| Noted::Head {
            status: response.status.as_u16(),
            length: response.body.exact_len(),
        });
        let source = Source::new(std::mem::take(&mut response.body));
        let plan = stream.plan(&wish);
        let sending = if wish.has_outline() && !self.gate.is_open() && !source.is_spent() {
            let headers = std::mem::take(&mut response.headers);
            Sending::with_body((response.status, headers), source, wish, ending)
        } else {
            let head = head::response(response.status, &response.headers);
            Sending::new(head, source, wish, ending)
        };
        stream.state = State::Turn(Box::new(sending));
        self.active += 1;
        self.queue(id, plan);
    }

    /// The client has no more use for a stream; one that does that too often has its last.
    pub(super) fn give_up(&mut self, id: u32) -> Result<(), H3Error> {
        if let Some(stream) = self.streams.get(&id) {
            stream.note(|| Noted::Reset { by_client: true });
        }
        self.end(id, false);
        match self.patience.wear() {
            true => Err(H3Error::GivenUp),
            false => Ok(()),
        }
    }
}

/// A signal for the byte log.
pub(super) fn said(source: byte_log::Source, priority: Priority) -> Noted {
    Noted::Said(byte_log::Said::new(source, priority))
}

/// RFC 8470 §5.2.
fn too_early() -> Box<Response> {
    Box::new(Response::text(
        StatusCode::TOO_EARLY,
        "425 Too Early: come again when the handshake is over\n",
    ))
}

/// A HEADERS frame that says 100 (RFC 9110 §10.1.1).
pub(in super::super) fn go_on() -> Bytes {
    head::response(StatusCode::CONTINUE, &HeaderMap::new()).into()
}
