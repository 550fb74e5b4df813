//! One line of the byte log.

use std::borrow::Cow;
use std::sync::Arc;

use delivery::{Kind, Outline, Priority};
use serde::{Deserialize, Serialize};

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the connection, counted from the start of the server.
    pub connection: u64,
    /// `h1`, `h2` or `h3`.
    pub protocol: Cow<'static, str>,
    /// Time since the connection's first byte, in microseconds.
    #[serde(rename = "us")]
    pub micros: u64,
    /// The stream, as the protocol numbers it; 0 for the connection as a whole. HTTP/1.1 counts
    /// its requests from 1.
    pub stream: u64,
    /// Path and query of the request, at most 256 bytes; absent where no request is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Arc<str>>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The connection is ready for requests.
    Opened,
    /// A request came.
    Request,
    /// The client said something of its priority.
    Said(Said),
    /// The head of a response was handed to the connection.
    Head {
        /// Status.
        status: u16,
        /// Length of the body in bytes; absent if it is not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        length: Option<u64>,
    },
    /// A piece of a body was handed to the connection.
    Sent(Sent),
    /// The client's window for the stream is used up.
    Blocked,
    /// The client's window for the stream has room again.
    Unblocked,
    /// The stream was given up.
    Reset {
        /// By the client; else by the server.
        by_client: bool,
    },
    /// The last byte of the response has left.
    End,
    /// The connection is over.
    Closed,
}

/// Where a signal came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The request: its `Priority` header (RFC 9218 §5), the weight of its HEADERS frame
    /// (RFC 7540 §6.2), or a PRIORITY_UPDATE that came before it.
    Request,
    /// A PRIORITY frame (RFC 7540 §6.3).
    PriorityFrame,
    /// A PRIORITY_UPDATE frame (RFC 9218 §7).
    PriorityUpdate,
}

/// A signal of the client's, and what it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Where it came from.
    pub source: Source,
    /// Urgency (RFC 9218 §4.1), 0–7.
    pub urgency: u8,
    /// Whether a part of the response is of use before the rest.
    pub incremental: bool,
    /// Whether the client said that the picture is on screen.
    pub visible: bool,
}

impl Said {
    /// A signal that makes the client's word this priority.
    pub fn new(source: Source, priority: Priority) -> Self {
        Self {
            source,
            urgency: priority.urgency.value(),
            incremental: priority.incremental,
            visible: priority.visible,
        }
    }
}

/// A piece of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// What it shows.
    pub part: Part,
    /// Its first byte, counted from the start of the body.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// Level it left at, 0–63, higher first; absent where there is no scheduler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
    /// How it shares its level: `0`, `1` or `n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<char>,
    /// What the client had said by then: its urgency, 0–7; absent if it said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<u8>,
    /// The same: whether a part is of use before the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incremental: Option<bool>,
    /// Why it was its turn.
    pub why: Why,
}

/// What a piece of a body shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A picture's header and what makes its first preview.
    Preview,
    /// What makes a picture good enough.
    Good,
    /// The rest of a picture.
    Rest,
    /// A picture whose structure is not known.
    Picture,
    /// A message without such parts: a page, a stylesheet, data.
    Message,
}

impl Part {
    /// What the byte at `offset` of a body belongs to.
    pub fn at(kind: Kind, outline: Option<&Outline>, offset: u64) -> Self {
        match outline {
            Some(outline) if offset < outline.preview && outline.preview < outline.length => {
                Self::Preview
            }
            Some(outline) if offset < outline.good && outline.good < outline.length => Self::Good,
            Some(outline) if outline.preview < outline.length => Self::Rest,
            _ if kind == Kind::Image => Self::Picture,
            _ => Self::Message,
        }
    }
}

