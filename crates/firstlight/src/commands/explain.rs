//! `firstlight explain`: what every module decides of one request, and why.

use std::fmt::Write;
use std::path::PathBuf;

use delivery::Plan;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use pipeline::{Event, Side};
use serde_json::{Value, json};
use server::{Config, Rehearsal, Rooms};

use super::environment::{self, Peer, Survey};
use super::{running, serve};
use crate::output::{self, CommandError, Exit, Outcome, grouped};

/// What `explain` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// The URL as a visitor has it
    #[arg(value_name = "URL", required_unless_present = "env")]
    url: Option<String>,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The configuration to explain
    #[arg(long, value_name = "FILE", conflicts_with = "origin")]
    config: Option<PathBuf>,
    /// The origin to ask; without this and --config, that of the URL itself
    #[arg(long, value_name = "URL")]
    origin: Option<String>,
    /// Take the settings of another image server from its environment, and say which of its
    /// variables are understood; may be repeated
    #[arg(long, value_name = "SERVER")]
    env: Vec<Peer>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Reads a header as people write it.
///
/// # Errors
/// It has no colon, or is no header.
pub fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let form = || "expected `Name: value`".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(form)?;
    let name = name.trim().parse().map_err(|_| form())?;
    let value = value.trim().parse().map_err(|_| form())?;
    Ok((name, value))
}

/// Runs the request through the pipeline that would serve it. Problems are a status of 500 and
/// over.
pub fn run(arguments: &Arguments) -> Outcome {
    let surveys = surveys(&arguments.env);
    let Some(url) = &arguments.url else {
        // What makes no sense is said here, not at the first start.
        let mut config = serve::for_origin("http://127.0.0.1")?;
        apply(&mut config, arguments)?;
        match arguments.json {
            true => output::json(&json!({ "environment": surveys_json(&surveys) })),
            false => output::data(describe_surveys(&surveys)),
        }
        return Ok(Exit::Done);
    };
    let mut config = configuration(arguments, url)?.for_rehearsal();
    apply(&mut config, arguments)?;
    let headers: HeaderMap = arguments.headers.iter().cloned().collect();
    running::block_on(config.threads, async {
        let rooms = Rooms::new(&config)?;
        let rehearsal = rooms
            .rehearse(url, headers)
            .await
            .map_err(|error| CommandError::because("cannot explain", &error))?;
        if arguments.json {
            let mut object = describe_json(url, &rehearsal);
            object["environment"] = surveys_json(&surveys);
            output::json(&object);
        } else {
            output::data(describe_surveys(&surveys));
            output::data(describe(url, &rehearsal));
        }
        let failed = rehearsal.response.status.is_server_error();
        Ok(if failed { Exit::Problems } else { Exit::Done })
    })
}

fn apply(config: &mut Config, arguments: &Arguments) -> Result<(), CommandError> {
    environment::apply(config, &arguments.env, &|name| std::env::var(name).ok())
}

fn surveys(peers: &[Peer]) -> Vec<(Peer, Survey)> {
    let names = || std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    peers
        .iter()
        .map(|peer| (*peer, Survey::of(*peer, names())))
        .collect()
}

/// Names only: values may be secrets.
fn describe_surveys(surveys: &[(Peer, Survey)]) -> String {
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    surveys
        .iter()
        .map(|(peer, survey)| {
            format!(
                "settings of {} in the environment\n  understood: {}\n  of no effect here: {}\n\n",
                peer.name(),
                list(&survey.understood),
                list(&survey.passed_over)
            )
        })
        .collect()
}

fn surveys_json(surveys: &[(Peer, Survey)]) -> Value {
    let one = |(peer, survey): &(Peer, Survey)| {
        json!({
            "server": peer.name(),
            "understood": survey.understood,
            "of_no_effect": survey.passed_over,
        })
    };
    surveys.iter().map(one).collect()
}

fn configuration(arguments: &Arguments, url: &str) -> Result<Config, CommandError> {
    match (&arguments.config, &arguments.origin) {
        (Some(file), _) => Ok(Config::read(file)?),
        (None, Some(origin)) => serve::for_origin(origin),
        (None, None) => serve::for_origin(&origin_of(url)?),
    }
}

