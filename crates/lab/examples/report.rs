//! Writes a report about a page that is made up, to look at: `cargo run -p firstlight-lab
//! --example report -- report.html`.

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use firstlight_lab::{metrics::Summary, report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args()
        .nth(1)
        .ok_or("where to? give a file name")?;
    let comparison = synthetic::comparison(5);
    let summary = Summary::of(&comparison)?;
    std::fs::write(&path, report::page(&comparison, &summary))?;
    Ok(())
}
