//! How the origin room connects, how long it waits and how much it takes.

use std::path::PathBuf;
use std::time::Duration;

use base::{ByteSize, Network, choices, settings};

choices! {
    /// Whether HTTP/2 is spoken to origins.
    pub enum Http2 {
        /// Over TLS, where the origin offers it (ALPN, RFC 7301); never in plain text.
        Auto = "auto",
        /// Always, also in plain text (RFC 9113 §3.3).
        PriorKnowledge = "prior-knowledge",
        /// Never.
        Off = "off",
    }
}

choices! {
    /// Whose name the origin sees in `Host`.
    pub enum HostHeader {
        /// The origin's own, as configured.
        Upstream = "upstream",
        /// The one the visitor asked for.
        Client = "client",
    }
}

settings! {
    /// Connections to the sites' origins and to other sources of pictures.
    pub struct OriginSettings {
        /// Longest wait for a connection: name, TCP and TLS together.
        connect_timeout: Duration = Duration::from_secs(5),
        /// Longest wait for the head of a response, counted from the last byte of the request.
        response_timeout: Duration = Duration::from_secs(30),
        /// Longest silence within the body of a response.
        idle_timeout: Duration = Duration::from_secs(30),
        /// Unused HTTP/1.1 connections kept open for each origin; `0` keeps none.
        max_idle: usize = 32,
        /// How long an unused connection is kept.
        pool_timeout: Duration = Duration::from_secs(60),
        /// Largest head of a response.
        max_header_bytes: ByteSize = ByteSize::kib(64),
        /// Largest body of a response from a site's origin; not set means no limit.
        max_body: Option<ByteSize> = None,
        /// Whether HTTP/2 is spoken.
        http2: Http2 = Http2::Auto,
        /// A PEM file with certificates of authorities that are trusted besides the system's.
        ca_file: Option<PathBuf> = None,
        /// Whether requests to a site's own origin name this server in `Via`. RFC 9110 asks for it;
        /// but nginx, as it comes, and others stop compressing for requests that carry it, and
        /// `CDN-Loop` guards against loops without it.
        via: bool = false,
        /// Redirects followed from one source of a picture; a site's origin's are passed on.
        max_redirects: u32 = 3,
        /// Largest file taken from a source that is not the site's own origin.
        max_source_size: ByteSize = ByteSize::mib(64),
        /// Private ranges that sources other than the site's own origin may be in all the same,
        /// such as that of an object store next door.
        source_networks: Vec<Network> = vec![],
    }
}

#[cfg(test)]
mod tests {
    use base::settings::Value;

    use super::*;

    #[test]
    fn settings_are_read() {
        let source = "http2 = 'prior-knowledge'\nidle_timeout = '2s'\nca_file = 'ca.pem'\n\
                      source_networks = ['10.0.0.0/8', '::1']\n";
        let (settings, _) = base::settings::read::<OriginSettings>("f.toml", source).unwrap();
        assert_eq!(settings.http2, Http2::PriorKnowledge);
        assert_eq!(settings.ca_file, Some("ca.pem".into()));
        let shown: Vec<_> = settings.source_networks.iter().map(Value::show).collect();
        assert_eq!(shown, ["\"10.0.0.0/8\"", "\"::1/128\""]);
    }

    #[test]
    fn a_range_with_bits_behind_its_prefix_is_refused() {
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "example.com", ""] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
