//! `migrate` between two servers in this process.

use std::fs;

use testkit::photo::{Scene, baseline_jpeg, photograph};
use testkit::{Origin, Reply};
use tokio::runtime::Runtime;

use crate::support::{Folder, run};

/// Two servers that answer a little differently, and the log of the first.
struct Move {
    runtime: Runtime,
    old: Origin,
    new: Origin,
    folder: Folder,
}

fn picture(width: u32, height: u32, seed: u64, quality: u8) -> Reply {
    let photo = photograph(Scene::Lake, width, height, seed);
    Reply::ok("image/jpeg", baseline_jpeg(&photo, quality))
}

impl Move {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let [old, new] = [(); 2].map(|()| runtime.block_on(Origin::start()).unwrap());
        for (path, before, after) in [
            (
                "/a.jpg?w=1",
                picture(240, 160, 1, 92),
                picture(240, 160, 1, 80),
            ),
            (
                "/smaller.jpg",
                picture(240, 160, 1, 92),
                picture(120, 80, 1, 92),
            ),
            (
                "/other.jpg",
                picture(240, 160, 1, 92),
                picture(240, 160, 2, 92),
            ),
            ("/gone.jpg", picture(240, 160, 1, 92), Reply::new(404)),
        ] {
            old.reply(path, before);
            new.reply(path, after);
        }
        Self {
            runtime,
            old,
            new,
            folder: Folder::new(),
        }
    }

    /// Runs it over a log of these targets.
    fn run(&self, targets: &[&str], more: &[&str]) -> crate::support::Ran {
        let line = |target: &&str| {
            format!("192.0.2.1 - - [23/Nov/2026:05:20:11 +0000] \"GET {target} HTTP/1.1\" 200 9\n")
        };
        let log = self.folder.file("access.log");
        fs::write(&log, targets.iter().map(line).collect::<String>()).unwrap();
        let (from, to) = (self.old.url(""), self.new.url(""));
        let _guard = self.runtime.enter();
        let arguments = ["migrate", &log, "--from", &from, "--to", &to];
        run(&[&arguments[..], more].concat())
    }
}

#[test]
fn what_stays_alike_is_fine() {
    let ran = Move::new().run(&["/a.jpg?w=1", "/a.jpg?w=1", "/page.html"], &["--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json();
    assert_eq!(
        (&report["compared"], &report["problems"]),
        (&1.into(), &0.into())
    );
    let one = &report["comparisons"][0];
    assert_eq!(
        (&one["url"], &one["count"]),
        (&"/a.jpg?w=1".into(), &2.into())
    );
    assert_eq!(
        (&one["old"]["width"], &one["new"]["height"]),
        (&240.into(), &160.into())
    );
    let bytes = |side: &str| one[side]["bytes"].as_u64().unwrap();
    assert!(bytes("new") < bytes("old"), "{one}");
    assert_eq!(report["bytes_new"], bytes("new") * 2);
    let alike = one["alike"].as_f64().unwrap();
    assert!(alike > 0.9 && alike < 1.0, "{alike}");
    let points = one["points"].as_f64().unwrap();
    assert!(points > 50.0 && points < 100.0, "{points}");
    assert_eq!(one["points"], report["median_points"]);
}

#[test]
fn what_changes_is_a_problem_by_name() {
    let moving = Move::new();
    let ran = moving.run(
        &["/a.jpg?w=1", "/smaller.jpg", "/other.jpg", "/gone.jpg"],
        &[],
    );
    assert_eq!(ran.code, 2, "{ran:?}");
    for words in [
        "problem: other dimensions",
        "problem: looks different: ",
        "problem: status 404",
        "4 of 4 URLs compared, 3 problems",
        "old 240×160 jpeg, ",
        "new 120×80 jpeg, ",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let each = moving.run(
        &["/a.jpg?w=1"],
        &["--accept", "old,webp,avif", "--least", "0.1", "--json"],
    );
    assert_eq!((each.code, &each.json()["compared"]), (0, &3.into()));
}

#[test]
fn servers_and_logs_that_are_not_there_are_said() {
    let moving = Move::new();
    let ran = moving.run(&["/page.html"], &[]);
    assert!(
        ran.code == 1 && ran.stderr.contains("no pictures in 1 lines"),
        "{ran:?}"
    );
    let ran = run(&[
        "migrate",
        "/nowhere/access.log",
        "--from",
        "http://a",
        "--to",
        "http://b",
    ]);
    assert!(
        ran.code == 1 && ran.stderr.contains("/nowhere/access.log"),
        "{ran:?}"
    );
    let ran = run(&["migrate", "-", "--from", "a b", "--to", "http://b"]);
    assert!(ran.code == 64 && ran.stderr.contains("`--from`"), "{ran:?}");
    let ran = moving.run(&["/a.jpg?w=1"], &["--accept", "ie6"]);
    assert!(ran.code == 64 && ran.stderr.contains("`ie6`"), "{ran:?}");
}
