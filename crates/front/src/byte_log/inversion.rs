//! Inversion bytes: how much left although something more important could have.

use std::collections::BTreeMap;

use super::{Entry, Event, Sent, Why};

/// A response as the log knows it.
#[derive(Default)]
struct Response {
    /// Length of the body, where it was known with the head: all of it is at hand then.
    length: Option<u64>,
    /// Bytes handed over on the whole connection when it became known.
    known_at: u64,
    sent: u64,
    blocked: bool,
    over: bool,
    /// The levels of what it has still to send, by offset, last first.
    ahead: Vec<(u64, u8)>,
}

impl Response {
    /// The level of its next byte, if it has data and window.
    fn level(&self) -> Option<u8> {
        let has_data = self.length.is_some_and(|length| self.sent < length);
        let next = self.ahead.last().map(|(_, level)| *level);
        next.filter(|_| has_data && !self.blocked && !self.over)
    }
}

/// The bytes that were handed over at a level while a response of a higher level had data and
/// window, and had been known for longer than it takes to hand over `grain` bytes.
///
/// The entries are one connection's, in their order. Responses whose length is not known with
/// their head do not count as having data; what is kept for the lowest level on purpose
/// ([`Why::Share`]) is no inversion.
pub fn inversion_bytes(entries: &[Entry], grain: u64) -> u64 {
    let mut responses = levels_ahead(entries);
    let (mut handed_over, mut inverted) = (0, 0);
    for entry in entries {
        if let Event::Sent(sent) = &entry.event {
            inverted += inverted_by(sent, entry.stream, &responses, handed_over, grain);
            handed_over += sent.end.saturating_sub(sent.start);
        }
        let Some(response) = responses.get_mut(&entry.stream) else {
            continue;
        };
        match &entry.event {
            Event::Head { length, .. } => {
                response.length = *length;
                response.known_at = handed_over;
            }
            Event::Sent(sent) => {
                response.sent = sent.end;
                while response
                    .ahead
                    .last()
                    .is_some_and(|(start, _)| *start < sent.end)
                {
                    response.ahead.pop();
                }
            }
            Event::Blocked => response.blocked = true,
            Event::Unblocked => response.blocked = false,
            Event::End | Event::Reset { .. } => response.over = true,
            _ => {}
        }
    }
    inverted
}

fn inverted_by(
    sent: &Sent,
    stream: u64,
    responses: &BTreeMap<u64, Response>,
    handed_over: u64,
    grain: u64,
) -> u64 {
    let Some(level) = sent.level.filter(|_| sent.why != Why::Share) else {
        return 0;
    };
    let overtaken = responses.iter().any(|(id, other)| {
        *id != stream
            && other.known_at + grain < handed_over
            && other.level().is_some_and(|wanted| wanted > level)
    });
    if overtaken {
        sent.end.saturating_sub(sent.start)
    } else {
        0
    }
}

/// Each stream with the levels at which its pieces will leave.
fn levels_ahead(entries: &[Entry]) -> BTreeMap<u64, Response> {
    let mut responses: BTreeMap<u64, Response> = BTreeMap::new();
    for entry in entries.iter().rev() {
        if let Event::Sent(sent) = &entry.event
            && let Some(level) = sent.level
        {
            let response = responses.entry(entry.stream).or_default();
            response.ahead.push((sent.start, level));
        }
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::super::Part;
    use super::*;

    fn entry(stream: u64, event: Event) -> Entry {
        Entry {
            connection: 1,
            protocol: "h2".into(),
            micros: 0,
            stream,
            path: None,
            event,
        }
    }

    fn head(stream: u64) -> Entry {
        let length = Some(20_000);
        entry(
            stream,
            Event::Head {
                status: 200,
                length,
            },
        )
    }

    fn sent(stream: u64, (start, end): (u64, u64), level: u8, why: Why) -> Entry {
        let sent = Sent {
            part: Part::Message,
            start,
            end,
            level: Some(level),
            concurrency: None,
            urgency: None,
            incremental: None,
            why,
        };
        entry(stream, Event::Sent(sent))
    }

    #[test]
    fn what_overtakes_something_known_for_long_is_counted() {
        let why = Why::Highest;
        let mut entries = vec![
            head(1),
            sent(1, (0, 4000), 10, why),
            head(3),
            sent(1, (4000, 9000), 10, why),
            sent(1, (9000, 14_000), 10, why),
            sent(1, (14_000, 15_000), 10, Why::Share),
            sent(3, (0, 20_000), 60, why),
            sent(1, (15_000, 20_000), 10, why),
        ];
        assert_eq!(
            inversion_bytes(&entries, 4096),
            5000,
            "the first was within a grain"
        );
        assert_eq!(inversion_bytes(&entries, 1 << 20), 0);
        entries.insert(3, entry(3, Event::Blocked));
        entries.insert(6, entry(3, Event::Unblocked));
        assert_eq!(inversion_bytes(&entries, 4096), 0, "it had no window");
    }
}
