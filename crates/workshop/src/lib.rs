//! CPU work: admission by cost, deadlines, one flight per result.
//!
//! A [`Workshop`] runs jobs on its own threads, never more at once than fit a budget of pixels,
//! so that memory and time stay bounded whatever is asked. [`Flights`] makes many who want the
//! same result wait for one who makes it. What nobody waits for is improved later, in the time
//! that is left ([`Workshop::improve`]).

mod error;
mod flights;
mod idle;
mod later;
mod line;
mod settings;
mod workshop;

pub use error::WorkshopError;
pub use flights::{Flights, Follow, Joined, Lead};
pub use later::{Improving, Offered};
pub use settings::WorkshopSettings;
pub use workshop::{Cancel, Snapshot, Workshop};
