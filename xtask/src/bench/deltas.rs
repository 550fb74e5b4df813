//! Two versions of npm packages through Firstlight over HTTPS: what a visitor gets who has none of
//! them, who has the first one, and what Chromium and a reference decoder make of the delta.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use modules::compression::Digest;
use modules::compression::delta::{DeltaCoding, make};
use workshop::Cancel;

use super::Options;
use super::compress::brotli_11;
use super::ground::{self, Ground, Peer, median};
use crate::shell::{self, Outcome};

/// Package, two versions of it, the file that is served, and whether the second version is the next
/// one after the first.
const PAIRS: [(&str, [&str; 2], &str, bool); 7] = [
    (
        "bootstrap",
        ["5.3.2", "5.3.3"],
        "dist/css/bootstrap.min.css",
        true,
    ),
    (
        "bootstrap",
        ["5.3.2", "5.3.3"],
        "dist/js/bootstrap.bundle.min.js",
        true,
    ),
    (
        "bootstrap",
        ["5.2.3", "5.3.3"],
        "dist/css/bootstrap.min.css",
        false,
    ),
    (
        "react",
        ["18.2.0", "18.3.1"],
        "umd/react.production.min.js",
        false,
    ),
    (
        "react-dom",
        ["18.2.0", "18.3.1"],
        "umd/react-dom.production.min.js",
        false,
    ),
    (
        "react-dom",
        ["18.3.0", "18.3.1"],
        "umd/react-dom.production.min.js",
        true,
    ),
    (
        "react-dom",
        ["19.1.0", "19.1.1"],
        "cjs/react-dom-client.production.js",
        true,
    ),
];
/// What Chromium takes when it has a dictionary, and when it has none.
const WITH: &str = "gzip, deflate, br, zstd, dcb, dcz";
const WITHOUT: &str = "gzip, deflate, br, zstd";
/// How long the background may take for one file on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// What naming a smaller window costs, in bytes (RFC 7932 §9.1).
const WINDOW: usize = 1;
/// The promise: a version-to-next update, as a part of Brotli 11's size.
const PROMISED: f64 = 0.05;

