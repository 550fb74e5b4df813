//! A request from the moment a pipeline has it to its last byte: whatever happens to the
//! connection, the log hears how it ended.

use std::pin::Pin;
use std::sync::Arc;

use crate::peek::peek;
use http::{StatusCode, Uri};
use pipeline::{Directory, Exchange, Outcome, Pipeline, Response};

/// The status logged for a visitor who left before there was an answer.
const GONE: u16 = 499;

/// A pipeline at work on a request.
pub type Answer = Pin<Box<dyn Future<Output = (Box<Ending>, Box<Response>)> + Send>>;

/// A running request. Dropping it tells the log how it ended.
pub struct Ending {
    pipeline: Arc<Pipeline>,
    exchange: Exchange,
    status: Option<StatusCode>,
    body_bytes: u64,
    complete: bool,
}

impl Ending {
    /// Finds the pipeline of the exchange's host.
    pub fn new(directory: &dyn Directory, exchange: Exchange) -> Self {
        Self {
            pipeline: directory.pipeline(exchange.host()),
            exchange,
            status: None,
            body_bytes: 0,
            complete: false,
        }
    }

    /// The address that was asked for.
    pub fn uri(&self) -> &Uri {
        &self.exchange.uri
    }

    /// Runs the pipeline.
    ///
    /// # Cancel safety
    /// Dropping the future and then this ends the request as one whose visitor left.
    pub async fn answer(&mut self) -> Box<Response> {
        let response = peek(self.pipeline.run(&mut self.exchange).await).await;
        self.status = Some(response.status);
        response
    }

    /// Notes the status that is really sent, where it is not the pipeline's.
    pub fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Counts body bytes handed to the connection.
    pub fn add_bytes(&mut self, count: u64) {
        self.body_bytes += count;
    }

    /// Notes that the whole body was handed over.
    pub fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let gone = StatusCode::from_u16(GONE).unwrap_or(StatusCode::BAD_REQUEST);
        let outcome = Outcome {
            status: self.status.unwrap_or(gone),
            body_bytes: self.body_bytes,
            complete: self.complete,
            duration: self.exchange.started.elapsed(),
        };
        self.pipeline.ended(&self.exchange, &outcome);
    }
}
