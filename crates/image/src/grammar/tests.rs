//! Cases: a new case is a new file in `cases/<grammar>/`.
//!
//! A file begins with the settings, in TOML. After `---` come URLs, each on a line of its own, and
//! under it how it is read. `source 1000x800` sets the size of the source from there on; `time` the
//! time. A URL that is read as a picture's own address stands after `picture`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use base::Failure;
use proptest::prelude::*;

use super::*;
use crate::geometry::Layout;
use crate::{
    Format, Limits, Orientation, OverlayFile, PolicySettings, Probe, Signals, Trim, Variant, choose,
};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/grammar/cases");
    let entries = |path: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(path).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    };
    let mut files: Vec<_> = entries(&root)
        .iter()
        .flat_map(|path| entries(path))
        .collect();
    files.sort();
    files
}

fn settings(text: &str) -> GrammarSettings {
    base::settings::read("case", text)
        .unwrap_or_else(|report| panic!("{report}"))
        .0
}

/// The file as it should be.
fn replay(text: &str) -> String {
    let (head, body) = text.split_once("---\n").expect("settings, then `---`");
    let grammars = Grammars::new(&settings(head));
    let mut made = format!("{head}---\n");
    let (mut size, mut now) = ((1000, 800), 1_700_000_000);
    for line in body.lines().filter(|line| !line.starts_with(' ')) {
        made.push_str(line);
        made.push('\n');
        if let Some(rest) = line.strip_prefix("source ") {
            let (width, height) = rest.split_once('x').unwrap();
            size = (width.parse().unwrap(), height.parse().unwrap());
        } else if let Some(rest) = line.strip_prefix("time ") {
            now = rest.parse().unwrap();
        } else if !line.is_empty() && !line.starts_with('#') {
            made.push_str(&told(&grammars, line, size, now));
        }
    }
    made
}

fn told(grammars: &Grammars, line: &str, size: (u32, u32), now: u64) -> String {
    let (url, picture) = match line.strip_prefix("picture ") {
        Some(url) => (url, true),
        None => (line, false),
    };
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let request = Request {
        path,
        query,
        picture,
        now,
    };
    let mut text = String::new();
    match grammars.read(&request) {
        None => text.push_str("  not ours\n"),
        Some(Err(error)) => writeln!(text, "  {} {error}", error.status().as_u16()).unwrap(),
        Some(Ok(parsed)) => {
            writeln!(text, "  {}: {}", parsed.grammar, parsed.source).unwrap();
            writeln!(text, "  options: {}", parsed.transform).unwrap();
            for note in &parsed.notes {
                writeln!(text, "  note: {note}").unwrap();
            }
            let (width, height) = result(&parsed.transform, size);
            writeln!(text, "  size: {width}x{height}").unwrap();
        }
    }
    text
}

/// The size of the result for a source of this size.
fn result(transform: &Transform, (width, height): (u32, u32)) -> (u32, u32) {
    let probe = Probe {
        format: Format::Png,
        width,
        height,
        orientation: Orientation::UPRIGHT,
        has_alpha: false,
        animated: false,
    };
    let choice = choose(transform, &Signals::default(), &PolicySettings::default());
    let demands = &choice.variant.demands;
    if demands.untouched || demands.skipped.contains(&Format::Png) {
        return (width, height);
    }
    let border = matches!(choice.variant.trim, Some(Trim::Border { .. }));
    let variant = Variant {
        trim: choice.variant.trim.filter(|_| !border),
        ..choice.variant
    };
    Layout::new(&probe, &variant, &Limits::default())
        .unwrap()
        .canvas
}

