//! Reads the lines of access logs: the common and combined form (nginx, Apache), Caddy's JSON, and
//! Firstlight's own two forms.

use std::collections::HashMap;
use std::io::{self, BufRead};

use serde_json::Value;

/// Longer lines are passed over, bytes.
const LONGEST: usize = 64 * 1024;
/// Most different URLs; those that come after are passed over.
const MOST: usize = 200_000;

/// What a log asks for.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Path and query, and how often, most often first.
    pub urls: Vec<(String, u64)>,
    /// Lines.
    pub lines: u64,
    /// Lines that are no requests in a form that is known.
    pub unread: u64,
}

/// Reads a log: the URLs of pictures that were asked for with `GET` and answered well. With `all`
/// every URL.
///
/// # Errors
/// The log cannot be read.
pub fn read(mut log: impl BufRead, all: bool) -> io::Result<Wanted> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut wanted = Wanted::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LONGEST as u64 + 1;
        let read = io::Read::take(&mut log, limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        wanted.lines += 1;
        if line.len() > LONGEST {
            skip_line(&mut log)?;
            wanted.unread += 1;
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        match parse(text.trim_end()) {
            Some(request) if request.counts(all) => {
                if counts.len() < MOST || counts.contains_key(&request.target) {
                    *counts.entry(request.target).or_default() += 1;
                }
            }
            Some(_) => {}
            None => wanted.unread += 1,
        }
    }
    wanted.urls = counts.into_iter().collect();
    wanted
        .urls
        .sort_unstable_by(|(one, count), (other, more)| more.cmp(count).then(one.cmp(other)));
    Ok(wanted)
}

/// Skips the rest of a line of any length.
fn skip_line(log: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = log.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let (used, over) = match end {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        log.consume(used);
        if over {
            return Ok(());
        }
    }
}

/// A request of a log.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    target: String,
    /// Absent where the log does not say.
    status: Option<u16>,
}

impl Request {
    fn counts(&self, all: bool) -> bool {
        let well = self
            .status
            .is_none_or(|status| matches!(status, 200..=299 | 304));
        self.method == "GET" && well && (all || is_picture(&self.target))
    }
}

/// Whether a URL looks like that of a picture: by its name, or as image servers write them.
fn is_picture(target: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "jpg", "jpeg", "png", "webp", "avif", "gif", "jxl", "heic", "tiff", "bmp",
    ];
    const MARKS: [&str; 12] = [
        "/cdn-cgi/image/",
        "/_next/image",
        "/_vercel/image",
        "/.netlify/images",
        "/_ipx/",
        "/image/upload/",
        "/image/fetch/",
        "/unsafe/",
        "/plain/",
        "/insecure/",
        "/rs:",
        "/resize:",
    ];
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit(['.', '@']).next().unwrap_or_default();
    let ending = ending.to_ascii_lowercase();
    ENDINGS.contains(&ending.as_str()) || MARKS.iter().any(|mark| target.contains(mark))
}

fn parse(line: &str) -> Option<Request> {
    match line.trim_start().strip_prefix('{') {
        Some(_) => from_json(line),
        None => from_quotes(line).or_else(|| from_words(line)),
    }
}

/// Caddy's object, ours, and what others make of nginx's variables.
fn from_json(line: &str) -> Option<Request> {
    let object: Value = serde_json::from_str(line).ok()?;
    let inner = match &object["request"] {
        Value::String(request) => {
            let (method, target) = request_line(request)?;
            return request_of(method, target, status(&object));
        }
        Value::Object(_) => &object["request"],
        _ => &object,
    };
    let named = |names: &[&str]| names.iter().find_map(|name| inner[*name].as_str());
    let method = named(&["method", "request_method"])?;
    let target = named(&["uri", "path", "request_uri", "url"])?;
    request_of(method, target, status(&object))
}

