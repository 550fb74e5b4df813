//! What the browser asked for, when it came, and how urgent the browser thought it was.

use std::fmt::Write as _;
use std::time::Duration;

use super::chart::ticks;
use super::film;
use super::html::escape;
use super::words::{bytes, moment};
use crate::metrics::Summary;
use crate::run::{Part, Piece, Resource, Run};

/// Longest name of a resource that is shown, characters.
const NAME: usize = 36;

/// A table for either side, both on one time axis.
pub fn waterfalls(summary: &Summary, runs: [&Run; 2]) -> String {
    let ends = runs
        .iter()
        .flat_map(|run| &run.resources)
        .filter_map(|resource| resource.times[2]);
    let last = ends.max().unwrap_or_default().as_secs_f64() * 1000.0;
    let shown = film::end(summary.without.median()).max(film::end(summary.with.median()));
    let end = last.max(shown) * 1.04;
    let sides = [(&summary.without, "without"), (&summary.with, "with")];
    sides
        .iter()
        .zip(runs)
        .map(|((side, class), run)| waterfall(&side.name, class, run, end))
        .collect()
}

fn waterfall(name: &str, class: &str, run: &Run, end: f64) -> String {
    let name = escape(name);
    let count = run.resources.len();
    let requests = if count == 1 { "request" } else { "requests" };
    let total: u64 = run.resources.iter().map(|resource| resource.bytes).sum();
    let total = bytes(total as f64);
    let mut axis = String::new();
    for (place, label) in ticks(end) {
        let _ = write!(axis, "<b style=\"left:{:.2}%\">{label}</b>", place * 100.0);
    }
    let rows: String = run
        .resources
        .iter()
        .map(|resource| row(resource, end))
        .collect();
    format!(
        "<details open><summary><span class=\"{class}\">{name}</span>: {count} {requests}, {total}\
         </summary><div class=\"scroll\" role=\"region\" tabindex=\"0\" \
         aria-label=\"Waterfall, {name}\"><table class=\"waterfall {class}\"><thead><tr>\
         <th scope=\"col\">Resource</th><th scope=\"col\">Priority</th><th scope=\"col\">Over</th>\
         <th scope=\"col\">Bytes</th><th scope=\"col\" class=\"time\">\
         <span class=\"hidden\">Time</span><span class=\"ticks\" aria-hidden=\"true\">{axis}</span>\
         </th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
}

fn row(resource: &Resource, end: f64) -> String {
    let failed = match resource.status {
        0 => " <span class=\"failed\">failed</span>".to_owned(),
        status @ 400.. => format!(" <span class=\"failed\">{status}</span>"),
        _ => String::new(),
    };
    format!(
        "<tr><th scope=\"row\" title=\"{}\">{}{failed}<small>{}</small></th><td>{}</td><td>{}</td>\
         <td class=\"number\">{}</td><td class=\"time\">{}</td></tr>",
        escape(&resource.url),
        escape(&short(&resource.url)),
        escape(&resource.kind),
        priority(&resource.priority),
        escape(&resource.protocol),
        bytes(resource.bytes as f64),
        bar(resource.times, end) + &sent(&resource.pieces, end),
    )
}

/// The first priority, and the last where it is another.
fn priority((first, last): &(String, String)) -> String {
    if last.is_empty() || first == last {
        return escape(first);
    }
    let (first, last) = (escape(first), escape(last));
    format!(
        "{first}<span aria-hidden=\"true\"> → </span><span class=\"hidden\"> then </span>{last}"
    )
}

/// Waiting from the request to the head, receiving from there to the end.
fn bar([asked, head, whole]: [Option<Duration>; 3], end: f64) -> String {
    let Some(asked) = asked else {
        return String::new();
    };
    let place = |time: Duration| {
        let share = time.as_secs_f64() * 100_000.0 / end.max(f64::MIN_POSITIVE);
        share.clamp(0.0, 100.0)
    };
    let part = |class: &str, from: Duration, to: Duration| {
        let (left, width) = (place(from), (place(to) - place(from)).max(0.0));
        format!("<i class=\"{class}\" style=\"left:{left:.2}%;width:{width:.2}%\"></i>")
    };
    let mut says = format!("Asked for at {}", moment(asked));
    let mut parts = String::new();
    if let Some(head) = head {
        let _ = write!(says, ", head at {}", moment(head));
        parts += &part("waiting", asked, head);
    }
    if let Some(whole) = whole {
        let _ = write!(says, ", whole at {}", moment(whole));
        parts += &part("receiving", head.unwrap_or(asked), whole);
    }
    format!(
        "<span class=\"bar\" title=\"{says}\" aria-hidden=\"true\">{parts}</span>\
         <span class=\"hidden\">{says}</span>"
    )
}

/// Pieces nearer to one another than this, in thousandths of the axis, are drawn as one.
const NEAR: f64 = 2.0;

/// When the server sent what, as a line of its own: a block for pieces of a part that left one after
/// another. Empty where the server did not say.
fn sent(pieces: &[Piece], end: f64) -> String {
    let Some(first) = pieces.first() else {
        return String::new();
    };
    let place = |time: Duration| {
        let share = time.as_secs_f64() * 1_000_000.0 / end.max(f64::MIN_POSITIVE);
        share.clamp(0.0, 1000.0)
    };
    // Part, from, to.
    let mut blocks: Vec<(Part, f64, f64)> = Vec::new();
    for piece in pieces {
        let at = place(piece.at);
        match blocks.last_mut() {
            Some((part, _, to)) if *part == piece.part && at - *to < NEAR => *to = at,
            _ => blocks.push((piece.part, at, at)),
        }
    }
    let mut html = String::from("<span class=\"sent\" aria-hidden=\"true\">");
    for (part, from, to) in blocks {
        let (left, width, class) = (from / 10.0, (to - from) / 10.0, class(part));
        let _ = write!(
            html,
            "<i class=\"{class}\" style=\"left:{left:.1}%;width:{width:.1}%\"></i>"
        );
    }
    let _ = write!(
        html,
        "</span><span class=\"hidden\">{}</span>",
        in_words(pieces, first)
    );
    html
}

fn class(part: Part) -> &'static str {
    match part {
        Part::Preview => "preview",
        Part::Good => "good",
        Part::Rest => "rest",
        Part::Whole => "whole",
    }
}

