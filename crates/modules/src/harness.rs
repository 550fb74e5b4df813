//! A whole site in one process: an origin on a port of its own, the pipeline, and pictures.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use ::cache::{Store, StoreSettings};
use ::origin::{Client, OriginSettings};
use base::settings::{Report, read};
use base::{Body, ByteSize};
use bytes::Bytes;
use delivery::Outline;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use pipeline::{Connection, Exchange, NetworkEstimate, Outcome, Pipeline, Protocol};
use tokio::sync::Semaphore;
use workshop::{Workshop, WorkshopSettings};

use crate::{Services, SiteSettings};

/// What an origin answers.
pub struct Page {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Box<dyn Fn() -> Body + Send + Sync>,
    /// What is answered to requests with this header.
    otherwise: Option<(&'static str, Box<Page>)>,
}

impl Page {
    /// A page of these bytes, fresh for ten minutes, with a strong tag.
    pub fn new(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let tag = format!("\"{}-{}\"", body.len(), body.first().unwrap_or(&0));
        Self {
            status: 200,
            headers: vec![
                ("content-type", content_type.into()),
                ("cache-control", "max-age=600".into()),
                ("etag", tag),
            ],
            body: Box::new(move || body.clone().into()),
            otherwise: None,
        }
    }

    /// Another page for requests with this header.
    pub fn otherwise(mut self, header: &'static str, page: Self) -> Self {
        self.otherwise = Some((header, Box::new(page)));
        self
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With this header; an empty value takes it away.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.headers.retain(|(known, _)| *known != name);
        if !value.is_empty() {
            self.headers.push((name, value));
        }
        self
    }

    /// With a body that is made anew for each request.
    pub fn streaming(mut self, body: impl Fn() -> Body + Send + Sync + 'static) -> Self {
        self.body = Box::new(body);
        self
    }

    fn answer(&self, asked: &HeaderMap) -> http::Response<Body> {
        if let Some((header, page)) = &self.otherwise
            && asked.contains_key(*header)
        {
            return page.answer(asked);
        }
        let header = |name| self.headers.iter().find(|(known, _)| *known == name);
        let has = asked.get("if-none-match").map(HeaderValue::as_bytes);
        let has: Vec<&[u8]> = has.map_or_else(Vec::new, |line| {
            line.split(|byte| *byte == b',')
                .map(<[u8]>::trim_ascii)
                .collect()
        });
        let same = header("etag").is_some_and(|(_, tag)| has.contains(&tag.as_bytes()));
        let status = if same { 304 } else { self.status };
        let mut response = http::Response::builder().status(status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let body = if same { Body::Empty } else { (self.body)() };
        response.body(body).unwrap()
    }
}

/// What an origin was asked.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub headers: HeaderMap,
}

/// An origin: pages by path.
pub struct Origin {
    pub address: SocketAddr,
    pages: Arc<Mutex<HashMap<&'static str, Arc<Page>>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Each answer takes one; closed gates hold answers back.
    gate: Arc<Semaphore>,
}

impl Origin {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            pages: Arc::default(),
            seen: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let (pages, seen, gate) = (
            origin.pages.clone(),
            origin.seen.clone(),
            origin.gate.clone(),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (pages, seen, gate) = (pages.clone(), seen.clone(), gate.clone());
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (pages, seen, gate) = (pages.clone(), seen.clone(), gate.clone());
                    async move {
                        let asked = Seen {
                            method: request.method().clone(),
                            headers: request.headers().clone(),
                        };
                        let page = pages.lock().get(request.uri().path()).cloned();
                        seen.lock().push(asked);
                        gate.acquire().await.unwrap().forget();
                        Ok::<_, Infallible>(match page {
                            Some(page) => page.answer(request.headers()),
                            None => http::Response::builder()
                                .status(404)
                                .body(Body::from("no such page"))
                                .unwrap(),
                        })
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        origin
    }

    pub fn page(&self, path: &'static str, page: Page) {
        self.pages.lock().insert(path, Arc::new(page));
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Forgets what it was asked so far.
    pub fn forget(&self) {
        self.seen.lock().clear();
    }

    /// Holds answers back until the gate opens.
    pub fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS);
    }
}

/// A site with its origin.
pub struct Site {
    pub origin: Origin,
    pub services: Services,
    pub pipeline: Pipeline,
    pub settings: SiteSettings,
}

impl Site {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// A site with these settings beside its origin; `ORIGIN` stands for the origin's address.
    pub async fn with(settings: &str) -> Self {
        Self::with_first("", settings).await
    }

