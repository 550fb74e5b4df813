//! The engines.

mod connect;
pub mod embedded;
pub mod memory;
pub mod names;
pub mod redis;
pub mod s3;
