//! Makes a thread one that stands back behind the others.
#![expect(unsafe_code, reason = "the scheduler is asked by a system call")]

/// How nice: as nice as can be. (The scheduler's idle class would starve for minutes on a machine
/// that is never idle.)
#[cfg(target_os = "linux")]
const NICENESS: libc::c_int = 19;

/// Gives the calling thread the least weight there is beside threads of the usual kind: about a
/// seventieth of theirs (`sched(7)`). Returns whether the system did so.
#[cfg(target_os = "linux")]
pub(crate) fn stand_back() -> bool {
    // SAFETY: the call takes numbers alone; on Linux, 0 names the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) == 0 }
}

/// Elsewhere niceness is the whole process's, so the share of time alone holds the thread back.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stand_back() -> bool {
    false
}
