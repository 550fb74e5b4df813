//! The peers, each with its documented settings for sending files over HTTP/2, and Firstlight in
//! front of an origin that has the very same files.

use std::path::Path;
use std::process::Command;

use testkit::{Origin, Reply};
use tokio::runtime::Runtime;

use super::Options;
use super::ground::{self, Ground, Peer};
use crate::{packages, shell};

/// Who can take part, by the names of `--server`.
pub const SERVERS: [&str; 7] = [
    "firstlight",
    "plain",
    "h2o",
    "nghttpd",
    "nginx",
    "caddy",
    "apache",
];

/// Firstlight over HTTP/3, with order and without, by the names of `--server`.
pub const HTTP3: [&str; 2] = ["http3", "plain-http3"];

/// The peers' programs and Debian packages.
const PACKAGES: [(&str, &str, &str); 5] = [
    ("h2o", "h2o", "h2o"),
    ("nghttpd", "nghttpd", "nghttp2-server"),
    ("nginx", "nginx", "nginx"),
    ("caddy", "caddy", "caddy"),
    ("apache", "apache2", "apache2"),
];

/// A file that every server has.
pub struct File {
    /// Its name, without a slash before it.
    pub name: String,
    /// Its media type.
    pub content_type: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Files in the ground's folder and at an origin, which lives as long as this does.
pub struct Files {
    /// The files.
    pub files: Vec<File>,
    origin: Origin,
    _runtime: Runtime,
}

impl Files {
    /// Writes the files and starts an origin that forbids changing them, so that every server
    /// sends the very same bytes.
    ///
    /// # Errors
    /// A file cannot be written, or no port can be had.
    pub fn new(ground: &Ground, files: Vec<File>) -> Result<Self, String> {
        let runtime = Runtime::new().map_err(|error| error.to_string())?;
        let origin = runtime
            .block_on(Origin::start())
            .map_err(|error| error.to_string())?;
        for file in &files {
            ground.write(&format!("www/{}", file.name), &file.bytes)?;
            let reply = Reply::ok(file.content_type, file.bytes.clone());
            let reply = reply.header("cache-control", "max-age=3600, no-transform");
            origin.reply(&format!("/{}", file.name), reply);
        }
        Ok(Self {
            files,
            origin,
            _runtime: runtime,
        })
    }

    /// Ours, ours without order, then whoever is installed, of those among `among` that the
    /// options want.
    ///
    /// # Errors
    /// An option names a server that is none of these, or ours does not start.
    pub fn servers(
        &self,
        ground: &Ground,
        binary: &Path,
        among: &[&str],
        options: &Options,
    ) -> Result<Vec<Peer>, String> {
        let mut peers = Vec::new();
        let keys = options.chosen("server", &options.server, among)?;
        let wanted: Vec<_> = PACKAGES
            .into_iter()
            .filter(|(key, ..)| keys.contains(key))
            .map(|(_, program, package)| (program, package))
            .collect();
        packages::want(&wanted);
        let known = SERVERS.into_iter().chain(HTTP3);
        for key in known.filter(|key| keys.contains(key)) {
            let peer = match key {
                "firstlight" => {
                    let lines = format!("order = true\n{}", options.http2.join("\n"));
                    self.ours(ground, binary, "Firstlight", &lines).map(Some)?
                }
                "plain" => {
                    let name = "plain h2 (order off)";
                    self.ours(ground, binary, name, "order = false").map(Some)?
                }
                "http3" => {
                    let name = "Firstlight, HTTP/3";
                    self.ours(ground, binary, name, "order = true").map(Some)?
                }
                "plain-http3" => {
                    let name = "plain h3 (order off)";
                    self.ours(ground, binary, name, "order = false").map(Some)?
                }
                "h2o" => present(Peer::h2o(ground)),
                "nghttpd" => present(Peer::nghttpd(ground)),
                "nginx" => present(Peer::nginx(ground, false)),
                "caddy" => present(Peer::caddy(ground)),
                _ => present(Peer::apache(ground)),
            };
            peers.extend(peer.map(|mut peer| {
                peer.key = key;
                peer.http3 = HTTP3.contains(&key);
                peer
            }));
        }
        Ok(peers)
    }

