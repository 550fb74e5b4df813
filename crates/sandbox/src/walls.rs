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

/// Most memory of a worker, in bytes of addresses: the decoder takes about 20 for each pixel, of
/// which a picture has at most a hundred million.
const MOST_MEMORY: u64 = 4 << 30;
/// Most processor time, in seconds. Whoever waits ends a worker earlier.
const MOST_SECONDS: u64 = 30;

/// Why a worker is not shut in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open;

/// Shuts the process in, for good: it can read and write what is open, take memory, and end.
///
/// # Errors
/// [`Open`] if the kernel, or what stands above it, does not offer all of it.
pub(crate) fn build() -> Result<(), Open> {
    no_files()?;
    bounds()?;
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

fn bounds() -> Result<(), Open> {
    for (resource, most) in [
        (Resource::As, MOST_MEMORY),
        (Resource::Cpu, MOST_SECONDS),
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
