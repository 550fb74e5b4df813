//! What stands on the stage: the servers of both sides, and the ways to them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gallery::Site;
use lab::capture::{Http, Route, Side, Stage, congestion_control};
use server::{Config, Feature, Handle, Server};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::Arguments;
use super::address::Address;
use super::part::Part;
use crate::commands::{running, serve};
use crate::output::{self, CommandError};

/// Both sides, ready to be filmed.
pub struct Scene {
    /// Without, and with.
    pub sides: [Side; 2],
    /// The servers of those sides that are ours, by the side's name.
    pub servers: Vec<(String, Handle)>,
    /// What the report must say of them.
    pub notes: Vec<String>,
    /// What they need, until they have been filmed.
    pub held: Held,
}

/// Servers and ways to them, gone when dropped.
#[derive(Default)]
pub struct Held {
    servers: Vec<(String, Server)>,
    routes: Vec<Route>,
    sample: Option<Sample>,
}

/// The sample site on loopback.
struct Sample(JoinHandle<()>);

impl Drop for Sample {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The word for the sample site, and the host it is given.
const DEMO: &str = "demo";
const DEMO_HOST: &str = "sample.test";
/// How long work for a load may take on a busy machine before the original is sent in its place:
/// what is filmed is to be the same in every run.
const PATIENCE: Duration = Duration::from_secs(110);

impl Scene {
    /// Starts what the arguments ask for.
    pub async fn set(arguments: &Arguments, stage: &Stage) -> Result<Self, CommandError> {
        let mut held = Held::default();
        let (sides, notes) = match &arguments.against {
            Some(against) => {
                let pages = [against, &arguments.url].map(|page| Address::parse(page));
                let [without, with] = pages;
                held.as_they_are(stage, &without?, &with?).await?
            }
            None => {
                let page = held.page(&arguments.url, arguments.width).await?;
                held.with_firstlight(stage, &page, &arguments.without)
                    .await?
            }
        };
        let servers = held.servers.iter();
        let servers = servers.map(|(name, server)| (name.clone(), server.handle()));
        Ok(Self {
            sides,
            servers: servers.collect(),
            notes,
            held,
        })
    }
}

/// A page: the address a visitor has, and the site behind it.
struct Page {
    address: Address,
    origin: String,
}

impl Held {
    /// The page of an argument; starts the sample site where it is that.
    async fn page(&mut self, text: &str, width: u32) -> Result<Page, CommandError> {
        if text != DEMO {
            let address = Address::parse(text)?;
            let origin = address.origin();
            return Ok(Page { address, origin });
        }
        let origin = format!("http://{}", self.start_sample(width).await?);
        let address = Address {
            secure: false,
            authority: DEMO_HOST.into(),
            path: "/".into(),
        };
        Ok(Page { address, origin })
    }

