//! The settings of one site.

use ::origin::{HostHeader, Network, Upstream};
use base::settings::{Report, join};

use crate::access_log::AccessLogSettings;
use crate::cache::CacheSettings;
use crate::compression::CompressionSettings;
use crate::headers::HeadersSettings;
use crate::hints::HintsSettings;
use crate::https::HttpsSettings;
use crate::images::ImagesSettings;
use crate::network::NetworkSettings;

base::settings! {
    /// One site: which hosts it has, where its origin is, and what is done on the way.
    pub struct SiteSettings {
        /// The hosts it answers for: names such as `example.com`, or `*.example.com` for every
        /// host below. None: every host that no other site has.
        hosts: Vec<String> = vec![],
        /// Where its pages come from. Must be given.
        origin: Option<Upstream> = None,
        /// Which host name the origin is told in `Host`.
        host_header: HostHeader = HostHeader::Client,
        /// Proxies in front of this server whose `Forwarded` and `X-Forwarded-` headers are
        /// believed and passed on.
        trusted_proxies: Vec<Network> = vec![],
        /// How fast visitors' connections are.
        network: NetworkSettings = NetworkSettings::default(),
        /// From HTTP to HTTPS.
        https: HttpsSettings = HttpsSettings::default(),
        /// Pictures.
        images: ImagesSettings = ImagesSettings::default(),
        /// Compression of texts.
        compression: CompressionSettings = CompressionSettings::default(),
        /// What is kept.
        cache: CacheSettings = CacheSettings::default(),
        /// What browsers are asked to say.
        hints: HintsSettings = HintsSettings::default(),
        /// Headers of responses.
        headers: HeadersSettings = HeadersSettings::default(),
        /// A line for each request.
        access_log: AccessLogSettings = AccessLogSettings::default(),
    }
}

impl SiteSettings {
    /// What the site is called in logs: its first host, or its origin's.
    pub fn name(&self) -> String {
        let origin = || {
            self.origin
                .as_ref()
                .map(|origin| origin.target().authority())
        };
        self.hosts
            .first()
            .cloned()
            .or_else(origin)
            .unwrap_or_default()
    }

    /// Reports what was read but makes no sense; `place` is the path of this site's table.
    pub fn check(&self, place: &str, report: &mut Report) {
        for (number, host) in self.hosts.iter().enumerate() {
            if !is_host_pattern(host) {
                let form =
                    "a host name in lower case such as `\"example.com\"`, or `\"*.example.com\"`";
                report.reject(&join(place, &format!("hosts[{number}]")), host, form);
            }
        }
        if self.origin.is_none() {
            let form = "the address of the site's origin, such as `\"http://127.0.0.1:3000\"`";
            report.reject(&join(place, "origin"), "nothing", form);
        }
        self.network.check(&join(place, "network"), report);
        let policy = &self.images.policy;
        if policy.max_width == Some(0) {
            report.reject(
                &join(place, "images.policy.max_width"),
                "0",
                "a width of at least 1",
            );
        }
        if !(1.0..=3.0).contains(&policy.slow_dpr) {
            report.reject(
                &join(place, "images.policy.slow_dpr"),
                policy.slow_dpr.to_string(),
                "1 to 3, such as 1.5",
            );
        }
        self.compression.check(&join(place, "compression"), report);
        self.images
            .grammars
            .check(&join(place, "images.grammars"), report);
        if self.access_log.target.is_empty() {
            let form = "`\"stdout\"`, `\"stderr\"` or the path of a file";
            report.reject(&join(place, "access_log.target"), "", form);
        }
    }
}

/// Whether this is a host name, an address, or `*.` and a name.
fn is_host_pattern(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let label = |label: &str| {
        let inside = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
        };
        !label.is_empty() && label.len() <= 63 && label.bytes().all(inside)
    };
    let address = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match address {
        Some(inner) => text == name && inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.len() <= 253 && name.split('.').all(label),
    }
}
