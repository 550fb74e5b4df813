//! One stream of a connection, from its request to its last byte on the wire.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use base::BodyError;
use bytes::Bytes;
use delivery::{Kind, Outline, Plan, Priority};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONTENT_TYPE, FORWARDED, VIA};
use http::{HeaderMap, HeaderValue, Method};
use pipeline::Response;

use super::settings::Http2Settings;
use super::signals::priority_header;
use super::source::Source;
use super::wakes::{StreamWake, Wakes};
use crate::convert::{CF_PRIORITY, CF_PRIORITY_CHANGE};
use crate::ending::Ending;

/// A pipeline at work on a request.
pub type Answer = Pin<Box<dyn Future<Output = (Box<Ending>, Box<Response>)> + Send>>;

/// One stream of a connection.
pub struct Stream {
    pub id: u32,
    /// What the client says of it; `None` if it says nothing.
    pub said: Option<Priority>,
    /// Whether the request came through a proxy.
    pub shared: bool,
    pub method: Method,
    pub state: State,
    wake: Option<(Arc<StreamWake>, Waker)>,
}

/// What a stream waits for.
pub enum State {
    /// Its answer.
    Answer {
        answer: Answer,
        respond: SendResponse<Bytes>,
    },
    /// Its turn to send, and then its last byte to leave.
    Turn(Box<Sending>),
}

/// A response on its way out.
pub struct Sending {
    pub send: SendStream<Bytes>,
    pub source: Source,
    /// Dropped when the stream is over, which tells the log.
    pub ending: Option<Box<Ending>>,
    pub wish: Wish,
    /// Bytes handed to the connection that have not left.
    pub waiting: u64,
    /// Whether the client's window is used up.
    pub blocked: bool,
    /// Whether the end was handed to the connection.
    pub finished: bool,
}

/// What a response brings along for its plan.
pub struct Wish {
    kind: Kind,
    outline: Option<Arc<Outline>>,
    /// The origin's plan, in Cloudflare's words.
    exact: Option<Plan>,
    /// The response's own `Priority` header.
    priority: Option<HeaderValue>,
}

impl Wish {
    /// Reads the response. `order` says whether any order is kept: without one every wish is for a
    /// fair share.
    pub fn of(response: &Response, order: bool) -> Self {
        let headers = &response.headers;
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let exact = match order {
            true => {
                text(CF_PRIORITY).and_then(|exact| Plan::parse_cf(exact, text(CF_PRIORITY_CHANGE)))
            }
            false => Some(Plan::fair()),
        };
        Self {
            kind: kind_of(headers),
            outline: response.outline.clone(),
            exact,
            priority: headers.get("priority").cloned(),
        }
    }

    /// The plan for a response to a client that said `said`.
    pub fn plan(&self, said: Option<Priority>, shared: bool) -> Plan {
        if let Some(plan) = &self.exact {
            return plan.clone();
        }
        if shared {
            return Plan::fair();
        }
        let mut priority = said.unwrap_or_else(|| Priority::assumed(self.kind));
        if let Some(own) = &self.priority {
            priority = priority.merge(own.as_bytes());
        }
        Plan::new(self.kind, self.outline.as_deref(), priority)
    }
}

/// In which order the bytes of a response leave over HTTP/2, for a request with the headers
/// `asked` whose client says nothing beside them: as the origin's own plan says
/// (`Cf-Priority`, `Cf-Priority-Change`), or in fair shares if the request came through a proxy,
/// or as the priorities of client and response (RFC 9218) and the structure of the body say.
///
/// This is what the server itself goes by. What a client says later, in frames, changes the plan
/// of a response on its way.
pub fn plan_for(settings: &Http2Settings, asked: &HeaderMap, response: &Response) -> Plan {
    let said = priority_header(asked).map(Priority::parse);
    Wish::of(response, settings.order).plan(said, is_shared(asked))
}

/// Whether a request with these headers came through a proxy, so that its connection may carry
/// those of several people.
pub fn is_shared(asked: &HeaderMap) -> bool {
    asked.contains_key(VIA) || asked.contains_key(FORWARDED)
}

