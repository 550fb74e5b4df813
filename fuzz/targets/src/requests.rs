//! What clients say in URLs and headers.

use delivery::{Plan, Priority};
use modules::purge::Order;

use crate::Seeds;

/// Options of an image URL.
pub fn option_seeds() -> Seeds {
    let texts = [
        (
            "size",
            "width=640,height=480,fit=cover,gravity=0.5x0.25,dpr=2",
        ),
        (
            "format",
            "f=auto,q=80,metadata=none,anim=false,onerror=redirect",
        ),
        (
            "effects",
            "blur=20,sharpen=1,brightness=1.1,contrast=0.9,gamma=1.2,saturation=0",
        ),
        ("percent", "width%3D64%2Cbackground%3Drgb(10%2C20%2C30)"),
        ("trim", "trim=10;20;30;40,rotate=90,flip=hv"),
        ("widths", "width=auto,wbreakpoints=320;640"),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// URLs of every grammar.
pub fn grammar_seeds() -> Seeds {
    let texts = [
        (
            "imgproxy",
            "/insecure/pr:small/rs:fill:300:400:0/g:sm/plain/https://example.com/a%2520b.jpg@png",
        ),
        (
            "imgproxy_base64",
            "/_/c:0.5:200:nowe:10:20/pd:1:2/rot:90/aHR0cDovL2V4YW1wbGUuY29tL2EuanBn.webp",
        ),
        (
            "thumbor",
            "/unsafe/trim/10x20:300x400/adaptive-fit-in/-300x-200/left/top/smart/\
             filters:quality(40):fill(red)/example.com/a.jpg",
        ),
        (
            "imagor",
            "/imagor/unsafe/0.1x0.1:0.9x0.9/stretch/30x20/1x2:3x4/filters:focal(0.2,0.8)/b64:YS5qcGc=",
        ),
        ("next", "/_next/image?url=%2Fa%20b.jpg&w=640&q=75"),
        (
            "netlify",
            "/.netlify/images?url=/a.jpg&w=50&fit=cover&position=left",
        ),
        ("ipx", "/_ipx/s_200x200,f_webp,extract_1_2_3_4/a.jpg"),
        (
            "weserv",
            "/?url=ssl:example.com/a.jpg&w=150&fit=cover&a=focal&fpx=0.2&dpr=2",
        ),
        (
            "imgix",
            "/a.jpg?w=0.5&fit=crop&ar=16:9&crop=faces,top&auto=format&v=1",
        ),
        ("fastly", "/a.jpg?width=50p&crop=4:3,offset-x10&auto=webp"),
        (
            "photon",
            "/example.com/a.jpg?crop=10px,20px,30px,40px&resize=300,200&ssl=1",
        ),
        (
            "cloudinary",
            "/c/image/upload/c_fill,ar_16:9,w_320,g_auto/f_auto/v1/a/b.jpg",
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// Values of `Accept`.
pub fn accept_seeds() -> Seeds {
    let texts = [
        (
            "chromium",
            "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        ),
        (
            "weights",
            "image/webp;q=0, image/*;q=0.5;x=\"a,b\", */*;q=0.001",
        ),
        ("odd", ",, image/webp ; Q=1.000 ,text/html;level=1"),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// `Priority`, `cf-priority` and `cf-priority-change`, a line each: plans are in order.
pub fn priority(input: &[u8]) {
    let mut lines = input.split(|byte| *byte == b'\n');
    let client = Priority::parse(lines.next().unwrap_or_default());
    let merged = client.merge(lines.next().unwrap_or_default());
    assert!(merged.urgency.value() <= 7);
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (level, changes) = (text(), text());
    if let Some(plan) = Plan::parse_cf(&level, Some(&changes)) {
        let offsets: Vec<u64> = plan.phases().iter().map(|phase| phase.offset).collect();
        assert!(
            offsets.first() == Some(&0) && offsets.is_sorted(),
            "{offsets:?}"
        );
    }
}

/// Seeds of [`priority`].
pub fn priority_seeds() -> Seeds {
    let texts = [
        ("plain", "u=1, i\nu=5\n30/0\n512:20/1, 15000:10/n"),
        (
            "structured",
            "u=3;x=\"y\", i=?0, a=(1 2), b=:aGk=:\ni=?1\n63/n\n1:0/1",
        ),
        (
            "numbers",
            "u=99999999999999999999\nu=-1\n999/9\n99999999999999999999:1/1",
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}

/// An order to purge: what is read names something, not too much of it, and addresses that are some.
pub fn purge_order(input: &[u8]) {
    let Ok(order) = Order::parse(input) else {
        return;
    };
    assert!(!order.urls.is_empty() || !order.many.is_empty());
    assert!(order.urls.len() + order.many.len() <= 1001);
    for url in &order.urls {
        assert!(matches!(url.scheme_str(), Some("http" | "https")));
        assert!(url.host().is_some_and(|host| !host.is_empty()));
    }
}

/// Seeds of [`purge_order`].
pub fn purge_seeds() -> Seeds {
    let texts = [
        (
            "files",
            r#"{"files": ["https://Example.com/a?b#c", {"url": "http://[::1]:8080/"}], "soft": true}"#,
        ),
        (
            "many",
            r#"{"tags": ["a", "b c"], "hosts": ["example.com"], "prefixes": ["example.com/x", "http://y"]}"#,
        ),
        ("everything", r#"{"purge_everything": true, "soft": false}"#),
        ("no-host", r#"{"files": ["https://://y", "http://:8080/"]}"#),
        (
            "odd",
            r#"{"urls": ["//x", "https://@/"], "tags": [[{"url": 1e999}]]}"#,
        ),
    ];
    texts.map(|(name, text)| (name, text.into())).into()
}
