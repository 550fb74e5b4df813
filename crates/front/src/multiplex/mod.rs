//! What every protocol with many requests on one connection needs: HTTP/2 and HTTP/3 differ in how
//! bytes are framed, not in who waits for what.

mod clock;
mod gate;
mod learned;
mod naming;
mod patience;
mod source;
mod wakes;
mod wish;

pub use clock::{Clock, Tick};
pub use gate::Gate;
pub use learned::Learned;
pub use naming::Naming;
pub use patience::Patience;
pub use source::{Read, Source};
pub use wakes::{StreamWake, Wakes};
pub use wish::{Asked, Wish, is_shared, plan_for, priority_header};
