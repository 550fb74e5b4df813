//! Addresses of pages, and where their servers are.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use tokio::net::{TcpStream, lookup_host};

use crate::output::CommandError;

/// The address of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub secure: bool,
    /// Host and, if it was given, port.
    pub authority: String,
    /// With the query.
    pub path: String,
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Address {
    pub fn parse(text: &str) -> Result<Self, CommandError> {
        let wrong = || {
            CommandError::usage(format_args!("`{text}` is no address of a page")).hint(
                "such as https://example.com/ or http://127.0.0.1:3000/; `demo` is the sample site",
            )
        };
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(wrong()),
        };
        let authority = uri
            .authority()
            .filter(|authority| !authority.as_str().contains('@') && !authority.host().is_empty());
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            secure,
            authority: authority.ok_or_else(wrong)?.to_string(),
            path: path.to_owned(),
        })
    }

    /// The host without a port; brackets stay.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => host,
            _ => &self.authority,
        }
    }

    /// The URL of the page.
    pub fn url(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    /// The URL of its site.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// Where its server is: the first of its addresses that answers.
    pub async fn find(&self) -> Result<SocketAddr, CommandError> {
        let what = || format!("cannot reach {}", self.origin());
        let target = if self.authority == self.host() {
            let port = if self.secure { 443 } else { 80 };
            format!("{}:{port}", self.authority)
        } else {
            self.authority.clone()
        };
        let found = lookup_host(&target)
            .await
            .map_err(|error| CommandError::because(what(), &error))?;
        let mut problem = CommandError::new(what());
        for address in found {
            match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
                Ok(Ok(_)) => return Ok(address),
                Ok(Err(error)) => problem = CommandError::because(what(), &error),
                Err(_) => problem = CommandError::new(format_args!("{}: no answer", what())),
            }
        }
        Err(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        for (text, url, host) in [
            ("https://example.com", "https://example.com/", "example.com"),
            ("http://a.b:81/c?d#e", "http://a.b:81/c?d", "a.b"),
            ("https://[::1]:8443/", "https://[::1]:8443/", "[::1]"),
            ("http://[::1]/x", "http://[::1]/x", "[::1]"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((&*address.url(), address.host()), (url, host));
        }
        for wrong in [
            "",
            "example.com",
            "/a",
            "ftp://a/",
            "http://",
            "http://u@a/",
        ] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_server_is_found_where_it_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let expected = listener.local_addr().unwrap();
        let address = Address::parse(&format!("http://localhost:{}/", expected.port())).unwrap();
        assert_eq!(address.find().await.unwrap(), expected);
        drop(listener);
        assert!(address.find().await.is_err());
    }
}
