//! The picture of the README: the sample page half loaded, without Firstlight and with it, both
//! photographed in a real browser at the far end of the same emulated link.

use std::fs;
use std::io::Cursor;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use gallery::Site;
use server::{Config, Server};
use testkit::film::Frame;
use testkit::{Browser, Film, Link, Page, Profile};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::shell::{self, Outcome};

/// What `picture` takes.
#[derive(Args)]
pub struct Options {
    /// The link, one of the test rig's profiles
    #[arg(long, default_value = "3g-fast")]
    link: String,
    /// The moment, in milliseconds after the start of the navigation
    #[arg(long, default_value_t = 2500)]
    at: u64,
    /// Where the picture goes
    #[arg(long, default_value = "docs/halfway.png")]
    output: PathBuf,
}

/// The window, in CSS pixels.
const WINDOW: (u32, u32) = (1280, 1024);
/// The picture.
const WIDTH: u32 = 1600;
/// Photographs as `firstlight demo` has them.
const PHOTOGRAPH: (u32, u32, u64) = (1600, 1066, 2026);
/// What a reader of the README has to wait for at most.
const MOST_BYTES: usize = 600_000;
/// The coarsest step of brightness, of 255, that still looks smooth.
const MOST_STEP: u16 = 6;
const LIMIT: Duration = Duration::from_secs(120);

/// Makes it.
///
/// # Errors
/// There is no browser or no link, or something did not load.
pub fn run(options: &Options) -> Outcome {
    let profile: Profile = options.link.parse().map_err(shown)?;
    let link = Link::new(profile).map_err(shown)?;
    let runtime = Runtime::new().map_err(shown)?;
    let origin = runtime.block_on(start_site())?;
    let moment = Duration::from_millis(options.at);
    let visit = |with| {
        let server = runtime.block_on(async { start_server(&origin, with) })?;
        Visit::new(&link, &server, moment)
    };
    let (without, with) = (visit(false)?, visit(true)?);
    let picture = compose(profile, moment, [&without, &with])?;
    let path = shell::root().join(&options.output);
    fs::write(&path, &picture).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("{}: {} bytes", path.display(), picture.len());
    Ok(())
}

fn shown(error: impl std::error::Error) -> String {
    error.to_string()
}

async fn start_site() -> Result<String, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(shown)?;
    let address = listener.local_addr().map_err(shown)?;
    let (width, height, seed) = PHOTOGRAPH;
    let site = Arc::new(Site::new(width, height, seed));
    site.warm();
    tokio::spawn(gallery::serve(listener, site));
    Ok(format!("http://{address}"))
}

/// Firstlight as it is without settings; or, not `with` what it does, a plain HTTP/2 server that
/// passes the origin's own files on.
fn start_server(origin: &str, with: bool) -> Result<Server, String> {
    let mut config = Config::for_origin(origin).map_err(shown)?;
    config.front.https = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))];
    config.front.http2.order = with;
    for site in &mut config.site {
        site.images.enabled = with;
        site.access_log.enabled = false;
    }
    Server::start(config).map_err(shown)
}

/// What a new visitor at the other end of the link sees.
struct Visit {
    /// The screen at the moment.
    screen: Frame,
    /// When the page had loaded.
    loaded: Duration,
    /// The browser.
    browser: String,
}

impl Visit {
    fn new(link: &Link, server: &Server, moment: Duration) -> Result<Self, String> {
        let addresses = server.addresses();
        let port = addresses.first().map(|address| address.0.socket.port());
        let port = port.ok_or("the server has no address")?;
        let address = |link: &Link| format!("https://{}:{port}/", link.server_address());
        // Everything is computed and kept before: the link is what is photographed.
        let fast = Link::new(Profile::HUNDRED_MBIT).map_err(shown)?;
        let near = Browser::launch_in(&fast).map_err(shown)?;
        load(&near, WINDOW, &address(&fast))?;
        near.close();
        let far = Browser::launch_in(link).map_err(shown)?;
        let meter = link.meter().map_err(shown)?;
        let (page, loaded) = load(&far, WINDOW, &address(link))?;
        let film = Film::of(&page, &meter).map_err(shown)?;
        let screen = film.screen(moment).cloned();
        drop(page);
        let browser = far.version().map_err(shown)?;
        far.close();
        Ok(Self {
            screen: screen.ok_or_else(|| format!("nothing on the screen after {moment:?}"))?,
            loaded,
            browser: name(&browser),
        })
    }
}

/// `Chromium 156` of `HeadlessChrome/156.0.8078.79`.
fn name(product: &str) -> String {
    let version = product.split('/').nth(1).unwrap_or_default();
    format!("Chromium {}", version.split('.').next().unwrap_or_default())
}

