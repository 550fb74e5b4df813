//! The contract every feature is written to, and the one place that runs it.
//!
//! A request becomes an [`Exchange`]. A [`Pipeline`] is a list of [`Module`]s in the order they
//! run. On the way in every module may answer, continue or skip phases ([`Verdict`]); the
//! response goes back through the same modules in exact reverse; then the modules that shape the
//! finished response and those that log it run in the order of the list. Every step leaves an
//! [`Event`] in the [`Trace`].
//!
//! This room knows no module.

mod exchange;
mod module;
mod run;
mod trace;

#[cfg(test)]
mod tests;

pub use exchange::{Burst, Connection, Exchange, NetworkEstimate, Protocol, Response};
pub use module::{Module, Outcome, Phase, PhaseSet, Reply, Step, Verdict};
pub use run::{Directory, Pipeline};
pub use trace::{Event, Side, Trace};
