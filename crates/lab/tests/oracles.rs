//! Our figures beside those of others: on the same frames, and on the browser's own trace of the same load.
//!
//! The others are installed by name from their registries into the target directory, once. Where
//! that is not possible a test says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod synthetic;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::sync::Arc;

use firstlight_lab::Profile;
use firstlight_lab::capture::{Capture, CaptureError, Emulation, Http, Side, Stage, Stop};
use firstlight_lab::metrics::{Measured, Metric, Picture, measure};
use firstlight_lab::run::Run;
use serde_json::{Value, json};

const BROWSERTIME: &str = "browsertime@27.5.0";
const SPEEDLINE: &str = "speedline-core@1.4.3";

/// Runs browsertime's script on a folder of frames; it wants far more installed than this needs.
const VISUALMETRICS: &str = r#"
import gzip, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("visualmetrics", sys.argv[1])
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
oracle.calculate_histograms(sys.argv[2], sys.argv[3], True)
with gzip.open(sys.argv[3], "rt") as file:
    progress = oracle.calculate_visual_progress(json.load(file))
print(json.dumps({
    "speedIndex": oracle.calculate_speed_index(progress),
    "progress": [point["progress"] for point in progress],
}))
"#;

const SPEEDLINE_DRIVER: &str = "
require('speedline-core')(process.argv[1], { timeOrigin: Number(process.argv[2]), fastMode: false }).then(result =>
  console.log(JSON.stringify({
    speedIndex: result.speedIndex, perceptual: result.perceptualSpeedIndex,
    progress: result.frames.map(frame => frame.getProgress()),
  })));
";

/// A command's output, or what kept it from having one.
fn output(command: &mut Command) -> Result<String, String> {
    let name = format!("{command:?}");
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&done.stderr);
        Err(format!(
            "{name}: {}",
            said.lines().last().unwrap_or("failed")
        ))
    }
}

/// A folder that `install` has filled, now or earlier.
fn installed(name: &str, install: impl Fn(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = parent.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let process = std::process::id();
    let partial = parent.join(format!("{name}.{process}"));
    fs::create_dir_all(&partial).unwrap();
    if let Err(reason) = install(&partial) {
        fs::remove_dir_all(&partial).unwrap();
        eprintln!("SKIPPED, {name} cannot be installed: {reason}");
        return None;
    }
    // Another process may have been first; its copy is as good.
    let _ = fs::rename(&partial, &folder);
    Some(folder)
}

fn runs() -> [Run; 2] {
    let comparison = synthetic::comparison(1);
    [comparison.without, comparison.with].map(|mut side| side.runs.remove(0))
}

fn milliseconds(at: std::time::Duration) -> u64 {
    at.as_millis() as u64
}

fn near(name: &str, ours: f64, theirs: &Value, share: f64) {
    let theirs = theirs.as_f64().expect("a number");
    let off = (ours - theirs).abs() / theirs;
    eprintln!(
        "{name}: {theirs:.1}, ours {ours:.1}, {:.2} % off",
        off * 100.0
    );
    assert!(off <= share, "{name}: {theirs}, ours {ours}");
}

/// The curves must agree point by point, to a percent.
fn same_curve(measured: &Measured, theirs: &Value) {
    let theirs: Vec<f64> = theirs
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    let ours: Vec<f64> = measured
        .points
        .iter()
        .map(|point| point.histogram)
        .collect();
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() <= 1.0, "{ours} and {theirs}");
    }
}

fn write_png(path: &Path, picture: &Picture) {
    let (width, height) = picture.size();
    let file = fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let pixels: Vec<u8> = picture.pixels().flatten().collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();
}

