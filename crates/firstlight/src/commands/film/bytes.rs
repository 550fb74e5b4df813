//! What our servers say of the bytes they sent, beside what the browser says of those it got.

use std::time::Duration;

use lab::run::{Part, Piece, Resource, Run};
use server::byte_log::{self, Entry, Event};

/// Gives each resource of a run the pieces of it that a server sent.
///
/// The server counts from the start of a connection, the browser from that of the navigation. They
/// meet in a connection's first request: it reached the server half a round trip after it left the
/// browser.
pub fn attach(run: &mut Run, log: &[Entry], round_trip: Duration) {
    let mut connections: Vec<u64> = log.iter().map(|entry| entry.connection).collect();
    connections.sort_unstable();
    connections.dedup();
    for connection in connections {
        let of_it = || log.iter().filter(|entry| entry.connection == connection);
        let Some(offset) = offset(run, of_it(), round_trip) else {
            continue;
        };
        for entry in of_it() {
            let (Event::Sent(sent), Some(path)) = (&entry.event, entry.path.as_deref()) else {
                continue;
            };
            let Some(resource) = resource(run, path) else {
                continue;
            };
            let at = offset + entry.micros as f64 / 1e6;
            resource.pieces.push(Piece {
                at: Duration::try_from_secs_f64(at).unwrap_or_default(),
                bytes: sent.end.saturating_sub(sent.start),
                part: part(sent.part),
                level: sent.level,
            });
        }
    }
    for resource in &mut run.resources {
        resource.pieces.sort_by_key(|piece| piece.at);
    }
}

/// Seconds from the navigation to the connection's start.
fn offset<'a>(
    run: &mut Run,
    mut log: impl Iterator<Item = &'a Entry>,
    round_trip: Duration,
) -> Option<f64> {
    let asked = log.find(|entry| entry.event == Event::Request)?;
    let sent = resource(run, asked.path.as_deref()?)?.sent?;
    let came = sent + round_trip / 2;
    Some(came.as_secs_f64() - asked.micros as f64 / 1e6)
}

/// The resource of a path, which the log may have cut.
fn resource<'a>(run: &'a mut Run, path: &str) -> Option<&'a mut Resource> {
    let its = |resource: &Resource| {
        let (_, rest) = resource.url.split_once("://")?;
        let start = rest.find('/')?;
        Some(rest[start..].starts_with(path) && (path.len() >= CUT || rest[start..] == *path))
    };
    run.resources
        .iter_mut()
        .find(|resource| its(resource) == Some(true))
}

/// Paths shorter than this are whole in the log.
const CUT: usize = 250;

fn part(part: byte_log::Part) -> Part {
    match part {
        byte_log::Part::Preview => Part::Preview,
        byte_log::Part::Good => Part::Good,
        byte_log::Part::Rest => Part::Rest,
        byte_log::Part::Picture | byte_log::Part::Message => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(connection: u64, micros: u64, path: &str, event: &str) -> Entry {
        let line = format!(
            "{{\"connection\":{connection},\"protocol\":\"h2\",\"us\":{micros},\"stream\":1,\
             \"path\":\"{path}\",{event}}}"
        );
        serde_json::from_str(&line).unwrap()
    }

    fn sent(part: &str, start: u64, end: u64) -> String {
        format!(
            "\"event\":\"sent\",\"part\":\"{part}\",\"start\":{start},\"end\":{end},\
             \"why\":\"only\",\"level\":30"
        )
    }

    #[test]
    fn both_clocks_meet_in_the_first_request() {
        let ms = Duration::from_millis;
        let resource = |url: &str, sent| Resource {
            url: url.into(),
            sent: Some(ms(sent)),
            ..Resource::default()
        };
        let mut run = Run {
            resources: vec![
                resource("https://a.test/", 400),
                resource("https://a.test/p.jpg?w=1", 700),
            ],
            ..Run::default()
        };
        let request = "\"event\":\"request\"";
        let log = [
            entry(3, 1000, "/", request),
            entry(3, 6000, "/", &sent("message", 0, 500)),
            entry(3, 9000, "/p.jpg?w=1", &sent("preview", 0, 9000)),
            entry(3, 9500, "/p.jpg", &sent("rest", 0, 9000)),
            entry(4, 0, "/other", request),
            entry(4, 1, "/", &sent("message", 0, 1)),
        ];
        attach(&mut run, &log, ms(150));
        let seen = |index: usize| -> Vec<(u128, u64, Part)> {
            let pieces = run.resources[index].pieces.iter();
            pieces
                .map(|piece| (piece.at.as_millis(), piece.bytes, piece.part))
                .collect()
        };
        assert_eq!(seen(0), [(480, 500, Part::Whole)]);
        assert_eq!(seen(1), [(483, 9000, Part::Preview)]);
    }
}
