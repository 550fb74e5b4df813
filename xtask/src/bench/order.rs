//! The order of bytes over an emulated link: twenty progressive pictures of 100 KB, and a critical
//! stylesheet of 20 KB asked for three seconds later, beside plain HTTP/2 and the peers.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::photo::{Scene, photograph, progressive_jpeg};
use testkit::recorder::{Recorder, Recording, Request};
use testkit::{Link, Origin, Profile, Reply};

use super::Options;
use super::ground::{self, Ground, Peer, median};
use crate::shell::{self, Outcome};

const PICTURES: usize = 20;
const PICTURE_BYTES: usize = 100_000;
const STYLESHEET_BYTES: usize = 20_000;
const LATE: Duration = Duration::from_secs(3);

/// A picture and the offsets that matter.
struct Picture {
    bytes: Vec<u8>,
    header: u64,
    preview: u64,
    good: u64,
}

/// What one run showed, in seconds after the first request.
#[derive(Clone, Copy)]
struct Times {
    headers: f64,
    previews: f64,
    good: f64,
    total: f64,
    late: f64,
}

impl Times {
    const NAMES: [&'static str; 5] = [
        "all headers",
        "all previews",
        "all good",
        "total",
        "late critical",
    ];

    fn values(self) -> [f64; 5] {
        [
            self.headers,
            self.previews,
            self.good,
            self.total,
            self.late,
        ]
    }
}

/// Runs it.
pub fn run(options: &Options) -> Outcome {
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("order")?;
    let pictures = pictures()?;
    for (place, picture) in pictures.iter().enumerate() {
        ground.write(&format!("www/{place}.jpg"), &picture.bytes)?;
    }
    ground.write("www/late.css", stylesheet())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let origin = runtime.block_on(origin(&ground))?;
    let peers = peers(&ground, &binary, &origin)?;
    for (name, profile) in [
        (
            "1.6 Mbit/s, 150 ms",
            Profile {
                queue_bytes: 65_536,
                ..Profile::FAST_3G
            },
        ),
        (
            "10 Mbit/s, 40 ms",
            Profile {
                queue_bytes: 65_536,
                ..Profile::TEN_MBIT
            },
        ),
    ] {
        for loss in [0.0, 0.01] {
            measure(
                &format!("{name}, {} % loss", loss * 100.0),
                profile.with_loss(loss),
                &peers,
                &pictures,
                options,
            )?;
        }
    }
    Ok(())
}

fn measure(
    name: &str,
    profile: Profile,
    peers: &[Peer],
    pictures: &[Picture],
    options: &Options,
) -> Outcome {
    let mut times = vec![Vec::new(); peers.len()];
    for _ in 0..options.runs {
        for (peer, times) in peers.iter().zip(&mut times) {
            times.push(one_run(profile, peer, pictures)?);
        }
    }
    let previews: u64 = pictures.iter().map(|picture| picture.preview).sum();
    let limit = (profile.rtt + profile.limit(previews)).as_secs_f64();
    if !options.json {
        println!("\n{name}; {}", ground::conditions());
        println!(
            "| server | {} | previews / limit | total / plain |",
            Times::NAMES.join(" | ")
        );
        println!("|---|---|---|---|---|---|---|---|");
    }
    let column = |times: &[Times], which: usize| -> Vec<f64> {
        times.iter().map(|times| times.values()[which]).collect()
    };
    let plain = column(&times[1], 3);
    for (peer, times) in peers.iter().zip(&times) {
        let medians: Vec<f64> = (0..5).map(|which| median(&column(times, which))).collect();
        let totals: Vec<f64> = column(times, 3)
            .iter()
            .zip(&plain)
            .map(|(its, plain)| its / plain)
            .collect();
        let (of_limit, of_plain) = (medians[1] / limit, median(&totals));
        if options.json {
            let line = serde_json::json!({
                "bench": "order", "link": name, "server": peer.name, "version": peer.version,
                "headers_s": medians[0], "previews_s": medians[1], "good_s": medians[2],
                "total_s": medians[3], "late_critical_s": medians[4],
                "previews_of_limit": of_limit, "total_of_plain": of_plain,
            });
            println!("{line}");
        } else {
            let cells: Vec<_> = medians
                .iter()
                .map(|seconds| format!("{seconds:.2}"))
                .collect();
            println!(
                "| {} | {} | {of_limit:.2} | {of_plain:.3} |",
                peer.name,
                cells.join(" | ")
            );
        }
    }
    if !options.json {
        println!("| the link's limit | | {limit:.2} | | | | | |");
    }
    Ok(())
}

fn one_run(profile: Profile, peer: &Peer, pictures: &[Picture]) -> Result<Times, String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let recorder = Recorder::new(
        (link.server_address(), peer.port).into(),
        format!("localhost:{}", peer.port),
    )
    .limit(Duration::from_secs(60));
    let requests = requests();
    let recording = link
        .run(|| recorder.record_blocking(&requests))
        .map_err(|error| error.to_string())?
        .map_err(|error| format!("{}: {error}", peer.name))?;
    times(&recording, pictures).ok_or_else(|| {
        let statuses: Vec<_> = recording
            .answers
            .iter()
            .map(|answer| answer.status)
            .collect();
        format!("{} did not answer everything: {statuses:?}", peer.name)
    })
}

