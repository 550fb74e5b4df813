//! What clients send over HTTP/3.

use bytes::Bytes;
use front::h3::wire::{
    Broken, Event, FieldError, Frames, Step, Unidirectional, decode, encode_field, encode_start,
};

use crate::Seeds;

/// Most bytes the fields of a section may take here.
const LIMIT: usize = 4096;

/// Field sections: what is read is within its limit, and is the same after it was written again.
pub fn fields(input: &[u8]) {
    let Ok(read) = read_fields(input) else {
        return;
    };
    let size: usize = read
        .iter()
        .map(|(name, value)| name.len() + value.len() + 32)
        .sum();
    assert!(size <= LIMIT);
    let mut again = Vec::new();
    encode_start(&mut again);
    for (name, value) in &read {
        let Ok(name) = std::str::from_utf8(name) else {
            return;
        };
        encode_field(name, value, &mut again);
    }
    assert_eq!(read_fields(&again), Ok(read));
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn read_fields(section: &[u8]) -> Result<Fields, FieldError> {
    let mut fields = Vec::new();
    decode(section, LIMIT, |name, value| {
        fields.push((name.to_vec(), value.to_vec()));
    })?;
    Ok(fields)
}

/// Seeds of [`fields`].
pub fn field_seeds() -> Seeds {
    let section = |list: &[(&str, &str)]| {
        let mut section = Vec::new();
        encode_start(&mut section);
        for (name, value) in list {
            encode_field(name, value.as_bytes(), &mut section);
        }
        section
    };
    let get = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "example.com"),
        (":path", "/a?b"),
        ("priority", "u=2, i"),
        ("cookie", "a=\u{1}b"),
    ];
    vec![
        ("get", section(&get)),
        ("empty", section(&[])),
        ("plain", b"\0\0\x23x-a\x03one\x51\x02/b".to_vec()),
    ]
}

/// The streams of a connection: a unidirectional one says the same, and ends the same, however its
/// bytes arrive; the payload of frames is never more than came.
pub fn streams(input: &[u8]) {
    let at_once = heard(&[input]);
    let pieces: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(at_once, heard(&pieces));
    let pieces: Vec<&[u8]> = input.chunks(7).collect();
    assert_eq!(at_once, heard(&pieces));
    let mut frames = Frames::default();
    let mut bytes = Bytes::copy_from_slice(input);
    let mut payload = 0;
    while let Some(step) = frames.step(&mut bytes) {
        if let Step::Payload(_, part) = step {
            assert!(!part.is_empty());
            payload += part.len();
        }
    }
    assert!(bytes.is_empty() && payload <= input.len());
}

fn heard(pieces: &[&[u8]]) -> (Vec<Event>, Option<Broken>) {
    let mut stream = Unidirectional::default();
    let mut events = Vec::new();
    for piece in pieces {
        let read = stream.read(Bytes::copy_from_slice(piece), |event| events.push(event));
        if let Err(broken) = read {
            return (events, Some(broken));
        }
    }
    (events, None)
}

/// Seeds of [`streams`].
pub fn stream_seeds() -> Seeds {
    vec![
        (
            "control",
            b"\x00\x04\x04\x06\x41\x00\x07\x21\x01a\x80\x0f\x07\x00\x06\x08u=1,i".to_vec(),
        ),
        (
            "goaway",
            b"\x00\x04\x00\x07\x01\x08\x07\x01\x04\x0d\x01\x02".to_vec(),
        ),
        ("encoder", b"\x02\x20\x3f\x01".to_vec()),
        ("decoder", b"\x03\x44\x7f\x80\x01".to_vec()),
        ("request", b"\x01\x03abc\x00\x05hello".to_vec()),
    ]
}
