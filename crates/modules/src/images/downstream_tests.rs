//! What the headers of pictures say must be enough for a cache downstream that knows nothing else:
//! random clients come through one, and nobody gets what he could not have had.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::image::{Policy, QualityChoice, Target, Tier, Transform};
use base::Quality;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use pipeline::{Connection, NetworkEstimate};
use proptest::prelude::*;

use super::chosen::Chosen;
use crate::harness::{Page, Site, drawing, photo};

const URLS: [(&str, &str); 6] = [
    ("/photo.jpg", ""),
    ("/drawing.png", ""),
    (
        "/cdn-cgi/image/width=auto,format=auto/photo.jpg",
        "width=auto,format=auto",
    ),
    (
        "/cdn-cgi/image/w=40,q=auto,dpr=2/photo.jpg",
        "w=40,q=auto,dpr=2",
    ),
    (
        "/cdn-cgi/image/w=40,q=70,scq=30,f=auto/drawing.png",
        "w=40,q=70,scq=30,f=auto",
    ),
    (
        "/cdn-cgi/image/placeholder=lqip/photo.jpg",
        "placeholder=lqip",
    ),
];

/// A visitor: what the browser says, and how fast the way to it is.
#[derive(Clone, Debug)]
struct Client {
    headers: Vec<(&'static str, &'static str)>,
    tier: Option<Tier>,
    /// The last part but one of the address.
    network: u8,
}

impl Client {
    fn headers(&self) -> HeaderMap {
        let lines = self.headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        lines.collect()
    }

    fn says(&self, name: &str) -> Option<&'static str> {
        let mut lines = self.headers.iter();
        lines
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    fn estimate(&self) -> NetworkEstimate {
        let milliseconds = match self.tier {
            None => return NetworkEstimate::default(),
            Some(Tier::Fast) => 20,
            Some(Tier::Medium) => 200,
            Some(Tier::Slow) => 600,
        };
        NetworkEstimate {
            min_rtt: Some(Duration::from_millis(milliseconds)),
            ..NetworkEstimate::default()
        }
    }
}

fn one_of(
    name: &'static str,
    values: &'static [&'static str],
) -> impl Strategy<Value = Option<(&'static str, &'static str)>> {
    prop::option::of(prop::sample::select(values).prop_map(move |value| (name, value)))
}

fn client() -> impl Strategy<Value = Client> {
    let accepts = &[
        "image/avif,image/webp,image/apng,*/*;q=0.8",
        "image/webp,*/*",
        "image/png,image/*;q=0.8,*/*;q=0.5",
        "image/webp;q=0,*/*",
        "*/*",
    ];
    let headers = (
        one_of("accept", accepts),
        one_of("save-data", &["on", "off"]),
        one_of("sec-ch-width", &["30", "60", "900"]),
        one_of("sec-ch-dpr", &["1", "2", "3"]),
        one_of("sec-ch-viewport-width", &["40", "400"]),
        one_of("ect", &["3g", "4g"]),
        one_of("rtt", &["50", "400"]),
        one_of("user-agent", &["Mobi", "Desk"]),
        one_of("sec-ch-device-memory", &["0.5", "8"]),
        one_of("downlink", &["1.5", "10"]),
    );
    let tiers = vec![None, Some(Tier::Slow), Some(Tier::Medium), Some(Tier::Fast)];
    (headers, prop::sample::select(tiers)).prop_map(|(headers, tier)| {
        let (a, b, c, d, e, f, g, h, i, j) = headers;
        Client {
            headers: [a, b, c, d, e, f, g, h, i, j]
                .into_iter()
                .flatten()
                .collect(),
            tier,
            network: tier.map_or(0, |tier| tier as u8 + 1),
        }
    })
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// Somebody wants a picture.
    Visit(Client, usize),
    /// A source is purged here; downstream keeps what it has.
    Purge(usize),
    /// All that waits for the background is done.
    Rest,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => (client(), 0..URLS.len()).prop_map(|(client, url)| Event::Visit(client, url)),
        1 => (0..2_usize).prop_map(Event::Purge),
        1 => Just(Event::Rest),
    ]
}

/// A response as a cache has it, and which variant it was.
#[derive(Clone, Debug)]
struct Response {
    headers: HeaderMap,
    body: Bytes,
    variant: String,
}

impl Response {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// What a client says in some headers.
type Said = Vec<Option<&'static str>>;

/// A shared cache as simple as RFC 9111 allows: by URL and by the headers that `Vary` names.
#[derive(Default)]
struct Downstream(HashMap<usize, Vec<(Said, Response)>>);

impl Downstream {
    fn find(&self, url: usize, client: &Client) -> Option<Response> {
        let kept = self.0.get(&url)?.iter();
        let mut fitting = kept.filter(|(said, response)| *said == said_of(client, response));
        fitting.next_back().map(|(_, response)| response.clone())
    }

