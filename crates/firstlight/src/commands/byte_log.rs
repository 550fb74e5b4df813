//! `firstlight inspect --log`: who got bytes when.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::{Value, json};
use server::byte_log::{Entry, Event, Part, Sent, Why, inversion_bytes};

use crate::output::{self, CommandError, Exit, Outcome, grouped};

/// Columns of the drawing.
const WIDTH: usize = 64;

/// Columns of a path.
const NAME: usize = 28;

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// What a response may wait for one of a higher level without being out of order, in bytes: as much
/// is handed over at once on a slow link.
const GRAIN: u64 = 4096;

const LEGEND: &str = "P preview  g good  r rest  = message or other picture  . waiting  ! the client said something  x given up\n";

/// Draws every connection of the log. Lines that are none are counted, and a problem.
pub fn run(file: &Path, as_json: bool) -> Outcome {
    let (connections, wrong) = read(file)?;
    if as_json {
        let described = connections.iter().map(|(number, it)| it.json(*number));
        output::json(&described.collect());
    } else {
        for (number, connection) in &connections {
            output::data(connection.draw(*number));
        }
        output::data(LEGEND);
    }
    if wrong > 0 {
        output::warn(format_args!("{wrong} lines are no entries of a byte log"));
        return Ok(Exit::Problems);
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<(BTreeMap<u64, Connection>, u64), CommandError> {
    let failed =
        |error| CommandError::because(format_args!("cannot read {}", file.display()), &error);
    let mut reader = BufReader::new(File::open(file).map_err(failed)?);
    let mut connections: BTreeMap<u64, Connection> = BTreeMap::new();
    let mut wrong = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            return Ok((connections, wrong));
        }
        let entry = str::from_utf8(&line).ok().map(Entry::read);
        match entry {
            Some(Ok(entry)) => connections.entry(entry.connection).or_default().add(entry),
            _ => wrong += 1,
        }
    }
}

/// What the log says of a connection.
#[derive(Default)]
struct Connection {
    protocol: String,
    end: u64,
    streams: BTreeMap<u64, Stream>,
    /// In their order.
    entries: Vec<Entry>,
}

/// What the log says of a stream; times in microseconds.
#[derive(Default)]
struct Stream {
    path: String,
    asked: u64,
    ended: Option<u64>,
    given_up: bool,
    pieces: Vec<Piece>,
    signals: Vec<u64>,
}

struct Piece {
    at: u64,
    part: Part,
    bytes: u64,
}

impl Connection {
    fn add(&mut self, entry: Entry) {
        self.entries.push(entry.clone());
        self.protocol = entry.protocol.into_owned();
        self.end = self.end.max(entry.micros);
        if entry.stream == 0 {
            return;
        }
        let stream = self.streams.entry(entry.stream).or_default();
        if let Some(path) = &entry.path {
            stream.path = path.to_string();
        }
        match entry.event {
            Event::Request => stream.asked = entry.micros,
            Event::Said(_) => stream.signals.push(entry.micros),
            Event::Sent(sent) => stream.pieces.push(Piece {
                at: entry.micros,
                part: sent.part,
                bytes: sent.end.saturating_sub(sent.start),
            }),
            Event::End => stream.ended = Some(entry.micros),
            Event::Reset { .. } => {
                stream.ended = Some(entry.micros);
                stream.given_up = true;
            }
            _ => {}
        }
    }

    fn bytes(&self) -> u64 {
        self.streams.values().map(Stream::bytes).sum()
    }

    /// Bytes of the turns that the lowest level is given, so that nothing starves.
    fn share(&self) -> u64 {
        let of = |entry: &Entry| match entry.event {
            Event::Sent(Sent {
                why: Why::Share,
                start,
                end,
                ..
            }) => end.saturating_sub(start),
            _ => 0,
        };
        self.entries.iter().map(of).sum()
    }

    fn draw(&self, number: u64) -> String {
        let mut text = String::new();
        let out_of_order = match inversion_bytes(&self.entries, GRAIN) {
            0 => String::new(),
            bytes => format!(", {} bytes out of order", grouped(bytes)),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "connection {number}, {}: {} requests, {} bytes, {:.3} s{out_of_order}",
            self.protocol,
            self.streams.len(),
            grouped(self.bytes()),
            self.end as f64 / 1e6,
        );
        for (id, stream) in &self.streams {
            let _ = writeln!(
                text,
                "{id:>5} {:NAME$} |{}| {:>11}",
                shown(&stream.path),
                stream.row(self.end),
                grouped(stream.bytes()),
            );
        }
        text.push('\n');
        text
    }

    fn json(&self, number: u64) -> Value {
        let streams: Vec<Value> = self
            .streams
            .iter()
            .map(|(id, stream)| {
                json!({
                    "stream": id,
                    "path": stream.path,
                    "asked_us": stream.asked,
                    "first_us": stream.pieces.first().map(|piece| piece.at),
                    "preview_us": stream.last_of(Part::Preview),
                    "good_us": stream.last_of(Part::Good),
                    "ended_us": stream.ended,
                    "given_up": stream.given_up,
                    "bytes": stream.bytes(),
                })
            })
            .collect();
        json!({
            "connection": number,
            "protocol": self.protocol,
            "us": self.end,
            "bytes": self.bytes(),
            "out_of_order_bytes": inversion_bytes(&self.entries, GRAIN),
            "share_bytes": self.share(),
            "streams": streams,
        })
    }
}

