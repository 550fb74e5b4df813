//! Which sources other than a site's own origin may be asked.

use std::fmt;
use std::net::IpAddr;

use base::settings::{DeValue, Report, Spanned, Value};
use http::Uri;

use crate::target::{Scheme, Target};

/// Why a source's address is never asked, whatever is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriProblem {
    /// Neither `http` nor `https`.
    #[error("only `http` and `https` are fetched")]
    Scheme,
    /// A user name or password before the host.
    #[error("it holds a user name")]
    UserInfo,
    /// No host, or one with characters that no host name has.
    #[error("it has no valid host")]
    Host,
    /// A host that looks like an address but is written in an unusual form, such as `0x7f.1`.
    #[error("its host is a number but not an address in the usual form")]
    OddAddress,
    /// A port that is no number from 1 to 65535.
    #[error("its port is not valid")]
    Port,
    /// `.` or `..` as a part of the path, plain or encoded, or a backslash.
    #[error("its path has dot segments")]
    DotSegments,
}

/// Why a pattern of allowed sources cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source pattern `{pattern}` cannot be read: {problem}")]
pub struct PatternError {
    /// The pattern as written.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    /// `*`: any host.
    Any,
    /// `*.example.com`: any host under it, but not itself. Kept with its leading dot.
    Under(String),
    /// One host.
    Exactly(String),
}

