//! Composition root: configuration to every room, wired.
