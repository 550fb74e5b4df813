//! How fast the visitor's connection is. Browsers hardly say; the connection itself knows.

mod config;
mod pages;
#[cfg(test)]
mod tests;
mod told;
mod visitors;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use ::image::Tier;
use ::origin::Network;
use http::header::{ACCEPT, FORWARDED, REFERER, USER_AGENT, VIA};
use pipeline::{Exchange, Module, NetworkEstimate, Phase, Step, Verdict};

pub use config::NetworkSettings;

use told::Told;
use visitors::{Judgement, Visitor, Visitors};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// What a request is for, as browsers say it (Fetch Metadata Request Headers, §2.1).
const DESTINATION: &str = "sec-fetch-dest";
/// How long the first picture of a page waits for the page's own bytes to say how fast the path
/// is. They are on their way then, and the picture behind them.
const PATIENCE: Duration = Duration::from_millis(200);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(2);

/// The module.
pub struct NetworkModule {
    settings: NetworkSettings,
    proxies: Vec<Network>,
    visitors: Visitors,
}

/// What a request is for, as far as this module cares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Page,
    Picture,
    Other,
}

/// What is known of where a picture goes, left for those who choose by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// How fast the visitor's connection is; `None` where that is not known.
    pub tier: Option<Tier>,
    /// Whether the page is known to show many pictures.
    pub crowded: bool,
    /// Whether the picture is a JPEG XL by its name.
    pub jxl: bool,
}

impl From<Option<Tier>> for Way {
    fn from(tier: Option<Tier>) -> Self {
        Self {
            tier,
            crowded: false,
            jxl: false,
        }
    }
}

/// Where a picture goes.
pub fn way(exchange: &Exchange) -> Way {
    exchange.slots.get::<Way>().copied().unwrap_or_default()
}

/// How fast the visitor's connection is; `None` where that is not known.
pub fn tier(exchange: &Exchange) -> Option<Tier> {
    way(exchange).tier
}

impl NetworkModule {
    /// A module with these settings; `proxies` stand between visitors and this server.
    pub fn new(settings: &NetworkSettings, proxies: &[Network]) -> Self {
        Self {
            settings: settings.clone(),
            proxies: proxies.to_vec(),
            visitors: Visitors::new(),
        }
    }

