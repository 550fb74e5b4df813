//! `kill -9` at random moments; `cargo xtask bench crash --times 200` does it for longer.

use std::path::Path;

use testkit::crash;

use crate::support::Folder;

#[test]
fn a_disk_that_cannot_be_used_costs_nothing_but_hits() {
    let folder = Folder::new();
    let file = folder.0.join("file");
    std::fs::write(&file, "x").unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_firstlight"));
    let (hits, asked) = crash::serve_on(binary, &folder.0, &file.join("cache")).unwrap();
    // In memory; those too large for it are not kept.
    assert!(
        asked > 100 && hits > 100 && hits < asked,
        "{hits} of {asked}"
    );
}

#[test]
fn a_server_that_is_killed_again_and_again_serves_no_wrong_byte() {
    let folder = Folder::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_firstlight"));
    let report = crash::run(binary, &folder.0, 12, 4711).unwrap();
    assert_eq!(report.kills, 12);
    assert!(report.answers > 100 && report.changed > 10, "{report:?}");
    // Most of what was fetched well before an end is there after it, however slow the disk.
    assert!(
        report.flushed > 20 && report.found * 2 > report.flushed,
        "{report:?}"
    );
}
