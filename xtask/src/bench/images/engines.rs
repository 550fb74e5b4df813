//! Engines that make pictures: ours and the peers', each a process of its own that is told line by
//! line what to make.
//!
//! A line has words set apart by tabs: how often, the source, the result, the format, the quality
//! and the width. The answer has two: milliseconds of processor time for one, and its bytes.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::bench::ground::Ground;
use crate::bench::rescue;
use crate::shell;

/// The engines, by the names of `--server`.
pub const NAMES: [&str; 4] = ["firstlight", "sharp", "libvips", "pillow"];
/// The same engines at other settings of AVIF: ours with the encoder that is built in, and sharp's
/// with less effort.
pub const FOR_AVIF: [&str; 3] = ["built in", "sharp, effort 0", "sharp, effort 1"];

/// What an engine is told to make.
pub struct Job<'a> {
    pub source: &'a Path,
    pub out: &'a Path,
    pub format: &'a str,
    pub quality: u8,
    pub width: u32,
}

/// An engine at work.
pub struct Engine {
    child: Child,
    told: ChildStdin,
    says: BufReader<ChildStdout>,
}

/// How to start an engine, and its version.
pub struct Peer {
    pub name: &'static str,
    pub version: String,
    program: String,
    arguments: Vec<String>,
}

impl Peer {
    /// Gets an engine ready; an error says what is missing.
    ///
    /// # Errors
    /// It cannot be had here.
    pub fn new(name: &'static str, ground: &Ground) -> Result<Self, String> {
        let (program, arguments) = match name {
            "firstlight" => (
                rescue::example("image", "make")?.display().to_string(),
                vec![],
            ),
            "built in" => (
                rescue::example("image", "make")?.display().to_string(),
                vec!["builtin".to_owned()],
            ),
            "sharp" => ("node".to_owned(), vec![sharp(ground)?]),
            "sharp, effort 0" | "sharp, effort 1" => {
                let effort = name.split(' ').next_back().unwrap_or_default();
                ("node".to_owned(), vec![sharp(ground)?, effort.to_owned()])
            }
            other => {
                let script = ground.write("engines.py", include_str!("engines.py"))?;
                let script = script.display().to_string();
                ("python3".to_owned(), vec![script, other.to_owned()])
            }
        };
        Ok(Self {
            name,
            version: version(name, ground)?,
            program,
            arguments,
        })
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self) -> Result<Engine, String> {
        Engine::start(&self.program, &self.arguments)
    }
}

/// Who makes the references and reads every result: Pillow, in a process of its own.
///
/// # Errors
/// It cannot be started.
pub fn reader(ground: &Ground) -> Result<Engine, String> {
    let script = ground.write("engines.py", include_str!("engines.py"))?;
    Engine::start(
        "python3",
        &[script.display().to_string(), "pixels".to_owned()],
    )
}

/// The script that drives sharp, beside its package.
fn sharp(ground: &Ground) -> Result<String, String> {
    let script = ground.write("sharp.mjs", include_str!("sharp.mjs"))?;
    let mut npm = shell::command("npm", &["install", "--silent", "--no-save", "sharp"]);
    npm.current_dir(ground.path(""));
    shell::output(npm)?;
    Ok(script.display().to_string())
}

fn version(name: &str, ground: &Ground) -> Result<String, String> {
    let says = |program: &str, script: &str| {
        let flag = if program == "node" { "-e" } else { "-c" };
        let mut command = shell::command(program, &[flag, script]);
        command.current_dir(ground.path(""));
        shell::output(command).map(|text| text.trim().to_owned())
    };
    match name {
        "firstlight" | "built in" => Ok(env!("CARGO_PKG_VERSION").to_owned()),
        "sharp" | "sharp, effort 0" | "sharp, effort 1" => says(
            "node",
            "const v = require('sharp').versions; console.log(v.sharp, '(libvips ' + v.vips + ')')",
        ),
        "libvips" => says(
            "python3",
            "import pyvips; print('.'.join(str(pyvips.version(i)) for i in range(3)))",
        ),
        _ => says("python3", "import PIL; print(PIL.__version__)"),
    }
}

impl Engine {
    fn start(program: &str, arguments: &[String]) -> Result<Self, String> {
        let mut child = Command::new(program)
            .args(arguments)
            .env("VIPS_CONCURRENCY", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let (Some(told), Some(says)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{program}: no pipes"));
        };
        Ok(Self {
            child,
            told,
            says: BufReader::new(says),
        })
    }

    /// Makes a picture so many times; milliseconds of processor time for one, and its bytes.
    ///
    /// # Errors
    /// It failed.
    pub fn make(&mut self, times: u32, job: &Job<'_>) -> Result<(f64, f64), String> {
        let Job {
            source,
            out,
            format,
            quality,
            width,
        } = job;
        let (source, out) = (source.display(), out.display());
        let answer = self.ask(&format!(
            "{times}\t{source}\t{out}\t{format}\t{quality}\t{width}"
        ))?;
        let numbers = answer.trim().split_once('\t');
        numbers
            .and_then(|(time, bytes)| Some((time.parse().ok()?, bytes.parse().ok()?)))
            .ok_or_else(|| format!("an answer that is none: `{}`", answer.trim()))
    }

    /// Says something, and waits for the answer.
    ///
    /// # Errors
    /// There is none.
    pub fn ask(&mut self, line: &str) -> Result<String, String> {
        let mut answer = String::new();
        writeln!(self.told, "{line}")
            .and_then(|()| self.says.read_line(&mut answer))
            .map_err(|error| error.to_string())?;
        match answer.is_empty() {
            true => Err(format!("it ended at `{line}`")),
            false => Ok(answer),
        }
    }

    /// The most memory it had so far, in MB.
    pub fn peak_memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let kilobytes = status.ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        });
        kilobytes.unwrap_or(f64::NAN) / 1000.0
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // One that has ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
