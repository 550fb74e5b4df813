//! What a browser says of the order it wants: the fields and frames that it sends, read from the
//! log of nghttpd, which writes them all down.

use std::collections::BTreeMap;
use std::fmt;

/// What was said of one request.
#[derive(Debug, Default, PartialEq)]
pub struct Request {
    path: String,
    /// Its `priority` field.
    field: Option<String>,
    /// The weight of its HEADERS frame, and of PRIORITY frames after it.
    weights: Vec<u16>,
    /// Values of PRIORITY_UPDATE frames.
    updates: Vec<String>,
}

/// What was said on a connection.
#[derive(Debug, Default, PartialEq)]
pub struct Signals {
    /// SETTINGS in the words of the log.
    settings: Vec<String>,
    /// By their streams.
    requests: BTreeMap<u32, Request>,
    /// Weights of streams that only exist in the tree.
    groups: usize,
}

impl Signals {
    /// Reads the log of `nghttpd -v`.
    pub fn parse(log: &str) -> Self {
        let mut signals = Self::default();
        let mut frame = Frame::default();
        for line in log.lines() {
            if let Some((_, heard)) = line.split_once("] recv ") {
                frame = Frame::parse(heard);
                if let Some((stream, field)) = field(heard) {
                    signals.field(stream, field);
                }
            } else if line.starts_with("[id=") {
                frame = Frame::default();
            } else {
                signals.detail(&frame, line.trim());
            }
        }
        signals.groups = signals.requests.len();
        signals
            .requests
            .retain(|_, request| !request.path.is_empty());
        signals.groups -= signals.requests.len();
        signals
    }

    fn request(&mut self, stream: u32) -> &mut Request {
        self.requests.entry(stream).or_default()
    }

    fn field(&mut self, stream: u32, field: &str) {
        if let Some(path) = field.strip_prefix(":path: ") {
            self.request(stream).path = path.to_owned();
        } else if let Some(value) = field.strip_prefix("priority: ") {
            self.request(stream).field = Some(value.to_owned());
        }
    }

    /// A line below a frame's own.
    fn detail(&mut self, frame: &Frame, line: &str) {
        let inside = line.trim_matches(['(', ')', '[', ']']);
        match frame.name.as_str() {
            "SETTINGS" if line.starts_with("[SETTINGS_") => self.settings.push(inside.to_owned()),
            "HEADERS" | "PRIORITY" => {
                let weight = inside
                    .split(", ")
                    .find_map(|part| part.strip_prefix("weight="));
                if let Some(weight) = weight.and_then(|weight| weight.parse().ok()) {
                    self.request(frame.stream).weights.push(weight);
                }
            }
            "PRIORITY_UPDATE" => {
                let stream = inside
                    .split(", ")
                    .find_map(|part| part.strip_prefix("prioritized_stream_id="));
                let value = inside.split_once("priority_field_value=");
                if let (Some(stream), Some((_, value))) = (stream, value)
                    && let Ok(stream) = stream.parse()
                {
                    self.request(stream).updates.push(value.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// `(stream_id=13) :path: /a` as the stream and the rest.
fn field(heard: &str) -> Option<(u32, &str)> {
    let (stream, field) = heard.strip_prefix("(stream_id=")?.split_once(") ")?;
    Some((stream.parse().ok()?, field))
}

/// The frame whose details follow.
#[derive(Default)]
struct Frame {
    name: String,
    stream: u32,
}

impl Frame {
    /// `HEADERS frame <length=5, flags=0x25, stream_id=13>`
    fn parse(heard: &str) -> Self {
        let Some((name, rest)) = heard.split_once(" frame <") else {
            return Self::default();
        };
        let stream = rest.trim_end_matches('>').rsplit("stream_id=").next();
        Self {
            name: name.to_owned(),
            stream: stream.and_then(|stream| stream.parse().ok()).unwrap_or(0),
        }
    }
}

/// A table.
impl fmt::Display for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.settings.join(", "))?;
        if self.groups > 0 {
            writeln!(f, "{} streams only in the tree", self.groups)?;
        }
        writeln!(f, "| request | `priority` | weights | PRIORITY_UPDATE |")?;
        writeln!(f, "|---|---|---|---|")?;
        for request in self.requests.values() {
            let weights: Vec<_> = request.weights.iter().map(u16::to_string).collect();
            let field = request.field.as_deref().unwrap_or("none");
            writeln!(
                f,
                "| {} | {field} | {} | {} |",
                request.path,
                weights.join(" → "),
                request.updates.join(" → ")
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[id=1] [  0.001] recv SETTINGS frame <length=18, flags=0x00, stream_id=0>
          (niv=1)
          [SETTINGS_INITIAL_WINDOW_SIZE(0x04):131072]
[id=1] [  0.001] recv PRIORITY frame <length=5, flags=0x00, stream_id=3>
          (dep_stream_id=0, weight=201, exclusive=0)
[id=1] [  0.002] recv (stream_id=15) :path: /a.html
[id=1] [  0.002] recv (stream_id=15) priority: u=1, i
[id=1] [  0.002] recv HEADERS frame <length=99, flags=0x25, stream_id=15>
          ; END_STREAM | END_HEADERS | PRIORITY
          (padlen=0, dep_stream_id=3, weight=42, exclusive=0)
          ; Open new stream
[id=1] [  0.003] send SETTINGS frame <length=6, flags=0x00, stream_id=0>
          [SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100]
[id=1] [  0.004] recv PRIORITY frame <length=5, flags=0x00, stream_id=15>
          (dep_stream_id=0, weight=220, exclusive=1)
";

    #[test]
    fn fields_and_frames_are_read_from_a_log() {
        let signals = Signals::parse(LOG);
        assert_eq!(
            signals.settings,
            ["SETTINGS_INITIAL_WINDOW_SIZE(0x04):131072"]
        );
        assert_eq!(signals.groups, 1);
        let request = Request {
            path: "/a.html".into(),
            field: Some("u=1, i".into()),
            weights: vec![42, 220],
            updates: Vec::new(),
        };
        assert_eq!(signals.requests, BTreeMap::from([(15, request)]));
        let text = signals.to_string();
        assert!(
            text.contains("| /a.html | u=1, i | 42 → 220 |  |"),
            "{text}"
        );
    }
}
