//! Waiting for processes that are not our children to end.
#![expect(
    unsafe_code,
    reason = "only a process descriptor can be waited for without being the parent"
)]

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Waits until no process is left of which `concerns` says so by its number; says whether that
/// came to pass within `limit`. Processes that have ended but that nobody has asked about count as
/// gone.
pub fn wait_for_all(limit: Duration, concerns: impl Fn(u32) -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        let found: Vec<OwnedFd> = processes()
            .filter(|process| concerns(*process))
            .filter_map(|process| open(process).ok())
            .filter(|process| !has_ended_within(process, Duration::ZERO))
            .collect();
        if found.is_empty() {
            return true;
        }
        for process in &found {
            let left = deadline.saturating_duration_since(Instant::now());
            if !has_ended_within(process, left) {
                return false;
            }
        }
        // One of them may have started another in the meantime.
    }
}

/// Waits until a process ends; says whether it did within `limit`. One that cannot be found has
/// ended.
pub fn wait_for(process: u32, limit: Duration) -> bool {
    open(process).is_ok_and(|process| has_ended_within(&process, limit)) || !exists(process)
}

/// Whether there is such a process.
pub fn exists(process: u32) -> bool {
    fs::exists(format!("/proc/{process}")).unwrap_or(true)
}

/// The group a process belongs to; `None` where there is no such process.
pub fn group(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // State, parent and group (proc(5)), counted from behind the program's name in parentheses.
    let fields = stat.rsplit(')').next()?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// Whether a process was started with an argument that contains this.
pub fn is_told(process: u32, part: &str) -> bool {
    let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains(part)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn open(process: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes plain numbers.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(process), 0) };
    let descriptor = i32::try_from(descriptor).unwrap_or(-1);
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A process descriptor can be read from the moment its process ends.
fn has_ended_within(process: &OwnedFd, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        let mut polled = libc::pollfd {
            fd: process.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up: a wait that is too short would be repeated until the time is up.
        let left = i32::try_from(left.as_micros().div_ceil(1000)).unwrap_or(i32::MAX);
        // SAFETY: `polled` is one entry with an open descriptor and lives through the call.
        match unsafe { libc::poll(&raw mut polled, 1, left) } {
            0 => return false,
            ready if ready > 0 => return true,
            _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_waited_for_until_it_ends_and_no_longer_than_that() {
        let mut command = Command::new("sh");
        // It ends with its input at the latest, and with this process.
        command.args(["-c", "echo up; read line", "marked-26"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        let process = child.id();
        assert!(group(process).is_some() && is_told(process, "marked-26"));
        let is_it = |other| other == process;
        assert!(!wait_for(process, Duration::from_millis(20)));
        assert!(!wait_for_all(Duration::from_millis(20), is_it));
        child.kill().unwrap();
        // It has not been asked about, and counts as gone all the same.
        assert!(wait_for_all(Duration::from_secs(60), is_it));
        child.wait().unwrap();
        assert!(wait_for(process, Duration::ZERO) && !exists(process));
        assert_eq!(group(process), None);
    }
}