#[test]
fn urls_are_read_as_the_cases_say() {
    let mut wrong = Vec::new();
    for file in cases() {
        let text = fs::read_to_string(&file).unwrap();
        let made = replay(&text);
        if made != text {
            let at = text
                .lines()
                .zip(made.lines())
                .find(|(ours, theirs)| ours != theirs);
            wrong.push(format!("{}: {at:?}", file.display()));
            if std::env::var_os("BLESS").is_some() {
                fs::write(&file, made).unwrap();
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "expected and read differ (BLESS=1 writes what was read):\n{}",
        wrong.join("\n")
    );
}

/// Every URL of a documentation, done to a real picture: its size is the one that the case says.
#[test]
fn real_pictures_have_the_sizes_that_the_documentation_states() {
    let named = |file: &PathBuf| file.file_stem().is_some_and(|stem| stem == "pages");
    let mut done = 0;
    for file in cases().iter().filter(|file| named(file)) {
        let text = fs::read_to_string(file).unwrap();
        let (head, body) = text.split_once("---\n").unwrap();
        let grammars = Grammars::new(&settings(head));
        let (mut url, mut source) = ("", Vec::new());
        for line in body.lines() {
            if let Some(size) = line.strip_prefix("source ") {
                let (width, height) = size.split_once('x').unwrap();
                let quarters =
                    crate::samples::quarters(width.parse().unwrap(), height.parse().unwrap());
                source = crate::samples::png(&quarters);
            } else if let Some(size) = line.strip_prefix("  size: ") {
                let (width, height) = made(&grammars, url, &source);
                assert_eq!(format!("{width}x{height}"), size, "{url}");
                done += 1;
            } else if !line.starts_with(' ') {
                url = line;
            }
        }
    }
    assert!(done > 50, "{done}");
}

/// The size of what becomes of a picture by a URL.
fn made(grammars: &Grammars, url: &str, source: &[u8]) -> (u32, u32) {
    let request = Request {
        path: url,
        query: None,
        picture: false,
        now: 0,
    };
    let parsed = grammars.read(&request).unwrap().unwrap();
    let (signals, policy) = (Signals::default(), PolicySettings::default());
    let mut choice = choose(&parsed.transform, &signals, &policy);
    for overlay in &mut choice.variant.overlays {
        let logo = crate::samples::png(&crate::samples::quarters(30, 40));
        overlay.file = Some(OverlayFile::new(logo.into()));
    }
    let limits = Limits::default();
    let size = |bytes: &[u8]| {
        let probe = crate::probe(bytes, &limits).unwrap();
        (probe.width, probe.height)
    };
    match crate::render(source, &choice.variant, &limits, &|| false).unwrap() {
        crate::Outcome::Rendered(made) => {
            assert_eq!(size(&made.bytes), (made.width, made.height));
            (made.width, made.height)
        }
        crate::Outcome::Facts(facts) => (facts.width, facts.height),
        _ => size(source),
    }
}

#[test]
fn every_grammar_has_cases_and_a_name_of_its_own() {
    let mut names: Vec<_> = Grammars::names().collect();
    names.sort_unstable();
    let mut folders: Vec<_> = cases()
        .iter()
        .map(|file| {
            file.parent()
                .unwrap()
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    folders.dedup();
    assert_eq!(names, folders);
}

#[test]
fn nothing_but_cloudflare_is_on_by_default() {
    assert_eq!(Grammars::new(&GrammarSettings::default()).0.len(), 1);
}

#[test]
fn a_wrong_signature_is_forbidden_wherever_a_key_is_set() {
    let settings = settings(
        "imgproxy.enabled = true\nimgproxy.keys = [\"6b6579\"]\nimgproxy.salts = [\"73616c74\"]\n\
         imgproxy.prefix = \"/imgproxy\"\nthumbor.enabled = true\nthumbor.key = \"key\"\n\
         thumbor.prefix = \"/thumbor\"\nimagor.enabled = true\nimagor.key = \"key\"\n\
         imagor.prefix = \"/imagor\"\nimgix.enabled = true\nimgix.token = \"key\"\n\
         cloudinary.enabled = true\ncloudinary.secret = \"key\"\n",
    );
    let grammars = Grammars::new(&settings);
    for (path, query) in [
        (
            "/imgproxy/insecure/w:10/plain/https://example.com/a.jpg",
            None,
        ),
        ("/imgproxy/w:10/plain/https://example.com/a.jpg", None),
        ("/imgproxy/", None),
        ("/thumbor/unsafe/10x10/example.com/a.jpg", None),
        ("/thumbor/10x10/example.com/a.jpg", None),
        (
            "/thumbor/AAAAAAAAAAAAAAAAAAAAAAAAAAA=/10x10/example.com/a.jpg",
            None,
        ),
        ("/imagor/unsafe/10x10/example.com/a.jpg", None),
        (
            "/imagor/AAAAAAAAAAAAAAAAAAAAAAAAAAA=/10x10/example.com/a.jpg",
            None,
        ),
        ("/a.jpg", Some("w=10")),
        ("/a.jpg", Some("w=10&s=00000000000000000000000000000000")),
        ("/image/upload/w_10/a.jpg", None),
        ("/image/upload/s--AAAAAAAA--/w_10/a.jpg", None),
    ] {
        let request = Request {
            path,
            query,
            picture: true,
            now: 0,
        };
        let read = grammars.read(&request);
        let status = read
            .and_then(Result::err)
            .map(|error| error.status().as_u16());
        assert_eq!(status, Some(403), "{path} {query:?}");
    }
}

proptest! {
    #[test]
    fn any_url_is_read_without_panic(path in "/\\PC{0,80}", query in "\\PC{0,40}") {
        crate::fuzz::grammars(format!("{path}?{query}").as_bytes());
    }

    #[test]
    fn anything_like_a_url_is_read_without_panic(
        start in prop::sample::select(vec![
            "/insecure/", "/unsafe/", "/_ipx/", "/image/upload/", "/x/image/fetch/", "/?url=a&",
            "/_next/image?url=/a&", "/.netlify/images?url=/a&", "/a.jpg?", "/i.example/a.jpg?",
        ]),
        parts in prop::collection::vec("[a-z_:]{1,6}[:=_]?[0-9a-z.,:;x()-]{0,12}[/&]", 0..6),
        end in "[a-z0-9/.:@]{0,20}",
    ) {
        let url = format!("{start}{}{end}", parts.concat());
        crate::fuzz::grammars(url.as_bytes());
    }
}

/// What is left of quarters in four colours, 80 by 40, when a URL is done: the colours of the
/// result's corners, from the left top one in reading order.
fn corners(url: &str) -> [[u8; 3]; 4] {
    let settings = settings(
        "imgproxy = { enabled = true, unsigned = true }\nthumbor = { enabled = true, unsigned = true }\n",
    );
    let request = Request {
        path: url,
        query: None,
        picture: true,
        now: 0,
    };
    let parsed = Grammars::new(&settings).read(&request).unwrap().unwrap();
    let choice = choose(
        &parsed.transform,
        &Signals::default(),
        &PolicySettings::default(),
    );
    let source = crate::samples::png(&crate::samples::quarters(80, 40));
    let outcome = crate::render(&source, &choice.variant, &Limits::default(), &|| false);
    let crate::Outcome::Rendered(made) = outcome.unwrap() else {
        panic!("{url} changes nothing");
    };
    let (width, height) = (made.width as usize, made.height as usize);
    let probe = crate::probe(&made.bytes, &Limits::default()).unwrap();
    let limits = Limits::default();
    let decoded = crate::decode::decode(&made.bytes, &probe, None, &limits, &|| false).unwrap();
    let picture = decoded.picture.into_rgba();
    let at = |x: usize, y: usize| {
        let pixel = &picture.data[(y * width + x) * 4..];
        [pixel[0], pixel[1], pixel[2]]
    };
    let (right, bottom) = (width - 1, height - 1);
    [at(0, 0), at(right, 0), at(0, bottom), at(right, bottom)]
}

#[test]
fn pixels_are_where_the_servers_put_them() {
    let all = corners("/insecure/w:40/plain/a.png");
    let [one, two, three, four] = all;
    let blue = [0, 0, 255];
    for (url, expected) in [
        // thumbor cuts first, then mirrors, then turns against the clock.
        ("/unsafe/-20x40/left/a.png", [one, one, three, three]),
        ("/unsafe/-80x40/a.png", [two, one, four, three]),
        (
            "/unsafe/80x40/filters:rotate(90)/a.png",
            [two, four, one, three],
        ),
        ("/unsafe/40x20:80x40/a.png", [four; 4]),
        ("/unsafe/0x0:40x40/a.png", [one, one, three, three]),
        (
            "/unsafe/40x20/filters:focal(60x5:70x10)/a.png",
            [one, two, three, four],
        ),
        (
            "/unsafe/20x20/filters:focal(60x5:70x10)/a.png",
            [two, two, four, four],
        ),
        ("/unsafe/fit-in/80x80/filters:fill(00f)/a.png", [blue; 4]),
        // imgproxy cuts what it has turned, clockwise.
        ("/_/rot:90/plain/a.png", [three, one, four, two]),
        ("/_/rot:90/c:20:20:nowe/plain/a.png", [three; 4]),
        ("/_/c:30:15:soea:0:0/plain/a.png", [four; 4]),
        ("/_/c:30:15:nowe:45:2/plain/a.png", [two; 4]),
        ("/_/fl:0:1/plain/a.png", [three, four, one, two]),
        ("/_/rs:fill:20:40/g:ea/plain/a.png", [two, two, four, four]),
        ("/_/pd:5/bg:0:0:255/plain/a.png", [blue; 4]),
        (
            "/_/rs:fit:80:80/ex:1:no/bg:00f/plain/a.png",
            [one, two, blue, blue],
        ),
    ] {
        assert_eq!(corners(url), expected, "{url}");
    }
}
