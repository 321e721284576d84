//! Waiting for a lock, no longer than one is willing to, and who holds it.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// After this long a person is told what is waited for.
pub const SAY_AFTER: Duration = Duration::from_secs(2);

const TRY_EVERY: Duration = Duration::from_millis(5);

/// A process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "process {} ({})", self.pid, self.name)
    }
}

/// In words, whoever it is.
pub fn name_of(holder: Option<Holder>) -> String {
    holder.map_or_else(|| "another program".to_owned(), |holder| holder.to_string())
}

/// Takes a lock that nobody else then has, waiting for it as long as `patience` lasts. `purpose`: what its
/// holder does, for the person who waits.
///
/// # Errors
/// Returns an error that names the holder if it still has the lock then, or an error of the file system.
pub fn lock_within(file: &File, path: &Path, patience: Duration, purpose: &str) -> io::Result<()> {
    let started = Instant::now();
    let mut was_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(err)) => return Err(err),
            Err(TryLockError::WouldBlock) => {}
        }
        let waited = started.elapsed();
        if waited >= patience {
            let seconds = patience.as_secs_f64();
            let who = name_of(holder_of(&[path]));
            let text = format!("waited {seconds} s for {who}, which {purpose}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, text));
        }
        if waited >= SAY_AFTER && !was_told {
            was_told = true;
            tracing::warn!("waiting for {}, which {purpose}", name_of(holder_of(&[path])));
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// Who holds a lock on one of these files: first one that keeps all others out, of the first file that has
/// one. `None` if the kernel does not tell.
pub fn holder_of(paths: &[&Path]) -> Option<Holder> {
    let text = fs::read_to_string("/proc/locks").ok()?;
    let locks: Vec<Lock> = text.lines().filter_map(Lock::parse).collect();
    let us = std::process::id();
    [true, false].into_iter().find_map(|is_exclusive| {
        paths.iter().find_map(|path| {
            let metadata = fs::metadata(path).ok()?;
            let is_meant = |lock: &&Lock| {
                lock.is_exclusive == is_exclusive
                    && lock.ino == metadata.ino()
                    && lock.pid != us
                    && has_open(lock.pid, &metadata)
            };
            let pid = locks.iter().find(is_meant)?.pid;
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            Some(Holder { pid, name: name.trim().escape_default().to_string() })
        })
    })
}

/// Has the process this very file open? The table of locks names file systems in a way of its own.
fn has_open(pid: u32, wanted: &fs::Metadata) -> bool {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    entries.flatten().any(|entry| {
        fs::metadata(entry.path())
            .is_ok_and(|found| found.ino() == wanted.ino() && found.dev() == wanted.dev())
    })
}

/// A line of `/proc/locks`.
#[derive(Debug, PartialEq, Eq)]
struct Lock {
    is_exclusive: bool,
    pid: u32,
    ino: u64,
}

impl Lock {
    /// `None` for one that is only waited for, and for what is no lock.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().skip(1);
        if words.next()? == "->" {
            return None;
        }
        let is_exclusive = words.nth(1)? == "WRITE";
        let pid = words.next()?.parse().ok().filter(|pid| *pid > 0)?;
        let ino = words.next()?.rsplit(':').next()?.parse().ok()?;
        Some(Self { is_exclusive, pid, ino })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn lines_of_the_kernels_table_are_read() {
        let lock = |is_exclusive, pid, ino| Some(Lock { is_exclusive, pid, ino });
        for (line, expected) in [
            ("1: POSIX  ADVISORY  WRITE 4242 08:01:131130 120 120",   lock(true, 4242, 131_130)),
            ("2: POSIX  ADVISORY  READ  17 00:2f:9 1073741826 EOF",   lock(false, 17, 9)),
            ("3: FLOCK  ADVISORY  WRITE 99 fd:00:7 0 EOF",            lock(true, 99, 7)),
            ("3: -> FLOCK  ADVISORY  WRITE 98 fd:00:7 0 EOF",         None),
            ("4: OFDLCK ADVISORY  WRITE -1 fd:00:7 0 EOF",            None),
            ("5: FLOCK  ADVISORY  WRITE 0 fd:00:7 0 EOF",             None),
            ("6: LEASE  ACTIVE",                                      None),
            ("",                                                      None),
        ] {
            assert_eq!(Lock::parse(line), expected, "{line}");
        }
    }

    #[test]
    fn patience_ends() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("lock");
        let holder = File::create(&path)?;
        holder.lock()?;
        let other = File::open(&path)?;
        let refused = lock_within(&other, &path, Duration::from_millis(20), "holds it");
        let text = refused.err().map(|err| err.to_string()).unwrap_or_default();
        assert!(text.contains("waited 0.02 s for") && text.ends_with("which holds it"), "{text}");
        drop(holder);
        lock_within(&other, &path, Duration::from_millis(20), "holds it")
    }
}
