//! What a decoding process gives up before it sees a photo: files, network, other processes, new
//! programs. Limits of memory and time are set from outside, a file at a time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::fd::AsFd;

use anyhow::{Context, Result};
use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr};
use landlock::{RulesetStatus, Scope};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::decode::confinement::Confinement;

/// Bytes that a process may say on stderr before it dies.
const MAX_STDERR_BYTES: u64 = 64 << 10;

/// First things first: to end with the parent, and to hold nothing of its.
///
/// # Errors
/// Returns an error if the system refuses what every Linux grants.
pub(super) fn settle_in() -> Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .context("cannot arrange to end with the parent")?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("cannot rule out core dumps")?;
    // SAFETY: nothing in this process owns a descriptor above the standard three yet; and these calls
    // change signals and the allocator of a process that has one thread.
    unsafe {
        libc::close_range(3, libc::c_uint::MAX, 0);
        // A service manager's word is for the parent, which ends the worker when it is ready to.
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
        libc::signal(libc::SIGINT, libc::SIG_IGN);
        // Further arenas reserve address space that the limit would count.
        #[cfg(target_env = "gnu")]
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
    for (resource, most) in
        [(Resource::Core, 0), (Resource::Fsize, MAX_STDERR_BYTES), (Resource::Nofile, 64)]
    {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        rustix::process::setrlimit(resource, limit).context("cannot set a limit")?;
    }
    // Where memory runs out on the whole machine, this process is the one to spare. Not worth an end.
    if let Err(err) = std::fs::write("/proc/self/oom_score_adj", "1000") {
        log(&format!("oom_score_adj: {err}"));
    }
    Ok(())
}

/// Confines this process for good, with what this kernel has. `threads`: a library starts some.
pub(super) fn confine(threads: bool) -> Confinement {
    Confinement {
        landlock: or_logged("landlock", no_files()),
        seccomp: or_logged("seccomp", few_calls(threads)),
    }
}

/// To the parent, which reads this process's stderr. Whether it still does is no reason to stop.
fn log(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Decoding goes on without a protection that this kernel refuses; the parent reports what is in force.
fn or_logged(what: &str, result: Result<bool>) -> bool {
    result.unwrap_or_else(|err| {
        log(&format!("{what}: {err:#}"));
        false
    })
}

fn no_files() -> Result<bool> {
    // All rights are governed and none is granted. Descriptors that are passed in stay usable.
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

/// Calls that decoding takes, whatever their arguments.
const ALLOWED: &[i64] = &[
    // The conversation, the photo, the clock.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Memory.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_brk,
    libc::SYS_madvise,
    // Threads among themselves, and an end.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// All other calls fail with `EPERM`. Killing would catch a library that merely asks for its locale.
fn few_calls(threads: bool) -> Result<bool> {
    let arch = match std::env::consts::ARCH.try_into() {
        Ok(arch) => arch,
        Err(_) => return Ok(false), // The crate knows x86-64, AArch64 and RISC-V.
    };
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    // No memory is ever made executable.
    rules.insert(libc::SYS_mmap, only(2, libc::PROT_EXEC, 0)?);
    rules.insert(libc::SYS_mprotect, only(2, libc::PROT_EXEC, 0)?);
    // File::metadata asks statx about a descriptor, with an empty path.
    rules.insert(libc::SYS_statx, only(2, libc::AT_EMPTY_PATH, libc::AT_EMPTY_PATH)?);
    rules.insert(libc::SYS_newfstatat, only(3, libc::AT_EMPTY_PATH, libc::AT_EMPTY_PATH)?);
    if threads {
        rules.insert(libc::SYS_clone, only(0, libc::CLONE_THREAD, libc::CLONE_THREAD)?);
        rules.insert(libc::SYS_clone3, Vec::new());
    }
    if threads {
        // The arguments of clone3 lie in memory, where a filter cannot see them; without it, the C
        // library goes back to clone. This filter comes first, while another may still be added.
        let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
        let enosys = SeccompAction::Errno(u32::try_from(libc::ENOSYS)?);
        apply(SeccompFilter::new(clone3, SeccompAction::Allow, enosys, arch)?)?;
    }
    let eperm = SeccompAction::Errno(u32::try_from(libc::EPERM)?);
    apply(SeccompFilter::new(rules, eperm, SeccompAction::Allow, arch)?)?;
    Ok(true)
}

/// Allows a call only where the bits of `mask` in its argument equal `value`.
fn only(argument: u8, mask: libc::c_int, value: libc::c_int) -> Result<Vec<SeccompRule>> {
    let mask = u64::try_from(mask)?;
    let value = u64::try_from(value)?;
    let compare = SeccompCmpOp::MaskedEq(mask);
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

fn apply(filter: SeccompFilter) -> Result<()> {
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter(&program)?;
    Ok(())
}

/// Bytes of address space in use.
///
/// # Errors
/// Returns an error if `/proc` cannot be read; so this comes before the confinement.
pub(super) fn address_space() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("cannot read /proc")?;
    let pages: u64 = text.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(pages.saturating_mul(u64::try_from(rustix::param::page_size())?))
}

/// The conversation comes as standard input.
///
/// # Errors
/// Returns an error if there is none.
pub(super) fn conversation() -> Result<std::os::unix::net::UnixStream> {
    Ok(std::io::stdin().as_fd().try_clone_to_owned()?.into())
}
