//! Qualities that are sought behind the first visitor, and what stands in a picture's place.

use http::Method;

use crate::harness::{Page, Site, photo};

const BROWSER: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

#[tokio::test]
async fn a_perceptual_quality_is_sought_behind_the_first_visitor() {
    let site = Site::with("images.policy.quality = \"auto\"").await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(320, 240)));
    let ask = || site.get("/photo.jpg").with("accept", BROWSER);
    let first = ask().send().await;
    assert!(first.image().starts_with("jpeg; "), "{first:?}");
    assert!(!first.image().contains("score="), "{first:?}");
    site.services.workshop.settled().await;
    let second = ask().send().await;
    assert!(second.cache().contains("; hit"), "{second:?}");
    let score = second
        .image()
        .split("score=")
        .nth(1)
        .expect("it was sought");
    let score: f32 = score.parse().unwrap();
    assert!((score - 75.0).abs() <= 1.5, "{score}");
    assert!(second.is_progressive() && second.outline.is_some());
    assert_ne!(first.header("etag"), second.header("etag"));
    for same in ["vary", "cache-control", "content-type"] {
        assert_eq!(first.header(same), second.header(same), "{same}");
    }
    assert_eq!(
        second.header("content-length"),
        second.body.len().to_string()
    );
    assert_eq!(site.services.workshop.snapshot().improving.finished, 1);
    // What was found once is not sought again for the same source.
    site.services
        .purge(&"https://example.com/photo.jpg".parse().unwrap());
    let anew = ask().send().await;
    assert!(anew.was_made(), "{anew:?}");
    assert_eq!(
        (anew.body, anew.headers["etag"].clone()),
        (second.body, second.headers["etag"].clone())
    );
    site.services.workshop.settled().await;
    assert_eq!(site.services.workshop.snapshot().improving.finished, 1);
}

#[tokio::test]
async fn a_source_that_says_nothing_of_itself_is_known_by_its_bytes() {
    let site = Site::with("images.policy.quality = \"low\"").await;
    let page = |width, height| Page::new("image/jpeg", photo(width, height)).with("etag", "");
    site.origin.page("/photo.jpg", page(160, 120));
    site.get("/photo.jpg").send().await;
    site.services.workshop.settled().await;
    let sought = site.get("/photo.jpg").send().await;
    assert!(sought.image().contains("score="), "{sought:?}");
}

#[tokio::test]
async fn a_source_that_changed_is_not_mixed_with_its_old_picture() {
    let site = Site::with("images.policy.quality = \"low\"").await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(160, 120)));
    let options = "/cdn-cgi/image/width=80,format=jpeg/photo.jpg";
    let first = site.get(options).send().await;
    assert_eq!(first.size(), (80, 60));
    // Purged before the search began or while it ran: nothing of it comes back.
    site.services
        .purge(&"https://example.com/photo.jpg".parse().unwrap());
    site.services.workshop.settled().await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(160, 160)));
    assert_eq!(site.get(options).send().await.size(), (80, 80));
    site.services.workshop.settled().await;
    let sought = site.get(options).send().await;
    assert_eq!(sought.size(), (80, 80));
    assert!(sought.image().contains("score="), "{sought:?}");
}

