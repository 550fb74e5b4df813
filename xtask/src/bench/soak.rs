//! Hostile clients for a while, on a server in this process: how many connections there were, how
//! many the server ended, whether a visitor was served all along, and memory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use server::{Config, Server};

use super::Options;
use crate::shell::Outcome;

/// Frames on each connection.
const FRAMES: u32 = 2000;

/// How long a client waits for an answer before it calls the server stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client sends, frame by frame.
type Attack = fn(u32) -> Vec<u8>;

const ATTACKS: [(&str, Attack); 8] = [
    ("pings", |_| frame(6, 0, 0, &[7; 8])),
    ("settings", |_| frame(4, 0, 0, &[0, 4, 0, 1, 0, 0])),
    ("priorities", |number| {
        frame(2, 0, 1 + 2 * (number % 500), &[0, 0, 0, 0, number as u8])
    }),
    ("priority updates", |number| {
        let stream = (1 + 2 * number).to_be_bytes();
        frame(16, 0, 0, &[&stream[..], b"u=0"].concat())
    }),
    ("window updates", |_| frame(8, 0, 0, &[0, 0, 0, 1])),
    ("rapid reset", |number| {
        let stream = 1 + 2 * number;
        [get(stream), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
    }),
    ("requests, nothing read", |number| get(1 + 2 * number)),
    ("endless headers", |number| match number {
        0 => frame(1, 0, 1, &[0x82, 0x86]),
        _ => frame(9, 0, 1, &[&[0, 1, b'a', 100][..], &[b'b'; 100]].concat()),
    }),
];

/// Runs it for as many seconds as the options say.
pub fn run(options: &Options) -> Outcome {
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let (server, address) = runtime.block_on(start())?;
    let until = Instant::now() + Duration::from_secs(options.seconds);
    let mut counts = [(0u64, 0u64); ATTACKS.len()];
    let mut memory = Vec::new();
    while Instant::now() < until || memory.len() < 3 {
        for ((_, attack), (connections, ended)) in ATTACKS.iter().zip(&mut counts) {
            *connections += 1;
            *ended += u64::from(strike(address, *attack).map_err(|error| error.to_string())?);
            serve_one(address)?;
        }
        memory.push(resident());
    }
    for ((name, _), (connections, ended)) in ATTACKS.iter().zip(counts) {
        if options.json {
            let line = serde_json::json!({
                "bench": "soak", "attack": name, "connections": connections, "ended": ended,
            });
            println!("{line}");
        } else {
            println!("{name:<24}{connections:>6} connections, {ended:>6} ended by the server");
        }
    }
    let [first, half, last] = [0, memory.len() / 2, memory.len() - 1].map(|at| memory[at]);
    println!("memory in KiB: {first} after the first round, {half} half way, {last} at the end");
    server.shutdown();
    runtime.block_on(server.wait());
    Ok(())
}

async fn start() -> Result<(Server, SocketAddr), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(|error| error.to_string())?;
    let origin = listener.local_addr().map_err(|error| error.to_string())?;
    tokio::spawn(gallery::serve(
        listener,
        Arc::new(gallery::Site::new(320, 213, 1)),
    ));
    let mut config =
        Config::for_origin(&format!("http://{origin}")).map_err(|error| error.to_string())?;
    config.front.https.clear();
    config.front.http = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    for site in &mut config.site {
        site.access_log.enabled = false;
    }
    let server = Server::start(config).map_err(|error| error.to_string())?;
    let addresses = server.addresses();
    let address = addresses.first().map(|serving| serving.0.socket);
    Ok((server, address.ok_or("no address is served")?))
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    stream.write_all(&frame(4, 0, 0, &[]))?;
    Ok(stream)
}

/// One hostile connection that reads nothing. Whether the server had enough of it.
fn strike(address: SocketAddr, attack: Attack) -> std::io::Result<bool> {
    let mut stream = connect(address)?;
    for number in 0..FRAMES {
        match stream.write_all(&attack(number)) {
            Ok(()) => {}
            // The server reads no more than it is let answer.
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(false),
            Err(_) => return Ok(true),
        }
    }
    Ok(false)
}

/// A visitor is served meanwhile.
fn serve_one(address: SocketAddr) -> Outcome {
    let failed = |error: std::io::Error| format!("a visitor is not served: {error}");
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(request).map_err(failed)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(failed)?;
    match answer.starts_with(b"HTTP/1.1 200") {
        true => Ok(()),
        false => Err("a visitor got something else than the page".into()),
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A request for the page, in static entries of HPACK (RFC 7541 appendix A) and a host.
fn get(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, &[0x82, 0x86, 0x84, 0x01, 1, b'a'])
}

/// What this process has in memory, in KiB; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}
