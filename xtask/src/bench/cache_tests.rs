//! The public HTTP cache test suite (npm `http-cache-tests`), through Firstlight and, as controls,
//! through nginx and Varnish as they come.
//!
//! What fails although the suite requires it, or although a control passes, is in
//! `cache_tests/expected.txt` with its reason; anything else is an error, and so is a test in that
//! file that passes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Options;
use super::ground::{self, Ground, Peer};
use crate::shell::{self, Outcome};

const SUITE: &str = "http-cache-tests@0.4.5";
const DRIVER: &str = include_str!("cache_tests/driver.mjs");
const EXPECTED: &str = include_str!("cache_tests/expected.txt");

/// One test's result.
struct Tested {
    suite: String,
    id: String,
    kind: String,
    passed: bool,
    why: String,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    for program in ["node", "npm"] {
        if !shell::exists(program) {
            return Err(format!("`{program}` is missing"));
        }
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("cache-tests")?;
    let suite = install(&ground)?;
    let origin = origin(&ground, &suite)?;
    let mut proxies = vec![firstlight(&ground, &binary, origin.port)?];
    for control in [nginx(&ground, origin.port), varnish(&ground, origin.port)] {
        match control {
            Ok(control) => proxies.push(control),
            Err(why) => shell::skip("a control of the bench `cache-tests`", &why),
        }
    }
    let driver = ground.write("driver.mjs", DRIVER)?;
    let mut results = Vec::new();
    for proxy in &proxies {
        results.push((proxy.name, drive(&driver, &suite, proxy.port)?));
    }
    report(&results, options.json);
    surprises(&results)
}

/// Installs the suite; returns its folder.
fn install(ground: &Ground) -> Result<PathBuf, String> {
    ground.write("package.json", "{}")?;
    let mut npm = shell::command("npm", &["install", "--silent", "--no-audit", "--no-fund"]);
    npm.arg(SUITE).current_dir(ground.path(""));
    shell::run(npm)?;
    Ok(ground.path("node_modules/http-cache-tests"))
}

fn origin(ground: &Ground, suite: &Path) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let mut command = Command::new("node");
    command.arg("server/server.mjs").current_dir(suite);
    command
        .env("npm_config_protocol", "http")
        .env("npm_config_port", port.to_string())
        .env("npm_config_pidfile", ground.path("origin.pid"));
    Peer::start(ground, "origin", SUITE.into(), port, command)
}

/// Heuristic freshness is on, as it is in the controls, and responses that set cookies are kept, as
/// the suite requires.
fn firstlight(ground: &Ground, binary: &Path, origin: u16) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttp = [\"127.0.0.1:{port}\"]\nhttps = []\n\
         [[site]]\norigin = \"http://127.0.0.1:{origin}\"\n\
         [site.cache]\nheuristic = true\nset_cookie = true\n[site.access_log]\nenabled = false\n"
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Peer::start(ground, "Firstlight", String::new(), port, command)
}

/// As the suite itself sets it up.
fn nginx(ground: &Ground, origin: u16) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; proxy_temp_path {cache}-tmp;\n\
         proxy_cache_path {cache} levels=1:2 keys_zone=tests:8m max_size=1000m inactive=600m;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_cache tests;\n\
         proxy_pass http://127.0.0.1:{origin}; proxy_cache_revalidate on; }} }} }}\n",
        pid = ground.shown("nginx.pid"),
        log = ground.shown("nginx.log"),
        cache = ground.shown("nginx-cache"),
    );
    let file = ground.write("nginx.conf", configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
    Peer::start(ground, "nginx", String::new(), port, command)
}

fn varnish(ground: &Ground, origin: u16) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let mut command = Command::new("varnishd");
    command
        .args(["-F", "-s", "malloc,64m", "-a"])
        .arg(format!("127.0.0.1:{port}"))
        .arg("-b")
        .arg(format!("127.0.0.1:{origin}"))
        .arg("-n")
        .arg(ground.path("varnish"));
    Peer::start(ground, "Varnish", String::new(), port, command)
}

fn drive(driver: &Path, suite: &Path, port: u16) -> Result<Vec<Tested>, String> {
    let mut node = shell::command("node", &["--no-warnings"]);
    node.arg(driver).arg(suite);
    node.arg(format!("http://127.0.0.1:{port}"));
    let lines = shell::output(node)?;
    lines.lines().map(read).collect()
}

