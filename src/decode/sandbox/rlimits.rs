//! Resource limits of another process, and its CPU time.

use std::io::{self, ErrorKind};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

/// Sets the soft limit of the process, or the hard one if that is lower.
pub(super) fn set_soft_limit(pid: Pid, resource: Resource, soft: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(soft), maximum: None };
    match prlimit(Some(pid), resource, limit) {
        Ok(_) => Ok(()),
        // Our own hard limit is lower: then it is the limit.
        Err(rustix::io::Errno::PERM | rustix::io::Errno::INVAL) => {
            let maximum = prlimit_of(pid, resource)?;
            let current = Some(maximum.map_or(soft, |maximum| maximum.min(soft)));
            let limit = Rlimit { current, maximum };
            prlimit(Some(pid), resource, limit).map(drop).map_err(Into::into)
        }
        Err(err) => Err(err.into()),
    }
}

/// Whole seconds of CPU time so far, rounded up.
pub(super) fn cpu_seconds(pid: Pid) -> io::Result<u64> {
    let pid = pid.as_raw_nonzero().get();
    let mut clock = 0;
    // SAFETY: fills the number that it is given.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return Err(ErrorKind::BrokenPipe.into());
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: fills the struct that it is given.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(time.tv_sec).unwrap_or(0).saturating_add(1))
}

fn prlimit_of(pid: Pid, resource: Resource) -> io::Result<Option<u64>> {
    let n = match resource {
        Resource::Cpu => libc::RLIMIT_CPU,
        _ => libc::RLIMIT_AS,
    };
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: changes nothing (no new limit is given) and fills the struct that it is given.
    let result =
        unsafe { libc::prlimit(pid.as_raw_nonzero().get(), n, std::ptr::null(), &raw mut limit) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((limit.rlim_max != libc::RLIM_INFINITY).then_some(limit.rlim_max))
}