/// Why a piece was next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Nothing else had data and window.
    Only,
    /// The highest level with data and window, and first of it.
    Highest,
    /// The same, and its turn among equals.
    Turn,
    /// The share that is kept for the lowest level, so that nothing starves.
    Share,
    /// It went at once: the path is near and nothing else was waiting, or the protocol has one
    /// response at a time.
    AtOnce,
}

impl From<delivery::Reason> for Why {
    fn from(reason: delivery::Reason) -> Self {
        match reason {
            delivery::Reason::Only => Self::Only,
            delivery::Reason::Highest => Self::Highest,
            delivery::Reason::Turn => Self::Turn,
            delivery::Reason::Share => Self::Share,
        }
    }
}

impl Entry {
    /// The entry as a line of JSON, with its line feed.
    pub fn line(&self) -> Vec<u8> {
        // Nothing in an entry can fail to be written: no map with other keys, no float.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }
}

#[cfg(test)]
mod tests {
    use delivery::Urgency;

    use super::*;

    fn entry(event: Event) -> Entry {
        Entry {
            connection: 7,
            protocol: "h2".into(),
            micros: 104_220,
            stream: 5,
            path: Some("/a \"b\"\n.jpg".into()),
            event,
        }
    }

    #[test]
    fn a_line_reads_as_the_documentation_says() {
        let sent = Event::Sent(Sent {
            part: Part::Preview,
            start: 0,
            end: 15_200,
            level: Some(28),
            concurrency: Some('1'),
            urgency: Some(3),
            incremental: Some(true),
            why: Why::Highest,
        });
        let line = String::from_utf8(entry(sent).line()).unwrap();
        assert_eq!(
            line,
            "{\"connection\":7,\"protocol\":\"h2\",\"us\":104220,\"stream\":5,\
             \"path\":\"/a \\\"b\\\"\\n.jpg\",\"event\":\"sent\",\"part\":\"preview\",\
             \"start\":0,\"end\":15200,\"level\":28,\"concurrency\":\"1\",\"urgency\":3,\
             \"incremental\":true,\"why\":\"highest\"}\n"
        );
    }

    #[test]
    fn every_event_is_read_back() {
        let priority = Priority {
            urgency: Urgency::new(1),
            incremental: true,
            visible: true,
            offscreen: false,
            below: false,
        };
        let piece = |part, why| {
            Event::Sent(Sent {
                part,
                start: 1,
                end: 2,
                level: None,
                concurrency: None,
                urgency: None,
                incremental: None,
                why,
            })
        };
        let events = [
            Event::Opened,
            Event::Request,
            Event::Said(Said::new(Source::PriorityFrame, priority)),
            Event::Head {
                status: 200,
                length: Some(3),
            },
            piece(Part::Good, Why::Only),
            piece(Part::Message, Why::AtOnce),
            Event::Blocked,
            Event::Unblocked,
            Event::Reset { by_client: true },
            Event::End,
            Event::Closed,
        ];
        for event in events {
            let entry = entry(event);
            let line = String::from_utf8(entry.line()).unwrap();
            assert_eq!(Entry::read(&line).unwrap(), entry, "{line}");
        }
        for wrong in ["", "{}", "[]", "{\"connection\":1}"] {
            assert!(Entry::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn parts_are_those_of_the_outline() {
        let outline = Outline {
            length: 100,
            header: 5,
            preview: 20,
            good: 50,
            scans: Vec::new(),
        };
        for (offset, part) in [
            (0, Part::Preview),
            (19, Part::Preview),
            (20, Part::Good),
            (50, Part::Rest),
            (99, Part::Rest),
        ] {
            assert_eq!(Part::at(Kind::Image, Some(&outline), offset), part);
        }
        let without_preview = Outline {
            preview: 100,
            good: 100,
            ..outline
        };
        assert_eq!(
            Part::at(Kind::Image, Some(&without_preview), 0),
            Part::Picture
        );
        assert_eq!(Part::at(Kind::Image, None, 0), Part::Picture);
        assert_eq!(Part::at(Kind::Html, None, 0), Part::Message);
    }
}
