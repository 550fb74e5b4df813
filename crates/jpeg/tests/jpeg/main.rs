//! The room as its users see it: pixels to file to pixels, and files of all kinds.

mod hostile;
mod offsets;
mod oracle;
mod picture;
mod reduced;
mod round_trip;
