//! The sample site: a page of procedural photographs, and an origin that serves it.
//!
//! [`photograph`] computes a scene with the statistics of a camera photograph; [`Site`] wraps
//! sixteen of them in a page; [`serve`] is a small HTTP/1.1 origin for it.

mod encode;
mod font;
mod graphic;
mod kept;
pub mod photo;
mod serve;
mod site;

pub use encode::baseline_jpeg;
pub use photo::{Picture, Scene, photograph};
pub use serve::serve;
pub use site::{Resource, Site};