/// Opens a page, films it and waits until it has loaded; says when that was.
fn load(
    browser: &Browser,
    (width, height): (u32, u32),
    address: &str,
) -> Result<(Page, Duration), String> {
    let mut page = browser.open(width, height).map_err(shown)?;
    page.start_screencast().map_err(shown)?;
    page.navigate(address).map_err(shown)?;
    let loaded = page.wait_for_load(LIMIT).map_err(shown)?;
    match page.problems().first() {
        None => Ok((page, loaded)),
        Some(problem) => Err(format!("{}: {}", problem.url, problem.message)),
    }
}

/// Both screens side by side with what they are, photographed by the same browser.
fn compose(profile: Profile, moment: Duration, visits: [&Visit; 2]) -> Result<Vec<u8>, String> {
    let folder = std::env::temp_dir().join(format!("firstlight-picture-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(shown)?;
    let drawn = draw(&folder, profile, moment, visits);
    let _ = fs::remove_dir_all(&folder);
    smaller(&drawn?)
}

fn draw(
    folder: &Path,
    profile: Profile,
    moment: Duration,
    visits: [&Visit; 2],
) -> Result<Vec<u8>, String> {
    for (name, visit) in ["without.jpg", "with.jpg"].into_iter().zip(visits) {
        fs::write(folder.join(name), &visit.screen.jpeg).map_err(shown)?;
    }
    let file = folder.join("page.html");
    fs::write(&file, page(profile, moment, visits)).map_err(shown)?;
    let address = format!("file://{}", file.display());
    let browser = Browser::launch().map_err(shown)?;
    let height = {
        let (page, _) = load(&browser, (WIDTH, 800), &address)?;
        let height = "Math.ceil(document.body.getBoundingClientRect().height)";
        page.evaluate(height).map_err(shown)?.as_u64()
    };
    let height = height.ok_or("the page has no height")? as u32;
    let (page, _) = load(&browser, (WIDTH, height), &address)?;
    let drawn = page.screenshot().map_err(shown)?;
    drop(page);
    browser.close();
    Ok(drawn)
}

fn page(profile: Profile, moment: Duration, [without, with]: [&Visit; 2]) -> String {
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let figure = |file: &str, what: &str, how: &str, visit: &Visit| {
        format!(
            "<figure><figcaption><b>{what}</b> {how}</figcaption><img src='{file}'>\
             <p>Whole page loaded after {}</p></figure>",
            seconds(visit.loaded)
        )
    };
    let conditions = format!(
        "The same page, {} after the visitor asked for it. {:.1} Mbit/s, {} ms round trip, {}.",
        seconds(moment),
        f64::from(profile.down_kbit) / 1000.0,
        profile.rtt.as_millis(),
        with.browser,
    );
    format!(
        "<!doctype html><meta charset=utf-8><style>{STYLE}</style><body><h1>{conditions}</h1><main>{}{}</main>",
        figure(
            "without.jpg",
            "Without Firstlight:",
            "the site’s own files over plain HTTP/2",
            without
        ),
        figure(
            "with.jpg",
            "With Firstlight:",
            "the same site, nothing changed in it",
            with
        ),
    )
}

const STYLE: &str = "
* { box-sizing: border-box; margin: 0 }
body { padding: 20px; background: #2b2d31; color: #f4f2ee; font: 21px/1.4 sans-serif }
h1 { font-size: 21px; font-weight: 400; text-align: center; padding-bottom: 16px }
main { display: flex; gap: 20px }
figure { flex: 1 }
figcaption { padding-bottom: 8px }
img { display: block; width: 100%; border-radius: 6px }
p { padding-top: 8px; color: #c9c5bd }
";

/// The same picture in fewer bytes, opaque as it is: a screenshot is written for speed, and the
/// last bits of a channel are noise that nobody sees but every compressor keeps. As many steps of
/// brightness stay as fit.
fn smaller(picture: &[u8]) -> Result<Vec<u8>, String> {
    let mut decoder = png::Decoder::new(Cursor::new(picture));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(shown)?;
    let mut pixels = vec![
        0;
        reader
            .output_buffer_size()
            .ok_or("the picture is too large")?
    ];
    let frame = reader.next_frame(&mut pixels).map_err(shown)?;
    let samples = frame.color_type.samples();
    if samples < 3 {
        return Err("the browser wrote no colours".into());
    }
    for step in 1..=MOST_STEP {
        let round = |value: u16| ((value + step / 2) / step * step).min(255) as u8;
        let round = |value: &u8| round(u16::from(*value));
        let opaque: Vec<u8> = pixels
            .chunks_exact(samples)
            .flat_map(|pixel| pixel[..3].iter().map(round))
            .collect();
        let bytes = write(&opaque, frame.width, frame.height)?;
        if bytes.len() <= MOST_BYTES {
            return Ok(bytes);
        }
    }
    Err(format!("the picture takes more than {MOST_BYTES} bytes"))
}

fn write(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(shown)?;
    writer.write_image_data(pixels).map_err(shown)?;
    writer.finish().map_err(shown)?;
    Ok(bytes)
}