impl Stream {
    fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }

    /// When the last piece of a part was handed over.
    fn last_of(&self, part: Part) -> Option<u64> {
        let pieces = self.pieces.iter().filter(|piece| piece.part == part);
        pieces.map(|piece| piece.at).max()
    }

    /// The stream's time as a line of marks, as wide as the drawing, for a connection that lasted
    /// `end`. Of several things in one column the first of `marks` is shown.
    fn row(&self, end: u64) -> String {
        let column = |at: u64| {
            let place = u128::from(at) * WIDTH as u128 / u128::from(end.max(1));
            usize::try_from(place).unwrap_or(WIDTH).min(WIDTH - 1)
        };
        let mut row = [' '; WIDTH];
        for mark in &mut row[column(self.asked)..=column(self.ended.unwrap_or(end))] {
            *mark = '.';
        }
        for piece in &self.pieces {
            let mark = &mut row[column(piece.at)];
            // What shows a picture first is what one looks for.
            if *mark != 'P' {
                *mark = letter(piece.part);
            }
        }
        for at in &self.signals {
            let mark = &mut row[column(*at)];
            if *mark == '.' {
                *mark = '!';
            }
        }
        if let Some(at) = self.ended.filter(|_| self.given_up) {
            row[column(at)] = 'x';
        }
        row.into_iter().collect()
    }
}

fn letter(part: Part) -> char {
    match part {
        Part::Preview => 'P',
        Part::Good => 'g',
        Part::Rest => 'r',
        Part::Picture | Part::Message => '=',
    }
}

/// The end of a path, which tells more than its start; nothing in it can steer a terminal.
fn shown(path: &str) -> String {
    let plain = |it: char| if it.is_control() { '?' } else { it };
    let count = path.chars().count();
    if count <= NAME {
        return path.chars().map(plain).collect();
    }
    let end = path.chars().skip(count - NAME + 1).map(plain);
    std::iter::once('…').chain(end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(lines: &[&str]) -> Connection {
        let mut connection = Connection::default();
        for line in lines {
            let line = format!("{{\"connection\":1,\"protocol\":\"h2\",{line}}}");
            connection.add(Entry::read(&line).unwrap());
        }
        connection
    }

    #[test]
    fn a_connection_is_drawn() {
        let piece = |at: u64, part: &str, start: u64, end: u64| {
            format!(
                "\"us\":{at},\"stream\":1,\"path\":\"/a.jpg\",\"event\":\"sent\",\
                 \"part\":\"{part}\",\"start\":{start},\"end\":{end},\"why\":\"only\""
            )
        };
        let drawn = connection(&[
            "\"us\":0,\"stream\":1,\"path\":\"/a.jpg\",\"event\":\"request\"",
            "\"us\":100,\"stream\":1,\"event\":\"said\",\"source\":\"priority_frame\",\
             \"urgency\":1,\"incremental\":true,\"visible\":true",
            &piece(500, "preview", 0, 900),
            &piece(900, "rest", 900, 2000),
            "\"us\":1000,\"stream\":1,\"path\":\"/a.jpg\",\"event\":\"end\"",
            "\"us\":1000,\"stream\":3,\"path\":\"/b\\u001b\",\"event\":\"request\"",
            "\"us\":1000,\"stream\":3,\"path\":\"/b\",\"event\":\"reset\",\"by_client\":true",
        ])
        .draw(1);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(
            lines[0],
            "connection 1, h2: 2 requests, 2 000 bytes, 0.001 s"
        );
        let row: String = lines[1].split('|').nth(1).unwrap().into();
        assert_eq!(row.chars().count(), WIDTH);
        assert_eq!(row.find('!'), Some(6));
        assert_eq!(row.find('P'), Some(32));
        assert_eq!(row.find('r'), Some(57));
        assert!(
            lines[2].contains("/b ") && lines[2].contains("x|"),
            "{drawn}"
        );
    }

    #[test]
    fn what_leaves_before_something_more_urgent_is_told() {
        let head = |stream: u64| {
            format!(
                "\"us\":1,\"stream\":{stream},\"event\":\"head\",\"status\":200,\"length\":20000"
            )
        };
        let sent = |stream: u64, start: u64, end: u64, level: u8, why: &str| {
            format!(
                "\"us\":1,\"stream\":{stream},\"event\":\"sent\",\"part\":\"message\",\
                 \"start\":{start},\"end\":{end},\"level\":{level},\"why\":\"{why}\""
            )
        };
        let lines = [
            head(1),
            head(3),
            sent(1, 0, 5000, 10, "highest"),
            sent(1, 5000, 9000, 10, "highest"),
            sent(1, 9000, 12_000, 10, "share"),
            sent(3, 0, 20_000, 60, "highest"),
            sent(1, 12_000, 20_000, 10, "only"),
        ];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let wrong = connection(&lines);
        assert!(wrong.draw(1).starts_with(
            "connection 1, h2: 2 requests, 40 000 bytes, 0.000 s, 4 000 bytes out of order\n"
        ));
        let json = wrong.json(1);
        assert_eq!(
            (&json["out_of_order_bytes"], &json["share_bytes"]),
            (&4000.into(), &3000.into())
        );
    }

    #[test]
    fn paths_fit_and_steer_nothing() {
        assert_eq!(shown("/a\u{1b}[2J"), "/a?[2J");
        let long = format!("/{}/photo.jpg", "x".repeat(100));
        assert_eq!(shown(&long).chars().count(), NAME);
        assert!(shown(&long).ends_with("/photo.jpg"));
    }
}
