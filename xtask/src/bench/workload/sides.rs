//! Who takes part: Firstlight and its peers, each as its users run it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Kind;
use crate::bench::ground::{self, Ground, Peer};
use crate::shell;

/// The names of `--server`.
pub const NAMES: [&str; 3] = ["firstlight", "thumbor", "ipx"];

/// The versions that are compared with.
const THUMBOR: &str = "thumbor==7.8.0";
const PILLOW: &str = "pillow==12.3.0";
const IPX: &str = "ipx@3.1.1";

/// Where peers are kept from one run to the next.
pub fn shelf() -> PathBuf {
    shell::root().join("target/bench/workload")
}

/// Python with Pillow and thumbor, fetched the first time.
///
/// # Errors
/// They cannot be had.
pub fn python() -> Result<PathBuf, String> {
    let folder = shelf().join("python");
    let python = folder.join("bin/python");
    if folder.join("bin/thumbor").is_file() {
        return Ok(python);
    }
    let shown = folder.display().to_string();
    shell::run(shell::command("python3", &["-m", "venv", &shown]))?;
    let arguments = ["-m", "pip", "install", "--quiet", THUMBOR, PILLOW];
    shell::run(shell::command(&python.display().to_string(), &arguments))?;
    Ok(python)
}

/// Starts one of them in front of the origin.
///
/// # Errors
/// It cannot be had, or does not start.
pub fn start(name: &str, ground: &Ground, binary: &Path, origin: &str) -> Result<Peer, String> {
    match name {
        "firstlight" => firstlight(ground, binary, origin),
        "thumbor" => thumbor(ground),
        _ => ipx(ground),
    }
}

/// The path that asks one of them for a photograph in a kind of file.
pub fn target(name: &str, kind: &Kind, origin: &str, photograph: &str) -> String {
    let Kind { word, quality, .. } = kind;
    match name {
        // The path is that of the public benchmark; the host is the site's own.
        "firstlight" => {
            let quality = quality.map_or_else(String::new, |quality| format!("/q:{quality}"));
            format!("/unsafe/rs:fit:512:512/f:{word}{quality}/plain/{photograph}")
        }
        "thumbor" => {
            let quality = quality.map_or_else(String::new, |it| format!(":quality({it})"));
            format!("/unsafe/fit-in/512x512/filters:format({word}){quality}/{origin}/{photograph}")
        }
        _ => {
            let quality = quality.map_or_else(String::new, |quality| format!(",q_{quality}"));
            format!("/f_{word}{quality},s_512x512,fit_inside/{origin}/{photograph}")
        }
    }
}

/// Ours, keeping nothing, with imgproxy's URLs.
fn firstlight(ground: &Ground, binary: &Path, origin: &str) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttp = [\"127.0.0.1:{port}\"]\nhttps = []\n\
         [[site]]\norigin = \"{origin}\"\n\
         [site.cache]\nenabled = false\n\
         [site.access_log]\nenabled = false\n\
         [site.images.grammars.imgproxy]\nenabled = true\nunsigned = true\n",
    );
    let file = ground.write("firstlight.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let version = says(&binary.display().to_string(), &["--version"])?;
    Peer::start(ground, "Firstlight", version, port, command)
}

/// thumbor with the settings of the public benchmark, and a process for each processor.
fn thumbor(ground: &Ground) -> Result<Peer, String> {
    let python = python()?;
    let port = ground::free_port()?;
    let configuration = "PROGRESSIVE_JPEG = True\nPILLOW_RESAMPLING_FILTER = 'LANCZOS'\n\
         AVIF_SPEED = 10\nPRESERVE_EXIF_COPYRIGHT_INFO = True\n\
         LOADER = 'thumbor.loaders.http_loader'\nSTORAGE = 'thumbor.storages.no_storage'\n\
         RESULT_STORAGE = None\nENGINE = 'thumbor.engines.pil'\nALLOW_UNSAFE_URL = True\n";
    let file = ground.write("thumbor.conf", configuration)?;
    let processes = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new(python.with_file_name("thumbor"));
    command
        .args(["--ip", "127.0.0.1", "--port", &port.to_string()])
        .args(["--processes", &processes.to_string(), "--conf"])
        .arg(file);
    let version = says(
        &python.display().to_string(),
        &[
            "-c",
            "import thumbor, PIL; print(thumbor.__version__, 'with Pillow', PIL.__version__)",
        ],
    )?;
    Peer::start(ground, "thumbor", version, port, command)
}

/// IPX as it is.
fn ipx(ground: &Ground) -> Result<Peer, String> {
    let folder = shelf().join("ipx");
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let written = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).map_err(|error| error.to_string())
    };
    written("ipx.mjs", include_str!("ipx.mjs"))?;
    if !folder.join("node_modules/ipx").is_dir() {
        written("package.json", "{\"private\":true}\n")?;
        let mut npm = shell::command("npm", &["install", "--silent", IPX]);
        npm.current_dir(&folder);
        shell::run(npm)?;
    }
    let port = ground::free_port()?;
    let mut command = Command::new("node");
    command
        .arg("ipx.mjs")
        .arg(port.to_string())
        .env("NODE_ENV", "production")
        .current_dir(&folder);
    let script = "const of = name => JSON.parse(require('fs').readFileSync(`node_modules/${name}/package.json`)).version; \
                  console.log(of('ipx'), 'with sharp', of('sharp'))";
    let mut version = shell::command("node", &["-e", script]);
    version.current_dir(&folder);
    let version = shell::output(version)?.trim().to_owned();
    Peer::start(ground, "IPX", version, port, command)
}

fn says(program: &str, arguments: &[&str]) -> Result<String, String> {
    shell::output(shell::command(program, arguments)).map(|text| text.trim().to_owned())
}
