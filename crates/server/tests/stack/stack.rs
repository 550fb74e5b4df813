//! A server before a scripted origin.

use std::net::SocketAddr;
use std::time::Duration;

use server::{Config, Server};
use testkit::recorder::Request;
use testkit::{Origin, Recorder, Recording};

use crate::client::{Answer, Client};

/// Longest wait for anything; only a failing test reaches it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The host that clients ask for where a test names none.
pub const HOST: &str = "example.com";

/// A server before an origin.
pub struct Stack {
    pub server: Server,
    pub origin: Origin,
}

impl Stack {
    /// With default settings.
    pub async fn new() -> Self {
        Self::with("", "").await
    }

    /// With these settings at the top of the file, and these of the site; `ORIGIN` stands for the
    /// origin's address.
    pub async fn with(top: &str, site: &str) -> Self {
        let origin = Origin::start().await.unwrap();
        let address = origin.address().to_string();
        let text = format!(
            "{top}\n[[site]]\norigin = 'http://ORIGIN'\n{site}\n[site.access_log]\nenabled = false\n"
        );
        let server = Server::start(config(&text.replace("ORIGIN", &address))).unwrap();
        Self { server, origin }
    }

    /// The address that speaks TLS, or the other one.
    pub fn address(&self, tls: bool) -> SocketAddr {
        address(&self.server, tls)
    }

    /// Asks over plain HTTP/1.1, on a connection of its own.
    pub async fn get(&self, path: &str, headers: &str) -> Answer {
        let mut client = Client::plain(self.address(false)).await;
        client.get(HOST, path, headers).await
    }

    /// Asks over HTTP/2 and TLS, on one connection.
    pub async fn record(&self, requests: &[Request]) -> Recording {
        let recorder = Recorder::new(self.address(true), HOST).limit(PATIENCE);
        recorder.record(requests).await.unwrap()
    }
}

/// A configuration of free ports and these settings.
pub fn config(text: &str) -> Config {
    let front = "[front]\nhttps = ['127.0.0.1:0']\nhttp = ['127.0.0.1:0']\n";
    Config::parse("test.toml", &format!("{front}{text}"))
        .unwrap_or_else(|report| panic!("{report}"))
}

/// The address of a server that speaks TLS, or the other one.
pub fn address(server: &Server, tls: bool) -> SocketAddr {
    let addresses = server.addresses();
    let found = addresses.iter().find(|address| address.0.tls == tls);
    found.unwrap().0.socket
}

/// Waits for what must come.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} does not come"))
}
