//! Who serves the sites: Firstlight in front of their origin, and the peers from their files, with
//! compression as their documentation has it.

use std::path::Path;
use std::process::Command;

use crate::bench::Options;
use crate::bench::ground::{self, Ground, Peer};
use crate::shell;

/// Who takes part, by the names of `--server`; ours is always there, and first.
const SERVERS: [&str; 4] = ["firstlight", "nginx", "h2o", "caddy"];

/// Ours, and those of the peers that are wanted and installed.
///
/// # Errors
/// A server is named that is none of these, or ours does not start.
pub fn start(
    ground: &Ground,
    binary: &Path,
    origin: &str,
    options: &Options,
) -> Result<Vec<Peer>, String> {
    let wanted = options.chosen("server", &options.server, &SERVERS)?;
    let mut servers = vec![firstlight(ground, binary, origin)?];
    for name in wanted {
        let peer = match name {
            "nginx" => nginx(ground),
            "h2o" => h2o(ground),
            "caddy" => caddy(ground),
            _ => continue,
        };
        match peer {
            Ok(peer) => servers.push(peer),
            Err(why) => shell::skip("a peer of the bench `sooner`", &why),
        }
    }
    Ok(servers)
}

/// As it is without settings; but what takes long on a busy machine is waited for, as the link is
/// what is measured.
fn firstlight(ground: &Ground, binary: &Path, origin: &str) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttps = [\"0.0.0.0:{port}\"]\n\
         [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
         [workshop]\ndeadline = \"110s\"\nqueue_wait = \"110s\"\n\
         [[site]]\norigin = \"{origin}\"\n[site.access_log]\nenabled = false\n",
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let version = version(&binary.display().to_string(), "--version");
    Peer::start(ground, "Firstlight", version, port, command)
}

fn nginx(ground: &Ground) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; include /etc/nginx/mime.types;\n\
         gzip on; gzip_types text/css application/javascript image/svg+xml application/json;\n\
         server {{ listen 0.0.0.0:{port} ssl http2; ssl_certificate {cert};\n\
         ssl_certificate_key {key}; root {www}; }} }}\n",
        pid = ground.shown("nginx.pid"),
        log = ground.shown("nginx.log"),
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
        www = ground.shown("www"),
    );
    let file = ground.write("nginx.conf", configuration)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
    Peer::start(ground, "nginx", version("nginx", "-v"), port, command)
}

fn h2o(ground: &Ground) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "user: root\nnum-threads: 1\npid-file: {pid}\ncompress: ON\nhosts:\n  default:\n    \
         listen:\n      host: 0.0.0.0\n      port: {port}\n      ssl:\n        \
         certificate-file: {cert}\n        key-file: {key}\n        ocsp-update-interval: 0\n    \
         paths:\n      \"/\":\n        file.dir: {www}\n",
        pid = ground.shown("h2o.pid"),
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
        www = ground.shown("www"),
    );
    let file = ground.write("h2o.conf", configuration)?;
    let mut command = Command::new("h2o");
    command.arg("-c").arg(file);
    Peer::start(ground, "h2o", version("h2o", "-v"), port, command)
}

fn caddy(ground: &Ground) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "{{\n admin off\n auto_https off\n servers {{\n  protocols h1 h2\n }}\n}}\n\
         https://:{port} {{\n tls {cert} {key}\n root * {www}\n encode zstd gzip\n \
         file_server\n}}\n",
        cert = ground.shown("cert.pem"),
        key = ground.shown("key.pem"),
        www = ground.shown("www"),
    );
    let file = ground.write("Caddyfile", configuration)?;
    let mut command = Command::new("caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(file);
    // What it keeps of its own goes with the ground.
    command.env("XDG_DATA_HOME", ground.path("caddy"));
    command.env("XDG_CONFIG_HOME", ground.path("caddy"));
    Peer::start(ground, "Caddy", version("caddy", "version"), port, command)
}

fn version(program: &str, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return "not installed".into();
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or_default().to_owned()
}
