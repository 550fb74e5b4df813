//! The demo in a real browser: at once near the server, and in mid-load at the far end of a slow
//! link.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;
use testkit::{Browser, Film, Link, Page, Profile};

use crate::alone;
use crate::screen::{Area, Screen, missing};
use crate::support::{Folder, PATIENCE, Running, port_in};

/// The window, in CSS pixels: the opening photograph and two rows of the gallery.
const WINDOW: (u32, u32) = (1280, 1024);
/// The share of the visible photographs' bytes after which all of them must have been on the
/// screen. Bytes of everything else count too: no more than this share can have come.
const MIDWAY: f64 = 0.35;
/// A photograph is there when no quarter of it misses more than this.
const THERE: f64 = 0.2;
/// Its lower half is blank when both quarters miss more than this.
const BLANK: f64 = 0.8;
/// Loads over the link until one painted in time.
const TRIES: usize = 3;

/// One test, as both parts need the demo with its photographs painted.
#[test]
fn the_demo_opens_in_a_browser_and_shows_every_preview_early() {
    let _alone = alone();
    let Some(near) = Near::launch() else { return };
    let listen = "0.0.0.0:0";
    let mut demo = Running::start(&["demo", "--listen", listen, "--width", "1600"]);
    let lines = demo.says(2);
    let (with, origin) = (port_in(&lines[0]), port_in(&lines[1]));
    let page = near.open(with);
    check_everything(&page, origin);
    let sight = Sight::of(&page);
    drop((page, near));
    previews_come_first(with, origin, &sight);
}

/// A browser that is near the server: at the other end of a fast link, or on this machine's own
/// network where a link cannot be had. There, every interface that comes or goes, whoever's it is,
/// makes Chromium give up what it loads (`ERR_NETWORK_CHANGED`).
pub struct Near {
    browser: Browser,
    link: Option<Link>,
}

impl Near {
    pub fn launch() -> Option<Self> {
        let link = link(Profile::HUNDRED_MBIT);
        let browser = link
            .as_ref()
            .map_or_else(Browser::launch, Browser::launch_in);
        match browser {
            Ok(browser) => Some(Self { browser, link }),
            Err(error) if error.is_missing() => {
                eprintln!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A server's first page, loaded to the last photograph.
    pub fn open(&self, port: u16) -> Page {
        let mut page = self.browser.open(WINDOW.0, WINDOW.1).unwrap();
        let server = self.link.as_ref().map(Link::server_address);
        let server = server.unwrap_or(Ipv4Addr::LOCALHOST);
        for _ in 0..TRIES {
            page.navigate(&format!("https://{server}:{port}/")).unwrap();
            page.wait_for_load(PATIENCE).unwrap();
            page.evaluate(BRING).unwrap();
            let mut problems = page.problems().into_iter();
            if !problems.any(|problem| problem.message.contains("ERR_NETWORK_CHANGED")) {
                break;
            }
        }
        page
    }
}

/// Brings every photograph, also those that load when they come near.
const BRING: &str = "Promise.allSettled([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode();
})).then(() => true)";

/// `None`, said loudly, where the machine cannot have one.
fn link(profile: Profile) -> Option<Link> {
    match Link::new(profile) {
        Ok(link) => Some(link),
        Err(error) if error.is_missing() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The whole page: decoded, over HTTP/2, without a complaint, and in fewer bytes than the origin
/// has it.
fn check_everything(page: &Page, origin: u16) {
    assert_eq!(page.problems(), []);
    let photographs = page.evaluate(PHOTOGRAPHS).unwrap();
    let photographs = photographs.as_array().unwrap();
    assert!(photographs.len() >= 12, "{photographs:?}");
    for photograph in photographs {
        assert_eq!(photograph["width"], 1600, "{photograph}");
        assert_eq!(photograph["protocol"], "h2", "{photograph}");
        let path = photograph["path"].as_str().unwrap();
        let before = length_at(origin, path);
        let after = photograph["bytes"].as_u64().unwrap();
        assert!(
            after > 0 && after < before * 9 / 10,
            "{path}: {after} of {before}"
        );
    }
    for response in page.responses() {
        assert_eq!(response.status, 200, "{response:?}");
        let secure = response.url.starts_with("https://");
        assert!(!secure || response.protocol == "h2", "{response:?}");
    }
}

/// What every photograph became.
const PHOTOGRAPHS: &str = "[...document.images]
    .filter(image => image.src.includes('/photographs/'))
    .map(photograph => {
        const [entry] = performance.getEntriesByName(photograph.currentSrc);
        return {
            path: new URL(photograph.currentSrc).pathname,
            width: photograph.complete ? photograph.naturalWidth : 0,
            bytes: entry.encodedBodySize,
            protocol: entry.nextHopProtocol,
        };
    })";

/// The length of a file at the origin.
fn length_at(port: u16, path: &str) -> u64 {
    let response = crate::support::get(port, path);
    let (head, _) = response.split_once("\r\n\r\n").unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    length.unwrap().parse().unwrap()
}

/// The page as it looks in the end, and without its photographs.
struct Sight {
    whole: Screen,
    blank: Screen,
    /// Visible photographs: where they are, and how many bytes they take.
    photographs: Vec<(String, Area)>,
    bytes: u64,
}

impl Sight {
    fn of(page: &Page) -> Self {
        let visible = page.evaluate(VISIBLE).unwrap();
        let visible = visible.as_array().unwrap();
        let number = |photograph: &Value, name: &str| photograph[name].as_u64().unwrap();
        let photographs = visible.iter().map(|photograph| {
            let side = |name| number(photograph, name) as usize;
            let area = Area {
                left: side("left"),
                top: side("top"),
                width: side("width"),
                height: side("height"),
            };
            (photograph["path"].as_str().unwrap().to_owned(), area)
        });
        let whole = Screen::from_png(&page.screenshot().unwrap());
        page.evaluate(WITHOUT).unwrap();
        Self {
            whole,
            blank: Screen::from_png(&page.screenshot().unwrap()),
            photographs: photographs.collect(),
            bytes: visible
                .iter()
                .map(|photograph| number(photograph, "bytes"))
                .sum(),
        }
    }

    /// What of each visible photograph is missing at a moment of a film.
    fn missing_at(&self, film: &Film, moment: Duration) -> Vec<Missing> {
        let frame = film.screen(moment).expect("nothing was on the screen");
        let now = Screen::from_jpeg(&frame.jpeg);
        let missing = |area| missing(&now, &self.blank, &self.whole, area);
        let photographs = self.photographs.iter();
        photographs
            .map(|(path, area)| (path.clone(), missing(*area)))
            .collect()
    }
}

/// A photograph by its path, and what of it is missing, see [`missing`].
type Missing = (String, [f64; 4]);

/// Whether the whole of it can be seen.
fn is_there((_, quarters): &Missing) -> bool {
    quarters.iter().all(|share| *share < THERE)
}

/// Whether nothing of its lower half can be seen.
fn is_blank((_, quarters): &Missing) -> bool {
    quarters[2..].iter().all(|share| *share > BLANK)
}

/// Photographs that are wholly in the window, without their rounded corners.
const VISIBLE: &str = "[...document.images].flatMap(photograph => {
    const box = photograph.getBoundingClientRect();
    const inside = box.top >= 0 && box.bottom <= innerHeight;
    if (!photograph.src.includes('/photographs/') || !inside) return [];
    return [{
        path: new URL(photograph.currentSrc).pathname,
        left: Math.ceil(box.left) + 4,
        top: Math.ceil(box.top) + 4,
        width: Math.floor(box.width) - 8,
        height: Math.floor(box.height) - 8,
        bytes: performance.getEntriesByName(photograph.currentSrc)[0].encodedBodySize,
    }];
})";

