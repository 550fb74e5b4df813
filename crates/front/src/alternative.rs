//! `Alt-Svc`: the same site, spoken to in another way (RFC 7838).

use std::time::Duration;

use http::header::ALT_SVC;
use http::{HeaderMap, HeaderValue, Uri};

/// The port that addresses beginning with `https` have unless they say otherwise.
const HTTPS: u16 = 443;

/// Says that HTTP/3 is spoken on the port the client asked for.
///
/// Named is the port of the request's own address, not the one that is listened on: with a
/// forwarded port the two differ, and only the first means anything to the client.
#[derive(Clone, Debug)]
pub struct Alternative {
    seconds: u64,
    /// The header for the usual port.
    usual: HeaderValue,
}

impl Alternative {
    /// To be remembered for so long; `None` for no time at all.
    pub fn new(remember: Duration) -> Option<Self> {
        let seconds = remember.as_secs();
        let usual = value(HTTPS, seconds)?;
        (seconds > 0).then_some(Self { seconds, usual })
    }

    /// Adds the header to the answer to a request for `uri`; one from the origin stays.
    pub fn advertise(&self, uri: &Uri, headers: &mut HeaderMap) {
        if headers.contains_key(ALT_SVC) {
            return;
        }
        let header = match uri.port_u16() {
            None | Some(HTTPS) => Some(self.usual.clone()),
            Some(port) => value(port, self.seconds),
        };
        if let Some(header) = header {
            headers.insert(ALT_SVC, header);
        }
    }
}

fn value(port: u16, seconds: u64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("h3=\":{port}\"; ma={seconds}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_of_the_address_asked_for() {
        let alternative = Alternative::new(Duration::from_secs(60)).unwrap();
        let header = |uri: &'static str| {
            let mut headers = HeaderMap::new();
            alternative.advertise(&Uri::from_static(uri), &mut headers);
            headers[ALT_SVC].to_str().unwrap().to_owned()
        };
        assert_eq!(header("https://example.com/"), "h3=\":443\"; ma=60");
        assert_eq!(header("https://example.com:8443/"), "h3=\":8443\"; ma=60");
        let mut headers = HeaderMap::new();
        headers.insert(ALT_SVC, HeaderValue::from_static("clear"));
        alternative.advertise(&Uri::from_static("https://example.com/"), &mut headers);
        assert_eq!(headers[ALT_SVC], "clear");
        assert!(Alternative::new(Duration::ZERO).is_none());
    }
}
