//! Texts of two npm packages through Firstlight: what the first visitor gets and when, what the
//! next ones get, and what nginx makes of the same.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Options;
use super::ground::{self, Ground, Peer, median};
use crate::shell::Outcome;

/// Package, and the file in it that is served.
const FILES: [(&str, &str); 3] = [
    ("bootstrap@5.3.3", "dist/css/bootstrap.min.css"),
    ("react-dom@18.3.1", "umd/react-dom.production.min.js"),
    ("react-dom@18.3.1", "README.md"),
];
/// What visitors take: all that Chromium does, what Safari did for years, and the oldest.
const ACCEPTS: [&str; 3] = ["gzip, deflate, br, zstd", "gzip, deflate, br", "gzip"];
/// How long the background may take for one file on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one answer was.
struct Answer {
    coding: String,
    bytes: usize,
    milliseconds: f64,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("compress")?;
    let mut names = Vec::new();
    for (package, path) in FILES {
        names.push(fetch(&ground, package, path)?);
    }
    let origin = nginx(&ground, "origin", "gzip off;", None)?;
    let ours = firstlight(&ground, &binary, origin.port)?;
    let gzip = "gzip on; gzip_types *; gzip_proxied any; gzip_comp_level 6;";
    let peer = nginx(&ground, "nginx", gzip, Some(origin.port))?;
    if !options.json {
        println!("{}", ground::conditions());
        println!(
            "| file | taken | plain | first: coding | bytes | ms | nginx gzip 6: bytes | ms | \
             ours / nginx, ms | next: coding | bytes | ms | Brotli 11 |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    }
    for name in &names {
        let plain = std::fs::read(ground.path("www").join(name)).map_err(|e| e.to_string())?;
        let best = brotli_11(&plain)?;
        for accept in ACCEPTS {
            measure(options, (&ours, &peer), name, accept, (plain.len(), best))?;
        }
    }
    Ok(())
}

/// One row: each cold request has a query of its own, so that nothing is kept for it.
fn measure(
    options: &Options,
    (ours, peer): (&Peer, &Peer),
    name: &str,
    accept: &str,
    (plain, best): (usize, usize),
) -> Outcome {
    let (mut first, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..options.runs {
        let path = format!("/{name}?{run}{}", accept.len());
        first.push(get(ours.port, &path, accept)?);
        theirs.push(get(peer.port, &path, accept)?);
    }
    let path = format!("/{name}");
    get(ours.port, &path, accept)?;
    let deadline = Instant::now() + PATIENCE;
    let mut next = get(ours.port, &path, accept)?;
    let limit = match accept.contains("br") {
        true => best,
        false => theirs[0].bytes.saturating_sub(1),
    };
    while next.bytes > limit && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(100));
        next = get(ours.port, &path, accept)?;
    }
    let times = |answers: &[Answer]| {
        let times: Vec<f64> = answers.iter().map(|answer| answer.milliseconds).collect();
        times
    };
    let ratios: Vec<f64> = times(&first)
        .iter()
        .zip(times(&theirs))
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    let (cold, hot) = (median(&times(&first)), next.milliseconds);
    let (nginx, ratio) = (median(&times(&theirs)), median(&ratios));
    let Answer { coding, bytes, .. } = &first[0];
    if options.json {
        let line = serde_json::json!({
            "bench": "compress", "file": name, "accept": accept, "plain": plain,
            "first": { "coding": coding, "bytes": bytes, "ms": cold },
            "nginx": { "bytes": theirs[0].bytes, "ms": nginx }, "ratio": ratio,
            "next": { "coding": next.coding, "bytes": next.bytes, "ms": hot },
            "brotli_11": best,
        });
        println!("{line}");
    } else {
        println!(
            "| {name} | {accept} | {plain} | {coding} | {bytes} | {cold:.1} | {} | {nginx:.1} | \
             {ratio:.2} | {} | {} | {hot:.1} | {best} |",
            theirs[0].bytes, next.coding, next.bytes
        );
    }
    Ok(())
}

/// Puts one file of a package where the origin serves it; returns its name.
fn fetch(ground: &Ground, package: &str, path: &str) -> Result<String, String> {
    let text = ground.packed(package, path)?;
    let name = path.rsplit('/').next().unwrap_or(path);
    ground.write(&format!("www/{name}"), text)?;
    Ok(name.to_owned())
}

/// The reference: Brotli at quality 11 with its usual window.
pub(super) fn brotli_11(plain: &[u8]) -> Result<usize, String> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        size_hint: plain.len(),
        ..Default::default()
    };
    let mut made = Vec::new();
    brotli::BrotliCompress(&mut &*plain, &mut made, &parameters).map_err(|e| e.to_string())?;
    Ok(made.len())
}

fn firstlight(ground: &Ground, binary: &Path, origin: u16) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttp = [\"127.0.0.1:{port}\"]\nhttps = []\n\
         [workshop]\nimprove_share = 100\n\
         [[site]]\norigin = \"http://127.0.0.1:{origin}\"\n\
         [site.cache]\ndefault_fresh = \"1h\"\n[site.access_log]\nenabled = false\n"
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Peer::start(ground, "Firstlight", String::new(), port, command)
}

/// nginx: the files, or a proxy before them.
fn nginx(
    ground: &Ground,
    name: &'static str,
    gzip: &str,
    origin: Option<u16>,
) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let place = match origin {
        Some(origin) => format!("location / {{ proxy_pass http://127.0.0.1:{origin}; }}"),
        None => format!("root {};", ground.shown("www")),
    };
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; {gzip} types {{ text/css css; text/javascript js; }}\n\
         default_type text/markdown;\n\
         server {{ listen 127.0.0.1:{port}; {place} }} }}\n",
        pid = ground.shown(&format!("{name}.pid")),
        log = ground.shown(&format!("{name}.log")),
    );
    let file = ground.write(&format!("{name}.conf"), configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
    Peer::start(ground, name, String::new(), port, command)
}

/// Asks on a new connection and reads to the end.
fn get(port: u16, path: &str, accept: &str) -> Result<Answer, String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let since = Instant::now();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {accept}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    let milliseconds = since.elapsed().as_secs_f64() * 1000.0;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.ok_or("an answer without a head")? + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let field = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|value| value.trim().to_owned())
    };
    if !head.starts_with("http/1.1 200") {
        return Err(format!(
            "{path}: {}",
            head.lines().next().unwrap_or_default()
        ));
    }
    let chunked = field("transfer-encoding").is_some();
    Ok(Answer {
        coding: field("content-encoding").unwrap_or_else(|| "plain".into()),
        bytes: if chunked { unchunked(body) } else { body.len() },
        milliseconds,
    })
}

/// The length of a chunked body without the lengths of its chunks.
fn unchunked(mut body: &[u8]) -> usize {
    let mut total = 0;
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let digits = String::from_utf8_lossy(&body[..end]);
        let Ok(length @ 1..) = usize::from_str_radix(digits.trim(), 16) else {
            break;
        };
        total += length;
        body = body.get(end + 2 + length + 2..).unwrap_or_default();
    }
    total
}

#[cfg(test)]
mod tests {
    #[test]
    fn chunks_are_counted_without_their_lengths() {
        assert_eq!(
            super::unchunked(b"3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n"),
            13
        );
        assert_eq!(super::unchunked(b""), 0);
    }
}
