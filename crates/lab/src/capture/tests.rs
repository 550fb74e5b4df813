//! Filming pages of an [`Origin`] without a link; one with a link is filmed by the tests of the
//! command.

use std::sync::Arc;

use testkit::{Origin, Reply};

use super::*;
use crate::Profile;

#[test]
fn the_page_s_own_host_is_what_leads_to_the_server() {
    for (url, expected) in [
        ("https://example.com/a?b", "example.com:443"),
        ("http://example.com", "example.com:80"),
        ("http://u:p@example.com:81/#x", "example.com:81"),
        ("https://[::1]/", "[::1]:443"),
        ("https://[::1]:8443/", "[::1]:8443"),
    ] {
        assert_eq!(authority(url), expected);
    }
}

fn side(name: &str, url: String, server: SocketAddr) -> Side {
    Side {
        name: name.into(),
        url,
        server,
        http: Http::Two,
        features: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_are_filmed_in_turns() {
    let _network = crate::NETWORK.lock().await;
    let origin = Origin::start().await.unwrap();
    let icon = "<link rel=icon href=data:,><title>t</title>";
    let picture = "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='60'/>";
    let reply = Reply::new(200)
        .header("content-type", "image/svg+xml")
        .body(picture);
    origin.reply("/p.svg", reply);
    let page = format!(
        "{icon}<body style='margin:10px'><p>words</p><img src=/p.svg><img src=http://other.test/x.png>"
    );
    origin.reply("/", Reply::html(page));
    let server = origin.address();
    let work = move || {
        let stage = Stage::set(Profile::CABLE, Some(Emulation::None)).unwrap();
        let one = side("one", "http://site.test/".into(), server);
        let two = side("two", "http://127.0.0.1:4000/".into(), server);
        let capture = Capture {
            runs: 2,
            viewport: (320, 200),
            ..Capture::default()
        };
        let mut order = Vec::new();
        let mut tell = |progress: Progress<'_>| {
            if let Progress::Begins { side, number, .. } = progress {
                order.push(format!("{side}{number}"));
            }
        };
        let film = capture.compare(&stage, [&one, &two], &Stop::default(), &mut tell);
        let film = match film {
            Ok(film) => film,
            Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(order, ["one0", "two0", "one1", "two1", "one2", "two2"]);
        assert!(film.conditions.browser.contains("Chrome/"));
        assert_eq!(film.conditions.link, "none");
        for series in [&film.without, &film.with] {
            assert_eq!(series.runs.len(), 2);
            for run in &series.runs {
                check(run);
            }
        }
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

fn check(run: &Run) {
    assert!(run.frames.is_sorted_by_key(|frame| frame.at));
    assert!(run.fcp.is_some() && run.lcp.is_some() && run.load >= run.fcp.min(run.load));
    assert_eq!(run.viewport, (320, 200));
    // The picture of the other host is not there.
    let [[x, _, width, height]] = run.pictures[..] else {
        panic!("{:?}", run.pictures);
    };
    assert_eq!((x, width, height), (10.0, 90.0, 60.0));
    let seen = |path: &str| run.resources.iter().find(|seen| seen.url.ends_with(path));
    let picture = seen("/p.svg").unwrap();
    assert_eq!((picture.status, &*picture.kind), (200, "Image"));
    assert!(picture.bytes > 0 && picture.times.iter().all(Option::is_some));
    assert!(picture.times.is_sorted() && picture.times[0] >= run.resources[0].times[0]);
    assert_eq!(seen("/x.png").unwrap().status, 0);
    assert_eq!(run.resources[0].kind, "Document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_what_other_hosts_give_it_and_is_not_mistaken_for_theirs() {
    let _network = crate::NETWORK.lock().await;
    let picture = "<svg xmlns='http://www.w3.org/2000/svg' width='90' height='60'/>";
    let picture = Reply::ok("image/svg+xml", picture);
    let page = "<link rel=icon href=data:,><p>words</p><img src=http://other.test/x.svg>";
    let [site, other] = [
        Origin::start().await.unwrap(),
        Origin::start().await.unwrap(),
    ];
    site.reply("/", Reply::html(page));
    let moved = Reply::new(302).header("location", "http://other.test/");
    site.reply("/moved", moved);
    other.reply("/", Reply::html("<title>t</title><p>words</p>"));
    other.reply("/x.svg", picture);
    let mut stage = Stage::set(Profile::CABLE, Some(Emulation::None)).unwrap();
    let known = [("other.test".to_owned(), other.address())].into();
    stage.reach_known(known).await.unwrap();
    let server = site.address();
    let work = move || {
        let [page, moved] =
            ["/", "/moved"].map(|path| side("page", format!("http://site.test{path}"), server));
        let capture = Capture {
            runs: 1,
            discarded: 0,
            ..Capture::default()
        };
        let film = |side| capture.in_turns(&stage, &[side], &Stop::default(), &mut |_| {});
        let series = match film(&page) {
            Ok(series) => series,
            Err(error) if error.is_missing() => return eprintln!("skipped: {error}"),
            Err(error) => panic!("{error:?}"),
        };
        let mut seen = series[0].runs[0].resources.iter();
        let picture = seen.find(|seen| seen.url == "http://other.test/x.svg");
        assert_eq!(picture.map(|seen| seen.status), Some(200));
        let error = film(&moved).err().unwrap().to_string();
        assert_eq!(error, "http://site.test/moved leads to http://other.test/");
    };
    tokio::task::spawn_blocking(work).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_answers_can_be_stopped() {
    let _network = crate::NETWORK.lock().await;
    let origin = Origin::start().await.unwrap();
    let (reply, gate) = Reply::html("<title>t</title>").then_hold();
    origin.reply("/", reply);
    let server = origin.address();
    let stop = Arc::new(Stop::default());
    let stopper = Arc::clone(&stop);
    let work = move || {
        let stage = Stage::set(Profile::CABLE, Some(Emulation::None)).unwrap();
        let page = side("page", "http://site.test/".into(), server);
        let mut tell = |progress: Progress<'_>| {
            let stopper = Arc::clone(&stopper);
            if let Progress::Begins { .. } = progress {
                std::thread::spawn(move || stopper.stop());
            }
        };
        Capture::default().compare(&stage, [&page, &page], &stop, &mut tell)
    };
    let film = tokio::task::spawn_blocking(work).await.unwrap();
    drop(gate);
    match film {
        Err(error) if error.is_missing() => eprintln!("skipped: {error}"),
        film => assert!(matches!(film, Err(CaptureError::Stopped)), "{film:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_page_is_no_film() {
    let _network = crate::NETWORK.lock().await;
    let origin = Origin::start().await.unwrap();
    origin.reply(
        "/nothing",
        Reply::new(404)
            .header("content-type", "text/html")
            .body("no"),
    );
    let server = origin.address();
    let work = move || {
        let stage = Stage::set(Profile::CABLE, Some(Emulation::None)).unwrap();
        let page = side("page", "http://site.test/nothing".into(), server);
        Capture::default().compare(&stage, [&page, &page], &Stop::default(), &mut |_| {})
    };
    match tokio::task::spawn_blocking(work).await.unwrap() {
        Err(error) if error.is_missing() => eprintln!("skipped: {error}"),
        Err(CaptureError::Status { status: 404, .. }) => {}
        film => panic!("{film:?}"),
    }
}
