//! The report in a real browser: it works, it fits, it asks for nothing, and axe-core is content.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod synthetic;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use firstlight_lab::browser::{Browser, Page};
use firstlight_lab::metrics::Summary;
use firstlight_lab::report;
use serde_json::{Value, json};

const AXE: &str = "axe-core@4.14.1";
const LIMIT: Duration = Duration::from_secs(30);
/// Puts the rules for dark screens in force.
const DARK: &str = "for (const sheet of document.styleSheets) for (const rule of sheet.cssRules)
    if (rule.media?.mediaText.includes('dark')) rule.media.mediaText = 'all'";

/// A report in a folder of its own, gone when dropped.
struct Written(PathBuf);

impl Written {
    fn new(name: &str) -> Self {
        let name = format!("report-{name}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let comparison = synthetic::comparison(3);
        let summary = Summary::of(&comparison).unwrap();
        let page = report::page(&comparison, &summary);
        fs::write(folder.join("report.html"), page).unwrap();
        Self(folder)
    }

    fn url(&self) -> String {
        format!("file://{}/report.html", self.0.display())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // A folder in the target directory that stays does no harm.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A browser, or the reason why there is none, loudly.
fn browser() -> Option<Browser> {
    match Browser::launch() {
        Ok(browser) => Some(browser),
        Err(error) if error.is_missing() => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn open(browser: &Browser, report: &Written, width: u32) -> Page {
    let mut page = browser.open(width, 800).unwrap();
    page.navigate(&report.url()).unwrap();
    page.wait_for_load(LIMIT).unwrap();
    page
}

#[test]
fn the_report_works_and_asks_for_nothing() {
    let Some(browser) = browser() else { return };
    let report = Written::new("works");
    let page = open(&browser, &report, 1280);
    let say = |script: &str| page.evaluate(script).unwrap();

    // It opens at the moment that tells most, not on two white pages.
    let percents = "[...document.querySelectorAll('.percent')].map(p => parseInt(p.textContent))";
    let first = say(percents);
    assert!(
        first[1].as_u64() >= Some(85) && first[0].as_u64() < Some(85),
        "{first}"
    );

    // The scrubber moves both pictures.
    let scrub = "time.value = time.max; time.dispatchEvent(new Event('input'));";
    assert_eq!(say(&format!("{scrub} {percents}")), json!([100, 100]));
    let described = say("[...document.querySelectorAll('.screen img')].map(i => i.alt)");
    assert!(
        described[0]
            .as_str()
            .unwrap()
            .contains("100 % of the page visible"),
        "{described}"
    );

    // Playing starts again from the beginning and can be stopped.
    let play = "play.click(); new Promise(done => {
        const begun = performance.now();
        const look = () => performance.now() - begun > 200 && time.value > 0
            ? done(Number(time.value)) : requestAnimationFrame(look);
        look(); })";
    let later = say(play).as_f64().unwrap();
    assert!(later > 0.0 && later < 5000.0, "{later}");
    assert_eq!(say("play.textContent"), "Pause");
    assert_eq!(say("play.click(); play.textContent"), "Play");

    // Both strips share their steps; the switch makes them five times as fine.
    let cells = "[...document.querySelectorAll('.strip')].map(s => s.children.length)";
    let coarse = say(cells);
    assert_eq!(coarse[0], coarse[1]);
    let fine = say(&format!(
        "document.querySelector('[value=\"100\"]').click(); {cells}"
    ));
    let ratio = fine[0].as_f64().unwrap() / coarse[0].as_f64().unwrap();
    assert!((4.0..=5.0).contains(&ratio), "{coarse} {fine}");
    assert!(say("document.querySelectorAll('.changed').length").as_u64() > Some(10));

    let asked: Vec<String> = page
        .responses()
        .into_iter()
        .map(|response| response.url)
        .collect();
    let local = |url: &String| {
        ["file:", "blob:", "data:"]
            .iter()
            .any(|scheme| url.starts_with(scheme))
    };
    assert!(asked.iter().all(local), "{asked:?}");
    assert_eq!(page.problems(), []);
}

#[test]
fn the_report_fits_a_phone() {
    let Some(browser) = browser() else { return };
    let report = Written::new("fits");
    for width in [390, 768, 1280] {
        let page = open(&browser, &report, width);
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            .unwrap();
        let wide = page
            .evaluate("document.documentElement.scrollWidth")
            .unwrap();
        assert!(wide.as_u64() <= Some(width.into()), "{wide} at {width}");
        let strips = "getComputedStyle(document.querySelector('.strips')).overflowX";
        assert_eq!(page.evaluate(strips).unwrap(), "auto");
    }
}

#[test]
fn axe_finds_nothing() {
    let Some(axe) = axe() else { return };
    let Some(browser) = browser() else { return };
    let report = Written::new("axe");
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        let page = open(&browser, &report, width);
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            .unwrap();
        if dark {
            page.evaluate(DARK).unwrap();
        }
        page.evaluate(&axe).unwrap();
        let run = "axe.run(document, { preload: false }).then(result => ({
            passed: result.passes.length,
            unsure: result.incomplete.map(rule => [rule.id, rule.nodes.length]),
            found: result.violations.map(rule =>
                [rule.id, rule.help, rule.nodes.map(node => node.html).slice(0, 3)]) }))";
        let result = page.evaluate(run).unwrap();
        eprintln!(
            "{width}, dark {dark}: {} rules passed, unsure {}",
            result["passed"], result["unsure"]
        );
        assert_eq!(
            result["found"],
            Value::Array(vec![]),
            "{width}, dark: {dark}"
        );
        assert!(result["passed"].as_u64() > Some(20));
    }
}

/// The text of axe-core, from its package; where that cannot be had, the test says so and passes.
fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe-core");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.is_file() {
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        let done = npm.arg(&folder).arg(AXE).output();
        if !done.is_ok_and(|done| done.status.success()) {
            eprintln!("SKIPPED: {AXE} cannot be installed");
            return None;
        }
    }
    Some(fs::read_to_string(script).unwrap())
}
