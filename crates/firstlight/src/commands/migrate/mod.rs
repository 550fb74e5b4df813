//! `firstlight migrate`: the pictures of an access log from the server that is and the one that
//! will be, compared.

mod compare;
mod log;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::ByteSize;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use server::{Asker, OriginSettings, Upstream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{explain, running};
use crate::output::{self, CommandError, Exit, Outcome, grouped};
use compare::{Comparison, compare};
use log::Wanted;

/// What browsers say they accept, newest last.
const ACCEPTS: [(&str, &str); 3] = [
    ("old", "image/*,*/*;q=0.8"),
    ("webp", "image/webp,image/*,*/*;q=0.8"),
    (
        "avif",
        "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    ),
];

/// What `migrate` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// An access log: common or combined form, Caddy's JSON, or Firstlight's own; `-` is stdin
    #[arg(value_name = "ACCESS_LOG")]
    log: PathBuf,
    /// The server that answers now, such as http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    from: String,
    /// The server that is to take its place
    #[arg(long, value_name = "URL")]
    to: String,
    /// How many URLs, those asked for most often
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    limit: usize,
    /// Every URL of the log, not only those that look like pictures'
    #[arg(long)]
    all: bool,
    /// As which browsers to ask: `old`, `webp`, `avif`
    #[arg(
        long,
        value_name = "WORDS",
        value_delimiter = ',',
        default_value = "webp"
    )]
    accept: Vec<String>,
    /// A header of every request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = explain::header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Requests open at once at each server
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    at_once: usize,
    /// How alike pictures must look, by structural similarity: 1 is the same
    #[arg(long, value_name = "SHARE", default_value_t = 0.9)]
    least: f64,
    /// A PEM file with certificates of authorities to trust besides the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The largest answer that is read.
const LARGEST: ByteSize = ByteSize::mib(64);

/// Compares, and ends with a problem if any picture is not answered as before.
pub fn run(arguments: &Arguments) -> Outcome {
    let servers = [("--from", &arguments.from), ("--to", &arguments.to)].map(|(name, url)| {
        Upstream::parse(url).map_err(|error| {
            CommandError::usage(format_args!("`{name}`: {error}"))
                .hint("such as http://127.0.0.1:8080")
        })
    });
    let [from, to] = servers;
    let (from, to) = (from?, to?);
    let accepts = accepts(&arguments.accept)?;
    let wanted = read(&arguments.log, arguments.all)?;
    if wanted.urls.is_empty() {
        let lines = wanted.lines;
        return Err(
            CommandError::new(format_args!("no pictures in {lines} lines of log"))
                .hint("`--all` takes every URL; common, combined and JSON logs are understood"),
        );
    }
    let settings = OriginSettings {
        response_timeout: PATIENCE,
        ca_file: arguments.ca.clone(),
        ..OriginSettings::default()
    };
    let asker = Asker::new(&settings, LARGEST)
        .map_err(|error| CommandError::because("cannot ask servers", &error))?;
    let all = running::block_on(None, async {
        let replay = Replay {
            asker,
            servers: Arc::new([from, to]),
            room: Arc::new(Semaphore::new(arguments.at_once.clamp(1, 64))),
            headers: arguments.headers.iter().cloned().collect(),
            least: arguments.least,
        };
        Ok(replay.all(&wanted, arguments.limit, &accepts).await)
    })?;
    report(&wanted, &all, arguments.json);
    let problems = all.iter().any(|one| one.problem.is_some());
    Ok(if problems { Exit::Problems } else { Exit::Done })
}

fn accepts(words: &[String]) -> Result<Vec<(&'static str, &'static str)>, CommandError> {
    let find = |word: &String| {
        let found = ACCEPTS.into_iter().find(|(name, _)| name == word);
        found.ok_or_else(|| {
            CommandError::usage(format_args!("no browser `{word}`"))
                .hint("`--accept` takes `old`, `webp` and `avif`")
        })
    };
    words.iter().map(find).collect()
}

fn read(path: &Path, all: bool) -> Result<Wanted, CommandError> {
    let read = match path == Path::new("-") {
        true => log::read(io::stdin().lock(), all),
        false => File::open(path).and_then(|file| log::read(BufReader::new(file), all)),
    };
    let shown = path.display();
    read.map_err(|error| CommandError::because(format_args!("cannot read {shown}"), &error))
}