    async fn start_sample(&mut self, width: u32) -> Result<SocketAddr, CommandError> {
        let failed = |error| CommandError::because("the sample site cannot be served", &error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut site = Site::new(width, width * 2 / 3, 2026);
        if let Some(state) = running::state_directory() {
            site = site.kept_in(&state.join("sample"));
        }
        let site = Arc::new(site);
        let paths = Site::photograph_paths();
        output::talk("the photographs are being painted, or found from before");
        site.warm();
        let painted = Arc::clone(&site);
        let painting = tokio::task::spawn_blocking(move || {
            for path in &paths {
                painted.get(path);
            }
        });
        painting
            .await
            .map_err(|error| CommandError::because("painting failed", &error))?;
        self.sample = Some(Sample(tokio::spawn(async move {
            if let Err(error) = gallery::serve(listener, site).await {
                tracing::error!(%error, "the sample site stopped");
            }
        })));
        Ok(address)
    }

    /// The site as it is, or Firstlight less some features, against Firstlight.
    async fn with_firstlight(
        &mut self,
        stage: &Stage,
        page: &Page,
        less: &[Part],
    ) -> Result<([Side; 2], Vec<String>), CommandError> {
        let Page { address, origin } = page;
        // Visitors come over HTTPS, also where the site itself cannot.
        let url = if address.secure {
            address.url()
        } else {
            format!("https://{}{}", address.host(), address.path)
        };
        let (without, note) = match less {
            [] if address.secure => (self.direct(stage, "without", address).await?, DIRECT),
            [] => {
                let off = [Feature::Order, Feature::Images].map(Part::Feature);
                (
                    self.firstlight(stage, "without", &url, origin, &off)
                        .await?,
                    PLAIN,
                )
            }
            less => {
                let names: Vec<&str> = less.iter().map(|part| part.name()).collect();
                let name = format!("without {}", names.join(", "));
                (
                    self.firstlight(stage, &name, &url, origin, less).await?,
                    LESS,
                )
            }
        };
        let with = self
            .firstlight(stage, "with Firstlight", &url, origin, &[])
            .await?;
        Ok(([without, with], vec![note.into(), KEPT.into()]))
    }

    async fn as_they_are(
        &mut self,
        stage: &Stage,
        without: &Address,
        with: &Address,
    ) -> Result<([Side; 2], Vec<String>), CommandError> {
        let names = if without == with {
            ["the page".to_owned(), "the same page".to_owned()]
        } else {
            [without, with].map(Address::url)
        };
        let [name, other] = &names;
        let without = self.direct(stage, name, without).await?;
        let with = self.direct(stage, other, with).await?;
        Ok(([without, with], vec![AGAINST.into()]))
    }

    /// A page from its own server, through the link.
    async fn direct(
        &mut self,
        stage: &Stage,
        name: &str,
        address: &Address,
    ) -> Result<Side, CommandError> {
        let server = address.find().await?;
        let features = vec![("server".to_owned(), "the site's own".to_owned())];
        self.side(stage, name, address.url(), server, features)
            .await
    }

    /// A page from Firstlight before its site, without some features.
    async fn firstlight(
        &mut self,
        stage: &Stage,
        name: &str,
        url: &str,
        origin: &str,
        off: &[Part],
    ) -> Result<Side, CommandError> {
        let mut config = configuration(stage, origin)?;
        for part in off {
            if let Part::Feature(feature) = part {
                config.switch_off(*feature);
            }
        }
        let server = Server::start(config)?;
        let addresses = server.addresses();
        let Some(serving) = addresses.first() else {
            return Err(CommandError::new("the server has no address"));
        };
        let socket = serving.0.socket;
        self.servers.push((name.to_owned(), server));
        let features = Part::all().into_iter().map(|part| {
            let state = if off.contains(&part) { "off" } else { "on" };
            (part.name().to_owned(), state.to_owned())
        });
        let features = features.collect();
        let side = self
            .side(stage, name, url.to_owned(), socket, features)
            .await?;
        Ok(Side {
            http: Part::http(off),
            ..side
        })
    }

    async fn side(
        &mut self,
        stage: &Stage,
        name: &str,
        url: String,
        server: SocketAddr,
        features: Vec<(String, String)>,
    ) -> Result<Side, CommandError> {
        let route = stage.route(server).await?;
        let server = route.address();
        self.routes.push(route);
        Ok(Side {
            name: name.to_owned(),
            url,
            server,
            http: Http::default(),
            features,
        })
    }
}

const DIRECT: &str = "Without: the site's own server, reached through the link directly.";
const PLAIN: &str = "Without: the site speaks plain HTTP, so Firstlight served it over HTTPS and HTTP/2 with the order of bytes and pictures switched off.";
const LESS: &str =
    "Both sides were served by Firstlight; they differ in the features that are off.";
const AGAINST: &str = "Both pages came from their own servers, reached through the link directly.";
const KEPT: &str = "What Firstlight may keep it had kept since the first load.";

fn configuration(stage: &Stage, origin: &str) -> Result<Config, CommandError> {
    let mut config = serve::for_origin(origin)?;
    config.tell_origins_their_own_host();
    config.front.https = vec![SocketAddr::new(stage.server_address(), 0)];
    config.front.http = Vec::new();
    config.front.congestion_control = Some(congestion_control()).filter(|name| !name.is_empty());
    // Every connection says which bytes it sent when: the report draws it.
    config.front.byte_log.share = 1.0;
    config.workshop.deadline = PATIENCE;
    config.workshop.queue_wait = PATIENCE;
    config.origin.response_timeout = PATIENCE;
    for site in &mut config.site {
        site.access_log.enabled = false;
    }
    Ok(config)
}