#[tokio::test]
async fn what_stands_in_a_pictures_place() {
    let site = Site::new().await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(640, 480)));
    let get = |options: &str| {
        let path = format!("/cdn-cgi/image/{options}/photo.jpg");
        let ask = site.ask(Method::GET, &path);
        async move { ask.with("accept", BROWSER).send().await }
    };
    let tiny = get("placeholder=lqip").await;
    assert_eq!(tiny.header("content-type"), "image/webp", "{tiny:?}");
    assert_eq!((tiny.size(), tiny.header("vary")), ((32, 24), "accept"));
    assert!(tiny.body.len() < 600, "{}", tiny.body.len());
    for (kind, length) in [("color", 7), ("blurhash", 28)] {
        let text = get(&format!("placeholder={kind}")).await;
        assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(text.body.len(), length, "{kind}: {text:?}");
        assert_eq!(text.header("vary"), "", "the same for all");
    }
    let facts = get("format=json,width=320").await;
    let facts: serde_json::Value = serde_json::from_slice(&facts.body).unwrap();
    assert_eq!(facts["height"], 240);
    assert_eq!(facts["formats"].as_array().unwrap().len(), 2, "{facts}");
    let stand = &facts["placeholder"];
    assert!(
        stand["lqip"]
            .as_str()
            .unwrap()
            .starts_with("data:image/webp;base64,")
    );
    // Once of a decoded small picture, once of one made smaller: alike, if not the same.
    let channels = |text: &[u8]| {
        let text = std::str::from_utf8(text).unwrap().trim_start_matches('#');
        u32::from_str_radix(text, 16).unwrap().to_be_bytes()
    };
    let one = channels(stand["color"].as_str().unwrap().as_bytes());
    let other = channels(&get("placeholder=color,width=320").await.body);
    let differences = one
        .iter()
        .zip(other)
        .map(|(one, other)| one.abs_diff(other));
    assert!(differences.max() <= Some(2), "{one:?} {other:?}");
}

/// Soft light, a hill and ripples, without grain.
fn soft_photo(width: usize, height: usize) -> Vec<u8> {
    let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = places.flat_map(|(x, y)| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let hill = ((u * 9.0).sin() * 0.15 + 0.55 - v).signum() * 30.0;
        let light = 110.0 + 60.0 * (u * 7.0 + v * 5.0).sin() + hill;
        let ripples = 8.0 * (u * 60.0 + v * 35.0).sin();
        [1.0, 0.9, 0.7 + 0.5 * v].map(|tint| (light * tint + ripples) as u8)
    });
    let pixels: Vec<u8> = pixels.collect();
    let planes = jpeg::rgb_to_planes(&pixels, width, height, jpeg::Subsampling::Full).unwrap();
    let options = jpeg::EncodeOptions {
        quality: 95,
        ..Default::default()
    };
    jpeg::encode(&planes, &options).unwrap().bytes
}

#[tokio::test]
async fn avif_takes_the_place_of_what_was_made_at_once() {
    let site = Site::with("images.policy.prefer = \"bytes\"").await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", soft_photo(400, 300)));
    let ask = |accept| {
        let ask = site.get("/cdn-cgi/image/width=380,format=auto/photo.jpg");
        async move { ask.with("accept", accept).send().await }
    };
    let first = ask(BROWSER).await;
    assert!(first.image().starts_with("webp; "), "{first:?}");
    let older = ask("image/webp,*/*").await;
    site.services.workshop.settled().await;
    let second = ask(BROWSER).await;
    assert!(second.cache().contains("; hit"), "{second:?}");
    assert_eq!(second.header("content-type"), "image/avif", "{second:?}");
    assert!(second.image().contains("score="), "{second:?}");
    assert!(second.body.len() * 100 <= first.body.len() * 92);
    assert_eq!(
        second.outline.as_ref().map(|it| it.length),
        Some(second.body.len() as u64)
    );
    for same in ["vary", "cache-control"] {
        assert_eq!(first.header(same), second.header(same), "{same}");
    }
    assert_ne!(first.header("etag"), second.header("etag"));
    // Whoever does not know it has what he had.
    assert_eq!(ask("image/webp,*/*").await.body, older.body);
}

#[tokio::test]
async fn avif_by_name_comes_at_once_if_it_is_small() {
    let settings = "images.avif_encoder = \"builtin\"\nimages.limits.max_avif_pixels_at_once = 3000\nimages.limits.max_avif_pixels = 9000";
    let site = Site::with(settings).await;
    site.origin
        .page("/photo.jpg", Page::new("image/jpeg", photo(160, 120)));
    let get = |width| {
        let ask = site.get(&format!(
            "/cdn-cgi/image/width={width},format=avif/photo.jpg"
        ));
        async move { ask.send().await.header("content-type").to_owned() }
    };
    assert_eq!(get(60).await, "image/avif");
    assert_eq!([get(100).await, get(120).await], ["image/webp"; 2]);
    site.services.workshop.settled().await;
    assert_eq!(get(60).await, "image/avif");
    assert_eq!(
        [get(100).await, get(120).await],
        ["image/avif", "image/webp"]
    );
}
