//! Hints set up by themselves: pages ask browsers for what pictures are chosen by, and let other
//! origins of the site's pictures hear it too.

mod config;
#[cfg(test)]
mod tests;

use ::origin::Network;
use base::settings::{Report, join};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use pipeline::{Exchange, Module, Phase, Reply, Response};

pub use config::HintsSettings;

use crate::https::is_secure;
use crate::kept::set_text;

const ACCEPT_CH: HeaderName = HeaderName::from_static("accept-ch");
const CRITICAL_CH: HeaderName = HeaderName::from_static("critical-ch");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Hints that a policy decides on, each with the policy's name for it (Client Hints Infrastructure
/// §4.2). `Save-Data` is sent to everyone.
const POLICIES: [(&str, &str); 7] = [
    ("sec-ch-width", "ch-width"),
    ("sec-ch-dpr", "ch-dpr"),
    ("sec-ch-viewport-width", "ch-viewport-width"),
    ("sec-ch-device-memory", "ch-device-memory"),
    ("ect", "ch-ect"),
    ("rtt", "ch-rtt"),
    ("downlink", "ch-downlink"),
];

/// The module.
pub struct HintsModule {
    ask: Vec<HeaderName>,
    critical: Vec<HeaderName>,
    /// Directives of the policy: the name, and all of it.
    delegated: Vec<(&'static str, String)>,
    /// Proxies that say how a visitor came to them.
    proxies: Vec<Network>,
}

impl HintsModule {
    /// A module with these settings; what makes no sense is reported.
    pub fn new(
        settings: &HintsSettings,
        proxies: &[Network],
        place: &str,
        report: &mut Report,
    ) -> Self {
        for (number, origin) in settings.picture_origins.iter().enumerate() {
            if !config::is_origin(origin) {
                let form = "an origin such as `\"https://images.example.com\"`";
                let place = join(place, &format!("picture_origins[{number}]"));
                report.reject(&place, origin, form);
            }
        }
        for (number, name) in settings.critical.iter().enumerate() {
            if !settings.ask.contains(name) {
                let place = join(place, &format!("critical[{number}]"));
                report.reject(&place, name.as_str(), "one of those in `ask`");
            }
        }
        Self {
            ask: settings.ask.clone(),
            critical: settings.critical.clone(),
            delegated: delegated(settings),
            proxies: proxies.to_vec(),
        }
    }

    fn set_up(&self, headers: &mut HeaderMap) {
        add_names(headers, ACCEPT_CH, &self.ask);
        add_names(headers, CRITICAL_CH, &self.critical);
        self.delegate(headers);
    }

    /// What the origin says of a hint itself stays as it is.
    fn delegate(&self, headers: &mut HeaderMap) {
        let own = text_of(headers, &PERMISSIONS_POLICY);
        let is_own = |name: &str| {
            let mut directives = own.split(',');
            directives.any(|one| one.split('=').next().is_some_and(|own| own.trim() == name))
        };
        let ours = self.delegated.iter().filter(|(name, _)| !is_own(name));
        let ours: Vec<&str> = ours.map(|(_, directive)| directive.as_str()).collect();
        if let Ok(value) = HeaderValue::try_from(ours.join(", "))
            && !ours.is_empty()
        {
            headers.append(PERMISSIONS_POLICY, value);
        }
    }
}

fn delegated(settings: &HintsSettings) -> Vec<(&'static str, String)> {
    if settings.picture_origins.is_empty() {
        return Vec::new();
    }
    let origins = settings.picture_origins.iter();
    let quoted: Vec<String> = origins.map(|origin| format!("\"{origin}\"")).collect();
    let asked = |name: &str| settings.ask.iter().any(|asked| asked == name);
    POLICIES
        .iter()
        .filter(|(name, _)| asked(name))
        .map(|(_, policy)| (*policy, format!("{policy}=(self {})", quoted.join(" "))))
        .collect()
}

/// Adds names to a list of names, each once.
fn add_names(headers: &mut HeaderMap, header: HeaderName, names: &[HeaderName]) {
    if names.is_empty() {
        return;
    }
    let own = text_of(headers, &header);
    let own = own
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    let mut all: Vec<&str> = own.collect();
    for name in names {
        if !all
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name.as_str()))
        {
            all.push(name.as_str());
        }
    }
    let all = all.join(", ");
    set_text(headers, header, &all);
}

/// All lines of a header as one.
fn text_of(headers: &HeaderMap, name: &HeaderName) -> String {
    let lines = headers.get_all(name).into_iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    lines.join(", ")
}

impl Module for HintsModule {
    fn id(&self) -> &'static str {
        "hints"
    }

    fn phase(&self) -> Phase {
        Phase::Finish
    }

    fn response<'a>(
        &'a self,
        exchange: &'a mut Exchange,
        mut response: Box<Response>,
    ) -> Reply<'a> {
        if is_page(&response.headers) && is_secure(exchange, &self.proxies) {
            exchange.trace.note("a page: asks for client hints");
            self.set_up(&mut response.headers);
        }
        Reply::pass(response)
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = given.and_then(|given| given.split(|byte| *byte == b';').next());
    let kind = kind.unwrap_or_default().trim_ascii();
    [&b"text/html"[..], b"application/xhtml+xml"]
        .iter()
        .any(|page| kind.eq_ignore_ascii_case(page))
}