/// Asks as Chromium does: the first five pictures before the others, the stylesheet above all.
fn requests() -> Vec<Request> {
    let picture = |place: usize| {
        let request = Request::get(format!("/{place}.jpg")).header("accept", "image/*,*/*;q=0.8");
        if place < 5 {
            request.priority("u=2, i").weight(183)
        } else {
            request.priority("i").weight(147)
        }
    };
    let late = Request::get("/late.css")
        .priority("u=0")
        .weight(256)
        .after(LATE);
    (0..PICTURES).map(picture).chain([late]).collect()
}

fn times(recording: &Recording, pictures: &[Picture]) -> Option<Times> {
    let whole = recording
        .answers
        .iter()
        .zip(pictures)
        .all(|(answer, picture)| answer.status == 200 && answer.body == picture.bytes);
    let all = |offset: fn(&Picture) -> u64| {
        let points = pictures
            .iter()
            .enumerate()
            .map(|(place, picture)| (place, offset(picture)));
        recording.all_reached(points).map(|time| time.as_secs_f64())
    };
    whole.then_some(Times {
        headers: all(|picture| picture.header)?,
        previews: all(|picture| picture.preview)?,
        good: all(|picture| picture.good)?,
        total: recording.total()?.as_secs_f64(),
        late: recording.took(PICTURES)?.as_secs_f64(),
    })
}

/// Photographs as progressive files of about 100 KB.
fn pictures() -> Result<Vec<Picture>, String> {
    (0..PICTURES).map(picture).collect()
}

fn picture(place: usize) -> Result<Picture, String> {
    let scene = Scene::ALL[place % Scene::ALL.len()];
    let photo = photograph(scene, 1200, 800, place as u64);
    let encode = |quality| progressive_jpeg(&photo, quality).map_err(|error| error.to_string());
    let (mut low, mut high) = (5, 97);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if encode(middle)?.bytes.len() > PICTURE_BYTES {
            high = middle;
        } else {
            low = middle;
        }
    }
    let encoded = encode(low)?;
    let outline = encoded.outline();
    Ok(Picture {
        header: outline.header as u64,
        preview: outline.preview as u64,
        good: outline.good as u64,
        bytes: encoded.bytes,
    })
}

fn stylesheet() -> String {
    let rules = (0..).map(|number| {
        format!(
            ".c{number:05} {{ color: #{:06x} }}\n",
            number * 7919 % 0xff_ffff
        )
    });
    let mut text = String::new();
    for rule in rules {
        text.push_str(&rule);
        if text.len() >= STYLESHEET_BYTES {
            break;
        }
    }
    text.truncate(STYLESHEET_BYTES);
    text
}

/// An origin that forbids changing its pictures, so that every server sends the very same bytes.
async fn origin(ground: &Ground) -> Result<Origin, String> {
    let origin = Origin::start().await.map_err(|error| error.to_string())?;
    let names = (0..PICTURES).map(|place| (format!("{place}.jpg"), "image/jpeg"));
    for (name, content_type) in names.chain([("late.css".to_owned(), "text/css")]) {
        let path = ground.path("www").join(&name);
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let reply =
            Reply::ok(content_type, bytes).header("cache-control", "max-age=3600, no-transform");
        origin.reply(&format!("/{name}"), reply);
    }
    Ok(origin)
}

/// Ours, ours without order, then whoever is installed.
fn peers(ground: &Ground, binary: &Path, origin: &Origin) -> Result<Vec<Peer>, String> {
    let mut peers = vec![
        firstlight("Firstlight", ground, binary, origin, true)?,
        firstlight("plain h2 (order off)", ground, binary, origin, false)?,
    ];
    for peer in [
        Peer::h2o(ground),
        Peer::nghttpd(ground),
        Peer::nginx(ground, false),
    ] {
        match peer {
            Ok(peer) => peers.push(peer),
            Err(why) => shell::skip("a peer of the bench `order`", &why),
        }
    }
    Ok(peers)
}

fn firstlight(
    name: &'static str,
    ground: &Ground,
    binary: &Path,
    origin: &Origin,
    order: bool,
) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttps = [\"0.0.0.0:{port}\"]\n[front.http2]\norder = {order}\n\
         [[front.certificate]]\ncertificate = \"{cert}\"\nkey = \"{key}\"\n\
         [[site]]\norigin = \"{origin}\"\n[site.access_log]\nenabled = false\n",
        cert = ground.path("cert.pem").display(),
        key = ground.path("key.pem").display(),
        origin = origin.url(""),
    );
    let file = ground.write(&format!("order-{order}.toml"), configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let version = shell::output(shell::command(
        &binary.display().to_string(),
        &["--version"],
    ))?;
    let peer = Peer::start(ground, name, version.trim().to_owned(), port, command)?;
    // What is cached is asked for over loopback first: the link is what is measured.
    for place in 0..PICTURES {
        let address = format!("https://localhost:{port}/{place}.jpg");
        let accept = "accept: image/*,*/*;q=0.8";
        shell::run(shell::command(
            "curl",
            &[
                "-ksSf",
                "--http2",
                "-o",
                "/dev/null",
                "-H",
                accept,
                &address,
            ],
        ))?;
    }
    Ok(peer)
}
