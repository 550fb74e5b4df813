//! The sample site: a page of procedural photographs.
