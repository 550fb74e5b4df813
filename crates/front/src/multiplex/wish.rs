//! In which order the bytes of a response leave: what client, response and origin say of it.

use std::sync::Arc;

use delivery::{Grant, Kind, Outline, Plan, Priority};
use http::header::{FORWARDED, VIA};
use http::{HeaderMap, HeaderValue, Method};
use pipeline::Response;

use crate::byte_log::{Event, Part, Sent, StreamLog, Why};
use crate::convert::{CF_PRIORITY, CF_PRIORITY_CHANGE, kind_of};
use crate::h2::Http2Settings;
use crate::multiplex::learned::{Learned, Place};

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
        self.plan_with(said, shared, None)
    }

    /// Whether it is a picture.
    pub fn is_picture(&self) -> bool {
        self.kind == Kind::Image
    }

    /// Whether a browser that says this of it lays no page out before it has come: stylesheets and
    /// scripts that are urgent.
    pub fn holds_layout_up(&self, said: Option<Priority>) -> bool {
        matches!(self.kind, Kind::Stylesheet | Kind::Script) && said.is_some_and(Asked::is_urgent)
    }

    /// Whether it is known which of its bytes show what.
    pub fn has_outline(&self) -> bool {
        self.outline.is_some()
    }

    /// Whether it is a page.
    pub fn is_page(&self) -> bool {
        self.kind == Kind::Html
    }

    fn plan_with(&self, said: Option<Priority>, shared: bool, recalled: Option<bool>) -> Plan {
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
        let priority = priority.recalled(recalled);
        Plan::new(self.kind, self.outline.as_deref(), priority)
    }
}

/// What is known of a request, for the order of its response.
pub struct Asked {
    /// What the client says of it; `None` if it says nothing.
    pub said: Option<Priority>,
    /// Whether the request came through a proxy.
    pub shared: bool,
    pub method: Method,
    /// Where on which page the picture is, if it is one and that is known.
    pub place: Option<Place>,
    /// Whether it is on screen when the page opens, as far as other visitors showed.
    pub recalled: Option<bool>,
    /// Whether it was asked for before the client had laid the page out. Of what is asked for later,
    /// because it has come near, it says nothing more.
    pub before_layout: bool,
    pub log: StreamLog,
}

impl Asked {
    /// The plan for the response.
    pub fn plan(&self, wish: &Wish) -> Plan {
        wish.plan_with(self.said, self.shared, self.recalled)
    }

    /// Notes that the client has named other pictures as those on screen. Returns whether that is
    /// news of this one.
    pub fn pass_over(&mut self) -> bool {
        let before = self.said;
        self.said = before.map(Priority::passed_over);
        self.said != before
    }

    /// Notes that the client has had the time to name the pictures on screen, and named none.
    /// Returns whether that is news of this one.
    pub fn pass_over_in_silence(&mut self) -> bool {
        let before = self.said;
        self.said = before.map(Priority::passed_over_in_silence);
        self.said != before
    }

    /// Whether a browser says this of what it cannot show a page without.
    fn is_urgent(said: Priority) -> bool {
        said.urgency.value() <= 1 && !said.visible
    }

    /// Whether it may be something that holds the layout up, as far as the request tells.
    pub fn may_hold_layout_up(&self) -> bool {
        self.place.is_none() && self.said.is_some_and(Self::is_urgent)
    }

    /// Whether the client says that the picture is on screen.
    pub fn is_named(&self) -> bool {
        self.said.is_some_and(|said| said.visible)
    }

    /// Teaches what the client has said of a picture by the end of its response.
    pub fn teach(&self, learned: &Learned) {
        if let (Some(place), Some(said)) = (self.place, self.said)
            && (said.visible || (said.offscreen && self.before_layout))
        {
            learned.note(place, said.visible);
        }
    }

    /// Writes down that bytes of the body were handed over, from `start` to `end`, at the level
    /// and for the reason of `grant`; without one, at once.
    pub fn note_sent(&self, wish: &Wish, (start, end): (u64, u64), grant: Option<&Grant>) {
        self.log.note(|| {
            Event::Sent(Sent {
                part: Part::at(wish.kind, wish.outline.as_deref(), start),
                start,
                end,
                level: grant.map(|grant| grant.level.value()),
                concurrency: grant.and_then(|grant| grant.concurrency.to_string().chars().next()),
                urgency: self.said.map(|said| said.urgency.value()),
                incremental: self.said.map(|said| said.incremental),
                why: grant.map_or(Why::AtOnce, |grant| grant.reason.into()),
            })
        });
    }
}

/// In which order the bytes of a response leave over HTTP/2 or HTTP/3, for a request with the
/// headers `asked` whose client says nothing beside them: as the origin's own plan says
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

/// The value of a `Priority` header.
pub fn priority_header(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("priority").map(http::HeaderValue::as_bytes)
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
