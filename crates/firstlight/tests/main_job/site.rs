//! A site as people have them: nginx and a folder of files.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use gallery::{Scene, Site};
use testkit::photo::{photograph, progressive_jpeg};

use crate::support::{Folder, PATIENCE};

/// Photographs as a camera and an ordinary content management system leave them.
pub const PHOTOGRAPHS: [&str; 4] = [
    "/photographs/lake.jpg",
    "/photographs/dahlia.jpg",
    "/photographs/city.jpg",
    "/photographs/leaves.jpg",
];
/// One that is progressive already.
pub const PROGRESSIVE: &str = "/photographs/progressive.jpg";
/// A graphic with soft edges.
pub const GRAPHIC: &str = "/images/lens.png";
/// A photograph of which the end is missing.
pub const TRUNCATED: &str = "/photographs/truncated.jpg";

const SIZE: (u32, u32) = (960, 640);

/// A running nginx; stopped when dropped.
pub struct Nginx {
    pub port: u16,
    child: Child,
    _folder: Folder,
}

impl Nginx {
    /// `None`, said loudly, where nginx is not installed.
    pub fn start() -> Option<Self> {
        let Some(program) = find() else {
            eprintln!("skipped: no nginx on the path\nhint: `apt-get install nginx`");
            return None;
        };
        let folder = Folder::new();
        write_files(&folder);
        // Somebody else may take a port between its choice and its use.
        for _ in 0..5 {
            let port = free_port();
            fs::write(folder.file("nginx.conf"), configuration(&folder, port)).unwrap();
            let mut child = Command::new(&program)
                .arg("-p")
                .arg(&folder.0)
                .args(["-c", &folder.file("nginx.conf")])
                .args(["-e", &folder.file("error.log")])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if listens(&mut child, port) {
                return Some(Self {
                    port,
                    child,
                    _folder: folder,
                });
            }
        }
        let log = fs::read_to_string(folder.file("error.log")).unwrap_or_default();
        panic!("nginx does not start:\n{log}");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|program| program.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until it listens; false if it ends before.
fn listens(child: &mut Child, port: u16) -> bool {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < PATIENCE, "nginx does not listen");
        std::thread::yield_now();
    }
    true
}

/// One process that is killed as a whole, and nothing outside the folder.
fn configuration(folder: &Folder, port: u16) -> String {
    let user = match Command::new("id").arg("-u").output() {
        Ok(id) if id.stdout == b"0\n" => "user root;",
        _ => "",
    };
    let place = |name: &str| folder.file(name);
    format!(
        "daemon off; master_process off; {user} pid {pid};
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; absolute_redirect off; server_tokens off;
    client_body_temp_path {temporary}; proxy_temp_path {temporary};
    fastcgi_temp_path {temporary}; uwsgi_temp_path {temporary}; scgi_temp_path {temporary};
    types {{
        text/html html shtml; text/css css; text/javascript js; application/json json;
        image/jpeg jpg; image/png png; image/svg+xml svg; font/ttf ttf;
    }}
    default_type application/octet-stream;
    gzip on; gzip_min_length 256; gzip_vary on; gzip_proxied any;
    gzip_types text/css text/javascript application/json image/svg+xml;
    server {{
        listen 127.0.0.1:{port};
        root {www};
        error_page 404 /missing.html;
        location / {{ }}
        location ~ \\.shtml$ {{ ssi on; }}
        location /photographs/ {{ expires 1d; }}
        location /moved/ {{ rewrite ^/moved/(.*)$ /photographs/$1 redirect; }}
        location = /old {{ return 301 /page.html?from=old; }}
        location = /nothing {{ return 204; }}
        location = /secret {{ return 403; }}
        location /again/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_http_version 1.1; }}
    }}
}}
",
        pid = place("nginx.pid"),
        temporary = place("temporary"),
        www = place("www"),
    )
}

fn write_files(folder: &Folder) {
    let www = folder.0.join("www");
    for inner in ["photographs", "images", "fonts"] {
        fs::create_dir_all(www.join(inner)).unwrap();
    }
    let write = |path: &str, bytes: &[u8]| {
        fs::write(www.join(path.trim_start_matches('/')), bytes).unwrap();
    };
    let site = Site::new(SIZE.0, SIZE.1, 2026);
    let of_the_gallery = [
        "/style.css",
        "/script.js",
        "/favicon.svg",
        "/fonts/imprint.ttf",
    ];
    for path in of_the_gallery.iter().chain(&PHOTOGRAPHS).chain([&GRAPHIC]) {
        write(path, &site.get(path).unwrap().body);
    }
    write("/index.html", &site.get("/").unwrap().body);
    write("/page.html", b"<!doctype html><title>Short</title>");
    write("/missing.html", b"<!doctype html><title>Not here</title>");
    write(
        "/page.shtml",
        b"<p>before<!--#include virtual=\"/page.html\" -->after",
    );
    write("/data.bin", &noise(5_000_000));
    write("/data.json", &json());
    write("/empty.bin", b"");
    let lake = &site.get(PHOTOGRAPHS[0]).unwrap().body;
    write(TRUNCATED, &lake[..lake.len() / 3]);
    let picture = photograph(Scene::Dunes, SIZE.0, SIZE.1, 6);
    write(PROGRESSIVE, &progressive_jpeg(&picture, 92).unwrap().bytes);
    set_time(&www);
}

/// Bytes that nothing compresses, the same on every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn json() -> Vec<u8> {
    let rows: Vec<String> = (0..4000)
        .map(|number| format!("{{\"number\":{number},\"square\":{}}}", number * number))
        .collect();
    format!("[{}]", rows.join(",\n")).into_bytes()
}

/// Files of last year: what changed this second is not validated by time.
fn set_time(folder: &Path) {
    let then = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_750_000_000);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            set_time(&path);
        } else {
            let file = fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(then).unwrap();
        }
    }
}
