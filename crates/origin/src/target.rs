//! Where a connection goes, and a site's own origin.

use std::fmt;

use base::settings::{DeValue, Report, Spanned, Value};
use http::HeaderValue;
use http::uri::{Authority, PathAndQuery};

use crate::allow::{canonical_host, split_port};
use crate::settings::HostHeader;

/// How bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// In plain text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The scheme of this name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Http, Self::Https]
            .into_iter()
            .find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    /// The name, lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Splits `scheme://rest`.
    pub(crate) fn split(text: &str) -> Option<(Self, &str)> {
        let (name, rest) = text.split_once("://")?;
        Some((Self::parse(name)?, rest))
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a connection goes: what connections are kept by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Whether over TLS.
    pub scheme: Scheme,
    /// Host in its canonical form: lower case; IPv6 in brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Target {
    /// `host[:port]` as it belongs into a `Host` header: without the scheme's own port.
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            self.place()
        }
    }

    /// `host:port`, for the log.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The host without brackets, as resolvers and TLS take it.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

/// Why the address of an origin cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the origin `{given}` cannot be read: {problem}")]
pub struct UpstreamError {
    /// The address as written.
    pub given: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// A site's own origin: trusted, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    target: Target,
    /// Put before every path; no slash at the end; usually empty.
    base: String,
    authority: HeaderValue,
    host_header: HostHeader,
}

impl Upstream {
    /// Reads `http://host[:port][/base]` or `https://…`. The base is put before every path.
    ///
    /// # Errors
    /// [`UpstreamError`] says what is wrong in words that suit a configuration report.
    pub fn parse(text: &str) -> Result<Self, UpstreamError> {
        Self::read(text.trim()).map_err(|problem| UpstreamError {
            given: text.into(),
            problem,
        })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = Scheme::split(text).ok_or("it must begin with http:// or https://")?;
        let (authority, base) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("user names and passwords are not taken here");
        }
        if base.contains(['?', '#']) {
            return Err("it must not have a query or fragment");
        }
        let (host, port) = split_port(authority).ok_or("the port must be from 1 to 65535")?;
        let host = canonical_host(host).map_err(|_| "the host is not valid")?;
        let base = base.trim_end_matches('/');
        if !base.is_empty() && PathAndQuery::try_from(base).is_err() {
            return Err("the path is not valid");
        }
        let port = port.unwrap_or(scheme.default_port());
        let target = Target { scheme, host, port };
        let authority =
            HeaderValue::try_from(target.authority()).map_err(|_| "the host is not valid")?;
        Ok(Self {
            target,
            base: base.into(),
            authority,
            host_header: HostHeader::Upstream,
        })
    }

    /// The same origin, seeing this name in `Host`.
    #[must_use]
    pub fn with_host_header(mut self, host_header: HostHeader) -> Self {
        self.host_header = host_header;
        self
    }

    /// Where it is.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The name to ask for: the origin's own or the client's, by setting. A client's name that is
    /// no name falls back to the origin's.
    pub(crate) fn host_for(&self, client: Option<&HeaderValue>) -> HeaderValue {
        let is_name = |host: &&HeaderValue| {
            let host = host.as_bytes();
            !host.contains(&b'@') && Authority::try_from(host).is_ok()
        };
        match self.host_header {
            HostHeader::Client => client.filter(is_name).unwrap_or(&self.authority).clone(),
            HostHeader::Upstream => self.authority.clone(),
        }
    }

    /// Path and query as the origin sees them; `None` if they are not valid together.
    pub(crate) fn path_for(&self, asked: Option<&PathAndQuery>) -> Option<PathAndQuery> {
        let asked = asked.map_or("/", PathAndQuery::as_str);
        if self.base.is_empty() {
            return asked.try_into().ok();
        }
        format!("{}{asked}", self.base).try_into().ok()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { scheme, .. } = self.target;
        write!(f, "{scheme}://{}{}", self.target.authority(), self.base)
    }
}

impl Value for Upstream {
    fn form() -> String {
        "an origin such as `\"http://127.0.0.1:3000\"` or `\"https://example.com/shop\"`".into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let text = node.get_ref().as_str().unwrap_or_default();
        match Self::parse(text) {
            Ok(upstream) => Some(upstream),
            Err(error) => {
                report.reject(key, text, format!("{} ({})", Self::form(), error.problem));
                None
            }
        }
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read() {
        for (text, shown) in [
            ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
            ("HTTPS://Example.COM:443/", "https://example.com"),
            ("http://[::1]:80/shop/", "http://[::1]/shop"),
            ("https://example.com./a/b", "https://example.com/a/b"),
            (" http://localhost ", "http://localhost"),
        ] {
            assert_eq!(Upstream::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn a_wrong_origin_says_what_is_wrong() {
        for (text, problem) in [
            ("example.com", "it must begin with http:// or https://"),
            (
                "ftp://example.com",
                "it must begin with http:// or https://",
            ),
            ("http://", "the host is not valid"),
            ("http://:80", "the host is not valid"),
            ("http://exa mple.com", "the host is not valid"),
            ("http://2130706433", "the host is not valid"),
            (
                "http://user:pass@example.com",
                "user names and passwords are not taken here",
            ),
            ("http://example.com:0", "the port must be from 1 to 65535"),
            (
                "http://example.com:65536",
                "the port must be from 1 to 65535",
            ),
            ("http://example.com:+80", "the port must be from 1 to 65535"),
            ("http://example.com:", "the port must be from 1 to 65535"),
            (
                "http://example.com/?a",
                "it must not have a query or fragment",
            ),
            ("http://example.com/a b", "the path is not valid"),
        ] {
            assert_eq!(
                Upstream::parse(text).unwrap_err().problem,
                problem,
                "{text}"
            );
        }
    }

    #[test]
    fn the_base_goes_before_every_path() {
        let asked = PathAndQuery::from_static("/a?b=c");
        let plain = Upstream::parse("http://example.com").unwrap();
        assert_eq!(plain.path_for(Some(&asked)).unwrap(), "/a?b=c");
        assert_eq!(plain.path_for(None).unwrap(), "/");
        let deep = Upstream::parse("http://example.com/shop/").unwrap();
        assert_eq!(deep.path_for(Some(&asked)).unwrap(), "/shop/a?b=c");
    }

    #[test]
    fn the_clients_name_is_used_only_on_demand_and_if_it_is_one() {
        let upstream = Upstream::parse("http://origin.example:8080").unwrap();
        let client = HeaderValue::from_static("www.example.com");
        assert_eq!(upstream.host_for(Some(&client)), "origin.example:8080");
        let upstream = upstream.with_host_header(HostHeader::Client);
        assert_eq!(upstream.host_for(Some(&client)), "www.example.com");
        assert_eq!(upstream.host_for(None), "origin.example:8080");
        for odd in ["not a host", "user@www.example.com", ""] {
            let odd = HeaderValue::from_static(odd);
            assert_eq!(upstream.host_for(Some(&odd)), "origin.example:8080");
        }
    }
}
