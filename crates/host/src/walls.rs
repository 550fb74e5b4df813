//! What a program cannot do, whatever becomes of it.
//!
//! A thread is shut in, and whatever it starts with it: libraries are to be found, and nothing else
//! is to be seen.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

/// Where systems keep libraries, and what finds them.
const LIBRARIES: [&str; 8] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
];
/// What programs without an input or an output are given.
const NOTHING: &str = "/dev/null";

/// Shuts the thread in, for good: of all files it may read and run those of `program` and of
/// libraries (Landlock, as far as the kernel has it), and calls for other things than computing fail
/// (seccomp).
///
/// # Errors
/// If the kernel refuses.
pub(crate) fn build(program: &Path) -> Result<()> {
    files(program).map_err(Error::other)?;
    calls()
}

fn files(program: &Path) -> std::result::Result<(), RulesetError> {
    let reading = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .create()?;
    let libraries = LIBRARIES.map(PathBuf::from).into_iter();
    let rules = libraries
        .chain(own(program))
        .try_fold(rules, |rules, path| allow(rules, &path, reading))?;
    let null = AccessFs::ReadFile | AccessFs::WriteFile;
    allow(rules, Path::new(NOTHING), null)?.restrict_self()?;
    Ok(())
}

/// A program's file, and where it is installed with others if that is a place of its own.
fn own(program: &Path) -> Vec<PathBuf> {
    let Ok(file) = program.canonicalize() else {
        return Vec::new();
    };
    let beside = file.parent().filter(|directory| directory.ends_with("bin"));
    let prefix = beside.and_then(Path::parent);
    let prefix = prefix.filter(|prefix| prefix.parent().is_some());
    let prefix = prefix.map(Path::to_owned);
    [program.to_owned(), file]
        .into_iter()
        .chain(prefix)
        .collect()
}

/// Allows what there is below a path, if it is there.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> std::result::Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(opened) => rules.add_rule(PathBeneath::new(opened, access)),
        Err(_) => Ok(rules),
    }
}

/// Calls that no encoder makes fail: those to the network, into other processes, and to parts of the
/// kernel in which faults were found.
fn calls() -> Result<()> {
    let refused = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept4,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
    ];
    let filter = SeccompFilter::new(
        refused.into_iter().map(|call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        std::env::consts::ARCH.try_into().map_err(Error::other)?,
    );
    let filter: BpfProgram = filter.and_then(TryInto::try_into).map_err(Error::other)?;
    apply_filter(&filter).map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};
    use std::process::Command;
    use std::thread;

    use super::*;

    fn is_denied<T>(outcome: Result<T>) -> bool {
        outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    }

    #[test]
    fn inside_a_program_runs_and_reaches_nothing() {
        let shell = Path::new("/bin/sh");
        let own = std::env::current_exe().unwrap();
        let found = thread::spawn(move || {
            build(shell).unwrap();
            assert!(rustix::thread::no_new_privs().unwrap());
            let ran = Command::new(shell).args(["-c", "exit 7"]).status();
            (
                ran.unwrap().code(),
                [
                    is_denied(File::open(own)),
                    is_denied(TcpListener::bind("127.0.0.1:0")),
                    is_denied(UdpSocket::bind("127.0.0.1:0")),
                ],
            )
        });
        assert_eq!(found.join().unwrap(), (Some(7), [true; 3]));
    }
}