    /// As [`Site::with`], with settings of the site itself before those of its tables.
    pub async fn with_first(first: &str, settings: &str) -> Self {
        let origin = Origin::start().await;
        let address = origin.address.to_string();
        let text = format!(
            "origin = 'http://{address}'\naccess_log.enabled = false\n{first}\n{}",
            settings.replace("ORIGIN", &address)
        );
        let (settings, mut report) = read::<SiteSettings>("site.toml", &text).unwrap();
        let services = services();
        let pipeline = crate::build(&settings, &services, "", &mut report);
        let pipeline = pipeline.unwrap_or_else(|| panic!("{report}"));
        Self {
            origin,
            services,
            pipeline,
            settings,
        }
    }

    /// Keeps things in this store from now on, as a new start would.
    pub fn use_store(&mut self, store: Store<crate::kept::Entry>) {
        self.services.store = Arc::new(store);
        self.rebuild();
    }

    /// Lets these purge from now on, as a newer configuration would.
    pub fn use_purges(&mut self, purges: crate::purge::PurgeSettings) {
        self.services.purges = purges;
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let (_, mut report) = read::<SiteSettings>("site.toml", "").unwrap();
        let pipeline = crate::build(&self.settings, &self.services, "", &mut report);
        self.pipeline = pipeline.unwrap_or_else(|| panic!("{report}"));
    }

    pub fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        let uri: http::Uri = format!("https://example.com{path}").parse().unwrap();
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = method;
        head.uri = uri;
        Ask {
            pipeline: &self.pipeline,
            head,
            body: Body::Empty,
        }
    }
}

pub fn services() -> Services {
    let origin = OriginSettings {
        source_networks: vec![::origin::Network::parse("127.0.0.0/8").unwrap()],
        response_timeout: Duration::from_secs(20),
        ..OriginSettings::default()
    };
    let store = StoreSettings {
        memory: ByteSize::mib(64),
        max_entry: ByteSize::mib(8),
        max_variants: 16,
        ..StoreSettings::default()
    };
    let workshop = WorkshopSettings {
        threads: 2,
        improve_share: 100,
        deadline: Duration::from_secs(60),
        ..WorkshopSettings::default()
    };
    Services::new(
        Store::new(&store),
        Client::new(&origin).unwrap(),
        Workshop::new(&workshop).unwrap(),
    )
}

/// A folder of its own, gone with the value.
pub struct Folder(std::path::PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("firstlight-modules-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A request.
pub struct Ask<'a> {
    pipeline: &'a Pipeline,
    head: http::request::Parts,
    body: Body,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub outline: Option<Arc<Outline>>,
    /// Why each module did what it did.
    pub notes: Vec<String>,
}

impl Ask<'_> {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        let value = HeaderValue::from_str(value).unwrap();
        self.head
            .headers
            .append(HeaderName::from_static(name), value);
        self
    }

    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub fn exchange(self) -> Exchange {
        let address: SocketAddr = "192.0.2.7:4711".parse().unwrap();
        let connection = Connection {
            remote: address,
            local: address,
            protocol: Protocol::Http2,
            tls: true,
            proxied: false,
            estimate: Arc::new(NetworkEstimate::default),
        };
        let mut exchange = Exchange::new(self.head, self.body, Arc::new(connection));
        exchange.trace.set_detailed(true);
        exchange
    }

    /// Sends it and reads the whole body.
    pub async fn send(self) -> Answer {
        let (answer, body) = self.begin().await;
        let body = body.collect(1 << 30).await.unwrap();
        Answer { body, ..answer }
    }

    /// Sends it and reads nothing of the body.
    pub async fn begin(self) -> (Answer, Body) {
        let pipeline = self.pipeline;
        let mut exchange = self.exchange();
        let response = pipeline.run(&mut exchange).await;
        let outcome = Outcome {
            status: response.status,
            body_bytes: 0,
            complete: true,
            duration: Duration::ZERO,
        };
        pipeline.ended(&exchange, &outcome);
        let notes = exchange.trace.events().iter();
        let notes = notes.flat_map(|event| event.notes.iter().map(ToString::to_string));
        let answer = Answer {
            status: response.status,
            outline: response.outline.clone(),
            body: Bytes::new(),
            notes: notes.collect(),
            headers: response.headers,
        };
        (answer, response.body)
    }
}