    /// Whose connection this is.
    fn path(&self, exchange: &Exchange) -> Path {
        let headers = &exchange.headers;
        let connection = &exchange.connection;
        let remote = connection.remote.ip().to_canonical();
        let trusted = connection.proxied || self.is_proxy(remote);
        let told = self.settings.header.as_ref().filter(|_| trusted);
        if let Some(told) = told.and_then(|name| Told::parse(exchange.header(name)?)) {
            return Path::Told(told, self.visitor_behind(exchange, remote));
        }
        let is_proxied = trusted
            || headers.contains_key(VIA)
            || headers.contains_key(FORWARDED)
            || headers.contains_key(FORWARDED_FOR);
        match is_proxied {
            true => Path::Hidden,
            false => Path::Own(remote),
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// The address that the last proxy but ours was asked by.
    fn visitor_behind(&self, exchange: &Exchange, remote: IpAddr) -> IpAddr {
        let lines = exchange.headers.get_all(FORWARDED_FOR);
        let lines = lines.iter().filter_map(|line| line.to_str().ok());
        let hops: Vec<IpAddr> = lines
            .flat_map(|line| line.split(','))
            .filter_map(|hop| hop.trim().parse().ok())
            .collect();
        let visitor = hops.into_iter().rev().find(|hop| !self.is_proxy(*hop));
        visitor.unwrap_or(remote)
    }

    fn visitor(&self, exchange: &Exchange, address: IpAddr) -> Visitor {
        let agent = exchange.headers.get(USER_AGENT);
        let agent = agent.map_or(&b""[..], |agent| agent.as_bytes());
        self.visitors.visitor(address, agent)
    }

    fn judge(&self, exchange: &mut Exchange, visitor: Visitor, estimate: &NetworkEstimate) {
        let page = exchange.headers.get(REFERER);
        let page = page.map(|address| self.visitors.page(address.as_bytes()));
        let judgement =
            self.visitors
                .judge(visitor, page, estimate, &self.settings, exchange.started);
        let rtt = estimate.min_rtt.or(estimate.rtt);
        tracing::trace!(?judgement, ?estimate, "judged a connection");
        exchange.trace.explain(|| explain(judgement, rtt));
        exchange.slots.insert(Way {
            tier: judgement.tier,
            crowded: judgement.crowded,
            ..Way::default()
        });
    }

    /// What the connection is like, as soon as the bytes of the page that are on their way have
    /// said it.
    async fn judge_soon(&self, exchange: &mut Exchange, visitor: Visitor) -> Verdict {
        let begun = Instant::now();
        let estimate = loop {
            let estimate = (exchange.connection.estimate)();
            let is_open = || {
                self.visitors
                    .is_open(visitor, &self.settings, exchange.started)
            };
            if !estimate.watching || begun.elapsed() > PATIENCE || !is_open() {
                break estimate;
            }
            tokio::time::sleep(LOOK).await;
        };
        self.judge(exchange, visitor, &estimate);
        Verdict::Continue
    }
}

/// Whose connection a request comes by.
enum Path {
    /// The visitor's own.
    Own(IpAddr),
    /// A trusted proxy's, which told how fast the visitor's own is.
    Told(Told, IpAddr),
    /// A proxy's.
    Hidden,
}

impl Module for NetworkModule {
    fn id(&self) -> &'static str {
        "network"
    }

    fn phase(&self) -> Phase {
        Phase::Identify
    }

    fn concerns(&self, exchange: &Exchange) -> bool {
        wanted(exchange) != For::Other
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        let (address, told) = match self.path(exchange) {
            Path::Own(address) => (address, None),
            Path::Told(told, address) => (address, Some(told)),
            Path::Hidden => {
                exchange
                    .trace
                    .note("through a proxy: nothing is known of the visitor's connection");
                return Step::next();
            }
        };
        let visitor = self.visitor(exchange, address);
        if wanted(exchange) == For::Page {
            self.visitors.navigate(visitor);
            return Step::next();
        }
        let estimate = match told {
            Some(told) => told.estimate(&self.settings),
            None => (exchange.connection.estimate)(),
        };
        let open = || {
            self.visitors
                .is_open(visitor, &self.settings, exchange.started)
        };
        if estimate.watching && open() {
            return Step::later(self.judge_soon(exchange, visitor));
        }
        self.judge(exchange, visitor, &estimate);
        Step::next()
    }
}

/// What a request is for. Without the browser's word: what it accepts first.
fn wanted(exchange: &Exchange) -> For {
    match exchange.header(DESTINATION) {
        Some("document" | "iframe") => For::Page,
        Some("image") => For::Picture,
        // Pictures that a script asks for are pictures too; their `Accept` does not say so.
        Some("empty") | None => match exchange.header(ACCEPT) {
            Some(accept) if accept.starts_with("text/html") => For::Page,
            _ => For::Picture,
        },
        Some(_) => For::Other,
    }
}

fn explain(judgement: Judgement, rtt: Option<std::time::Duration>) -> String {
    let Some(tier) = judgement.tier else {
        return "nothing is known of the connection yet".into();
    };
    let rate = judgement.rate.map(|rate| {
        let least = if rate.at_least { "at least " } else { "" };
        format!("{least}{:.1} Mbit/s", rate.bits as f64 / 1e6)
    });
    let rtt = rtt.map(|rtt| format!("round trip {:.0} ms", rtt.as_secs_f64() * 1e3));
    let measured: Vec<String> = rate.into_iter().chain(rtt).collect();
    let held = if judgement.anew {
        ""
    } else {
        "; held for the page"
    };
    let crowded = if judgement.crowded {
        "; its page shows many pictures"
    } else {
        ""
    };
    format!(
        "{} connection: {}{held}{crowded}",
        tier.word(),
        measured.join(", ")
    )
}
