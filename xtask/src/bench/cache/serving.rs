//! Hits over plain HTTP/1.1, from memory and from disk, beside nginx's proxy cache and Varnish:
//! requests for each second of processor time, one thread each.

use std::process::Command;

use testkit::{Origin, Reply};

use super::Options;
use crate::bench::ground::{self, Ground, Peer, median};
use crate::shell::{self, Outcome};

/// Things asked for, of 20 KB each.
const THINGS: usize = 1000;
const SIZE: usize = 20_000;
const SERVERS: [&str; 5] = ["memory", "disk", "nginx", "varnish", "varnish-file"];

pub(super) fn run(options: &Options) -> Outcome {
    if !shell::exists("h2load") {
        return Err("`h2load` (package nghttp2-client) is missing".into());
    }
    let wanted = options.chosen("server", &options.server, &SERVERS)?;
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("cache")?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let origin = runtime
        .block_on(Origin::start())
        .map_err(|error| error.to_string())?;
    for place in 0..THINGS {
        let body: Vec<u8> = (0..SIZE).map(|at| (at * 31 + place) as u8).collect();
        let reply = Reply::ok("application/octet-stream", body);
        origin.reply(
            &format!("/{place}"),
            reply.header("cache-control", "max-age=3600"),
        );
    }
    let mut peers = Vec::new();
    for server in wanted {
        let peer = match server {
            "memory" => firstlight(&ground, &binary, &origin.url(""), "Firstlight, memory", 256),
            "disk" => firstlight(&ground, &binary, &origin.url(""), "Firstlight, disk", 2),
            "nginx" => nginx(&ground, &origin.url("")),
            "varnish" => varnish(&ground, &origin.url(""), "Varnish, malloc", "malloc,256m"),
            _ => {
                let file = format!("file,{},256m", ground.shown("varnish-file"));
                varnish(&ground, &origin.url(""), "Varnish, file", &file)
            }
        };
        match peer {
            Ok(peer) => peers.push(peer),
            Err(why) => shell::skip("a server of the bench `cache`", &why),
        }
    }
    for peer in &peers {
        peer.pin("0")?;
        warm(peer, &origin)?;
    }
    let mut rates = vec![Vec::new(); peers.len()];
    for _ in 0..options.runs {
        for (peer, rates) in peers.iter().zip(&mut rates) {
            let before = peer.cpu_seconds();
            let asked = origin.received().len();
            let requests = load(&ground, peer, options.seconds.min(4))?;
            rates.push(requests as f64 / (peer.cpu_seconds() - before));
            if origin.received().len() > asked {
                return Err(format!("{} asked the origin: these are no hits", peer.name));
            }
        }
    }
    report(&peers, &rates, options.json);
    Ok(())
}

fn report(peers: &[Peer], rates: &[Vec<f64>], json: bool) {
    if !json {
        println!("\n| server | requests per processor second | version |\n|---|---|---|");
    }
    for (peer, rates) in peers.iter().zip(rates) {
        let rate = median(rates);
        if json {
            let line = serde_json::json!({
                "bench": "cache", "part": "serving", "server": peer.name,
                "version": peer.version, "requests_per_cpu_second": rate,
            });
            println!("{line}");
        } else {
            println!("| {} | {rate:.0} | {} |", peer.name, peer.version);
        }
    }
}

/// Firstlight with so many MiB of memory, and a disk.
fn firstlight(
    ground: &Ground,
    binary: &std::path::Path,
    origin: &str,
    name: &'static str,
    memory: u64,
) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "threads = 1\n[front]\nhttp = [\"127.0.0.1:{port}\"]\nhttps = []\n\
         [cache]\nmemory = \"{memory} MiB\"\n[cache.disk]\npath = \"{path}\"\n\
         [[site]]\norigin = \"{origin}\"\n[site.access_log]\nenabled = false\n",
        path = ground.shown(&format!("kept-{memory}")),
        origin = origin.trim_end_matches('/'),
    );
    let file = ground.write(&format!("firstlight-{memory}.toml"), configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let version = shell::command(&binary.display().to_string(), &["--version"]);
    let version = shell::output(version)?;
    Peer::start(ground, name, version.trim().to_owned(), port, command)
}

fn nginx(ground: &Ground, origin: &str) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
         proxy_temp_path {cache}-tmp; proxy_cache_path {cache} levels=1:2 keys_zone=bench:10m \
         max_size=1000m inactive=1h;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_cache bench;\n\
         proxy_pass {origin}; }} }} }}\n",
        pid = ground.shown("nginx.pid"),
        log = ground.shown("nginx.log"),
        cache = ground.shown("nginx-cache"),
        origin = origin.trim_end_matches('/'),
    );
    let file = ground.write("nginx.conf", configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
    Peer::start(ground, "nginx, proxy_cache", String::new(), port, command)
}

fn varnish(
    ground: &Ground,
    origin: &str,
    name: &'static str,
    storage: &str,
) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let backend = origin.trim_start_matches("http://").trim_end_matches('/');
    let mut command = Command::new("varnishd");
    command
        .args(["-F", "-s", storage, "-a"])
        .arg(format!("127.0.0.1:{port}"))
        .args(["-b", backend, "-n"])
        .arg(ground.path(&format!("varnish-{port}")));
    Peer::start(ground, name, String::new(), port, command)
}

/// Everything is asked for until nothing of it is asked of the origin: then it is where it will be.
fn warm(peer: &Peer, origin: &Origin) -> Outcome {
    let addresses = format!("http://127.0.0.1:{}/[0-{}]", peer.port, THINGS - 1);
    for _ in 0..10 {
        let asked = origin.received().len();
        shell::run(shell::command(
            "curl",
            &["-sSf", "-o", "/dev/null", &addresses],
        ))?;
        if origin.received().len() == asked {
            return Ok(());
        }
    }
    Err(format!("{} does not keep what it is asked for", peer.name))
}

/// Loads a server and returns how many requests it answered well.
fn load(ground: &Ground, peer: &Peer, seconds: u64) -> Result<u64, String> {
    let list: String = (0..THINGS)
        .map(|place| {
            format!(
                "http://127.0.0.1:{}/{}\n",
                peer.port,
                (place * 389) % THINGS
            )
        })
        .collect();
    let list = ground.write("addresses", list)?;
    let mut command = shell::command("taskset", &["-c", "1", "h2load", "--h1", "-c16", "-t1"]);
    command.arg(format!("-D{seconds}")).arg("-i").arg(list);
    let printed = shell::output(command)?;
    let line = printed.lines().find(|line| line.starts_with("requests:"));
    let line = line.unwrap_or_default();
    let number = |word: &str| -> Option<u64> {
        let before = line.split(word).next()?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    match (number(" succeeded"), number(" failed")) {
        (Some(succeeded), Some(0)) if succeeded > 0 => Ok(succeeded),
        _ => Err(format!("{} did not answer well: {line}", peer.name)),
    }
}