impl Answer {
    /// A header as text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn cache(&self) -> &str {
        self.header("cache-status")
    }

    /// Whether a picture was made for it.
    pub fn was_made(&self) -> bool {
        self.header("server-timing").contains("image;dur=")
    }

    pub fn image(&self) -> &str {
        self.header("firstlight-image")
    }

    pub fn is_progressive(&self) -> bool {
        let map = jpeg::map_scans(&self.body, &jpeg::Limits::default()).unwrap();
        map.scans.len() > 1
    }

    pub fn size(&self) -> (u32, u32) {
        let probe = ::image::probe(&self.body, &::image::Limits::default()).unwrap();
        (probe.width, probe.height)
    }
}

/// An access log's neighbour: nothing is wrong with these settings.
pub fn report() -> Report {
    Report::new("site.toml", "")
}

/// A baseline JPEG of something with edges and texture, of high quality.
pub fn photo(width: usize, height: usize) -> Vec<u8> {
    picture(width, height, 92, false)
}

/// The same as a progressive JPEG of so few bytes that nothing is gained by making it again.
pub fn small_photo(width: usize, height: usize) -> Vec<u8> {
    picture(width, height, 40, true)
}

fn picture(width: usize, height: usize, quality: u8, progressive: bool) -> Vec<u8> {
    let mut state = 1u32;
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|place| {
            let (x, y) = (place % width, place / width);
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as u8;
            let edge = if (x / 37 + y / 53) % 2 == 0 { 90 } else { 0 };
            let red = (x * 120 / width) as u8 + edge + noise;
            let green = (y * 120 / height) as u8 + edge + noise;
            [red, green, edge / 2 + noise + 20]
        })
        .collect();
    let planes = jpeg::rgb_to_planes(&rgb, width, height, jpeg::Subsampling::Quarter).unwrap();
    let options = jpeg::EncodeOptions {
        quality,
        progressive,
        ..Default::default()
    };
    jpeg::encode(&planes, &options).unwrap().bytes
}

/// A PNG of flat colours.
pub fn drawing(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let rgb: Vec<u8> = (0..width * height)
        .flat_map(|place| {
            if (place / 40) % 2 == 0 {
                [200, 30, 40]
            } else {
                [250, 250, 250]
            }
        })
        .collect();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&rgb).unwrap();
    writer.finish().unwrap();
    file
}

/// A PNG of a hundred bytes that says it is 65,535 pixels on each side.
pub fn bomb() -> Vec<u8> {
    let mut file = drawing(1, 1);
    file[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let sum = crc(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = !0u32;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                0xEDB8_8320 ^ (sum >> 1)
            } else {
                sum >> 1
            };
        }
    }
    !sum
}

/// The sending side of a body that a test feeds.
pub struct Feed {
    pieces: tokio::sync::mpsc::UnboundedSender<std::io::Result<Bytes>>,
    taken: Arc<AtomicUsize>,
}

impl Feed {
    /// A feed, and a body for one answer.
    pub fn new() -> (Self, impl Fn() -> Body + Send + Sync + 'static) {
        let (pieces, incoming) = tokio::sync::mpsc::unbounded_channel();
        let taken = Arc::new(AtomicUsize::new(0));
        let fed = Mutex::new(Some(Fed {
            incoming,
            taken: taken.clone(),
        }));
        (Self { pieces, taken }, move || {
            Body::stream(fed.lock().take().unwrap())
        })
    }

    pub fn send(&self, piece: impl Into<Bytes>) {
        self.pieces.send(Ok(piece.into())).unwrap();
    }

    pub fn break_off(&self) {
        let error = std::io::Error::other("broken off");
        self.pieces.send(Err(error)).unwrap();
    }

    /// How many pieces have left.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

struct Fed {
    incoming: tokio::sync::mpsc::UnboundedReceiver<std::io::Result<Bytes>>,
    taken: Arc<AtomicUsize>,
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<http_body::Frame<Bytes>>>> {
        let piece = std::task::ready!(self.incoming.poll_recv(context));
        self.taken.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}

/// Polls each future once, so that all have begun before any goes on.
pub async fn begin_all<F: Future>(futures: &mut [Pin<Box<F>>]) {
    for future in futures {
        std::future::poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}
