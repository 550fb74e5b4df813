//! A child process with a pipe on its descriptors 3 and 4, ended with all its children, and with
//! the thread that started it.
#![expect(
    unsafe_code,
    reason = "descriptors 3 and 4 of a child are set between fork and exec"
)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use super::ending;

/// Starts the command in a process group of its own. It reads what is written to the first file
/// on descriptor 3; what it writes to descriptor 4 is read from the second.
///
/// The kernel kills it when the calling thread ends, however that happens: a killed process leaves
/// no child behind.
pub fn spawn(command: &mut Command) -> io::Result<(Child, File, File)> {
    let (child_reads, we_write) = pipe()?;
    let (we_read, child_writes) = pipe()?;
    // Out of the way of 3 and 4, or the first copy could overwrite the source of the second.
    let (child_reads, child_writes) = (lift(&child_reads)?, lift(&child_writes)?);
    let (reads, writes) = (child_reads.as_raw_fd(), child_writes.as_raw_fd());
    command.process_group(0);
    let parent = std::process::id();
    // SAFETY: between fork and exec the closure calls nothing but `prctl`, `getppid` and `dup2`,
    // which are async-signal-safe and allocate nothing; the descriptors stay open in this process
    // until `spawn` has returned.
    unsafe {
        command.pre_exec(move || {
            end_with(parent)?;
            copy_to(reads, 3)?;
            copy_to(writes, 4)
        });
    }
    let child = command.spawn()?;
    Ok((child, we_write.into(), we_read.into()))
}

/// Ends a child made by [`spawn`] and everything in its group, and waits for all of it, those that
/// are not its own children no longer than `limit`.
pub fn end_group(child: &mut Child, limit: Duration) {
    let Ok(group) = libc::pid_t::try_from(child.id()) else {
        return;
    };
    // SAFETY: the child has not been waited for, so that its number is still its own, and it
    // leads a group of that number.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
    // Killed processes can be waited for; there is nobody to tell if not.
    let leader = child.id();
    let _ = child.wait();
    ending::wait_for_all(limit, |process| ending::group(process) == Some(leader));
}

/// Has the kernel kill this process when the thread that started it ends.
fn end_with(parent: u32) -> io::Result<()> {
    // SAFETY: the call sets an attribute of the calling process and takes plain numbers.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // A parent that ended before the call has sent nothing.
    // SAFETY: the call has no arguments and cannot fail.
    if u32::try_from(unsafe { libc::getppid() }) == Ok(parent) {
        Ok(())
    } else {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// The same file on a descriptor of at least 10.
fn lift(file: &OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open; F_DUPFD_CLOEXEC takes a number.
    let lifted = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) };
    if lifted < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fcntl` has just made this descriptor and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(lifted) })
}

/// `dup2` clears close-on-exec on the copy.
fn copy_to(from: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: both are plain numbers; an invalid one is an error of the call.
    if unsafe { libc::dup2(from, to) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn the_child_talks_on_three_and_four() {
        let mut command = Command::new("sh");
        command.args(["-c", "read line <&3; echo \"got $line\" >&4"]);
        let (mut child, mut writer, mut reader) = spawn(&mut command).unwrap();
        writer.write_all(b"hello\n").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "got hello\n");
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_child_ends_with_the_thread_that_started_it() {
        let started = std::thread::spawn(|| {
            let mut command = Command::new("sleep");
            spawn(command.arg("600")).unwrap()
        });
        let (mut child, _writer, _reader) = started.join().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn a_group_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & sleep 600"]);
        let (mut child, writer, mut reader) = spawn(&mut command).unwrap();
        drop(writer);
        assert!(!ending::wait_for(child.id(), Duration::ZERO));
        end_group(&mut child, Duration::from_secs(60));
        // The pipe closes only when the last process that holds it is gone.
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    }

    #[test]
    fn a_group_outlives_its_leader_no_longer_than_that() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo on its own >&4"]);
        let (mut child, _writer, mut reader) = spawn(&mut command).unwrap();
        reader.read_exact(&mut [0; 11]).unwrap();
        assert!(ending::wait_for(child.id(), Duration::from_secs(60)));
        end_group(&mut child, Duration::from_secs(60));
        assert_eq!(reader.read(&mut [0; 1]).unwrap(), 0);
    }
}