/// One answer.
struct Answer {
    coding: String,
    bytes: usize,
    milliseconds: f64,
    body: PathBuf,
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    for program in ["nginx", "curl", "npm"] {
        if !shell::exists(program) {
            return Err(format!("`{program}` is missing"));
        }
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("deltas")?;
    for (package, versions, path, _) in PAIRS {
        for version in versions {
            fetch(&ground, package, version, path)?;
        }
    }
    let origin = origin(&ground)?;
    let ours = firstlight(&ground, &binary, origin.port, "", "ours")?;
    let plain = "[site.compression]\ndictionaries = false\nbest = \"0B\"\n";
    let on_the_way = firstlight(&ground, &binary, origin.port, plain, "on-the-way")?;
    if !options.json {
        println!("{}", ground::conditions());
    }
    cold(&ground, options, &ours, &on_the_way)?;
    let mut broken = Vec::new();
    if !options.json {
        println!(
            "\n| file | from → to | plain | Brotli 11 | second answer | delta | of Brotli 11 | dcb | \
             ms | dcz | ms | reference decoder |"
        );
        println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    }
    for pair in &PAIRS {
        broken.extend(measure(&ground, options, &ours, pair)?);
    }
    broken.extend(browser::visit(&ground, options, &ours)?);
    match broken.is_empty() {
        true => Ok(()),
        false => Err(broken.join("\n")),
    }
}

/// The address of a file of a package, as on a network for packages.
fn address(package: &str, version: &str, path: &str) -> String {
    format!("/npm/{package}@{version}/{path}")
}

/// The time of first answers, beside the same server that only compresses on the way.
fn cold(ground: &Ground, options: &Options, ours: &Peer, on_the_way: &Peer) -> Outcome {
    if !options.json {
        println!("\n| first answer | coding | bytes | ms | on the way alone, ms | ratio |");
        println!("|---|---|---|---|---|---|");
    }
    for (package, [_, version], path, _) in [PAIRS[0], PAIRS[5]] {
        let (mut first, mut other) = (Vec::new(), Vec::new());
        for run in 0..options.runs.max(3) {
            // A query of its own, so that nothing is kept for it.
            let path = format!("{}?cold={run}", address(package, version, path));
            first.push(get(ground, ours, &path, WITHOUT, None)?);
            other.push(get(ground, on_the_way, &path, WITHOUT, None)?);
        }
        let pairs = first.iter().zip(&other);
        let ratios: Vec<f64> = pairs
            .map(|(one, two)| one.milliseconds / two.milliseconds)
            .collect();
        let times = |answers: &[Answer]| {
            let times: Vec<f64> = answers.iter().map(|answer| answer.milliseconds).collect();
            median(&times)
        };
        let (ratio, ours, theirs) = (median(&ratios), times(&first), times(&other));
        let Answer { coding, bytes, .. } = &first[0];
        if options.json {
            let line = serde_json::json!({
                "bench": "deltas", "cold": package, "coding": coding, "bytes": bytes,
                "ms": ours, "on_the_way_ms": theirs, "ratio": ratio,
            });
            println!("{line}");
        } else {
            println!(
                "| {package} {version} | {coding} | {bytes} | {ours:.1} | {theirs:.1} | {ratio:.2} |"
            );
        }
    }
    Ok(())
}

/// One row. Returns what is not as promised.
fn measure(
    ground: &Ground,
    options: &Options,
    ours: &Peer,
    (package, [from, to], path, next): &(&str, [&str; 2], &str, bool),
) -> Result<Vec<String>, String> {
    let (old, new) = (address(package, from, path), address(package, to, path));
    let read = |address: &str| fs::read(ground.path("www").join(&address[1..]));
    let (dictionary, body) = (read(&old), read(&new));
    let (dictionary, body) = dictionary
        .and_then(|old| Ok((old, body?)))
        .map_err(|error| error.to_string())?;
    let best = brotli_11(&body)?;
    let at_first = brotli_11(&dictionary)?;
    // The first version comes, and is compressed and indexed behind the visitor's back.
    wait_for(ground, ours, &old, None, |answer| {
        answer.bytes <= at_first + WINDOW
    })?;
    let second = wait_for(ground, ours, &new, None, |answer| {
        answer.bytes <= best + WINDOW
    })?;
    let digest = Digest::of(&dictionary).to_header();
    let delta = wait_for(ground, ours, &new, Some(&digest), |answer| {
        answer.coding.starts_with("dc")
    })?;
    let sent = fs::read(&delta.body).map_err(|error| error.to_string())?;
    let (dcb, dcb_ms) = made(DeltaCoding::Dcb, &dictionary, &body)?;
    let (dcz, dcz_ms) = made(DeltaCoding::Dcz, &dictionary, &body)?;
    let mut broken = Vec::new();
    let name = format!("{package} {from} → {to}, {path}");
    if sent != dcb && sent != dcz {
        broken.push(format!("{name}: what was sent is neither delta"));
    }
    let decoded = reference(ground, &old, &dcb, &dcz, &body, &mut broken)?;
    let part = delta.bytes as f64 / best as f64;
    if *next && part > PROMISED {
        broken.push(format!(
            "{name}: the delta is {:.1} % of Brotli 11",
            part * 100.0
        ));
    }
    if options.json {
        let line = serde_json::json!({
            "bench": "deltas", "package": package, "file": path, "from": from, "to": to,
            "next": next, "plain": body.len(), "brotli_11": best, "second": second.bytes,
            "delta": { "coding": delta.coding, "bytes": delta.bytes, "part": part },
            "dcb": { "bytes": dcb.len(), "ms": dcb_ms }, "dcz": { "bytes": dcz.len(), "ms": dcz_ms },
            "reference": decoded,
        });
        println!("{line}");
    } else {
        println!(
            "| {package}, {} | {from} → {to} | {} | {best} | {} {} | {} {} | {:.2} % | {} | {dcb_ms:.0} \
             | {} | {dcz_ms:.0} | {decoded} |",
            path.rsplit('/').next().unwrap_or(path),
            body.len(),
            second.coding,
            second.bytes,
            delta.coding,
            delta.bytes,
            part * 100.0,
            dcb.len(),
            dcz.len(),
        );
    }
    Ok(broken)
}

/// A delta as the background makes it, and how long that takes.
fn made(coding: DeltaCoding, dictionary: &[u8], body: &[u8]) -> Result<(Vec<u8>, f64), String> {
    let since = Instant::now();
    let made = make(coding, dictionary, body, &Cancel::default()).map_err(|e| e.to_string())?;
    Ok((made, since.elapsed().as_secs_f64() * 1000.0))
}

/// Decodes by programs that are none of ours; says which did.
fn reference(
    ground: &Ground,
    old: &str,
    dcb: &[u8],
    dcz: &[u8],
    body: &[u8],
    broken: &mut Vec<String>,
) -> Result<String, String> {
    const DCB_HEAD: usize = 36;
    let dictionary = format!("www{old}");
    let mut said = Vec::new();
    // Zstandard takes the header for a frame to be skipped.
    let zstd = shell::exists("zstd").then(|| {
        ground.write("delta.dcz", dcz)?;
        let mut command = shell::command("zstd", &["-dqf", "delta.dcz", "-o", "decoded"]);
        command.arg(format!("--patch-from={dictionary}"));
        Ok::<_, String>(command)
    });
    // Debian's program has had the option since 1.1.
    let knows = shell::exists("brotli")
        && shell::output(shell::command("brotli", &["--help"]))
            .is_ok_and(|help| help.contains("--dictionary"));
    let brotli = knows.then(|| {
        ground.write("delta.br", dcb.get(DCB_HEAD..).unwrap_or_default())?;
        let mut command = shell::command("brotli", &["-dfk", "delta.br", "-o", "decoded"]);
        command.arg(format!("--dictionary={dictionary}"));
        Ok::<_, String>(command)
    });
    for (name, command) in [("zstd", zstd), ("brotli", brotli)] {
        let Some(command) = command else {
            let why = "it is not installed, or too old for dictionaries";
            shell::skip(&format!("the reference decoder `{name}`"), why);
            continue;
        };
        let mut command = command?;
        command.current_dir(ground.path(""));
        shell::output(command)?;
        let decoded = fs::read(ground.path("decoded")).map_err(|error| error.to_string())?;
        if decoded == body {
            said.push(format!("{name}: equal"));
        } else {
            broken.push(format!("{name} decodes something else for {old}"));
        }
    }
    Ok(said.join(", "))
}

/// Asks until an answer is as wanted.
fn wait_for(
    ground: &Ground,
    peer: &Peer,
    path: &str,
    dictionary: Option<&str>,
    wanted: impl Fn(&Answer) -> bool,
) -> Result<Answer, String> {
    let accept = dictionary.map_or(WITHOUT, |_| WITH);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(ground, peer, path, accept, dictionary)?;
        if wanted(&answer) {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(format!(
                "{path}: still {} of {} bytes after {PATIENCE:?}",
                answer.coding, answer.bytes
            ));
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// Asks over HTTPS on a new connection; the body stays as it was coded.
fn get(
    ground: &Ground,
    peer: &Peer,
    path: &str,
    accept: &str,
    dictionary: Option<&str>,
) -> Result<Answer, String> {
    let format = "%{http_code} %{time_starttransfer} %{time_appconnect} %{time_total}";
    let mut command = shell::command("curl", &["-ksS", "--http2", "-o", "body", "-D", "head"]);
    command.args(["-w", format, "-H", &format!("Accept-Encoding: {accept}")]);
    if let Some(dictionary) = dictionary {
        command.args(["-H", &format!("Available-Dictionary: {dictionary}")]);
    }
    command.arg(format!("https://localhost:{}{path}", peer.port));
    command.current_dir(ground.path(""));
    let said = shell::output(command)?;
    let mut words = said.split_whitespace();
    if words.next() != Some("200") {
        return Err(format!("{path}: {said}"));
    }
    let mut seconds = words.filter_map(|word| word.parse::<f64>().ok());
    let (_, secured, total) = (seconds.next(), seconds.next(), seconds.next());
    let head = fs::read_to_string(ground.path("head")).map_err(|error| error.to_string())?;
    let head = head.to_ascii_lowercase();
    let coding = head
        .lines()
        .find_map(|line| line.strip_prefix("content-encoding:"));
    let body = ground.path("body");
    let bytes = fs::metadata(&body)
        .map_err(|error| error.to_string())?
        .len();
    Ok(Answer {
        coding: coding.unwrap_or("plain").trim().to_owned(),
        bytes: bytes as usize,
        milliseconds: (total.unwrap_or(0.0) - secured.unwrap_or(0.0)) * 1000.0,
        body,
    })
}

/// Puts one file of a package where the origin serves it.
fn fetch(ground: &Ground, package: &str, version: &str, path: &str) -> Outcome {
    let file = ground
        .path("www")
        .join(&address(package, version, path)[1..]);
    if file.exists() {
        return Ok(());
    }
    let text = ground.packed(&format!("{package}@{version}"), path)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| format!("{}: {error}", file.display()))
}

fn firstlight(
    ground: &Ground,
    binary: &Path,
    origin: u16,
    more: &str,
    name: &'static str,
) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttps = [\"127.0.0.1:{port}\"]\nhttp = []\n\
         [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
         [workshop]\nimprove_share = 100\n\
         [[site]]\norigin = \"http://127.0.0.1:{origin}\"\n{more}\
         [site.access_log]\nenabled = false\n",
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
    );
    let file = ground.write(&format!("{name}.toml"), configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    Peer::start(ground, name, String::new(), port, command)
}

/// nginx with the files, fresh for a year.
fn origin(ground: &Ground) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; gzip off;\n\
         types {{ text/css css; text/javascript js; text/html html; }}\n\
         server {{ listen 127.0.0.1:{port}; root {www}; expires 1y;\n\
         location ~ html$ {{ expires off; add_header Cache-Control no-store; }} }} }}\n",
        pid = ground.shown("origin.pid"),
        log = ground.shown("origin.log"),
        www = ground.shown("www"),
    );
    let file = ground.write("origin.conf", configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
    Peer::start(ground, "origin", String::new(), port, command)
}
