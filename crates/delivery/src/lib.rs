//! The order of bytes: what leaves a connection next.
//!
//! Three ideas. A [`Priority`] is what the client says of a response (RFC 9218). An [`Outline`]
//! is what the body itself says: at which offset what it shows becomes better. A [`Plan`] joins
//! both: from which offset on the body is sent at which [`Level`]. The [`Scheduler`] holds the
//! plans of all responses of one connection and grants the next bytes.
//!
//! Everything here is pure: no I/O, no clock, no async.

mod level;
mod outline;
mod plan;
mod priority;
mod scheduler;

pub use level::{Concurrency, Level};
pub use outline::{Kind, Outline, Scan};
pub use plan::{Phase, Plan, RECORD_BODY};
pub use priority::{Priority, Urgency};
pub use scheduler::{Grant, Reason, Scheduler};
