//! What people do wrong, and what they are told.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Hello, firstlight, run};

#[test]
fn help_and_version_are_data_and_end_well() {
    let help = run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in ["demo", "serve", "check", "explain", "image", "inspect"] {
        assert!(help.stdout.contains(command), "{command}: {}", help.stdout);
    }
    let version = run(&["--version"]);
    assert_eq!(version.code, 0);
    assert_eq!(
        version.stdout,
        format!("firstlight {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn wrong_usage_is_64_and_says_what_was_meant() {
    for (arguments, expected) in [
        (&["srve"][..], "serve"),
        (&["serve", "--orign", "http://127.0.0.1:1"], "--origin"),
        (&["serve"], "--origin"),
        (
            &[
                "serve",
                "--origin",
                "http://127.0.0.1:1",
                "--config",
                "a.toml",
            ],
            "cannot be used with",
        ),
        (
            &[
                "serve",
                "--origin",
                "http://127.0.0.1:1",
                "--listen",
                "8443",
            ],
            "invalid value '8443'",
        ),
        (
            &["serve", "--origin", "http://127.0.0.1:1", "--key", "a.key"],
            "--certificate",
        ),
        (
            &["serve", "--origin", "127.0.0.1:3000"],
            "hint: an origin is a scheme and a host",
        ),
        (
            &["explain", "/path", "--json"],
            "`/path` is not an absolute URL",
        ),
        (
            &["explain", "http://a.example/", "-H", "no colon"],
            "expected `Name: value`",
        ),
        (
            &["image", "a.png", "-o", "b.jpg", "--options", "widht=3"],
            "`widht=3`",
        ),
        (&[], "Usage"),
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 64, "{arguments:?}: {ran:?}");
        assert!(
            ran.stderr.contains(expected),
            "{arguments:?}: {}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
}

/// A new case is a new file: `config/NAME.toml`, and what `check` says of it in `NAME.stderr`.
/// With `BLESS=1` in the environment the latter are written.
#[test]
fn check_says_what_the_golden_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let mut cases = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        cases += 1;
        let name = path.file_name().unwrap().to_str().unwrap();
        let ran = run(&["check", "--config", &format!("tests/config/{name}")]);
        let golden = path.with_extension("stderr");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&golden, &ran.stderr).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(ran.stderr, expected, "{name}");
        assert_eq!(ran.code, if name == "good.toml" { 0 } else { 2 }, "{name}");
    }
    assert!(cases >= 8, "{cases}");
}

#[test]
fn check_reports_problems_as_json() {
    let ran = run(&[
        "check",
        "--json",
        "--config",
        "tests/config/unknown-keys.toml",
    ]);
    assert_eq!(ran.code, 2);
    let report = ran.json();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"][0]["line"], 1);
    assert_eq!(report["problems"][0]["key"], "thread");
    assert_eq!(report["problems"][0]["hint"], "did you mean `threads`?");
    let fine = run(&["check", "--json", "--config", "tests/config/good.toml"]);
    assert_eq!(
        (fine.code, &fine.json()["ok"]),
        (0, &serde_json::json!(true))
    );
}

#[test]
fn serve_does_not_start_with_a_wrong_file() {
    let ran = run(&["serve", "--config", "tests/config/wrong-values.toml"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(
        ran.stderr.contains("wrong-values.toml:8: `cache.memory`"),
        "{ran:?}"
    );
    assert!(
        ran.stderr.ends_with("error: the configuration is wrong\n"),
        "{ran:?}"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_failure() {
    for arguments in [
        &["check", "--config", "nowhere.toml"][..],
        &["serve", "--config", "nowhere.toml"],
        &["inspect", "nowhere.jpg"],
        &["image", "nowhere.jpg", "-o", "out.jpg"],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}");
        assert!(ran.stderr.starts_with("error: "), "{ran:?}");
        assert!(ran.stderr.contains("nowhere"), "{ran:?}");
        assert!(ran.stderr.contains("No such file"), "{ran:?}");
    }
}

#[test]
fn a_busy_port_is_named_with_the_flag_that_helps() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--listen", "--http"), ("--http", "--listen")] {
        let arguments = [
            "serve",
            "--origin",
            "http://127.0.0.1:1",
            flag,
            &address,
            other,
            "127.0.0.1:0",
        ];
        let ran = run(&arguments);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.stderr
                .contains(&format!("{address}: address already in use")),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("\nhint: "), "{ran:?}");
        assert!(ran.stderr.contains(flag), "{ran:?}");
    }
}

#[test]
fn an_unreachable_origin_is_explained() {
    // The port is free again once the listener is gone.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = run(&["explain", &format!("http://{gone}/a.txt")]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.contains("502"), "{ran:?}");
    assert!(ran.stdout.contains("origin"), "{ran:?}");
}

#[test]
fn explain_shows_every_module_and_the_answer() {
    let origin = Hello::start();
    let url = format!("http://example.com/a.txt?b={}", 1);
    let ran = run(&[
        "explain",
        "--origin",
        &origin.url(),
        &url,
        "-H",
        "Accept: text/plain",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.starts_with("GET http://example.com/a.txt?b=1\n"),
        "{ran:?}"
    );
    for part in [
        "identify",
        "fetch",
        "origin",
        "respond",
        "200 OK, 5 bytes",
        "concurrency",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let json = run(&["explain", "--origin", &origin.url(), &url, "--json"]).json();
    assert_eq!(json["status"], 200);
    assert_eq!(json["bytes"], 5);
    let events = json["events"].as_array().unwrap();
    let fetched = |event: &&serde_json::Value| {
        event["module"] == "origin" && event["side"] == "request" && event["verdict"] == "respond"
    };
    assert_eq!(events.iter().filter(fetched).count(), 1, "{events:?}");
    assert_eq!(json["plan"][0]["offset"], 0);
}

#[test]
fn colour_is_left_out_when_it_is_not_wanted() {
    for no_colour in ["1", ""] {
        let output = firstlight(&["inspect", "nowhere.jpg"])
            .env("NO_COLOR", no_colour)
            .output();
        let stderr = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(!stderr.contains('\x1b'), "{stderr:?}");
    }
}

#[test]
fn explain_says_which_settings_of_another_server_are_understood() {
    let output = crate::support::firstlight(&["explain", "--env", "imgproxy"])
        .env("IMGPROXY_KEY", "6b6579")
        .env("IMGPROXY_SALT", "73616c74")
        .env("IMGPROXY_WORKERS", "4")
        .output()
        .unwrap();
    let ran = crate::support::Ran::from(output);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout
            .contains("understood: IMGPROXY_KEY, IMGPROXY_SALT\n"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("of no effect here: IMGPROXY_WORKERS\n"),
        "{ran:?}"
    );
    assert!(!ran.stdout.contains("6b6579"), "a secret is not printed");
}
