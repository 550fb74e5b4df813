//! Client hints as a real browser sends them to a page that asks, and what becomes of pictures.

use std::fs;

use gallery::Site;
use testkit::{Origin, Received, Reply};

use crate::alone;
use crate::browser::Near;
use crate::site::PHOTOGRAPHS;
use crate::support::{Folder, Running, port_in};

const PAGE: &str = "<!doctype html><title>Hints</title>\
    <img src=\"/photographs/lake.jpg\" width=240 height=160>";

#[test]
fn a_browser_says_what_pages_ask_for() {
    let _alone = alone();
    let Some(near) = Near::launch() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let origin = runtime.block_on(Origin::start()).unwrap();
    let photograph = Site::new(960, 640, 2026).get(PHOTOGRAPHS[0]).unwrap().body;
    let picture = Reply::ok("image/jpeg", photograph).header("cache-control", "no-store");
    origin.reply("/", Reply::html(PAGE));
    origin.reply(PHOTOGRAPHS[0], picture);
    let folder = Folder::new();
    let file = folder.file("hints.toml");
    let configuration = format!(
        "[front]\nhttps = ['0.0.0.0:0']\n[[site]]\norigin = '{}'\n\
         images.policy.width_hints = true\naccess_log.enabled = false\n",
        origin.url("")
    );
    fs::write(&file, configuration).unwrap();
    let mut server = Running::start(&["serve", "--config", &file]);
    let page = near.open(port_in(&server.hears("serving https://")));
    let received = origin.received();
    let hints = |request: &Received| {
        let header = |name| request.header(name).map(str::to_owned);
        (header("sec-ch-width"), header("sec-ch-dpr"))
    };
    let asked: Vec<_> = received
        .iter()
        .filter(|request| request.target == PHOTOGRAPHS[0])
        .map(hints)
        .collect();
    let said = (Some("240".to_owned()), Some("1".to_owned()));
    assert!(asked.contains(&said), "{asked:?}");
    let width = page.evaluate("document.images[0].naturalWidth").unwrap();
    assert_eq!(width, 320, "the next of the widths that are made");
}