/// When each part had left, for those who cannot see the line.
fn in_words(pieces: &[Piece], first: &Piece) -> String {
    let mut words = format!("Sent from {}", moment(first.at));
    for (part, name) in [
        (Part::Preview, "preview"),
        (Part::Good, "good"),
        (Part::Rest, "rest"),
        (Part::Whole, "all"),
    ] {
        let mut of = pieces.iter().filter(|piece| piece.part == part);
        if let Some(last) = of.next_back() {
            let _ = write!(words, ", {name} by {}", moment(last.at));
        }
    }
    words
}

/// What the colours of the servers' own lines mean; nothing where no server said anything.
pub fn key(runs: [&Run; 2]) -> String {
    let mut resources = runs.iter().flat_map(|run| &run.resources);
    if resources.all(|resource| resource.pieces.is_empty()) {
        return String::new();
    }
    let colours = [
        (Part::Preview, "header and preview"),
        (Part::Good, "what makes it good"),
        (Part::Rest, "the rest of a picture"),
        (Part::Whole, "anything else"),
    ];
    let mut html = String::from(
        "<p class=\"key\">The thin line below a bar is Firstlight’s own log: when it sent which \
         bytes. ",
    );
    for (part, words) in colours {
        let class = class(part);
        let _ = write!(
            html,
            "<span class=\"sent\" aria-hidden=\"true\"><i class=\"{class}\"></i></span> {words} "
        );
    }
    html + "</p>"
}

/// The last part of an address that says something, cut in the middle where it is long.
fn short(url: &str) -> String {
    let address = url.split(['?', '#']).next().unwrap_or(url);
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let path = address.trim_end_matches('/');
    let name = match path.rsplit_once('/') {
        Some((_, name)) if !address.ends_with('/') => name,
        _ => path,
    };
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= NAME {
        return name.to_owned();
    }
    let half = NAME / 2;
    let (start, tail) = (
        &characters[..half],
        &characters[characters.len() - half + 1..],
    );
    start.iter().chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_by_their_last_part() {
        assert_eq!(short("https://a.example/b/c.jpg?d=/e"), "c.jpg");
        assert_eq!(short("https://a.example/"), "a.example");
        assert_eq!(short("https://a.example/b/"), "a.example/b");
        assert_eq!(short("data:nothing"), "data:nothing");
        let long = short(&format!("https://a.example/{}.jpg", "ä".repeat(90)));
        assert_eq!(long.chars().count(), NAME);
        assert!(long.contains('…') && long.ends_with(".jpg"), "{long}");
    }

    #[test]
    fn a_priority_that_changed_is_told_twice() {
        let same = ("High".to_owned(), "High".to_owned());
        assert_eq!(priority(&same), "High");
        let raised = ("Low".to_owned(), "High".to_owned());
        assert!(priority(&raised).starts_with("Low<"));
        assert_eq!(priority(&("Low".to_owned(), String::new())), "Low");
    }

    #[test]
    fn pieces_of_a_part_that_follow_one_another_are_one_block() {
        let piece = |at, part| Piece {
            at: Duration::from_millis(at),
            bytes: 4096,
            part,
            level: Some(20),
        };
        let pieces = [
            piece(100, Part::Preview),
            piece(101, Part::Preview),
            piece(300, Part::Rest),
            piece(301, Part::Rest),
            piece(500, Part::Rest),
        ];
        let line = sent(&pieces, 1000.0);
        assert_eq!(line.matches("<i class=\"preview\"").count(), 1);
        assert_eq!(line.matches("<i class=\"rest\"").count(), 2);
        assert!(line.contains("left:50.0%;width:0.0%"), "{line}");
        let words = line.replace('\u{a0}', " ");
        let said = "Sent from 0.10 s, preview by 0.10 s, rest by 0.50 s";
        assert!(words.contains(said), "{words}");
        assert_eq!(sent(&[], 1000.0), "");
    }

    #[test]
    fn a_bar_has_a_part_for_each_wait() {
        let times = [100, 300, 500].map(|time| Some(Duration::from_millis(time)));
        let whole = bar(times, 1000.0);
        assert!(whole.contains("left:10.00%;width:20.00%"), "{whole}");
        assert!(whole.contains("left:30.00%;width:20.00%"), "{whole}");
        let failed = bar([times[0], None, None], 1000.0);
        assert!(
            failed.contains("Asked for at 0.10\u{a0}s") && !failed.contains("<i"),
            "{failed}"
        );
        assert_eq!(bar([None; 3], 1000.0), "");
    }
}