/// Takes the photographs away and leaves their places.
const WITHOUT: &str = "Promise.all([...document.images]
    .filter(image => image.src.includes('/photographs/'))
    .map(image => {
        image.src = 'data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7';
        return image.decode();
    })).then(() => true)";

/// Over a slow link, at a moment when little more than a third of the visible photographs can have
/// come: all of them are there to be seen; and at that same moment of a plain server, one at least is
/// not.
fn previews_come_first(with: u16, origin: u16, sight: &Sight) {
    let Some(link) = link(Profile::FAST_3G) else {
        return;
    };
    assert!(sight.photographs.len() >= 6, "{:?}", sight.photographs);
    let folder = Folder::new();
    let (_plain, without) = plain_server(origin, &folder);
    let bytes = (sight.bytes as f64 * MIDWAY) as u64;
    let mut tries = (0..TRIES).map(|_| {
        let film = film(&link, with, bytes, Duration::ZERO);
        let moment = film.last_below(bytes).unwrap();
        (moment, sight.missing_at(&film, moment))
    });
    let all_seen = |missing: &[Missing]| missing.iter().all(is_there);
    let first = tries.next().unwrap();
    let (moment, missing) = match all_seen(&first.1) {
        true => first,
        // The browser may have been kept from painting in time.
        false => tries
            .find(|(_, missing)| all_seen(missing))
            .unwrap_or(first),
    };
    assert!(
        all_seen(&missing),
        "after {moment:?} and {bytes} bytes: {missing:.2?}"
    );
    let film = film(&link, without, bytes, moment);
    let missing = sight.missing_at(&film, moment);
    assert!(
        missing.iter().any(is_blank),
        "after {moment:?}, without: {missing:.2?}"
    );
}

/// The same server as an ordinary one: the origin's own files, and no order of its own.
fn plain_server(origin: u16, folder: &Folder) -> (Running, u16) {
    let file = folder.file("plain.toml");
    let configuration = format!(
        "[front]\nhttps = ['0.0.0.0:0']\nhttp2.order = false\n\
         [[site]]\norigin = 'http://127.0.0.1:{origin}'\n\
         images.enabled = false\naccess_log.enabled = false\n"
    );
    std::fs::write(&file, configuration).unwrap();
    let mut server = Running::start(&["serve", "--config", &file]);
    let port = port_in(&server.hears("serving https://"));
    (server, port)
}

/// Films a new visitor's page until so many bytes have come and so much time has passed.
fn film(link: &Link, port: u16, bytes: u64, time: Duration) -> Film {
    let browser = Browser::launch_in(link).unwrap();
    let mut page = browser.open(WINDOW.0, WINDOW.1).unwrap();
    page.start_screencast().unwrap();
    let meter = link.meter().unwrap();
    let address = format!("https://{}:{port}/", link.server_address());
    page.navigate(&address).unwrap();
    let arrived = meter.wait_for(bytes + 1, PATIENCE);
    assert!(arrived, "only {:?}", meter.arrivals().last());
    page.wait_until(time);
    let film = Film::of(&page, &meter).unwrap();
    drop(page);
    browser.close();
    film
}
