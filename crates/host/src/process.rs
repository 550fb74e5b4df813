//! One run of a program, in a process that can do little harm.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open, prlimit,
};
use rustix::thread::set_no_new_privs;

use crate::task::Task;
use crate::walls;

/// The longest that anything runs, whoever waits.
const LONGEST: Duration = Duration::from_secs(30);
/// Between two questions whether it is called off.
const ASKED_EVERY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};
/// Files it may have open.
const FILES: u64 = 32;

/// Runs a program to its end: what it wrote to its standard output.
pub(crate) fn run(task: &Task<'_>, cancel: &dyn Fn() -> bool) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let input = memory_file("input").map_err(failed)?;
    let output = memory_file("output").map_err(failed)?;
    (&input).write_all(task.input).map_err(failed)?;
    (&input).seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut command = Command::new(task.program);
    command
        .args(task.arguments)
        .env_clear()
        .current_dir("/")
        .stdin(input)
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(Stdio::null())
        .process_group(0);
    let mut running = Running(start(task.program, &mut command).map_err(failed)?);
    running.limit(task).map_err(failed)?;
    let status = running.end(cancel)?;
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    written(output, task.most)
}

fn memory_file(name: &str) -> std::io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// Starts it on a thread that has no more privileges to gain and walls around it, which its children
/// inherit. Threads of the server stay as they are.
fn start(program: &Path, command: &mut Command) -> std::io::Result<Child> {
    std::thread::scope(|scope| {
        let starter = scope.spawn(|| {
            set_no_new_privs(true)?;
            walls::build(program)?;
            command.spawn()
        });
        starter
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the thread that starts it fell")))
    })
}

/// What it wrote, unless that is too much.
fn written(mut output: File, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    output
        .seek(SeekFrom::Start(0))
        .and_then(|_| output.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    match bytes.len() {
        0 => Err("it wrote nothing".to_owned()),
        length if length > most => Err(format!("it wrote more than {most} bytes")),
        _ => Ok(bytes),
    }
}

/// A process at work; its group is killed with the value.
struct Running(Child);

impl Running {
    fn pid(&self) -> std::io::Result<Pid> {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| std::io::Error::other("a process without a number"))
    }

    /// Sets its limits. It has them a moment after its start: they are for what takes long.
    fn limit(&self, task: &Task<'_>) -> std::io::Result<()> {
        let pid = self.pid()?;
        let limits = [
            (Resource::Cpu, LONGEST.as_secs()),
            (Resource::As, task.memory),
            (Resource::Fsize, task.most as u64 + 1),
            (Resource::Nofile, FILES),
            (Resource::Core, 0),
        ];
        for (resource, most) in limits {
            let limit = Rlimit {
                current: Some(most),
                maximum: Some(most),
            };
            match prlimit(Some(pid), resource, limit) {
                // It has ended already, and is not waited for yet.
                Ok(_) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits for its end, as long as nobody calls it off.
    fn end(&mut self, cancel: &dyn Fn() -> bool) -> Result<ExitStatus, String> {
        let failed = |error: std::io::Error| error.to_string();
        let pid = self.pid().map_err(failed)?;
        let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| error.to_string())?;
        let since = Instant::now();
        loop {
            let mut watched = [PollFd::new(&ended, PollFlags::IN)];
            match poll(&mut watched, Some(&ASKED_EVERY)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return self.0.wait().map_err(failed),
                Err(error) => return Err(error.to_string()),
            }
            if cancel() {
                return Err("it was called off".to_owned());
            }
            if since.elapsed() > LONGEST {
                return Err("it took too long".to_owned());
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever has ended is as good; its number is not given to others before it is waited for.
        if let Ok(pid) = self.pid()
            && matches!(self.0.try_wait(), Ok(None))
        {
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = self.0.wait();
        }
    }
}
