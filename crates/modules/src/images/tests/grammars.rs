//! URLs of other servers.

use http::StatusCode;

use crate::harness::{Page, Site, drawing, photo};

/// Every grammar at once, with imgproxy's and thumbor's documented keys.
const GRAMMARS: &str = r#"
[images]
sources = ["http://raw.githubusercontent.com"]

[images.grammars]
next = true
ipx = true
imgix.enabled = true
cloudinary.enabled = true
imgproxy = { enabled = true, keys = ["746573742d6b6579"], salts = ["746573742d73616c74"] }
thumbor = { enabled = true, key = "mysecret", unsigned = true }
"#;

#[tokio::test]
async fn urls_of_other_servers_are_answered() {
    let site = Site::with(GRAMMARS).await;
    let png = Page::new("image/png", drawing(640, 480));
    site.origin.page("/test1.png", png);
    let photo = Page::new("image/jpeg", photo(640, 480));
    site.origin.page("/photo.jpg", photo);
    let signed =
        "/My9d3xq_PYpVHsPrCyww0Kh1w5KZeZhIlWhsa4az1TI/rs:fill:4:4/plain/local:///test1.png";
    for (path, size, word) in [
        (signed, (4, 4), "imgproxy: width=4,height=4,fit=crop"),
        (
            "/unsafe/-300x200/left/photo.jpg",
            (300, 200),
            "thumbor: width=300",
        ),
        (
            "/unsafe/fit-in/300x300/filters:fill(red)/photo.jpg",
            (300, 300),
            "extend=box",
        ),
        (
            "/unsafe/100x50:500x450/filters:rotate(90)/photo.jpg",
            (400, 400),
            "crop=100;50",
        ),
        (
            "/_next/image?url=%2Fphoto.jpg&w=320&q=75",
            (320, 240),
            "next: width=320",
        ),
        ("/_ipx/s_200x200/photo.jpg", (200, 200), "ipx: width=200"),
        (
            "/photo.jpg?w=100&h=100&fit=fill&pad=5",
            (100, 100),
            "imgix: width=90",
        ),
        (
            "/image/upload/c_crop,w_200,h_100,g_south/photo.jpg",
            (200, 100),
            "cloudinary: crop",
        ),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path} {answer:?}");
        assert_eq!(answer.size(), size, "{path}");
        let said = answer.notes.iter().any(|note| note.contains(word));
        assert!(said, "{path}: {:?}", answer.notes);
    }
    assert_eq!(site.origin.seen().len(), 2, "each source is fetched once");
}

#[tokio::test]
async fn what_other_servers_refuse_is_refused() {
    let site = Site::with(GRAMMARS).await;
    let signed =
        "/My9d3xq_PYpVHsPrCyww0Kh1w5KZeZhIlWhsa4az1TI/rs:fill:4:4/plain/local:///test2.png";
    for (path, status) in [
        // For another path.
        (signed, 403),
        ("/insecure/rs:fill:4:4/plain/local:///test1.png", 403),
        ("/cST4Ko5_FqwT3BDn-Wf4gO3RFSk=/500x500/photo.jpg", 403),
        // Signed or not, only sources on the list are asked, at addresses in the usual form.
        ("/unsafe/10x10/http://other.example/a.jpg", 403),
        ("/unsafe/10x10/https://raw.githubusercontent.com/a.jpg", 403),
        ("/unsafe/10x10/http://0x7f.1/a.jpg", 400),
        (
            "/unsafe/10x10/http://raw.githubusercontent.com/a/%252e%252e/b.jpg",
            400,
        ),
        (
            "/_next/image?url=http%3A%2F%2F169.254.169.254%2F&w=10&q=75",
            403,
        ),
        (
            "/_next/image?url=%2Fcdn-cgi%2Fimage%2Fw%3D1%2Fa.jpg&w=10&q=75",
            508,
        ),
        ("/unsafe/filters:watermark(a)/photo.jpg", 400),
        (
            "/unsafe/filters:watermark(http://other.example/a.png,0,0,0)/photo.jpg",
            403,
        ),
    ] {
        let answer = site.get(path).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path} {answer:?}");
    }
    assert!(site.origin.seen().is_empty());
}

#[tokio::test]
async fn grammars_that_are_off_leave_urls_to_the_site() {
    let site = Site::new().await;
    let page = Page::new("image/jpeg", photo(64, 48));
    site.origin.page("/unsafe/10x10/photo.jpg", page);
    let answer = site.get("/unsafe/10x10/photo.jpg").send().await;
    assert_eq!(answer.size(), (64, 48));
}

#[tokio::test]
async fn an_svg_by_url_loses_its_scripts_and_runs_nothing() {
    let site = Site::new().await;
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    site.origin.page("/a.svg", Page::new("image/svg+xml", svg));
    let asked = site.get("/cdn-cgi/image/width=80/a.svg").send().await;
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    assert!(body.contains("<svg") && !body.contains("alert"), "{body}");
    assert!(
        asked
            .header("firstlight-image")
            .starts_with("svg; width=80; "),
        "{asked:?}"
    );
    assert_eq!(asked.header("content-type"), "image/svg+xml");
    // What cannot be read cannot be made harmless.
    site.origin
        .page("/b.svg", Page::new("image/svg+xml", "<svg><script>"));
    let other = site.get("/cdn-cgi/image/width=80/b.svg").send().await;
    assert_eq!(other.body, b"<svg><script>".as_slice());
    for asked in [asked, other] {
        assert!(
            asked.header("content-security-policy").contains("sandbox"),
            "{asked:?}"
        );
        assert_eq!(asked.header("x-content-type-options"), "nosniff");
    }
    // At its own URL it is the site's own affair.
    let own = site.get("/a.svg").send().await;
    assert_eq!(own.header("content-security-policy"), "", "{own:?}");
}
