//! Where processes cannot be held to their limits, none is started.

use crate::task::Task;

/// Says that it cannot be.
pub(crate) fn run(_task: &Task<'_>, _cancel: &dyn Fn() -> bool) -> Result<Vec<u8>, String> {
    Err("programs are run on Linux alone".to_owned())
}
