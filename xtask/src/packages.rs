//! The Debian packages that tests and benches run Firstlight beside. Nothing is built from them.

use std::process::Command;

use crate::shell::{self, Outcome};

/// Program, package, what it is for.
const WANTED: [(&str, &str, &str); 7] = [
    ("nginx", "nginx", "an origin and a peer"),
    ("varnishd", "varnish", "a control of the cache tests"),
    ("h2o", "h2o", "a peer"),
    ("nghttpd", "nghttp2-server", "a peer"),
    ("chromium", "chromium", "the browser of the page tests"),
    ("redis-server", "redis-server", "a store behind"),
    ("ip", "iproute2", "network namespaces of the emulated link"),
];

/// Installs what tests run beside, where that is possible, and says loudly what stays missing. A
/// missing package fails nothing: the tests that need it skip themselves as loudly.
///
/// # Errors
/// None.
pub fn install() -> Outcome {
    if !provide(&WANTED) {
        println!("every package is here");
    }
    Ok(())
}

/// The same for what a bench needs besides: programs and their packages.
pub fn want(programs: &[(&str, &str)]) {
    let wanted: Vec<_> = programs
        .iter()
        .map(|(program, package)| (*program, *package, "for this bench"))
        .collect();
    provide(&wanted);
}

/// Whether anything was missing.
fn provide(wanted: &[(&str, &str, &str)]) -> bool {
    let missing: Vec<_> = wanted
        .iter()
        .filter(|(program, ..)| !shell::exists(program))
        .collect();
    if missing.is_empty() {
        return false;
    }
    if !is_root() || !shell::exists("apt-get") {
        report(&missing, "not root, or no apt-get");
        return true;
    }
    let _ = shell::run(apt(&["update", "-q"]));
    for (_, package, _) in &missing {
        // One at a time: a package that cannot be had must not keep the others away.
        let _ = shell::run(apt(&["install", "-qy", "--no-install-recommends", package]));
    }
    let missing: Vec<_> = missing
        .into_iter()
        .filter(|(program, ..)| !shell::exists(program))
        .collect();
    report(&missing, "apt-get did not install it");
    true
}

fn report(missing: &[&(&str, &str, &str)], why: &str) {
    for (program, package, purpose) in missing {
        shell::skip(&format!("`{program}` (package {package}, {purpose})"), why);
    }
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = shell::command("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    let mut id = shell::command("id", &["-u"]);
    id.output()
        .is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}