#[test]
fn the_speed_index_is_that_of_browsertime() {
    let install = |folder: &Path| {
        let tarball = output(
            Command::new("npm")
                .args(["pack", "--silent", BROWSERTIME])
                .current_dir(folder),
        )?;
        let script = "package/visualmetrics/visualmetrics-portable.py";
        output(
            Command::new("tar")
                .args(["xzf", tarball.trim(), script])
                .current_dir(folder),
        )?;
        output(
            Command::new("python3")
                .args(["-m", "venv", "venv"])
                .current_dir(folder),
        )?;
        let pip = [
            "-m", "pip", "install", "--quiet", "pillow", "--target", "modules",
        ];
        output(
            Command::new("venv/bin/python")
                .args(pip)
                .current_dir(folder),
        )
        .map(drop)
    };
    let Some(oracle) = installed("browsertime", install) else {
        return;
    };
    for (side, run) in runs().into_iter().enumerate() {
        let folder = oracle.join(format!("frames-{}-{side}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        write_png(
            &folder.join("ms_000000.png"),
            &Picture::white(synthetic::SIZE.0, synthetic::SIZE.1),
        );
        for frame in &run.frames {
            let picture = Picture::decode(&frame.jpeg).unwrap();
            let name = format!("ms_{:06}.png", milliseconds(frame.at));
            write_png(&folder.join(name), &picture);
        }
        let mut command = Command::new("python3");
        command.arg("-c").arg(VISUALMETRICS);
        command.arg(oracle.join("package/visualmetrics/visualmetrics-portable.py"));
        command.arg(&folder).arg(folder.join("histograms.json.gz"));
        command.env("PYTHONPATH", oracle.join("modules"));
        let said = output(&mut command);
        fs::remove_dir_all(&folder).unwrap();
        let said: Value = serde_json::from_str(&said.unwrap()).unwrap();
        let measured = measure(&run).unwrap();
        same_curve(&measured, &said["progress"]);
        near(
            "browsertime",
            Metric::SpeedIndex.of(&measured).unwrap(),
            &said["speedIndex"],
            0.02,
        );
    }
}

/// The folder of speedline, from its package.
fn speedline() -> Option<PathBuf> {
    installed("speedline", |folder: &Path| {
        let prefix = [
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ];
        output(Command::new("npm").args(prefix).arg(folder).arg(SPEEDLINE)).map(drop)
    })
}

/// What speedline makes of a trace of a navigation that began at a time of its clock, in
/// microseconds.
fn speedline_says(oracle: &Path, name: &str, trace: &str, began: u64) -> Value {
    let path = oracle.join(format!("trace-{}-{name}.json", std::process::id()));
    fs::write(&path, trace).unwrap();
    let mut command = Command::new("node");
    command
        .args(["-e", SPEEDLINE_DRIVER, "--"])
        .arg(&path)
        .arg(began.to_string())
        .current_dir(oracle);
    let said = output(&mut command);
    fs::remove_file(&path).unwrap();
    serde_json::from_str(&said.unwrap()).unwrap()
}

#[test]
fn both_speed_indexes_are_those_of_speedline() {
    let Some(oracle) = speedline() else { return };
    for (side, run) in runs().into_iter().enumerate() {
        let frames = run.frames.iter().map(|frame| {
            json!({
                "cat": "disabled-by-default-devtools.screenshot",
                "ts": 1_000_000 + milliseconds(frame.at) * 1000,
                "args": { "snapshot": base64(&frame.jpeg) },
            })
        });
        let trace = json!({ "traceEvents": frames.collect::<Vec<Value>>() });
        let said = speedline_says(&oracle, &side.to_string(), &trace.to_string(), 1_000_000);
        let measured = measure(&run).unwrap();
        let of = |metric: Metric| metric.of(&measured).unwrap();
        same_curve(&measured, &said["progress"]);
        near(
            "speedline",
            of(Metric::SpeedIndex),
            &said["speedIndex"],
            0.02,
        );
        near(
            "speedline, SSIM",
            of(Metric::SimilarityIndex),
            &said["perceptual"],
            0.02,
        );
    }
}

/// A load of the sample site's page, traced by the browser and filmed by us; `None`, loudly, where
/// there is no browser.
fn traced_load() -> Option<Run> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (stage, side, _route) = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let site = Arc::new(gallery::Site::new(400, 267, 7));
        site.warm();
        tokio::spawn(gallery::serve(listener, site));
        let stage = Stage::set(Profile::SLOW_3G, Some(Emulation::Relay)).unwrap();
        let route = stage.route(server).await.unwrap();
        let side = Side {
            name: "the sample site".into(),
            url: "http://sample.test/".into(),
            server: route.address(),
            http: Http::Two,
            features: vec![],
        };
        (stage, side, route)
    });
    let capture = Capture {
        runs: 1,
        discarded: 0,
        trace: true,
        ..Capture::default()
    };
    match capture.in_turns(&stage, &[&side], &Stop::default(), &mut |_| {}) {
        Ok(mut series) => series.pop()?.runs.pop(),
        Err(error) if error.is_missing() => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error @ CaptureError::NetworkChanged) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// A trace whose pictures have the time at which they were to be shown, and when the navigation
/// began, by the same clock.
///
/// A picture is copied for the trace after it was shown, on a busy machine a tenth of a second or
/// more; the trace tells both times, and speedline reads that of the copy.
fn as_shown(trace: &str) -> (String, u64) {
    let mut trace: Value = serde_json::from_str(trace).unwrap();
    let events = trace["traceEvents"].as_array_mut().unwrap();
    let mut began = None;
    for event in events {
        let data = &event["args"]["data"];
        if event["name"] == "navigationStart" && data["documentLoaderURL"] == "http://sample.test/"
        {
            began = event["ts"].as_u64();
        }
        if let Some(shown) = event["args"]["expected_display_time"].as_u64() {
            event["ts"] = shown.into();
        }
    }
    (trace.to_string(), began.unwrap())
}

#[test]
fn the_speed_index_of_a_real_load_is_speedline_s_on_its_trace() {
    let Some(oracle) = speedline() else { return };
    let Some(run) = traced_load() else { return };
    let (trace, began) = as_shown(run.trace.as_deref().unwrap());
    let said = speedline_says(&oracle, "load", &trace, began);
    let measured = measure(&run).unwrap();
    let of = |metric: Metric| metric.of(&measured).unwrap();
    let (index, similarity) = (of(Metric::SpeedIndex), of(Metric::SimilarityIndex));
    near("speedline, real load", index, &said["speedIndex"], 0.05);
    near(
        "speedline, SSIM, real load",
        similarity,
        &said["perceptual"],
        0.05,
    );
}

/// Base64 by the coreutils, which are no code of ours.
fn base64(bytes: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("base64-{}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    let text = output(Command::new("base64").arg("-w0").arg(&path)).unwrap();
    fs::remove_file(&path).unwrap();
    text
}
