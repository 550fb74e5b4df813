//! Tests over the list of modules.

use base::settings::{Report, Setting, Settings, read};
use pipeline::{Module, Phase};

use crate::harness::{Page, Site, photo, services};
use crate::list::ORDER;
use crate::{SiteSettings, build};

fn settings(text: &str) -> (SiteSettings, Report) {
    let text = format!("origin = 'http://127.0.0.1:1'\naccess_log.target = 'stderr'\n{text}");
    read("site.toml", &text).unwrap()
}

fn ids(modules: &[Box<dyn Module>]) -> Vec<&'static str> {
    modules.iter().map(|module| module.id()).collect()
}

#[tokio::test]
async fn the_list_runs_as_it_is_written() {
    let (settings, mut report) = settings("");
    let pipeline = build(&settings, &services(), "", &mut report).unwrap();
    assert_eq!(ids(pipeline.modules()), ORDER);
    let phases: Vec<Phase> = pipeline
        .modules()
        .iter()
        .map(|module| module.phase())
        .collect();
    assert!(phases.is_sorted(), "{phases:?}");
}

#[tokio::test]
async fn every_module_that_has_a_switch_can_be_off() {
    let optional = [
        "network",
        "images",
        "cache",
        "hints",
        "headers",
        "access_log",
    ];
    for off in 0..1 << optional.len() {
        let gone = |id: &str| {
            optional
                .iter()
                .position(|name| *name == id)
                .is_some_and(|n| off >> n & 1 == 1)
        };
        let text: String = optional
            .iter()
            .filter(|id| gone(id))
            .map(|id| format!("{id}.enabled = false\n"))
            .collect();
        let (settings, mut report) = settings(&text);
        let pipeline = build(&settings, &services(), "", &mut report).unwrap();
        let expected: Vec<_> = ORDER.into_iter().filter(|id| !gone(id)).collect();
        assert_eq!(ids(pipeline.modules()), expected);
    }
}

#[test]
fn a_module_is_a_directory_of_its_name() {
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut directories: Vec<String> = std::fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    directories.sort();
    let mut names = ORDER.map(str::to_owned).to_vec();
    names.sort();
    assert_eq!(directories, names);
}

#[test]
fn every_setting_is_documented_and_every_group_is_a_module() {
    let described = SiteSettings::describe();
    check(&described);
    for group in described.iter().filter(|setting| !setting.inner.is_empty()) {
        assert!(ORDER.contains(&group.name), "{}", group.name);
    }
}

fn check(settings: &[Setting]) {
    for setting in settings {
        assert!(
            setting.doc.len() > 5 && setting.doc.ends_with('.'),
            "{}",
            setting.name
        );
        check(&setting.inner);
    }
}

#[tokio::test]
async fn everything_wrong_is_reported_at_once_with_its_line() {
    let text = "hosts = ['Example.com', 'good.example', 'a b']\n[images]\nsources = ['no source']\n\
                [images.policy]\nmax_width = 0\n[headers]\nset = ['nonsense']\n\
                [access_log]\ntarget = '/no/such/directory/log'\n";
    let (settings, mut report) = match read::<SiteSettings>("site.toml", text) {
        Ok(read) => read,
        Err(report) => {
            // A pattern that cannot be read stops at reading.
            assert!(report.to_string().contains("images.sources[0]"), "{report}");
            let text = text.replace("'no source'", "");
            read::<SiteSettings>("site.toml", &text).unwrap()
        }
    };
    assert!(build(&settings, &services(), "", &mut report).is_none());
    let lines: Vec<_> = report
        .problems()
        .iter()
        .map(|problem| problem.line)
        .collect();
    let keys: Vec<_> = report
        .problems()
        .into_iter()
        .map(|problem| problem.key)
        .collect();
    for key in [
        "hosts[0]",
        "hosts[2]",
        "origin",
        "images.policy.max_width",
        "headers.set[0]",
        "access_log.target",
    ] {
        assert!(keys.iter().any(|found| found == key), "{key}: {keys:?}");
    }
    assert!(
        lines.iter().filter(|line| **line > 0).count() >= 3,
        "{report}"
    );
}

#[tokio::test]
async fn the_trace_says_why() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(320, 240));
    site.origin.page("/photo.jpg", page);
    let answer = site.get("/photo.jpg").send().await;
    let said = answer.image();
    assert!(answer.notes.iter().any(|note| note == said), "{answer:?}");
    let miss = answer.notes.join("\n");
    for words in [
        "site 127.0.0.1",
        "format: by picture",
        "uri-miss: https://example.com/photo.jpg",
        "asks http://127.0.0.1",
        "200 OK by HTTP/1.1 over a new connection",
        "kept, fresh for 600 s",
        "jpeg; width=320",
    ] {
        assert!(miss.contains(words), "{words}: {miss}");
    }
    let hit = site.get("/photo.jpg").send().await.notes.join("\n");
    assert!(hit.contains("kept, fresh for another"), "{hit}");
}