fn read(line: &str) -> Result<Tested, String> {
    let told: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("`{line}`: {error}"))?;
    let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
    Ok(Tested {
        suite: text("suite"),
        id: text("id"),
        kind: text("kind"),
        passed: told["passed"] == true,
        why: text("why"),
    })
}

/// A row for each suite: required tests passed, and those that are optional.
fn report(results: &[(&str, Vec<Tested>)], json: bool) {
    if json {
        for (name, tested) in results {
            for test in tested {
                let line = serde_json::json!({
                    "bench": "cache-tests", "server": name, "suite": test.suite, "test": test.id,
                    "kind": test.kind, "passed": test.passed, "why": test.why,
                });
                println!("{line}");
            }
        }
        return;
    }
    print!("| suite |");
    for (name, _) in results {
        print!(" {name}: required | optional |");
    }
    println!("\n|---|{}", "---|---|".repeat(results.len()));
    let suites: BTreeSet<&str> = results
        .iter()
        .flat_map(|(_, tested)| tested.iter().map(|test| &*test.suite))
        .collect();
    for suite in suites.into_iter().map(Some).chain([None]) {
        print!("| {} |", suite.unwrap_or("**all**"));
        for (_, tested) in results {
            for kind in ["required", "optimal"] {
                let those = || {
                    tested.iter().filter(|test| {
                        test.kind == kind && suite.is_none_or(|suite| test.suite == suite)
                    })
                };
                let passed = those().filter(|test| test.passed).count();
                print!(" {passed} of {} |", those().count());
            }
        }
        println!();
    }
}

/// Compares with what is expected to fail.
fn surprises(results: &[(&str, Vec<Tested>)]) -> Outcome {
    let expected = expected()?;
    let Some(((_, ours), controls)) = results.split_first() else {
        return Ok(());
    };
    let passes_elsewhere = |id: &str| {
        controls
            .iter()
            .any(|(_, tested)| tested.iter().any(|test| test.id == id && test.passed))
    };
    let mut surprises = Vec::new();
    for test in ours {
        let matters =
            test.kind == "required" || test.kind == "optimal" && passes_elsewhere(&test.id);
        match expected.contains_key(&*test.id) {
            true if test.passed => surprises.push(format!("`{}` passes by now", test.id)),
            false if matters && !test.passed => {
                surprises.push(format!("`{}` fails: {}", test.id, test.why));
            }
            _ => {}
        }
    }
    match surprises.is_empty() {
        true => Ok(()),
        false => Err(format!("other than expected:\n{}", surprises.join("\n"))),
    }
}

/// The tests expected to fail, each with its reason.
fn expected() -> Result<BTreeMap<&'static str, &'static str>, String> {
    EXPECTED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (id, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match reason.trim() {
                "" => Err(format!("`{id}` is expected to fail without a reason")),
                reason => Ok((id, reason)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tested(id: &str, kind: &str, passed: bool) -> Tested {
        Tested {
            suite: "s".into(),
            id: id.into(),
            kind: kind.into(),
            passed,
            why: "it does not".into(),
        }
    }

    #[test]
    fn what_is_expected_has_a_reason_and_nothing_else_may_fail() {
        let expected = expected().unwrap();
        let known = *expected.keys().next().unwrap();
        let ours = |passed| {
            vec![
                tested("a", "optimal", passed),
                tested("b", "check", false),
                tested("c", "optimal", false),
                tested(known, "required", false),
            ]
        };
        let results = |ours| vec![("ours", ours), ("control", vec![])];
        assert_eq!(surprises(&results(ours(false))), Ok(()));
        let with_control = |ours| {
            vec![
                ("ours", ours),
                (
                    "control",
                    vec![tested("a", "optimal", true), tested("b", "check", true)],
                ),
            ]
        };
        assert_eq!(surprises(&with_control(ours(true))), Ok(()));
        let complaint = surprises(&with_control(ours(false))).unwrap_err();
        assert!(complaint.ends_with("`a` fails: it does not"), "{complaint}");
        let passes = vec![tested(known, "required", true)];
        assert!(
            surprises(&results(passes))
                .unwrap_err()
                .contains("passes by now")
        );
    }
}
