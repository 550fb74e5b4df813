//! What the specifications give as examples, and what must be refused.

use bytes::Bytes;
use delivery::Priority;
use proptest::prelude::*;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len() / 2)
        .map(|place| u8::from_str_radix(&digits[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}

fn fields(section: &[u8], limit: usize) -> Result<Vec<String>, FieldError> {
    let mut lines = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    decode(section, limit, |name, value| {
        lines.push(format!("{}: {}", text(name), text(value)));
    })?;
    Ok(lines)
}

#[test]
fn the_example_of_the_specification_is_read() {
    // RFC 9204 §B.1.
    let section = hex("0000 510b 2f69 6e64 6578 2e68 746d 6c");
    assert_eq!(fields(&section, 1000).unwrap(), [":path: /index.html"]);
}

#[test]
fn coded_strings_are_read_and_written() {
    // The string of RFC 7541 §C.4.1, behind `:authority` of the static table.
    let section = hex("0000 50 8c f1e3 c2e5 f23a 6ba0 ab90 f4ff");
    assert_eq!(
        fields(&section, 1000).unwrap(),
        [":authority: www.example.com"]
    );
    let mut own = Vec::new();
    encode_start(&mut own);
    encode_field(":authority", b"www.example.com", &mut own);
    assert_eq!(own, section);
}

#[test]
fn what_needs_a_dynamic_table_is_refused() {
    for section in [
        "",
        "00",
        "0100",
        "0080",
        "0000 80",
        "0000 40 00",
        "0000 10",
        "0000 00 00",
        "0000 ff ff",
        "0000 51 05 61",
        "0000 ffffffffffffffffff",
        "0000 50 84 ffffffff",
    ] {
        assert_eq!(
            fields(&hex(section), 1000),
            Err(FieldError::Malformed),
            "{section}"
        );
    }
}

#[test]
fn fields_take_no_more_than_they_may() {
    let mut section = Vec::new();
    encode_start(&mut section);
    encode_field("x", &[b'e'; 100], &mut section);
    assert_eq!(fields(&section, 132), Err(FieldError::TooLarge));
    assert_eq!(fields(&section, 133).unwrap().len(), 1);
    // One byte each, a name of the static table each.
    let many = [&[0, 0][..], &[0xd1; 1000]].concat();
    assert_eq!(fields(&many, 1000), Err(FieldError::TooLarge));
}

fn read(streams: &[&[u8]]) -> Result<Vec<Event>, Broken> {
    let mut stream = Unidirectional::default();
    let mut events = Vec::new();
    for bytes in streams {
        stream.read(Bytes::copy_from_slice(bytes), |event| events.push(event))?;
    }
    Ok(events)
}

fn code(bytes: &str) -> Option<Code> {
    read(&[&hex(bytes)]).err().map(|broken| broken.code)
}

#[test]
fn a_priority_update_is_heard_byte_by_byte() {
    // SETTINGS with one setting, an unknown frame, then PRIORITY_UPDATE for stream 8.
    let bytes = hex("00 04 02 06 10 21 02 0000 800f0700 06 08 75 3d 31 2c 69");
    let expected = [
        Event::Opened(Purpose::Control),
        Event::Settings(Table::default()),
        Event::Priority {
            stream: 8,
            priority: Priority::parse(b"u=1,i"),
        },
    ];
    assert_eq!(read(&[&bytes]).unwrap(), expected);
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&pieces).unwrap(), expected);
}

