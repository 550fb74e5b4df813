//! What an origin says of the order of bytes: the site's own is believed, nobody else is.

use delivery::{Kind, Plan, Priority};
use http::HeaderMap;
use server::Rooms;
use testkit::Reply;
use testkit::recorder::Request;

use crate::stack::{HOST, Stack, config};

const LARGE: usize = 5 << 20;

/// A file that is kept, with what its origin says of it.
fn file(lines: &[(&str, &str)]) -> Reply {
    let reply = Reply::ok("application/octet-stream", vec![3; LARGE]);
    let reply = reply.header("cache-control", "max-age=600");
    let add = |reply: Reply, (name, value): &(&str, &str)| reply.header(name, value);
    lines.iter().fold(reply, add)
}

#[tokio::test]
async fn the_sites_own_origin_orders_its_files() {
    let stack = Stack::new().await;
    let change = [
        ("cf-priority", "63/0"),
        ("cf-priority-change", "100000:1/0"),
    ];
    stack.origin.reply("/last", file(&[("cf-priority", "1/0")]));
    stack.origin.reply("/plain", file(&[]));
    stack.origin.reply("/urgent", file(&[("priority", "u=1")]));
    stack
        .origin
        .reply("/first", file(&[("cf-priority", "60/0")]));
    stack.origin.reply("/preview", file(&change));
    let paths = ["/last", "/plain", "/urgent", "/first", "/preview"];
    // Once to have them kept: what is at hand leaves in its order, what comes as it comes.
    stack.record(&paths.map(Request::get)).await;
    let recording = stack.record(&paths.map(Request::get)).await;
    let complete = |place: usize| recording.answers[place].complete_at.unwrap();
    let [last, plain, urgent, first, preview] = [0, 1, 2, 3, 4].map(complete);
    assert!(first < urgent && urgent < plain && plain < last);
    assert!(recording.reached(4, 100_000).unwrap() < first && first < preview);
    for answer in &recording.answers {
        assert!(answer.header("cache-status").unwrap().contains("; hit"));
    }
}

#[tokio::test]
async fn no_client_sees_the_origins_plan() {
    let stack = Stack::new().await;
    let plan = [("cf-priority", "60/0"), ("cf-priority-change", "512:20/1")];
    stack.origin.reply("/file", file(&plan));
    for _ in 0..2 {
        let plain = stack.get("/file", "").await;
        let recording = stack.record(&[Request::get("/file")]).await;
        assert_eq!((plain.status, recording.answers[0].status), (200, 200));
        for (name, _) in plan {
            assert_eq!(plain.header(name), "");
            assert_eq!(recording.answers[0].header(name), None);
        }
    }
}

#[tokio::test]
async fn other_sites_and_clients_have_no_say() {
    let said = [
        ("cf-priority", "63/0"),
        ("cf-priority-change", "9:1/n"),
        ("priority", "u=0"),
    ];
    let stack = Stack::with(
        "[origin]\nsource_networks = ['127.0.0.1/32']\n",
        "[site.images]\nsources = ['http://ORIGIN']\n",
    )
    .await;
    let text = "[origin]\nsource_networks = ['127.0.0.1/32']\n[[site]]\norigin = 'http://ORIGIN'\n\
                [site.images]\nsources = ['http://ORIGIN']\n";
    let text = text.replace("ORIGIN", &stack.origin.address().to_string());
    let rooms = Rooms::new(&config(&text).for_rehearsal()).unwrap();
    let gif = b"GIF89a\x01\0\x01\0\0\0\0;".to_vec();
    let add = |reply: Reply, (name, value): &(&str, &str)| reply.header(name, value);
    let picture = said.iter().fold(Reply::ok("image/gif", gif), add);
    stack.origin.reply("/a.gif", picture);
    stack.origin.reply("/a.css", Reply::ok("text/css", "p {}"));

    let own = format!("http://{HOST}/a.gif");
    let rehearsal = rooms.rehearse(&own, HeaderMap::new()).await.unwrap();
    assert_eq!(
        rehearsal.plan,
        Plan::parse_cf("63/0", Some("9:1/n")).unwrap()
    );

    let foreign = format!("/cdn-cgi/image/width=9/{}", stack.origin.url("/a.gif"));
    let url = format!("http://{HOST}{foreign}");
    let rehearsal = rooms.rehearse(&url, HeaderMap::new()).await.unwrap();
    let outline = rehearsal.response.outline.as_deref();
    let assumed = Priority::assumed(Kind::Image);
    assert_eq!(rehearsal.plan, Plan::new(Kind::Image, outline, assumed));
    let answer = &stack.record(&[Request::get(foreign)]).await.answers[0];
    for (name, _) in said {
        assert_eq!(answer.header(name), None, "{name}");
        assert!(!rehearsal.response.headers.contains_key(name), "{name}");
    }

    let asked = said[..2].iter().map(|(name, value)| {
        let name: http::HeaderName = name.parse().unwrap();
        (name, http::HeaderValue::from_static(value))
    });
    let css = format!("http://{HOST}/a.css");
    let rehearsal = rooms.rehearse(&css, asked.collect()).await.unwrap();
    let assumed = Priority::assumed(Kind::Stylesheet);
    assert_eq!(rehearsal.plan, Plan::new(Kind::Stylesheet, None, assumed));
    let received = stack.origin.received();
    assert!(
        received
            .iter()
            .all(|request| request.header("cf-priority").is_none())
    );
}
