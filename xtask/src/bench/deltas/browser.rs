//! Chromium, which comes for one version and then for the next.

use std::time::Duration;

use lab::browser::WireHeaders;
use lab::{Browser, Page};

use super::{Options, address};
use crate::bench::ground::{Ground, Peer};
use crate::shell::{self, Outcome};

/// How long a page may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The versions that both pages have in common: package, file, and what says which version runs.
const FILES: [(&str, &str, &str); 4] = [
    (
        "bootstrap",
        "dist/css/bootstrap.min.css",
        "getComputedStyle(document.documentElement).getPropertyValue('--bs-blue')",
    ),
    (
        "bootstrap",
        "dist/js/bootstrap.bundle.min.js",
        "bootstrap.Tooltip.VERSION",
    ),
    ("react", "umd/react.production.min.js", "React.version"),
    (
        "react-dom",
        "umd/react-dom.production.min.js",
        "ReactDOM.version",
    ),
];
const VERSIONS: [[&str; 2]; 4] = [
    ["5.3.2", "5.3.3"],
    ["5.3.2", "5.3.3"],
    ["18.2.0", "18.3.1"],
    ["18.2.0", "18.3.1"],
];

/// Loads a page with the first versions, then one with the second. Returns what is not as promised.
///
/// # Errors
/// The browser does not answer.
pub fn visit(ground: &Ground, options: &Options, ours: &Peer) -> Result<Vec<String>, String> {
    if !Browser::is_installed() {
        shell::skip(
            "deltas as a browser decodes them",
            "Chromium is not installed",
        );
        return Ok(Vec::new());
    }
    for step in 0..2 {
        write_page(ground, step)?;
    }
    let shown = |error: lab::BrowserError| error.to_string();
    // What is trusted by its key is kept by the browser's cache; what is merely not looked at is not.
    let key = &ground.key;
    let flags = [
        "--disable-quic".to_owned(),
        format!("--ignore-certificate-errors-spki-list={key}"),
    ];
    let browser = Browser::launch_with(None, &flags).map_err(shown)?;
    let version = browser.version().map_err(shown)?;
    let mut page = browser.open(800, 600).map_err(shown)?;
    page.set_cache(true).map_err(shown)?;
    let mut broken = Vec::new();
    let host = format!("https://localhost:{}", ours.port);
    load(&mut page, &host, 0)?;
    broken.extend(runs(&page, 0)?);
    load(&mut page, &host, 1)?;
    broken.extend(runs(&page, 1)?);
    if !options.json {
        println!("\n{version}, the second page:\n");
        println!("| file | asked with | Available-Dictionary | answered with | bytes | runs |");
        println!("|---|---|---|---|---|---|");
    }
    for (number, (package, path, _)) in FILES.iter().enumerate() {
        let path = address(package, VERSIONS[number][1], path);
        let headers = page.headers(&format!("{host}{path}")).unwrap_or_default();
        let problem = report(options, &version, &path, &headers);
        broken.extend(problem);
    }
    drop(page);
    browser.close();
    Ok(broken)
}

/// A line for a file, and what is wrong with it.
fn report(options: &Options, version: &str, path: &str, headers: &WireHeaders) -> Option<String> {
    let (accept, dictionary) = (
        headers.asked("accept-encoding"),
        headers.asked("available-dictionary"),
    );
    let (coding, length) = (
        headers.answered("content-encoding"),
        headers.answered("content-length"),
    );
    if options.json {
        let line = serde_json::json!({
            "bench": "deltas", "browser": version, "path": path, "accept_encoding": accept,
            "available_dictionary": dictionary, "coding": coding, "bytes": length,
        });
        println!("{line}");
    } else {
        println!("| {path} | {accept} | {dictionary} | {coding} | {length} | yes |");
    }
    let right = accept.contains("dcb") && !dictionary.is_empty() && coding.starts_with("dc");
    (!right).then(|| format!("{version} did not get {path} as a delta: {headers:?}"))
}

fn load(page: &mut Page, host: &str, step: usize) -> Outcome {
    let url = format!("{host}/page-{step}.html");
    page.navigate(&url).map_err(|error| error.to_string())?;
    page.wait_for_load(LIMIT)
        .map_err(|error| error.to_string())?;
    // A dictionary is of use once it is written.
    page.wait_until(page_time(step));
    Ok(())
}

/// How long a page stays: until the browser has stored what it has loaded.
fn page_time(step: usize) -> Duration {
    match step {
        0 => Duration::from_secs(4),
        _ => Duration::ZERO,
    }
}

/// Whether the scripts of a page are the versions they should be, and its style is one.
fn runs(page: &Page, step: usize) -> Result<Vec<String>, String> {
    let mut broken = Vec::new();
    for (number, (package, path, script)) in FILES.iter().enumerate() {
        let said = page.evaluate(script).map_err(|error| error.to_string())?;
        let said = said.as_str().unwrap_or_default().trim().to_owned();
        let right = match path.ends_with("css") {
            true => said == "#0d6efd",
            false => said.starts_with(VERSIONS[number][step]),
        };
        if !right {
            broken.push(format!(
                "{package} on page {step}: `{script}` says `{said}`"
            ));
        }
    }
    for problem in page.problems() {
        // Nobody has drawn an icon for this page.
        if !problem.url.ends_with("favicon.ico") {
            broken.push(format!("page {step}: {}: {}", problem.url, problem.message));
        }
    }
    Ok(broken)
}

fn write_page(ground: &Ground, step: usize) -> Outcome {
    let mut text = String::from("<!doctype html><meta charset=utf-8><title>Versions</title>\n");
    for (number, (package, path, _)) in FILES.iter().enumerate() {
        let address = address(package, VERSIONS[number][step], path);
        text.push_str(&match path.ends_with("css") {
            true => format!("<link rel=stylesheet href=\"{address}\">\n"),
            false => format!("<script src=\"{address}\"></script>\n"),
        });
    }
    ground
        .write(&format!("www/page-{step}.html"), text)
        .map(drop)
}
