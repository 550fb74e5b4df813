//! Congestion control by a model of the path: how fast it delivers, and how long it takes when
//! nothing waits.
//!
//! As much is under way as the path holds, and hardly more, so that next to nothing waits in the
//! queue of the narrowest link: what is chosen late arrives soon. The ideas are those of BBR
//! (draft-ietf-ccwg-bbr): rate and shortest round-trip time as windowed extremes, a doubling
//! start, cycles that ask for more and then let the queue run empty. Unlike a rate, the window is
//! what is controlled, because QUIC's pacing follows the window. The start ends as soon as packets
//! begin to wait (RFC 9406), before the queue overflows. Where others keep the queue full, the
//! window grows among them by a packet a round trip until something is lost.

mod model;
mod rate;

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;

use model::Model;

/// Makes controllers.
#[derive(Debug, Default)]
pub struct ModelConfig;

impl ControllerFactory for ModelConfig {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        Box::new(Model::new(now, current_mtu.into()))
    }
}

impl Controller for Model {
    fn on_sent(&mut self, now: Instant, _bytes: u64, _last_packet_number: u64) {
        self.sent(now);
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        _rtt: &RttEstimator,
    ) {
        self.acknowledged(now, sent, bytes, app_limited);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        _largest_packet_num_acked: Option<u64>,
    ) {
        self.learn(now, in_flight, app_limited);
    }

    fn on_congestion_event(
        &mut self,
        _now: Instant,
        _sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.lose(lost_bytes, is_persistent_congestion);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.set_mtu(new_mtu.into());
    }

    fn window(&self) -> u64 {
        self.window_bytes()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window_bytes();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.first_window()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests;