/// One pattern of allowed sources: `https://images.example.com`, `https://*.example.com`,
/// `http://media.example:8080/public`.
///
/// The scheme must agree, so must the port (the scheme's own where none is written). A path allows
/// itself and everything below it; no path allows all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// Without a slash at the end; empty for all paths.
    path: String,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`] says what is wrong in words that suit a configuration report.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Self::read(text.trim()).map_err(|problem| PatternError {
            pattern: text.into(),
            problem,
        })
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = Scheme::split(text).ok_or("it must begin with https:// or http://")?;
        if rest.contains(['?', '#', '@', '\\', ' ']) {
            return Err("it must be a host and perhaps a path, nothing else");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = path.trim_end_matches('/');
        if path.contains('*') || has_dot_segments(path) {
            return Err("the path must be a plain prefix, without `*` or dot segments");
        }
        let (host, port) = split_port(authority).ok_or("the port must be from 1 to 65535")?;
        let host = match (host, host.strip_prefix('*')) {
            ("*", _) => HostPattern::Any,
            (_, Some(under)) if under.starts_with('.') && under.len() > 1 => {
                let name = canonical_host(&under[1..]).map_err(|_| "the host is not valid")?;
                HostPattern::Under(format!(".{name}"))
            }
            (_, Some(_)) => return Err("`*` stands for whole labels: `*.example.com`"),
            (host, None) if host.contains('*') => {
                return Err("`*` may only be the first label of the host");
            }
            (host, None) => {
                HostPattern::Exactly(canonical_host(host).map_err(|_| "the host is not valid")?)
            }
        };
        Ok(Self {
            scheme,
            host,
            port: port.unwrap_or(scheme.default_port()),
            path: path.into(),
        })
    }

    fn allows(&self, target: &Target, path: &str) -> bool {
        let host = match &self.host {
            HostPattern::Any => true,
            HostPattern::Under(under) => {
                target.host.ends_with(under.as_str()) && target.host.len() > under.len()
            }
            HostPattern::Exactly(host) => *host == target.host,
        };
        let below = path
            .strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        host && below && self.scheme == target.scheme && self.port == target.port
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.host {
            HostPattern::Any => "*".into(),
            HostPattern::Under(under) => format!("*{under}"),
            HostPattern::Exactly(host) => host.clone(),
        };
        write!(f, "{}://{host}", self.scheme)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path)
    }
}

impl Value for Pattern {
    fn form() -> String {
        "a source such as `\"https://images.example.com\"`, `\"https://*.example.com\"` or \
         `\"https://example.com/photos\"`"
            .into()
    }

    fn decode(node: &Spanned<DeValue<'_>>, key: &str, report: &mut Report) -> Option<Self> {
        let text = node.get_ref().as_str().unwrap_or_default();
        match Self::parse(text) {
            Ok(pattern) => Some(pattern),
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

/// The sources that may be asked besides a site's own origin. Empty allows none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    patterns: Vec<Pattern>,
}

impl AllowList {
    /// A list of these patterns.
    pub fn new(patterns: Vec<Pattern>) -> Self {
        Self { patterns }
    }

    /// Reads a list of patterns.
    ///
    /// # Errors
    /// Every pattern that cannot be read.
    pub fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self, Vec<PatternError>> {
        let mut errors = Vec::new();
        let read = |pattern: &T| Pattern::parse(pattern.as_ref());
        let patterns = patterns
            .iter()
            .filter_map(|pattern| read(pattern).map_err(|error| errors.push(error)).ok())
            .collect();
        if errors.is_empty() {
            Ok(Self { patterns })
        } else {
            Err(errors)
        }
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether `uri` may be asked. Says nothing of where its host leads: that is checked when the
    /// connection is made.
    pub fn allows(&self, uri: &Uri) -> bool {
        target_of(uri).is_ok_and(|target| self.allows_target(&target, uri.path()))
    }

    pub(crate) fn allows_target(&self, target: &Target, path: &str) -> bool {
        let path = if path.is_empty() { "/" } else { path };
        self.patterns
            .iter()
            .any(|pattern| pattern.allows(target, path))
    }
}

/// Where a source that a visitor named is, if it is written in a form that leaves no doubt.
///
/// # Errors
/// The first thing wrong with it.
pub fn target_of(uri: &Uri) -> Result<Target, UriProblem> {
    let scheme = uri.scheme_str().and_then(Scheme::parse);
    let scheme = scheme.ok_or(UriProblem::Scheme)?;
    let authority = uri.authority().ok_or(UriProblem::Host)?.as_str();
    if authority.contains('@') {
        return Err(UriProblem::UserInfo);
    }
    let (host, port) = split_port(authority).ok_or(UriProblem::Port)?;
    let host = canonical_host(host)?;
    if has_dot_segments(uri.path()) {
        return Err(UriProblem::DotSegments);
    }
    Ok(Target {
        scheme,
        host,
        port: port.unwrap_or(scheme.default_port()),
    })
}

/// Splits `host[:port]`; brackets around IPv6 stay. `None` if the port is no port.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    match authority[after_host..].find(':') {
        None => Some((authority, None)),
        Some(colon) => {
            let (host, port) = authority.split_at(after_host + colon);
            let digits = &port[1..];
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 = digits.parse().ok().filter(|port| plain && *port != 0)?;
            Some((host, Some(port)))
        }
    }
}

/// A host in the one form that is compared: lower case, no dot at the end, addresses as
/// [`std::net`] writes them (IPv6 in brackets).
pub(crate) fn canonical_host(host: &str) -> Result<String, UriProblem> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(UriProblem::Host)?;
        let address: std::net::Ipv6Addr = inner.parse().map_err(|_| UriProblem::Host)?;
        return Ok(format!("[{address}]"));
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return match address {
            IpAddr::V4(address) => Ok(address.to_string()),
            IpAddr::V6(_) => Err(UriProblem::Host),
        };
    }
    let label_is_sound = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if host.len() > 253 || !host.split('.').all(label_is_sound) {
        return Err(UriProblem::Host);
    }
    // Resolvers read a last label of digits or `0x…` as an address in decimal, octal or
    // hexadecimal; no real top-level domain looks like that (WHATWG URL §3.5).
    let last = host.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UriProblem::OddAddress);
    }
    Ok(host)
}

/// Whether a server could read `.` or `..` segments in this path: plain, encoded, or between
/// backslashes and encoded slashes.
fn has_dot_segments(path: &str) -> bool {
    if !path.contains(['.', '%', '\\']) {
        return false;
    }
    let path = path.to_ascii_lowercase();
    let path = path
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "\\");
    path.contains('\\') || path.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests;