fn kind_of(headers: &HeaderMap) -> Kind {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    Kind::from_content_type(value.unwrap_or_default())
}

impl Stream {
    /// A stream whose request was understood.
    pub fn new(id: u32, method: Method, state: State) -> Self {
        Self {
            id,
            said: None,
            shared: false,
            method,
            state,
            wake: None,
        }
    }

    /// The stream's own waker, made when it is first needed.
    pub fn waker(&mut self, wakes: &Arc<Wakes>) -> Waker {
        let (_, waker) = self.wake.get_or_insert_with(|| {
            let wake = StreamWake::new(wakes, self.id);
            (Arc::clone(&wake), Waker::from(wake))
        });
        waker.clone()
    }

    /// The stream is about to be looked at.
    pub fn look(&self) {
        if let Some((wake, _)) = &self.wake {
            wake.look();
        }
    }

    /// Whether the client gave the stream up, or the connection is lost. Asking arms the wake-up.
    pub fn is_given_up(&mut self, context: &mut Context<'_>) -> bool {
        match &mut self.state {
            State::Answer { respond, .. } => respond.poll_reset(context).is_ready(),
            State::Turn(sending) => sending.send.poll_reset(context).is_ready(),
        }
    }
}

impl Sending {
    /// Whether every byte has left.
    pub fn is_done(&self) -> bool {
        self.finished && self.waiting == 0
    }

    /// Tells the connection that the body is over, if it is, every byte was handed over and the
    /// end was not.
    pub fn finish(&mut self) -> Result<(), h2::Error> {
        if self.finished || !self.source.is_spent() {
            return Ok(());
        }
        self.finished = true;
        match self.source.take_trailers() {
            Some(trailers) => self.send.send_trailers(trailers),
            None => self.send.send_data(Bytes::new(), true),
        }
    }

    /// Gives the response up in mid-body, and tells the client.
    pub fn break_off(&mut self, error: &BodyError) {
        tracing::debug!(error = base::failure::chain(error), "a response broke off");
        self.send.send_reset(Reason::INTERNAL_ERROR);
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, StatusCode};

    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let entry = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        lines.iter().map(entry).collect()
    }

    #[test]
    fn the_plan_is_the_origins_then_fair_then_what_both_sides_say() {
        let exact = ("cf-priority", "30/0");
        let change = ("cf-priority-change", "512:20/1");
        let css = ("content-type", "text/css");
        let said = |priority| Plan::new(Kind::Stylesheet, None, Priority::parse(priority));
        let assumed = Plan::new(Kind::Stylesheet, None, Priority::assumed(Kind::Stylesheet));
        let cases: [(&[_], &[_], Plan); 8] = [
            (&[], &[css], assumed.clone()),
            (&[("priority", "u=5")], &[css], said(b"u=5")),
            (
                &[("priority", "u=5, i")],
                &[css, ("priority", "u=1")],
                said(b"u=1, i"),
            ),
            (&[], &[css, ("priority", "u=1")], said(b"u=1")),
            (
                &[("via", "1.1 a"), ("priority", "u=1")],
                &[css],
                Plan::fair(),
            ),
            (&[("forwarded", "for=_a")], &[css], Plan::fair()),
            (
                &[("via", "1.1 a")],
                &[css, exact, change],
                Plan::parse_cf("30/0", Some("512:20/1")).unwrap(),
            ),
            (&[], &[css, ("cf-priority", "nonsense"), change], assumed),
        ];
        for (asked, answered, expected) in cases {
            let mut response = Response::new(StatusCode::OK, "p {}");
            response.headers = headers(answered);
            let asked = headers(asked);
            let plan = plan_for(&Http2Settings::default(), &asked, &response);
            assert_eq!(plan, expected, "{asked:?} {answered:?}");
            let settings = Http2Settings {
                order: false,
                ..Http2Settings::default()
            };
            assert_eq!(plan_for(&settings, &asked, &response), Plan::fair());
        }
    }
}
