//! The room as its users see it: pixels to file to pixels, and files of all kinds.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail as tests do"
)]

mod hostile;
mod offsets;
mod oracle;
mod picture;
mod reduced;
mod round_trip;
mod transcode;
