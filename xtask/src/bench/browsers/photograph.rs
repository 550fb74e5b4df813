//! A page in Firefox or WebKit, photographed from the screen as it loads.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use gallery::Picture;
use lab::run::{Frame, Run, Series};
use serde_json::Value;
use testkit::photo::baseline_jpeg;
use testkit::{Link, Profile};

use super::driver::{Driver, Http3, Kind};
use super::pages::Page;
use super::screen::{Screen, Shot, Window};
use crate::bench::Options;
use crate::bench::ground::{Ground, Peer};

/// The screen, with room for a window whose page has the size of [`VIEWPORT`].
const SCREEN: (u32, u32) = (1400, 1000);
const VIEWPORT: (u64, u64) = (1280, 800);
/// For the `load` event.
const LIMIT: Duration = Duration::from_secs(60);
/// How long nothing is asked after the `load` event: what is shown last comes later.
const REST: Duration = Duration::from_millis(1500);
/// The name by which Firefox asks for everything, wherever the link's other end is.
pub const FIREFOX_HOST: &str = "photographs.test";
/// How exact the pictures of the screen are kept.
const QUALITY: u8 = 90;

/// Photographs a page of every server in turns; returns the browser's name and version, too.
pub fn film(
    kind: Kind,
    profile: Profile,
    page: &Page,
    peers: &[Peer],
    ground: &Ground,
    options: &Options,
) -> Result<(String, Vec<Series>), String> {
    let link = Link::new(profile).map_err(|error| error.to_string())?;
    let mut version = String::new();
    let mut series: Vec<Series> = peers
        .iter()
        .map(|peer| Series {
            name: peer.name.to_owned(),
            url: match kind {
                Kind::Firefox => format!("https://{FIREFOX_HOST}:{}/{}", peer.port, page.file),
                Kind::WebKit => {
                    let address = link.server_address();
                    format!("https://{address}:{}/{}", peer.port, page.file)
                }
            },
            ..Series::default()
        })
        .collect();
    for number in 0..=options.runs {
        for (series, peer) in series.iter_mut().zip(peers) {
            let http3 = peer.http3.then_some(Http3 {
                host: FIREFOX_HOST,
                port: peer.port,
            });
            let (browser, run) = one_load(kind, &link, &series.url, http3, ground)?;
            let seconds = run.load.unwrap_or_default().as_secs_f64();
            eprintln!(
                "{}: {}: loaded after {seconds:.2} s",
                page.name, series.name
            );
            version = browser;
            // The first load of each server fills its cache.
            if number > 0 {
                series.runs.push(run);
            }
        }
    }
    Ok((version, series))
}

fn one_load(
    kind: Kind,
    link: &Link,
    url: &str,
    http3: Option<Http3>,
    ground: &Ground,
) -> Result<(String, Run), String> {
    let folder = ground.path("browser");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let screen = Screen::new(&folder, SCREEN.0, SCREEN.1)?;
    let mut driver = Driver::start(kind, link, &screen, &folder, http3)?;
    let window = settle(&mut driver, link)?;
    let watch = screen.watch(window)?;
    driver.navigate(link, url)?;
    let said = loaded(&mut driver, link)?;
    check_protocol(&said, http3.is_some())?;
    let shots = watch.stop()?;
    let version = driver.version.clone();
    drop(driver);
    let _ = fs::remove_dir_all(&folder);
    let run = develop(&said, shots, window)?;
    Ok((version, run))
}

/// A figure of one protocol is none of the other. A browser need not say which it was, unless it
/// was told to speak HTTP/3.
fn check_protocol(said: &Value, http3: bool) -> Result<(), String> {
    let protocols = said["protocols"].as_array().map(Vec::as_slice);
    let mut known = protocols.unwrap_or_default().iter().filter(|it| **it != "");
    let wanted = if http3 { "h3" } else { "h2" };
    let wrong = known.clone().any(|protocol| protocol != wanted);
    match wrong || (http3 && known.next().is_none()) {
        true => Err(format!("not everything came over {wanted}: {protocols:?}")),
        false => Ok(()),
    }
}

