//! The browser on pages of an [`Origin`]; one browser for all, as starting one
//! takes a second.

use super::*;
use testkit::{Origin, Reply};

fn browser() -> Option<Browser> {
    match Browser::launch() {
        Ok(browser) => Some(browser),
        Err(error) if error.is_missing() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_loaded_photographed_and_listened_to() {
    let _network = crate::NETWORK.lock().await;
    let origin = Origin::start().await.unwrap();
    let icon = "<link rel=icon href=data:,>";
    origin.reply(
        "/good",
        Reply::html(format!("{icon}<body style='background:#08f'>")),
    );
    let bad =
        format!("{icon}<img src=/missing.jpg><script>console.error('so', 4); nothing()</script>");
    origin.reply("/bad", Reply::html(bad));
    let url = |path: &str| origin.url(path);
    let (good, bad) = (url("/good"), url("/bad"));
    let work = move || {
        let Some(browser) = browser() else { return };
        assert!(browser.version().unwrap().contains("Chrome/"));
        let profile = browser.profile.clone();
        let mut page = browser.open(320, 200).unwrap();
        page.start_screencast().unwrap();
        page.navigate(&good).unwrap();
        page.wait_for_load(LIMIT).unwrap();
        assert_eq!(page.problems(), []);
        assert_eq!(
            page.evaluate("[innerWidth, innerHeight]").unwrap(),
            json!([320, 200])
        );
        let picture = page.screenshot().unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        assert_eq!(picture[16..24], [0, 0, 1, 64, 0, 0, 0, 200]);
        let seen = page.responses();
        assert_eq!(
            (seen[0].status, seen[0].protocol.as_str()),
            (200, "http/1.1")
        );
        let frames = page.frames().unwrap();
        assert!(
            frames
                .iter()
                .all(|(at, frame)| *at < LIMIT && frame.jpeg.starts_with(&[0xff, 0xd8]))
        );
        assert!(!frames.is_empty());

        page.navigate(&bad).unwrap();
        page.wait_for_load(LIMIT).unwrap();
        let problems = page.problems();
        let has = |kind, part: &str| {
            problems
                .iter()
                .any(|problem| problem.kind == kind && problem.message.contains(part))
        };
        assert!(has(ProblemKind::Console, "so 4"), "{problems:?}");
        assert!(has(ProblemKind::Console, "404"), "{problems:?}");
        assert!(
            has(ProblemKind::Exception, "nothing is not defined"),
            "{problems:?}"
        );
        assert!(matches!(
            page.evaluate("throw new Error('x')"),
            Err(BrowserError::Script(_))
        ));
        drop(page);
        browser.close();
        assert!(!profile.exists());
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screenshot_in_mid_load_shows_what_has_come() {
    let _network = crate::NETWORK.lock().await;
    let origin = Origin::start().await.unwrap();
    let start = "<link rel=icon href=data:,><title>half</title><body style='background:#08f'>";
    let (reply, gate) = Reply::html(start).then_hold();
    origin.reply("/slow", reply.body("<p>the end"));
    let slow = origin.url("/slow");
    let work = move || {
        let Some(browser) = browser() else { return };
        let mut page = browser.open(200, 100).unwrap();
        page.navigate(&slow).unwrap();
        page.wait_until(Duration::from_millis(300));
        let early = page.wait_for_load(Duration::from_millis(1));
        assert!(matches!(early, Err(BrowserError::TimedOut(_))), "{early:?}");
        // The half that has come may be slow to be read.
        let title = "new Promise(done => { const look = () =>
            document.title ? done(document.title) : setTimeout(look, 10); look(); })";
        assert_eq!(page.evaluate(title).unwrap(), "half");
        assert!(page.screenshot().unwrap().starts_with(b"\x89PNG"));
        drop(gate);
        let loaded = page.wait_for_load(LIMIT).unwrap();
        assert!(loaded >= Duration::from_millis(300), "{loaded:?}");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_in_a_link_sees_the_server_through_it() {
    let _network = crate::NETWORK.lock().await;
    let link = match Link::new(crate::Profile::CABLE) {
        Ok(link) => link,
        Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
        Err(error) => panic!("{error}"),
    };
    let origin = Origin::start_on(link.server_address().into())
        .await
        .unwrap();
    let body = format!("<link rel=icon href=data:,>{}", "x".repeat(60_000));
    origin.reply("/", Reply::html(body));
    let url = origin.url("/");
    let work = move || {
        let browser = match Browser::launch_in(&link) {
            Ok(browser) => browser,
            Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        };
        let mut page = browser.open(200, 100).unwrap();
        page.navigate(&url).unwrap();
        let loaded = page.wait_for_load(LIMIT).unwrap();
        let least = link.profile().limit(60_000);
        assert!(loaded > least, "{loaded:?}, the link needs {least:?}");
        assert!(link.carried().down_bytes > 60_000);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_site_opens_without_a_complaint() {
    let _network = crate::NETWORK.lock().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let site = Arc::new(gallery::Site::new(120, 80, 1));
    tokio::spawn(gallery::serve(listener, site));
    let work = move || {
        let Some(browser) = browser() else { return };
        let mut page = browser.open(1280, 800).unwrap();
        page.navigate(&url).unwrap();
        page.wait_for_load(LIMIT).unwrap();
        let font = "document.fonts.ready.then(() => [...document.fonts].map(font => font.status))";
        assert_eq!(page.evaluate(font).unwrap(), json!(["loaded"]));
        let shown = "[...document.images].filter(image => image.loading != 'lazy')
            .every(image => image.complete && image.naturalWidth > 0)";
        assert_eq!(page.evaluate(shown).unwrap(), json!(true));
        let measured = page
            .evaluate("document.getElementById('measured').textContent")
            .unwrap();
        assert!(
            measured.as_str().unwrap().contains("PHOTOGRAPHS"),
            "{measured}"
        );
        let about = page
            .evaluate("fetch('/about.html').then(answer => answer.status)")
            .unwrap();
        assert_eq!(about, json!(200));
        assert_eq!(page.problems(), []);
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}