/// Scheme and authority of a URL.
fn origin_of(url: &str) -> Result<String, CommandError> {
    let uri: Option<Uri> = url.parse().ok();
    let parts = uri
        .as_ref()
        .and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
    parts
        .map(|(scheme, authority)| format!("{scheme}://{authority}"))
        .ok_or_else(|| {
            CommandError::usage(format_args!("`{url}` is not an absolute URL"))
                .hint("such as https://example.com/photo.jpg")
        })
}

fn describe(url: &str, rehearsal: &Rehearsal) -> String {
    let mut text = format!("GET {url}\n\n");
    text.push_str("phase      module        request       µs  why\n");
    let events = rehearsal.exchange.trace.events();
    for event in events.iter().filter(|event| event.side == Side::Request) {
        describe_event(&mut text, event);
    }
    text.push_str("\nphase      module        response      µs  why\n");
    for event in events.iter().filter(|event| event.side == Side::Response) {
        describe_event(&mut text, event);
    }
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "\n{}, {} bytes",
        rehearsal.response.status,
        grouped(rehearsal.body.len() as u64)
    );
    for (name, value) in &rehearsal.response.headers {
        let _ = writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    describe_plan(&mut text, &rehearsal.plan, rehearsal.body.len() as u64);
    text
}

fn describe_event(text: &mut String, event: &Event) {
    let Event {
        module,
        phase,
        verdict,
        notes,
        took,
        ..
    } = event;
    let _ = writeln!(
        text,
        "{:<10} {module:<13} {verdict:<10}{:>6}  {}",
        phase.name(),
        took.as_micros(),
        notes.first().map_or("", |note| note)
    );
    for note in notes.iter().skip(1) {
        let _ = writeln!(text, "{:43}{note}", "");
    }
}

/// The stretches of the body in the order of the file, with what the scheduler makes of each.
pub fn describe_plan(text: &mut String, plan: &Plan, length: u64) {
    text.push_str("\ndelivery: higher levels leave first\n");
    text.push_str("    from byte         bytes  level  concurrency\n");
    let phases = plan.phases();
    let ends = phases
        .iter()
        .skip(1)
        .map(|phase| phase.offset)
        .chain([length]);
    for (phase, end) in phases.iter().zip(ends) {
        let whole = if phase.whole { "  in one piece" } else { "" };
        let _ = writeln!(
            text,
            "{:>13}{:>14}{:>7}  {}{whole}",
            grouped(phase.offset),
            grouped(end.saturating_sub(phase.offset)),
            phase.level.value(),
            phase.concurrency,
        );
    }
}

fn describe_json(url: &str, rehearsal: &Rehearsal) -> Value {
    let event = |event: &Event| {
        json!({
            "module": event.module,
            "phase": event.phase.name(),
            "side": match event.side { Side::Request => "request", Side::Response => "response" },
            "verdict": event.verdict,
            "why": event.notes.as_slice(),
            "microseconds": event.took.as_micros() as u64,
        })
    };
    let headers: Vec<Value> = rehearsal
        .response
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    json!({
        "url": url,
        "id": rehearsal.exchange.id.to_string(),
        "events": rehearsal.exchange.trace.events().iter().map(event).collect::<Vec<_>>(),
        "status": rehearsal.response.status.as_u16(),
        "headers": headers,
        "bytes": rehearsal.body.len(),
        "plan": super::plan_json(&rehearsal.plan),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_people_write_them() {
        let (name, value) = header("Accept: image/webp,*/*;q=0.8").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("accept", &b"image/webp,*/*;q=0.8"[..])
        );
        for wrong in ["Accept", "a b: c", ": c", "a: b\nc"] {
            assert!(header(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_origin_of_a_url_is_its_scheme_and_authority() {
        assert_eq!(
            origin_of("https://a.example:8443/b?c").unwrap(),
            "https://a.example:8443"
        );
        assert!(origin_of("/b").is_err());
        assert!(origin_of("a.example").is_err());
    }
}
