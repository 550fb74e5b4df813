//! What the client said of which stream, joined into one priority.

use std::collections::BTreeMap;

use delivery::{Kind, Priority};
use http::HeaderMap;

use crate::multiplex::priority_header;
use crate::tap::{Said, Signal};

/// Most streams of which something was said before their request came.
const MAX_EARLY: usize = 256;

/// What was said of streams whose requests have not come yet.
#[derive(Debug, Default)]
pub struct Early(BTreeMap<u32, Opening>);

#[derive(Clone, Copy, Debug, Default)]
struct Opening {
    opened: bool,
    weight: Option<u16>,
    /// What came after HEADERS, or a PRIORITY_UPDATE that came before.
    later: Option<Said>,
}

impl Early {
    /// Keeps a signal for a stream whose request has not come yet. What is too much is dropped.
    pub fn keep(&mut self, signal: Signal) {
        if self.0.len() >= MAX_EARLY && !self.0.contains_key(&signal.stream) {
            return;
        }
        let opening = self.0.entry(signal.stream).or_default();
        match signal.said {
            Said::Opened(weight) => {
                opening.opened = true;
                opening.weight = weight;
            }
            Said::Update(_) => opening.later = Some(signal.said),
            // Before HEADERS a PRIORITY frame speaks of a node of the tree, not of a request.
            Said::Weight(_) | Said::Shown if opening.opened => opening.later = Some(signal.said),
            Said::Weight(_) | Said::Shown | Said::Window(_) => {}
        }
    }

    /// What the client says of a request that has come: a PRIORITY_UPDATE before its `Priority`
    /// header (RFC 9218 §7), the header before the weight of HEADERS. `None` if it says nothing.
    pub fn resolve(&mut self, stream: u32, headers: &HeaderMap) -> Option<Priority> {
        let Opening { weight, later, .. } = self.0.remove(&stream).unwrap_or_default();
        let header = priority_header(headers).map(Priority::parse);
        let said = header.or_else(|| {
            let urgency = Priority::from_weight(weight?)?;
            Some(Priority {
                urgency,
                ..Priority::default()
            })
        });
        match later {
            Some(later) => amend(said, later).or(said),
            None => said,
        }
    }

    /// Forgets streams up to `last`: their requests have come, or never will (RFC 9113 §5.1.1).
    pub fn forget_up_to(&mut self, last: u32) {
        if self
            .0
            .first_key_value()
            .is_some_and(|(first, _)| *first <= last)
        {
            self.0 = self.0.split_off(&last.saturating_add(1));
        }
    }
}

/// What a later signal makes of what was said; `None` if it says nothing new.
pub fn amend(said: Option<Priority>, later: Said) -> Option<Priority> {
    match later {
        Said::Opened(_) | Said::Window(_) => None,
        Said::Weight(weight) => {
            let before = said.unwrap_or_default();
            let after = before.reweighted(weight);
            (after != before).then_some(after)
        }
        Said::Shown => {
            // Who says this says nothing else: the urgency is that of a picture.
            let before = said.unwrap_or(Priority::assumed(Kind::Image));
            let after = before.shown();
            (after != before).then_some(after)
        }
        Said::Update(priority) => Some(priority),
    }
}

#[cfg(test)]
mod tests {
    use delivery::Urgency;
    use http::HeaderValue;

    use super::*;

    fn heard(signals: &[(u32, Said)], header: Option<&'static str>) -> Option<Priority> {
        let mut early = Early::default();
        for (stream, said) in signals {
            early.keep(Signal {
                stream: *stream,
                said: *said,
            });
        }
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert("priority", HeaderValue::from_static(value));
        }
        early.resolve(5, &headers)
    }

    fn said(field: &str) -> Priority {
        Priority::parse(field.as_bytes())
    }

    #[test]
    fn the_latest_and_most_exact_word_counts() {
        let (opened, plain) = (Said::Opened(Some(147)), Said::Opened(None));
        let update = Said::Update(said("u=6"));
        assert_eq!(heard(&[], None), None);
        assert_eq!(heard(&[(5, plain)], None), None);
        assert_eq!(heard(&[(5, Said::Opened(Some(16)))], None), None);
        assert_eq!(heard(&[(5, opened)], None), Some(said("u=3")));
        assert_eq!(heard(&[(5, opened)], Some("u=1, i")), Some(said("u=1, i")));
        assert_eq!(
            heard(&[(5, update), (5, opened)], Some("u=1")),
            Some(said("u=6"))
        );
        assert_eq!(heard(&[(7, update)], None), None);
    }

    #[test]
    fn a_weight_counts_only_after_the_request() {
        let seen = heard(
            &[(5, Said::Opened(Some(147))), (5, Said::Weight(220))],
            Some("i"),
        );
        let seen = seen.unwrap();
        assert!(seen.visible && seen.incremental && seen.urgency == Urgency::new(1));
        let tree = [(5, Said::Weight(220)), (5, Said::Opened(None))];
        assert_eq!(heard(&tree, Some("u=5, i")), Some(said("u=5, i")));
    }

    #[test]
    fn a_picture_that_is_shown_keeps_the_urgency_of_pictures() {
        let seen = heard(&[(5, Said::Opened(None)), (5, Said::Shown)], None).unwrap();
        let picture = Priority::assumed(Kind::Image);
        assert!(seen.visible && seen.urgency == picture.urgency && seen.incremental);
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut early = Early::default();
        for stream in 1..10_000 {
            early.keep(Signal {
                stream,
                said: Said::Update(said("u=0")),
            });
        }
        assert_eq!(early.0.len(), MAX_EARLY);
        early.forget_up_to(200);
        assert_eq!(early.0.len(), MAX_EARLY - 200);
    }
}
