//! A front that speaks HTTP/3, on a port the system chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pipeline::{Exchange, Step};
use testkit::quic::{Client, Options};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::h2::tests::site::{self, Log};
use crate::{Drained, Front, FrontSettings};

/// Nothing here takes longer; what does hangs.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The site all clients here ask for.
pub const SITE: &str = "example.com";

pub struct Server {
    pub address: SocketAddr,
    pub log: Log,
    pub shutdown: CancellationToken,
    serving: JoinHandle<Drained>,
}

pub fn settings() -> FrontSettings {
    FrontSettings {
        https: vec!["127.0.0.1:0".parse().unwrap()],
        ..FrontSettings::default()
    }
}

impl Server {
    pub fn new(answer: impl Fn(&mut Exchange) -> Step<'static> + Send + Sync + 'static) -> Self {
        Self::with(&settings(), answer)
    }

    pub fn with(
        settings: &FrontSettings,
        answer: impl Fn(&mut Exchange) -> Step<'static> + Send + Sync + 'static,
    ) -> Self {
        let (directory, log) = site::directory(answer);
        let front = Front::bind(settings, directory).unwrap();
        let address = front.addresses()[0];
        assert!(address.http3, "the UDP port is free");
        let shutdown = CancellationToken::new();
        let token = shutdown.clone();
        let serving = tokio::spawn(async move { Arc::new(front).serve(token).await });
        Self {
            address: address.socket,
            log,
            shutdown,
            serving,
        }
    }

    pub async fn client(&self) -> Client {
        let client = Client::connect(self.address, SITE, Options::default());
        client.await.unwrap()
    }

    /// Waits for the end after a shutdown.
    pub async fn drained(self) -> Drained {
        within(self.serving).await.unwrap()
    }

    /// What the log says once so many requests have ended.
    pub async fn logged(&self, count: usize) -> Vec<(String, u16, u64, bool)> {
        within(async {
            loop {
                let lines = self.log.lock().unwrap().clone();
                if lines.len() >= count {
                    return lines;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }
}

/// Waits, but not for ever.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

/// The code the server closed the connection with.
pub async fn closed_with(client: &Client) -> u64 {
    match within(client.connection().closed()).await {
        quinn::ConnectionError::ApplicationClosed(closed) => closed.error_code.into_inner(),
        other => panic!("{other}"),
    }
}
