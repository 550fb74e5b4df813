//! What Firstlight has in memory after a thousand requests and after a hundred thousand: pictures
//! of all sizes and formats over HTTP, some asked for again, most not, with a cache that is full
//! soon.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::{Origin, Reply};

use super::Options;
use super::ground::{self, Ground, Peer};
use super::load::{Load, Until, watched};
use crate::shell::{self, Outcome};

/// When it is looked at, in requests.
const LOOKS: [usize; 6] = [1_000, 5_000, 10_000, 25_000, 50_000, 100_000];
/// Requests at a time.
const CLIENTS: usize = 4;
/// How long nothing is asked for before a look.
const REST: Duration = Duration::from_secs(3);
/// Sides of the sources.
const SIDES: [(u32, u32); 4] = [(96, 64), (320, 213), (640, 427), (1440, 960)];
/// What sources are made into, beside what they are.
const FORMS: [(&str, &str, &str); 3] = [
    ("jpg", "image/jpeg", "format=jpeg"),
    ("png", "image/png", "format=png"),
    ("webp", "image/webp", "format=webp"),
];
/// Photographs of each size.
const PHOTOGRAPHS: usize = 6;
/// What it may have grown by since the first look, in percent.
const GROWTH: f64 = 10.0;

/// Runs it.
///
/// # Errors
/// Firstlight does not start, answers wrongly, or has grown by more than a tenth.
pub fn run(options: &Options) -> Outcome {
    let binary = ground::binary(options.binary.as_deref())?;
    let ground = Ground::new("memory")?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let (origin, sources) = runtime.block_on(serve())?;
    let peer = firstlight(&ground, &binary, &origin.url(""))?;
    println!("{}", ground::conditions());
    println!(
        "at rest before the first request: {:.1} MB\n",
        peer.memory()
    );
    println!("| requests | requests/s | MB afterwards | of the first | MB at most meanwhile |");
    println!("|---|---|---|---|---|");
    let (mut asked, mut first) = (0, None);
    let mut last = 1.0;
    for look in LOOKS {
        let request = |number: usize| request(asked + number, &sources);
        let (tally, most) = watched(&peer, || {
            Load {
                port: peer.port,
                clients: CLIENTS,
                until: Until::Asked(look - asked),
                request: &request,
                types: &["image/jpeg", "image/png", "image/webp", "image/avif"],
            }
            .run()
        });
        let tally = tally?;
        asked = look;
        std::thread::park_timeout(REST);
        let now = peer.memory();
        last = now / *first.get_or_insert(now);
        let rate = tally.requests as f64 / tally.seconds;
        println!("| {look} | {rate:.0} | {now:.1} | {last:.2} | {most:.1} |");
    }
    let grown = (last - 1.0) * 100.0;
    match grown <= GROWTH {
        true => Ok(()),
        false => Err(format!(
            "memory has grown by {grown:.0} %, and {GROWTH:.0} % is the limit"
        )),
    }
}

/// An origin with photographs of all sizes and forms, and their paths.
async fn serve() -> Result<(Origin, Vec<String>), String> {
    let origin = Origin::start().await.map_err(|error| error.to_string())?;
    let mut paths = Vec::new();
    for (width, height) in SIDES {
        let site = gallery::Site::new(width, height, 7);
        for (place, path) in gallery::Site::photograph_paths()
            .iter()
            .take(PHOTOGRAPHS)
            .enumerate()
        {
            let photograph = site.get(path).ok_or("the gallery lacks a photograph")?;
            for (ending, content_type, options) in FORMS {
                let path = format!("/{width}-{place}.{ending}");
                let bytes = super::quality::made_as(&photograph.body, options)?;
                let reply = Reply::ok(content_type, bytes).header("cache-control", "max-age=3600");
                origin.reply(&path, reply);
                paths.push(path);
            }
        }
    }
    Ok((origin, paths))
}

/// The request of a number: one in three has been made lately, the others may never have been.
fn request(number: usize, sources: &[String]) -> (String, &'static str) {
    let mixed = mix(number as u64);
    let chosen = match mixed % 3 {
        0 => mix((number as u64).saturating_sub(1 + (mixed >> 8) % 200)),
        _ => mixed,
    };
    let part = |place: u32, of: u64| (chosen >> place) % of;
    let source = &sources[part(2, sources.len() as u64) as usize];
    let height = 8 + part(31, 400);
    let width = 8 + part(12, 600);
    let options = match part(40, 40) {
        // A small one: this format takes long.
        0 => "width=64,format=avif".to_owned(),
        1..10 => format!("width={width},format=webp"),
        10..14 => format!("width={},format=png", 8 + width / 3),
        14..20 => format!("width={width},height={height},fit=cover,format=jpeg"),
        20..24 => format!("width={width},format=baseline-jpeg,quality=50"),
        _ => format!("width={width}"),
    };
    let accept = match part(50, 4) {
        0 => "image/avif,image/webp,*/*;q=0.8",
        1 | 2 => "image/webp,*/*;q=0.8",
        _ => "*/*",
    };
    (format!("/cdn-cgi/image/{options}{source}"), accept)
}

/// A number that says nothing of the one it comes from (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

fn firstlight(ground: &Ground, binary: &Path, origin: &str) -> Result<Peer, String> {
    let port = ground::free_port()?;
    let configuration = format!(
        "[front]\nhttp = [\"127.0.0.1:{port}\"]\nhttps = []\n[cache]\nmemory = \"16 MiB\"\n\
         [[site]]\norigin = \"{}\"\n[site.access_log]\nenabled = false\n",
        origin.trim_end_matches('/'),
    );
    let file = ground.write("memory.toml", configuration)?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--config").arg(file);
    let shown = binary.display().to_string();
    let version = shell::output(shell::command(&shown, &["--version"]))?;
    let version = version.trim().to_owned();
    Peer::start(ground, "Firstlight", version, port, command)
}

#[cfg(test)]
mod tests {
    #[test]
    fn requests_are_mixed_and_some_come_again() {
        let sources = ["/a".to_owned(), "/b".to_owned()];
        let all: Vec<_> = (0..2000).map(|it| super::request(it, &sources)).collect();
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert!((1000..1900).contains(&distinct.len()), "{}", distinct.len());
    }
}