struct Replay {
    asker: Asker,
    servers: Arc<[Upstream; 2]>,
    room: Arc<Semaphore>,
    headers: HeaderMap,
    least: f64,
}

impl Replay {
    /// All of them, in the order of the log's counts.
    async fn all(
        &self,
        wanted: &Wanted,
        limit: usize,
        accepts: &[(&'static str, &'static str)],
    ) -> Vec<Comparison> {
        let mut tasks = JoinSet::new();
        let urls = wanted.urls.iter().take(limit);
        let each = urls.flat_map(|url| accepts.iter().map(move |accept| (url, *accept)));
        for (place, ((url, count), (word, accept))) in each.enumerate() {
            let (asker, servers) = (self.asker.clone(), Arc::clone(&self.servers));
            let (room, least) = (Arc::clone(&self.room), self.least);
            let headers = self.headers_with(accept);
            let what = (url.clone(), *count, word);
            tasks.spawn(async move {
                let _room = room.acquire().await;
                let [from, to] = &*servers;
                let (old, new) = tokio::join!(
                    asker.ask(from, &what.0, headers.clone()),
                    asker.ask(to, &what.0, headers)
                );
                // Decoding takes long; other answers are read meanwhile.
                let compared =
                    tokio::task::spawn_blocking(move || compare(what, &old, &new, least));
                (place, compared.await)
            });
        }
        let mut all = Vec::new();
        while let Some(done) = tasks.join_next().await {
            if let Ok((place, Ok(comparison))) = done {
                all.push((place, comparison));
            }
        }
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, comparison)| comparison).collect()
    }

    fn headers_with(&self, accept: &'static str) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static(accept));
        let own = concat!("firstlight-migrate/", env!("CARGO_PKG_VERSION"));
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(own));
        headers
    }
}

fn report(wanted: &Wanted, all: &[Comparison], as_json: bool) {
    let problems = all.iter().filter(|one| one.problem.is_some()).count();
    let sum = |of: fn(&Comparison) -> u64| -> u64 {
        let both = all
            .iter()
            .filter(|one| one.old.picture.is_some() && one.new.picture.is_some());
        both.map(|one| one.count.saturating_mul(of(one))).sum()
    };
    let (old, new) = (sum(|one| one.old.bytes), sum(|one| one.new.bytes));
    let mut alike: Vec<f64> = all.iter().filter_map(|one| one.alike).collect();
    alike.sort_by(f64::total_cmp);
    let middle = alike.get(alike.len() / 2).copied();
    let mut points: Vec<f32> = all.iter().filter_map(|one| one.points).collect();
    points.sort_by(f32::total_cmp);
    let middle_points = points.get(points.len() / 2).copied();
    if as_json {
        let comparisons: Vec<_> = all.iter().map(Comparison::json).collect();
        output::json(&json!({
            "lines": wanted.lines,
            "lines_unread": wanted.unread,
            "urls": wanted.urls.len(),
            "compared": all.len(),
            "problems": problems,
            "bytes_old": old,
            "bytes_new": new,
            "median_alike": middle,
            "median_points": middle_points,
            "comparisons": comparisons,
        }));
        return;
    }
    for one in all {
        output::data(one.describe());
    }
    let share = new.saturating_mul(100).checked_div(old).unwrap_or(100);
    let middle = middle.map_or_else(String::new, |middle| {
        let points = middle_points.map(|points| format!(", {points:.1} points"));
        let points = points.unwrap_or_default();
        format!("; alike, in the middle, {middle:.3}{points}")
    });
    let summary = format!(
        "\n{} of {} URLs compared, {problems} problems; by how often they are asked for {} bytes \
         become {}, {share} %{middle}\n",
        all.len(),
        wanted.urls.len(),
        grouped(old),
        grouped(new),
    );
    output::data(summary);
    if wanted.unread > 0 {
        let (unread, lines) = (wanted.unread, wanted.lines);
        output::warn(format_args!(
            "{unread} of {lines} lines were not understood"
        ));
    }
}