#[test]
fn a_control_stream_keeps_to_the_rules() {
    for (bytes, expected) in [
        ("00 0400 0400", Some(Code::FRAME_UNEXPECTED)),
        ("00 0700", Some(Code::MISSING_SETTINGS)),
        ("00 2100 0400", Some(Code::MISSING_SETTINGS)),
        ("00 0400 0000", Some(Code::FRAME_UNEXPECTED)),
        ("00 0400 0100", Some(Code::FRAME_UNEXPECTED)),
        ("00 0400 0800", Some(Code::FRAME_UNEXPECTED)),
        ("00 0404 02000300", Some(Code::SETTINGS_ERROR)),
        ("00 0404 06000600", Some(Code::SETTINGS_ERROR)),
        ("00 0401 06", Some(Code::FRAME_ERROR)),
        ("00 0480010000", Some(Code::EXCESSIVE_LOAD)),
        ("00 0400 0702 0000", Some(Code::FRAME_ERROR)),
        ("00 0400 0701 04 0701 08", Some(Code::ID_ERROR)),
        ("00 0400 0701 08 0701 04", None),
        ("00 0400 0d01 04 0d01 00", Some(Code::ID_ERROR)),
        ("00 0400 0d09", Some(Code::FRAME_ERROR)),
        ("00 0400 0301 00", Some(Code::ID_ERROR)),
        ("00 0400 800f0700 01 02", Some(Code::ID_ERROR)),
        ("00 0400 800f0700 00", Some(Code::FRAME_ERROR)),
        ("00 0400 800f0701 01 02", None),
        ("01", Some(Code::STREAM_CREATION_ERROR)),
        ("02 20", None),
        ("02 21", Some(Code::ENCODER_STREAM_ERROR)),
        ("02 3fe11f", Some(Code::ENCODER_STREAM_ERROR)),
        ("02 c0", Some(Code::ENCODER_STREAM_ERROR)),
        ("03 44 7f8001", None),
        ("03 84 01", None),
        ("03 7fffffffffffffff", Some(Code::DECODER_STREAM_ERROR)),
        ("21 ffff", None),
    ] {
        assert_eq!(code(bytes), expected, "{bytes}");
    }
}

#[test]
fn frames_are_followed_wherever_the_bytes_are_cut() {
    let bytes = hex("01 03 616263 00 4003 646566 21 00");
    let expected = [(1, b"abc".to_vec()), (0, b"def".to_vec()), (0x21, vec![])];
    for cut in 0..=bytes.len() {
        let mut frames = Frames::default();
        let mut seen: Vec<(u64, Vec<u8>)> = Vec::new();
        for part in [&bytes[..cut], &bytes[cut..]] {
            let mut part = Bytes::copy_from_slice(part);
            while let Some(step) = frames.step(&mut part) {
                match step {
                    Step::Head(head) => seen.push((head.kind, Vec::new())),
                    Step::Payload(_, bytes) => seen.last_mut().unwrap().1.extend(bytes),
                }
            }
            assert!(part.is_empty());
        }
        assert!(frames.may_end());
        assert_eq!(seen, expected, "{cut}");
    }
    let mut frames = Frames::default();
    let mut torn = Bytes::from_static(&[1, 3, b'a']);
    while frames.step(&mut torn).is_some() {}
    assert!(!frames.may_end());
    assert_eq!(frames.left(), 2);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        list in proptest::collection::vec(("[a-z:-]{1,30}", proptest::collection::vec(any::<u8>(), 0..300)), 0..20)
    ) {
        let mut section = Vec::new();
        encode_start(&mut section);
        for (name, value) in &list {
            encode_field(name, value, &mut section);
        }
        let mut seen = Vec::new();
        decode(&section, 1 << 20, |name, value| {
            seen.push((String::from_utf8(name.to_vec()).unwrap(), value.to_vec()));
        }).unwrap();
        prop_assert_eq!(seen, list);
    }

    #[test]
    fn numbers_come_back(value in 0u64..1 << 62, after: u8) {
        let mut bytes = Vec::new();
        write_number(value, &mut bytes);
        bytes.push(after);
        let mut rest = &bytes[..];
        prop_assert_eq!(Number::take(&mut rest), Some(value));
        prop_assert_eq!(rest, [after]);
    }

    #[test]
    fn no_bytes_do_harm(bytes: Vec<u8>, kind in 0u8..4) {
        let _ = fields(&bytes, 4096);
        let _ = read(&[&[kind], &bytes]);
    }
}
