//! The lab: a filmstrip that proves what a visitor sees, and when.

pub mod capture;
pub mod metrics;
pub mod report;
pub mod run;
