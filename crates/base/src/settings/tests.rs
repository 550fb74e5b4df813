use std::time::Duration;

use super::*;
use crate::units::ByteSize;
use crate::{choices, settings};

choices! {
    /// A direction.
    pub enum Direction {
        /// Towards the top.
        Up = "up",
        /// Towards the bottom.
        Down = "down",
    }
}

settings! {
    /// One floor.
    pub struct Floor {
        /// Its name.
        name: String = "ground".into(),
        /// Where it leads.
        direction: Direction = Direction::Up,
    }
}

settings! {
    /// A house.
    pub struct House {
        /// Rooms in all.
        rooms: u16 = 4,
        /// Size of the cellar.
        cellar: ByteSize = ByteSize::mib(1),
        /// How long the door stays open.
        door: Duration = Duration::from_secs(5),
        /// A number that need not be given.
        number: Option<u32> = None,
        /// The floors.
        floor: Vec<Floor> = vec![],
    }
}

#[test]
fn a_good_file_is_read() {
    let source = "rooms = 0x10\ncellar = '2 GiB'\ndoor = '1h'\n[[floor]]\ndirection = 'down'\n";
    let (house, _) = read::<House>("house.toml", source).unwrap();
    assert_eq!(
        (house.rooms, house.cellar, house.number),
        (16, ByteSize::mib(2048), None)
    );
    assert_eq!(house.door, Duration::from_secs(3600));
    assert_eq!(house.floor[0].direction, Direction::Down);
    assert_eq!(house.floor[0].name, "ground");
}

#[test]
fn every_problem_is_reported_with_its_line() {
    let source = "rooms = 'four'\ncelar = 3\ndoor = 5\n\n[[floor]]\ndirection = 'left'\nroof = 1\n";
    let report = read::<House>("house.toml", source).unwrap_err();
    let found: Vec<_> = report
        .problems()
        .into_iter()
        .map(|problem| (problem.line, problem.key))
        .collect();
    let expected = [
        (1, "rooms"),
        (2, "celar"),
        (3, "door"),
        (6, "floor[0].direction"),
        (7, "floor[0].roof"),
    ];
    assert_eq!(found, expected.map(|(line, key)| (line, key.to_owned())));
    let text = report.to_string();
    assert!(text.contains("house.toml:2: `celar`"), "{text}");
    assert!(text.contains("hint: did you mean `cellar`?"), "{text}");
    assert!(
        text.contains("found `'left'`, expected one of `\"up\"`, `\"down\"`"),
        "{text}"
    );
}

#[test]
fn a_syntax_error_has_its_line_and_does_not_hide_others() {
    let report = read::<House>("house.toml", "rooms = 3\ndoor = = 4\ncelar = 1\n").unwrap_err();
    let lines: Vec<_> = report
        .problems()
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert!(lines.contains(&2) && lines.contains(&3), "{report}");
}

#[test]
fn a_check_after_reading_finds_the_line_of_its_key() {
    let (_, mut report) = read::<House>("house.toml", "\n\nrooms = 3\n").unwrap();
    report.reject("rooms", "3", "an even number");
    assert_eq!(report.problems()[0].line, 3);
}

#[test]
fn a_check_of_the_whole_runs_beside_other_problems_but_not_after_a_syntax_error() {
    let check = |house: &House, report: &mut Report| {
        report.reject("door", "", "another");
        report.reject("rooms", house.rooms.to_string(), "an even number");
    };
    let keys = |source: &str| -> Vec<String> {
        let report = read_and_check::<House>("house.toml", source, check).unwrap_err();
        report
            .problems()
            .into_iter()
            .map(|problem| problem.key)
            .collect()
    };
    assert_eq!(keys("door = 5\nrooms = 3\n"), ["door", "rooms"]);
    assert_eq!(keys("rooms = = 3\n"), ["syntax"; 2]);
}

#[test]
fn a_problem_with_no_place_and_no_value_is_told_without_them() {
    let mut report = Report::new("house.toml", "");
    report.reject("floor", "", "at least one floor");
    assert_eq!(
        report.to_string(),
        "house.toml: `floor`: expected at least one floor\n"
    );
}

#[test]
fn settings_describe_themselves() {
    let described = House::describe();
    assert_eq!(described[1].name, "cellar");
    assert_eq!(described[1].default, "\"1 MiB\"");
    assert_eq!(described[1].doc, "Size of the cellar.");
    assert_eq!(described[4].inner[1].default, "\"up\"");
}
