//! What one run showed.

use std::time::Duration;

use testkit::link::Passage;
use testkit::recorder::{Phase, Recording};

use super::pictures::Picture;

/// Seconds after the first request, and bytes out of order.
#[derive(Clone, Copy)]
pub struct Times {
    headers: f64,
    previews: f64,
    good: f64,
    /// Until every picture has come whole.
    pub total: f64,
    late: f64,
    /// See [`Recording::inversion_bytes`].
    pub inversion: u64,
    /// The same of what left the server, in the order and at the times at which it left: what
    /// waited in the link's queue, or was on its way, is not the server's choice any more.
    pub inversion_left: u64,
}

impl Times {
    /// What the tables call the columns.
    pub const NAMES: [&'static str; 5] = [
        "all headers",
        "all previews",
        "all good",
        "total",
        "late critical",
    ];

    /// Until all previews had come.
    pub fn previews(&self) -> f64 {
        self.previews
    }

    /// The columns.
    pub const COLUMNS: [fn(&Self) -> f64; 5] = [
        |times| times.headers,
        |times| times.previews,
        |times| times.good,
        |times| times.total,
        |times| times.late,
    ];
}

/// Reads a recording of the pictures and of a stylesheet after them, and when its packets had left;
/// `None` if something is missing or not as it should be.
pub fn of(
    recording: &Recording,
    passages: &[Passage],
    pictures: &[Picture],
    round_trip: Duration,
) -> Option<Times> {
    let whole = recording
        .answers
        .iter()
        .zip(pictures)
        .all(|(answer, picture)| answer.status == 200 && answer.body == picture.bytes);
    let all = |offset: fn(&Picture) -> u64| {
        let points = pictures
            .iter()
            .enumerate()
            .map(|(place, picture)| (place, offset(picture)));
        recording.all_reached(points).map(|time| time.as_secs_f64())
    };
    whole.then_some(Times {
        headers: all(|picture| picture.header)?,
        previews: all(|picture| picture.preview)?,
        good: all(|picture| picture.good)?,
        total: all(|picture| picture.bytes.len() as u64)?,
        late: recording.took(pictures.len())?.as_secs_f64(),
        inversion: recording.inversion_bytes(&plans(pictures), round_trip),
        inversion_left: as_left(recording, passages)?
            .inversion_bytes(&plans(pictures), round_trip / 2),
    })
}

/// The session as it left the server: a frame had left when the last packet had that had come by
/// the time at which it was read. A server knows of a request half a round trip after it was sent.
fn as_left(recording: &Recording, passages: &[Passage]) -> Option<Recording> {
    let zero = recording.zero?;
    let left = |at: Duration| {
        let come = passages.partition_point(|passage| passage.arrived <= zero + at);
        let last = passages.get(come.checked_sub(1)?)?;
        last.left.checked_duration_since(zero)
    };
    Some(recording.retimed(|at| left(at).unwrap_or_default()))
}

/// The order that shows most soonest: the stylesheet, previews, good passes, the rest.
fn plans(pictures: &[Picture]) -> Vec<Vec<Phase>> {
    let phase = |from, level| Phase { from, level };
    let picture = |picture: &Picture| {
        vec![
            phase(0, 2),
            phase(picture.preview, 1),
            phase(picture.good, 0),
        ]
    };
    let stylesheet = vec![phase(0, 3)];
    pictures.iter().map(picture).chain([stylesheet]).collect()
}