    fn keep(&mut self, url: usize, client: &Client, response: &Response) {
        let control = response.header("cache-control");
        let forbidden = ["private", "no-store", "no-cache"];
        if !forbidden.iter().any(|word| control.contains(word)) {
            let said = said_of(client, response);
            let kept = self.0.entry(url).or_default();
            kept.push((said, response.clone()));
        }
    }
}

/// What a client says in the headers that a response varies on.
fn said_of(client: &Client, response: &Response) -> Said {
    let names = response.header("vary").split(',').map(str::trim);
    names.map(|name| client.says(name)).collect()
}

/// The site itself answers.
async fn ask(site: &Site, url: usize, client: &Client) -> Response {
    let mut ask = site.get(URLS[url].0);
    for (name, value) in &client.headers {
        ask = ask.with(name, value);
    }
    let mut exchange = ask.exchange();
    let estimate = client.estimate();
    let connection = Connection {
        remote: format!("198.51.{}.7:443", client.network).parse().unwrap(),
        estimate: Arc::new(move || estimate),
        ..(*exchange.connection).clone()
    };
    exchange.connection = Arc::new(connection);
    let answer = site.pipeline.run(&mut exchange).await;
    let notes = exchange
        .trace
        .events()
        .iter()
        .flat_map(|event| event.notes.iter());
    let variant = notes
        .filter_map(|note| note.strip_prefix("variant ")?.split(": ").next())
        .map(str::to_owned)
        .next();
    Response {
        headers: answer.headers,
        body: answer.body.collect(1 << 24).await.unwrap(),
        variant: variant.expect("a variant was chosen"),
    }
}

/// A variant's key without its quality, and how good that is.
fn split(key: &str) -> (String, u8) {
    let mut rank = 0;
    let rest: Vec<&str> = key
        .trim_start_matches("image:")
        .split(',')
        .filter(|part| {
            let number = |letter| part.strip_prefix(letter)?.parse::<u8>().ok();
            match (number('q'), number('s')) {
                (Some(quality), _) => rank = Target::usual(Quality::new(quality)).points(),
                (_, Some(points)) => rank = points,
                _ => return true,
            }
            false
        })
        .collect();
    (rest.join(","), rank)
}

/// What is wrong with a response for this client; `None` if it could have had it.
fn wrong(client: &Client, url: usize, response: &Response, policy: &Policy) -> Option<String> {
    let transform = match URLS[url].1 {
        "" => Transform::default(),
        options => Transform::parse(options).unwrap(),
    };
    let own = Chosen::new(&transform, &client.headers(), client.tier.into(), policy);
    let (expected, least) = split(&own.key);
    let (given, quality) = split(&response.variant);
    // Slow clients may have what a cache holds for all; nobody may have less than his own.
    let narrower = own.lowered && expected != given;
    if expected != given && !narrower {
        return Some(format!("{given} for {expected}"));
    }
    if quality < least {
        return Some(format!("lowered to {quality} where {least} is due"));
    }
    let webp = response.body.get(8..12) == Some(b"WEBP");
    let accepts = client.says("accept").unwrap_or("*/*");
    let refuses = !accepts.contains("image/webp") || accepts.contains("image/webp;q=0");
    if webp && refuses {
        return Some("WebP for a client that did not name it".into());
    }
    if webp != (response.header("content-type") == "image/webp") {
        return Some("a wrong type".into());
    }
    None
}

async fn replay(events: Vec<Event>, perceptual: bool) -> Result<(), TestCaseError> {
    let quality = match perceptual {
        true => "\"auto\"",
        false => "80",
    };
    let site = Site::with(&format!(
        "images.policy.width_hints = true\nimages.policy.quality = {quality}"
    ))
    .await;
    let policy = &site.settings.images.policy;
    prop_assert_eq!(policy.quality == QualityChoice::Auto, perceptual);
    let page =
        |kind, body: Vec<u8>| Page::new(kind, body).with("cache-control", "public, max-age=600");
    site.origin
        .page("/photo.jpg", page("image/jpeg", photo(96, 64)));
    site.origin
        .page("/drawing.png", page("image/png", drawing(80, 60)));
    let mut downstream = Downstream::default();
    for event in events {
        match event {
            Event::Visit(client, url) => {
                let response = match downstream.find(url, &client) {
                    Some(kept) => kept,
                    None => {
                        let response = ask(&site, url, &client).await;
                        downstream.keep(url, &client, &response);
                        response
                    }
                };
                let wrong = wrong(&client, url, &response, policy);
                prop_assert!(wrong.is_none(), "{wrong:?} {client:?} {response:?}");
            }
            Event::Purge(url) => {
                let uri = format!("https://example.com{}", URLS[url].0)
                    .parse()
                    .unwrap();
                site.services.purge(&uri);
            }
            Event::Rest => site.services.workshop.settled().await,
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn no_cache_downstream_hands_out_what_is_not_for_all(
        events in prop::collection::vec(event(), 20..70),
        perceptual: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(replay(events, perceptual))?;
    }
}
