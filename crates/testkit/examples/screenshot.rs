//! Photographs a page in a browser, once loaded or in the middle of it:
//!
//! ```text
//! cargo run -p firstlight-testkit --example screenshot -- URL FILE.png [WIDTHxHEIGHT] [MILLISECONDS] [LINK]
//! ```
//!
//! `gallery` instead of a URL starts the sample site. With a link (`lab`, `3g-fast` …; needs
//! root) the browser sits at its far end.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use firstlight_testkit::{Browser, Link, Profile};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file, rest @ ..] = arguments.as_slice() else {
        return Err("name a URL and a file".into());
    };
    let size = rest.first().map_or("1280x800", String::as_str);
    let (width, height) = size.split_once('x').ok_or("the size is WIDTHxHEIGHT")?;
    let moment = rest.get(1).map(|moment| moment.parse()).transpose()?;
    let profile = rest
        .get(2)
        .map(|name| Profile::named(name).ok_or("no link of that name"))
        .transpose()?;
    let link = profile.map(Link::new).transpose()?;
    let browser = match &link {
        Some(link) => Browser::launch_in(link)?,
        None => Browser::launch()?,
    };
    let server = link
        .as_ref()
        .map_or(Ipv4Addr::LOCALHOST, Link::server_address);
    let runtime = tokio::runtime::Runtime::new()?;
    let url = match url.as_str() {
        "gallery" => runtime.block_on(start_gallery(server.into()))?,
        url => url.to_owned(),
    };
    let mut page = browser.open(width.parse()?, height.parse()?)?;
    page.navigate(&url)?;
    match moment {
        Some(moment) => page.wait_until(Duration::from_millis(moment)),
        None => println!(
            "loaded after {:?}",
            page.wait_for_load(Duration::from_secs(120))?
        ),
    }
    std::fs::write(file, page.screenshot()?)?;
    for problem in page.problems() {
        println!("{problem:?}");
    }
    drop(page);
    browser.close();
    Ok(())
}

async fn start_gallery(address: IpAddr) -> Result<String, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind((address, 0)).await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let site = Arc::new(gallery::Site::default());
    site.warm();
    tokio::spawn(gallery::serve(listener, site));
    Ok(url)
}
