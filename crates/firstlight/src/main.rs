//! The binary: reads arguments and the environment, prints, nothing else.
fn main() {}
