//! Filming. Needs Chromium; with root the link is a TUN link, and a relay without.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, Hello, Ran, Running, run};

/// Whether there is a browser; says so loudly if not.
fn can_film() -> bool {
    let found = lab::Browser::is_installed();
    if !found {
        eprintln!("skipped: {}", lab::BrowserError::NotInstalled);
    }
    found
}

/// Films the sample site with small photographs, quickly.
fn quick<'a>(report: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec![
        "film",
        "--width",
        "96",
        "--profile",
        "100mbit",
        "-o",
        report,
    ];
    arguments.extend(more);
    arguments
}

#[test]
fn the_sample_site_is_seen_sooner_and_the_report_needs_nothing_else() {
    if !can_film() {
        return;
    }
    let folder = Folder::new();
    let (report, figures) = (folder.file("film.html"), folder.file("film.json"));
    let ran = run(&[
        "film",
        "demo",
        "--runs",
        "2",
        "--profile",
        "lab",
        "--width",
        "1200",
        "-o",
        &report,
        "--json",
        &figures,
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("Speed Index"), "{ran:?}");
    assert!(ran.stderr.contains("load 2 of 2"), "{ran:?}");

    let html = fs::read_to_string(&report).unwrap();
    // The browser is told to ask for nothing, and the frames are there: a JPEG in base64.
    assert!(html.contains("content=\"default-src 'none'") && html.contains("\"/9j/"));
    for outside in [
        "src=\"http",
        "src='http",
        "src=\"//",
        "url(http",
        "@import",
        "<link rel=\"stylesheet",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }

    let figures: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&figures).unwrap()).unwrap();
    let median = |side: &str| figures["metrics"]["speed_index"][side]["median"].as_f64();
    let (without, with) = (median("without").unwrap(), median("with").unwrap());
    assert!(with < without, "{with} ms with, {without} ms without");
    let link = figures["conditions"]["link"].as_str().unwrap();
    assert_eq!(link, if is_root() { "tun" } else { "relay" });
}

#[test]
fn a_page_over_its_budget_is_a_problem_and_figures_go_to_stdout() {
    if !can_film() {
        return;
    }
    let (folder, origin) = (Folder::new(), Hello::start());
    let budget = folder.file("budget.toml");
    fs::write(&budget, "max_load = 0.001\nmax_requests = 50.0\n").unwrap();
    let report = folder.file("film.html");
    let url = origin.url();
    let ran = run(&[
        "film",
        &url,
        "--against",
        &url,
        "--runs",
        "1",
        "--profile",
        "none",
        "-o",
        &report,
        "--json",
        "-",
        "--budget",
        &budget,
    ]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(ran.stderr.matches("over budget").count(), 1, "{ran:?}");
    assert_eq!(ran.json()["conditions"]["link"], "none");
    assert!(Path::new(&report).exists());
}

#[test]
fn what_is_asked_wrongly_is_wrong_usage() {
    let folder = Folder::new();
    let budget = folder.file("budget.toml");
    fs::write(&budget, "max_speed = 3\n").unwrap();
    for (arguments, said) in [
        (&["film", "--without", "colours"][..], "progressive"),
        (&["film", "--profile", "5g"], "3g-fast"),
        (&["film", "--runs", "0"], "1..=100"),
        (
            &["film", "--without", "order", "--against", "https://a/"],
            "cannot be used with",
        ),
        (&["film", "--budget", &budget], "max_speed"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 64, "{ran:?}");
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
    if can_film() {
        let ran = run(&["film", "example.com"]);
        assert_eq!(ran.code, 64, "{ran:?}");
        assert!(ran.stderr.contains("https://example.com/"), "{ran:?}");
    }
}

#[test]
fn a_film_that_is_killed_leaves_nothing_once_another_has_run() {
    if !can_film() {
        return;
    }
    let folder = Folder::new();
    let report = folder.file("film.html");
    let mut first = Running::start(&quick(&report, &["--runs", "50"]));
    first.hears("load 1 of 50");
    let process = first.id();
    first.signal("KILL");
    first.ends();

    let mut second = Running::start(&quick(&report, &["--runs", "1", "--without", "order"]));
    second.hears("load 1 of 1");
    let other = second.id();
    let ran: Ran = second.ends();
    assert_eq!(ran.code, 0, "{ran:?}");
    for process in [process, other] {
        assert_eq!(left_over(process), Vec::<String>::new());
    }
}

#[test]
fn a_film_that_is_stopped_leaves_nothing() {
    if !can_film() {
        return;
    }
    let folder = Folder::new();
    let report = folder.file("film.html");
    let mut film = Running::start(&quick(&report, &["--runs", "50"]));
    film.hears("load 1 of 50");
    let process = film.id();
    film.signal("INT");
    let ran = film.ends();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("there is no report"), "{ran:?}");
    assert!(!Path::new(&report).exists());
    assert_eq!(left_over(process), Vec::<String>::new());
}

/// What a process has left: namespaces, devices, profiles, browsers.
fn left_over(process: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut look = |folder: &Path, start: &str| {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.extend(
                name.starts_with(start)
                    .then(|| format!("{}/{name}", folder.display())),
            );
        }
    };
    look(Path::new("/run/netns"), &format!("firstlight-{process}-"));
    let device = process % 10_000_000;
    look(Path::new("/sys/class/net"), &format!("fl{device}s"));
    let profile = format!("firstlight-browser-{process}-");
    look(&std::env::temp_dir(), &profile);
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        found.extend(command.contains(&profile).then_some(command));
    }
    found
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}