    /// Firstlight in front of the origin, everything in its cache. The first line of `http2` says
    /// whether order is kept, and holds for HTTP/3 too.
    fn ours(
        &self,
        ground: &Ground,
        binary: &Path,
        name: &'static str,
        http2: &str,
    ) -> Result<Peer, String> {
        let port = ground::free_port()?;
        let configuration = format!(
            "[front]\nhttps = [\"0.0.0.0:{port}\"]\n[front.http2]\n{http2}\n\
             [front.http3]\n{http3}\n\
             [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
             [[site]]\norigin = \"{origin}\"\n[site.access_log]\nenabled = false\n",
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            origin = self.origin.url(""),
            http3 = http2.lines().next().unwrap_or_default(),
        );
        let file = ground.write(&format!("{port}.toml"), configuration)?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--config").arg(file);
        let version = shell::output(shell::command(
            &binary.display().to_string(),
            &["--version"],
        ))?;
        let peer = Peer::start(ground, name, version.trim().to_owned(), port, command)?;
        // What is cached is asked for over loopback first: the link is what is measured.
        for file in &self.files {
            let address = format!("https://localhost:{port}/{}", file.name);
            let accept = "accept: image/*,*/*;q=0.8";
            let mut fetch = shell::command("curl", &["-ksSf", "--http2", "-o", "/dev/null"]);
            fetch.args(["-H", accept, &address]);
            shell::run(fetch)?;
        }
        Ok(peer)
    }
}

/// A peer, or word of its absence.
fn present(peer: Result<Peer, String>) -> Option<Peer> {
    peer.inspect_err(|why| shell::skip("a peer of this bench", why))
        .ok()
}

impl Peer {
    /// nginx: its files, or with `cached` its proxy cache in front of itself.
    ///
    /// # Errors
    /// It is not installed, or does not listen within ten seconds.
    pub fn nginx(ground: &Ground, cached: bool) -> Result<Self, String> {
        let (port, back) = (ground::free_port()?, ground::free_port()?);
        let place = if cached {
            format!(
                "proxy_pass http://127.0.0.1:{back}; proxy_cache bench; proxy_cache_valid 200 1h;"
            )
        } else {
            format!("root {};", ground.shown("www"))
        };
        let configuration = format!(
            "user root; worker_processes 1; daemon off; pid {pid}; error_log {log};\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log {access}; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
             types {{ text/html html; image/jpeg jpg; text/css css; }}\n\
             proxy_cache_path {cache} levels=1:2 keys_zone=bench:10m inactive=1h;\n\
             server {{ listen 127.0.0.1:{back}; root {www}; }}\n\
             server {{ listen 0.0.0.0:{port} ssl http2; ssl_certificate {cert};\n\
             ssl_certificate_key {key}; location / {{ {place} }} }} }}\n",
            pid = ground.shown("nginx.pid"),
            log = ground.shown("nginx.log"),
            access = ground.shown("nginx.access"),
            cache = ground.shown("nginx-cache"),
            www = ground.shown("www"),
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
        );
        let file = ground.write("nginx.conf", configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file).arg("-p").arg(ground.path(""));
        Self::start(ground, "nginx", first_line("nginx", "-v"), port, command)
    }

    /// h2o with one thread, serving its files.
    ///
    /// # Errors
    /// It is not installed, or does not listen within ten seconds.
    pub fn h2o(ground: &Ground) -> Result<Self, String> {
        let port = ground::free_port()?;
        let configuration = format!(
            "user: root\nnum-threads: 1\npid-file: {pid}\naccess-log: {log}\nhosts:\n  default:\n    \
             listen:\n      host: 0.0.0.0\n      port: {port}\n      ssl:\n        \
             certificate-file: {cert}\n        key-file: {key}\n        ocsp-update-interval: 0\n    \
             paths:\n      \"/\":\n        file.dir: {www}\n",
            pid = ground.shown("h2o.pid"),
            log = ground.shown("h2o.access"),
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            www = ground.shown("www"),
        );
        let file = ground.write("h2o.conf", configuration)?;
        let mut command = Command::new("h2o");
        command.arg("-c").arg(file);
        Self::start(ground, "h2o", first_line("h2o", "-v"), port, command)
    }

    /// nghttpd, serving its files.
    ///
    /// # Errors
    /// It is not installed, or does not listen within ten seconds.
    pub fn nghttpd(ground: &Ground) -> Result<Self, String> {
        let port = ground::free_port()?;
        let mut command = Command::new("nghttpd");
        command.args(nghttpd_arguments(ground, port));
        let version = first_line("nghttpd", "--version");
        Self::start(ground, "nghttpd", version, port, command)
    }

    /// nghttpd, which writes every frame and field into the ground's file `frames`.
    ///
    /// # Errors
    /// Those of [`Peer::nghttpd`].
    pub fn talkative(ground: &Ground) -> Result<Self, String> {
        let port = ground::free_port()?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec nghttpd -v \"$@\" >\"$0\""])
            .arg(ground.path("frames"))
            .args(nghttpd_arguments(ground, port));
        let version = first_line("nghttpd", "--version");
        Self::start(ground, "nghttpd", version, port, command)
    }

    /// Caddy, serving its files; over TCP alone.
    ///
    /// # Errors
    /// It is not installed, or does not listen within ten seconds.
    pub fn caddy(ground: &Ground) -> Result<Self, String> {
        let port = ground::free_port()?;
        let configuration = format!(
            "{{\n admin off\n auto_https off\n default_sni localhost\n \
             servers {{\n  protocols h1 h2\n }}\n}}\n\
             :{port} {{\n tls {cert} {key}\n root * {www}\n file_server\n}}\n",
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            www = ground.shown("www"),
        );
        let file = ground.write("Caddyfile", configuration)?;
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.arg(file).env("HOME", ground.path(""));
        Self::start(
            ground,
            "Caddy",
            first_line("caddy", "version"),
            port,
            command,
        )
    }

    /// Apache with its event module and mod_http2, serving its files.
    ///
    /// # Errors
    /// It is not installed, or does not listen within ten seconds.
    pub fn apache(ground: &Ground) -> Result<Self, String> {
        let port = ground::free_port()?;
        let modules: String = ["mpm_event", "ssl", "http2", "mime", "authz_core"]
            .map(|name| format!("LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"))
            .concat();
        let configuration = format!(
            "{modules}ServerName localhost\nListen 0.0.0.0:{port}\nUser nobody\nGroup nogroup\n\
             PidFile {pid}\nMutex file:{folder} default\nErrorLog {log}\nTypesConfig /etc/mime.types\n\
             Protocols h2 http/1.1\nSSLEngine on\nSSLCertificateFile {cert}\n\
             SSLCertificateKeyFile {key}\nMaxKeepAliveRequests 0\nDocumentRoot {www}\n",
            pid = ground.shown("apache.pid"),
            folder = ground.shown(""),
            log = ground.shown("apache.log"),
            cert = ground.shown("cert.pem"),
            key = ground.shown("key.pem"),
            www = ground.shown("www"),
        );
        let file = ground.write("apache.conf", configuration)?;
        let mut command = Command::new("apache2");
        command.arg("-f").arg(file).arg("-DFOREGROUND");
        Self::start(ground, "Apache", first_line("apache2", "-v"), port, command)
    }
}

fn nghttpd_arguments(ground: &Ground, port: u16) -> [String; 7] {
    [
        "-d".into(),
        ground.shown("www"),
        "-a".into(),
        "0.0.0.0".into(),
        port.to_string(),
        ground.shown("key.pem"),
        ground.shown("cert.pem"),
    ]
}

/// Where Debian keeps Apache's modules.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";

fn first_line(program: &str, flag: &str) -> String {
    let Ok(output) = Command::new(program).arg(flag).output() else {
        return "not installed".into();
    };
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
