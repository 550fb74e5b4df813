//! The features, a directory each; list.rs is their order.
