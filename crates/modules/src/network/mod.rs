//! How fast the visitor's connection is. Browsers hardly say; the connection itself knows.

mod config;
#[cfg(test)]
mod tests;
mod visitors;

use ::image::Tier;
use ::origin::Network;
use http::header::{ACCEPT, FORWARDED, USER_AGENT, VIA};
use pipeline::{Exchange, Module, Phase, Step};

pub use config::NetworkSettings;

use visitors::{Judgement, Visitors};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// What a request is for, as browsers say it (Fetch Metadata Request Headers, §2.1).
const DESTINATION: &str = "sec-fetch-dest";

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

/// Left for those who choose by it.
#[derive(Clone, Copy)]
struct Seen(Option<Tier>);

/// How fast the visitor's connection is; `None` where that is not known.
pub fn tier(exchange: &Exchange) -> Option<Tier> {
    exchange.slots.get::<Seen>()?.0
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

    /// Whether the connection is somebody else's than the visitor's.
    fn is_proxied(&self, exchange: &Exchange) -> bool {
        let remote = exchange.connection.remote.ip().to_canonical();
        let headers = &exchange.headers;
        headers.contains_key(VIA)
            || headers.contains_key(FORWARDED)
            || headers.contains_key(FORWARDED_FOR)
            || self
                .proxies
                .iter()
                .any(|network| network.0.contains(&remote))
    }

    fn judge(&self, exchange: &mut Exchange, wanted: For) {
        let agent = exchange.headers.get(USER_AGENT);
        let agent = agent.map_or(&b""[..], |agent| agent.as_bytes());
        let remote = exchange.connection.remote.ip();
        let visitor = self.visitors.visitor(remote, agent);
        if wanted == For::Page {
            self.visitors.navigate(visitor);
            return;
        }
        let estimate = (exchange.connection.estimate)();
        let judgement = self
            .visitors
            .judge(visitor, &estimate, &self.settings, exchange.started);
        let rtt = estimate.min_rtt.or(estimate.rtt);
        exchange.trace.explain(|| explain(judgement, rtt));
        exchange.slots.insert(Seen(judgement.tier));
    }
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
        if self.is_proxied(exchange) {
            exchange
                .trace
                .note("through a proxy: nothing is known of the visitor's connection");
        } else {
            let wanted = wanted(exchange);
            self.judge(exchange, wanted);
        }
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
    let rate = judgement
        .rate
        .map(|rate| format!("{:.1} Mbit/s", rate as f64 / 1e6));
    let rtt = rtt.map(|rtt| format!("round trip {:.0} ms", rtt.as_secs_f64() * 1e3));
    let measured: Vec<String> = rate.into_iter().chain(rtt).collect();
    let held = if judgement.anew {
        ""
    } else {
        "; held for the page"
    };
    format!("{} connection: {}{held}", tier.word(), measured.join(", "))
}