/// Gives the page its size; says where on the screen it is.
fn settle(driver: &mut Driver, link: &Link) -> Result<Window, String> {
    let script = "const done = arguments[arguments.length - 1];
        setTimeout(() => done([outerWidth, outerHeight, innerWidth, innerHeight,
            window.mozInnerScreenX ?? screenX + (outerWidth - innerWidth) / 2,
            window.mozInnerScreenY ?? screenY + outerHeight - innerHeight]), 300)";
    driver.place(link, VIEWPORT.0, VIEWPORT.1)?;
    let mut measures = numbers(&driver.evaluate(link, script)?);
    for _ in 0..5 {
        let [outer_width, outer_height, width, height, left, top] = measures[..] else {
            return Err("the browser does not say how large its window is".into());
        };
        if (width, height) == VIEWPORT {
            return Ok([left, top, width, height].map(|number| number as usize));
        }
        let width = VIEWPORT.0 + outer_width.saturating_sub(width);
        let height = VIEWPORT.1 + outer_height.saturating_sub(height);
        driver.place(link, width, height)?;
        measures = numbers(&driver.evaluate(link, script)?);
    }
    Err(format!("the window does not take its size: {measures:?}"))
}

fn numbers(value: &Value) -> Vec<u64> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |value: &Value| value.as_f64().map(|number| number.round() as u64);
    list.iter().filter_map(number).collect()
}

/// Waits until the page has loaded and rests; returns what it says of itself then.
fn loaded(driver: &mut Driver, link: &Link) -> Result<Value, String> {
    let deadline = Instant::now() + LIMIT;
    let mut since = None;
    loop {
        // A page that is just being exchanged for another cannot answer.
        let said = driver.evaluate(link, include_str!("said.js"));
        let there = said
            .as_ref()
            .is_ok_and(|said| said["load"].is_f64() || said["load"].is_u64());
        match (said, since) {
            (Ok(said), Some(since)) if there && Instant::now() - since > REST => return Ok(said),
            (_, None) if there => since = Some(Instant::now()),
            (Err(error), _) if Instant::now() > deadline => return Err(error),
            _ if Instant::now() > deadline => return Err(format!("not loaded after {LIMIT:?}")),
            _ => {}
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn develop(said: &Value, shots: Vec<Shot>, window: Window) -> Result<Run, String> {
    let milliseconds = |value: &Value| {
        let value = value.as_f64()?;
        Duration::try_from_secs_f64(value / 1000.0).ok()
    };
    let origin = milliseconds(&said["origin"]).ok_or("the page does not say when it began")?;
    let origin = SystemTime::UNIX_EPOCH + origin;
    let frame = |shot: Shot| {
        let at = shot.at.duration_since(origin).ok()?;
        let picture = Picture {
            width: window[2] as u32,
            height: window[3] as u32,
            pixels: shot.rgb,
        };
        let jpeg = baseline_jpeg(&picture, QUALITY);
        Some(Frame { at, jpeg })
    };
    let boxes = said["pictures"].as_array().map(Vec::as_slice);
    let boxes = boxes.unwrap_or_default().iter().filter_map(|value| {
        let numbers: Vec<f64> = value.as_array()?.iter().filter_map(Value::as_f64).collect();
        numbers.try_into().ok()
    });
    Ok(Run {
        frames: shots.into_iter().filter_map(frame).collect(),
        fcp: milliseconds(&said["fcp"]),
        lcp: milliseconds(&said["lcp"]),
        load: milliseconds(&said["load"]),
        pictures: boxes.collect(),
        viewport: (VIEWPORT.0 as u32, VIEWPORT.1 as u32),
        ..Run::default()
    })
}
