//! What a worker gives up before it reads anything.

use std::collections::BTreeMap;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use crate::protocol::Task;

/// What a worker may take.
struct Bounds {
    /// In bytes of addresses.
    memory: u64,
    /// Processor time, in seconds. Whoever waits ends a worker earlier.
    seconds: u64,
}

impl Task {
    const fn bounds(self) -> Bounds {
        match self {
            // About 20 bytes for each pixel, of which a picture has at most a hundred million.
            Self::Av1 => Bounds {
                memory: 4 << 30,
                seconds: 30,
            },
            // A document of a few hundred bytes can ask for any amount of either.
            Self::Svg => Bounds {
                memory: 1 << 30,
                seconds: 5,
            },
        }
    }
}

/// Why a worker is not shut in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open;

/// Shuts the process in, for good: it can read and write what is open, take memory, and end.
/// `task` says how much.
///
/// # Errors
/// [`Open`] if the kernel, or what stands above it, does not offer all of it.
pub(crate) fn build(task: Task) -> Result<(), Open> {
    no_files()?;
    limit(&task.bounds())?;
    no_calls()
}

/// No file may be opened, nor a port (Landlock). What kernels add later is asked for too, as far as
/// they have it.
fn no_files() -> Result<(), Open> {
    let enforced = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|rules| {
            rules
                .set_compatibility(CompatLevel::BestEffort)
                .handle_access(AccessFs::from_all(ABI::V5))
        })
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V5)))
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(|_| Open)?;
    let shut = enforced.ruleset != RulesetStatus::NotEnforced && enforced.no_new_privs;
    shut.then_some(()).ok_or(Open)
}

fn limit(bounds: &Bounds) -> Result<(), Open> {
    for (resource, most) in [
        (Resource::As, bounds.memory),
        (Resource::Cpu, bounds.seconds),
        (Resource::Nofile, 0),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ] {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|_| Open)?;
    }
    Ok(())
}

/// Calls without which nothing can be computed and told. All others fail.
fn no_calls() -> Result<(), Open> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_sched_yield,
        libc::SYS_getrandom,
        libc::SYS_clock_gettime,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigprocmask,
        libc::SYS_sigaltstack,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    // Memory, but none that can be executed.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        let executable = libc::PROT_EXEC as u64;
        let operator = SeccompCmpOp::MaskedEq(executable);
        let condition = SeccompCondition::new(2, SeccompCmpArgLen::Dword, operator, 0);
        let rule = condition.and_then(|condition| SeccompRule::new(vec![condition]));
        rules.insert(call, vec![rule.map_err(|_| Open)?]);
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into().map_err(|_| Open)?,
    );
    let program: BpfProgram = filter.map_err(|_| Open)?.try_into().map_err(|_| Open)?;
    apply_filter(&program).map_err(|_| Open)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Error, ErrorKind};
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;
    use std::thread;

    use super::{no_calls, no_files};

    /// What a thread that is shut in says. The walls are around the thread alone: what runs beside
    /// it is none the wiser.
    fn inside<T: Send>(says: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(says).join().unwrap())
    }

    fn is_denied<T>(outcome: Result<T, Error>) -> bool {
        outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn no_file_is_opened_inside() {
        let own = std::env::current_exe().unwrap();
        assert!(File::open(&own).is_ok());
        let (read, written) = inside(|| {
            no_files().unwrap();
            (File::open(&own), File::create(own.with_extension("new")))
        });
        assert!(is_denied(read) && is_denied(written));
        assert!(File::open(&own).is_ok(), "outside it still is");
    }

    #[test]
    fn no_socket_no_program_and_no_thread_is_made_inside() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let denied = inside(|| {
            no_files().unwrap();
            no_calls().unwrap();
            [
                is_denied(TcpStream::connect(address)),
                is_denied(TcpListener::bind("127.0.0.1:0")),
                is_denied(UdpSocket::bind("127.0.0.1:0")),
                is_denied(Command::new("/bin/true").spawn()),
                is_denied(thread::Builder::new().spawn(|| ())),
                is_denied(File::open("/dev/null")),
            ]
        });
        assert_eq!(denied, [true; 6]);
    }

    #[test]
    fn what_is_needed_works_inside() {
        let sum = inside(|| {
            no_files().unwrap();
            no_calls().unwrap();
            let many: Vec<u64> = (0..1 << 20).collect();
            many.iter().sum::<u64>()
        });
        assert_eq!(sum, (1 << 19) * ((1 << 20) - 1));
    }
}