fn status(object: &Value) -> Option<u16> {
    let status = &object["status"];
    let number = status.as_u64().or_else(|| status.as_str()?.parse().ok());
    number.and_then(|number| number.try_into().ok())
}

/// `… "GET /a.jpg HTTP/1.1" 200 …`
fn from_quotes(line: &str) -> Option<Request> {
    let mut parts = line.split('"');
    let (method, target) = request_line(parts.nth(1)?)?;
    let status = parts.next()?.split_whitespace().next()?.parse().ok();
    request_of(method, target, status)
}

/// `2026-11-23T05:20:11.032Z 192.0.2.1 h2 GET /a.jpg 200 …`
fn from_words(line: &str) -> Option<Request> {
    let mut words = line.split_whitespace().skip(3);
    let (method, target) = (words.next()?, words.next()?);
    let status = words.next().and_then(|status| status.parse().ok());
    request_of(method, target, status)
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split(' ');
    Some((words.next()?, words.next()?))
}

fn request_of(method: &str, target: &str, status: Option<u16>) -> Option<Request> {
    let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
    // A whole URL counts by its path.
    let target = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find('/').and_then(|at| rest.get(at..))?,
        _ => target,
    };
    (is_method && target.starts_with('/')).then(|| Request {
        method: method.to_owned(),
        target: target.to_owned(),
        status,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        for line in [
            r#"192.0.2.1 - - [23/Nov/2026:05:20:11 +0000] "GET /a.jpg?w=1 HTTP/1.1" 200 2326"#,
            r#"192.0.2.1 - bob [23/Nov/2026:05:20:11 +0000] "GET /a.jpg?w=1 HTTP/2.0" 200 2326 "https://a.example/" "Mozilla/5.0 \"x\"""#,
            r#"{"level":"info","request":{"method":"GET","host":"a.example","uri":"/a.jpg?w=1"},"status":200}"#,
            r#"{"time":"2026-11-23T05:20:11.032Z","method":"GET","path":"/a.jpg?w=1","status":200,"bytes":1}"#,
            r#"{"request":"GET /a.jpg?w=1 HTTP/1.1","status":"200"}"#,
            "2026-11-23T05:20:11.032Z 192.0.2.1 h2 GET /a.jpg?w=1 200 20480 1.2ms hit example.com 0f",
            r#"x - - [t] "GET https://a.example/a.jpg?w=1 HTTP/1.1" 200 1"#,
        ] {
            let expected = request_of("GET", "/a.jpg?w=1", Some(200));
            assert_eq!(parse(line), expected, "{line}");
        }
        for line in [
            "",
            "-",
            "\"\"",
            "a \"GET\" 200",
            "{",
            "{}",
            "a b c get /x 200",
            "x \"GET *\" 1",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn pictures_are_counted_once_and_the_most_wanted_come_first() {
        let line =
            |target: &str, status: u16| format!("a - - [t] \"GET {target} HTTP/1.1\" {status} 1\n");
        let log = [
            line("/b.png", 200),
            line("/a.jpg", 200),
            line("/a.jpg", 304),
            line("/missing.jpg", 404),
            line("/page.html", 200),
            line("/unsafe/300x200/a", 200),
            "nonsense\n".into(),
            "a - - [t] \"POST /c.jpg HTTP/1.1\" 200 1\n".into(),
            format!("{}\n", "x".repeat(LONGEST * 3)),
            line("/d@webp", 200),
        ]
        .concat();
        let wanted = read(log.as_bytes(), false).unwrap();
        let expected = [
            ("/a.jpg", 2),
            ("/b.png", 1),
            ("/d@webp", 1),
            ("/unsafe/300x200/a", 1),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(url, count)| ((*url).to_owned(), *count))
            .collect();
        assert_eq!(wanted.urls, expected);
        assert_eq!((wanted.lines, wanted.unread), (10, 2));
        assert_eq!(read(log.as_bytes(), true).unwrap().urls.len(), 5);
    }
}
