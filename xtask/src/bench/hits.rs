//! Cached pictures of about 20 KB over TLS and HTTP/2: requests for each second of processor time,
//! beside nginx's proxy cache, h2o's files and the barest HTTP/2 server there can be.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::Options;
use super::ground::{self, Ground, Peer, median};
use crate::shell::{self, Outcome};

const PICTURES: usize = 8;
const WIDTH: u32 = 520;

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    if !shell::exists("h2load") {
        return Err("`h2load` (package nghttp2-client) is missing".into());
    }
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("hits")?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let origin = runtime.block_on(photographs())?;
    let ours = firstlight(&ground, &binary, origin)?;
    let paths = pictures(&ground, ours.port)?;
    let mut peers = vec![ours];
    for peer in [
        Peer::nginx(&ground, true),
        Peer::h2o(&ground),
        bare(&ground),
    ] {
        match peer {
            Ok(peer) => peers.push(peer),
            Err(why) => shell::skip("a peer of the bench `hits`", &why),
        }
    }
    for peer in &peers {
        peer.pin("0")?;
        load(&ground, peer, &paths, 1)?;
    }
    let mut rates = vec![Vec::new(); peers.len()];
    for _ in 0..options.runs {
        for (peer, rates) in peers.iter().zip(&mut rates) {
            let before = peer.cpu_seconds();
            let requests = load(&ground, peer, &paths, options.seconds.min(5))?;
            rates.push(requests as f64 / (peer.cpu_seconds() - before));
        }
    }
    report(&peers, &rates, options.json);
    Ok(())
}

fn report(peers: &[Peer], rates: &[Vec<f64>], json: bool) {
    let ours = &rates[0];
    if !json {
        println!("{}", ground::conditions());
        println!("| server | requests per processor second | Firstlight / it | version |");
        println!("|---|---|---|---|");
    }
    for (peer, rates) in peers.iter().zip(rates) {
        let ratios: Vec<_> = ours
            .iter()
            .zip(rates)
            .map(|(ours, its)| ours / its)
            .collect();
        let (rate, ratio) = (median(rates), median(&ratios));
        if json {
            let line = serde_json::json!({
                "bench": "hits", "server": peer.name, "version": peer.version,
                "requests_per_cpu_second": rate, "ratio": ratio,
            });
            println!("{line}");
        } else {
            println!(
                "| {} | {rate:.0} | {ratio:.2} | {} |",
                peer.name, peer.version
            );
        }
    }
}

/// Starts the sample site's origin and returns its port.
async fn photographs() -> Result<u16, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .map_err(|e| e.to_string())?;
    let port = listener
        .local_addr()
        .map_err(|error| error.to_string())?
        .port();
    let site = Arc::new(gallery::Site::new(1600, 1067, 1));
    tokio::spawn(gallery::serve(listener, site));
    Ok(port)
}

fn firstlight(ground: &Ground, binary: &Path, origin: u16) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttps = [\"0.0.0.0:{port}\"]\n\
         [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
         [[site]]\norigin = \"http://127.0.0.1:{origin}\"\n\n\
         [site.access_log]\ntarget = \"{log}\"\n",
        cert = ground.path("cert.pem").display(),
        key = ground.path("key.pem").display(),
        log = ground.path("access.log").display(),
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .arg("--config")
        .arg(file)
        .arg("--threads")
        .arg("1");
    let version = shell::output(shell::command(
        &binary.display().to_string(),
        &["--version"],
    ))?;
    Peer::start(
        ground,
        "Firstlight",
        version.trim().to_owned(),
        port,
        command,
    )
}

fn bare(ground: &Ground) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let myself = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(myself);
    command
        .arg("serve-bare")
        .arg(port.to_string())
        .arg(ground.path(""));
    Peer::start(
        ground,
        "bare h2 over rustls",
        "the same crates".into(),
        port,
        command,
    )
}

/// Fetches every picture once from us, so that all servers hold the very same bytes, and returns
/// their paths.
fn pictures(ground: &Ground, port: u16) -> Result<Vec<String>, String> {
    let mut paths = Vec::new();
    for (place, photo) in gallery::Site::photograph_paths()
        .iter()
        .take(PICTURES)
        .enumerate()
    {
        let path = format!("/cdn-cgi/image/width={WIDTH},format=jpeg{photo}");
        let file = ground.path("www").join(format!("{place}.jpg"));
        let address = format!("https://127.0.0.1:{port}{path}");
        let mut fetch = shell::command("curl", &["-ksSf", "--http2", "-o"]);
        fetch.arg(&file).arg(address);
        shell::run(fetch)?;
        paths.push(path);
    }
    Ok(paths)
}

/// Loads a server and returns how many requests it answered well.
fn load(ground: &Ground, peer: &Peer, paths: &[String], seconds: u64) -> Result<u64, String> {
    let list: String = (0..paths.len())
        .map(|place| {
            let file = format!("/{place}.jpg");
            let path = if peer.name == "Firstlight" {
                &paths[place]
            } else {
                &file
            };
            format!("https://127.0.0.1:{}{path}\n", peer.port)
        })
        .collect();
    let list = ground.write("addresses", list)?;
    let mut command = shell::command("taskset", &["-c", "1", "h2load", "-c8", "-m10", "-t1"]);
    command.arg(format!("-D{seconds}")).arg("-i").arg(list);
    let printed = shell::output(command)?;
    let line = printed
        .lines()
        .find(|line| line.starts_with("requests:"))
        .unwrap_or_default();
    let number = |word: &str| -> Option<u64> {
        let before = line.split(word).next()?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    match (number(" succeeded"), number(" failed")) {
        (Some(succeeded), Some(0)) if succeeded > 0 => Ok(succeeded),
        _ => Err(format!("{} did not answer well: {line}", peer.name)),
    }
}
