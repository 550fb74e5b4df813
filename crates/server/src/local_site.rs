//! A site of this very process, for the demo and for tests: an origin like any other, reached over
//! a socket.

use std::net::SocketAddr;
use std::sync::Arc;

use front::{Front, FrontSettings};
use pipeline::{Directory, Exchange, Module, Phase, Pipeline, Response, Step};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ServerError;

/// A site that answers from a function, over plain HTTP. Dropping it stops it.
pub struct LocalSite {
    address: SocketAddr,
    serving: JoinHandle<front::Drained>,
}

impl LocalSite {
    /// Begins to serve `answer` at `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// The address could not be had.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn start(
        address: SocketAddr,
        answer: impl Fn(&Exchange) -> Response + Send + Sync + 'static,
    ) -> Result<Self, ServerError> {
        let settings = FrontSettings {
            https: Vec::new(),
            http: vec![address],
            ..FrontSettings::default()
        };
        let pipeline = Pipeline::new(vec![Box::new(Answers(answer))]);
        let pipeline = pipeline.unwrap_or_else(|_| unreachable!("one module is in order"));
        let front = Front::bind(&settings, Arc::new(OneSite(Arc::new(pipeline))))?;
        let address = front
            .addresses()
            .first()
            .map_or(address, |bound| bound.socket);
        let serving = tokio::spawn(async move { front.serve(CancellationToken::new()).await });
        Ok(Self { address, serving })
    }

    /// Its URL, as an origin.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for LocalSite {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct OneSite(Arc<Pipeline>);

impl Directory for OneSite {
    fn pipeline(&self, _host: &str) -> Arc<Pipeline> {
        Arc::clone(&self.0)
    }
}

struct Answers<F>(F);

impl<F: Fn(&Exchange) -> Response + Send + Sync + 'static> Module for Answers<F> {
    fn id(&self) -> &'static str {
        "local-site"
    }

    fn phase(&self) -> Phase {
        Phase::Fetch
    }

    fn request<'a>(&'a self, exchange: &'a mut Exchange) -> Step<'a> {
        Step::respond((self.0)(exchange))
    }
}
