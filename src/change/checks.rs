//! Checks whether a file may be written: owner, links, permissions, attributes, locks.

use std::fs::{File, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, CWD, IFlags, Mode, OFlags};

use crate::error::FixError;
use crate::files::open::{self, OpenError};
use orientd_core::edit::patch::Patch;

/// Opens the regular file at `path`, with its metadata as it was then.
pub(super) fn open_for_reading(path: &Path) -> Result<(File, Metadata), FixError> {
    open::open_for_reading(path).map_err(cannot_open)
}

/// As [`open_for_reading`], for a file that is to be written.
pub(super) fn open_for_writing(path: &Path) -> Result<File, FixError> {
    open::open_for_writing(path).map(|(file, _)| file).map_err(cannot_open)
}

fn cannot_open(err: OpenError) -> FixError {
    match err {
        OpenError::NotRegular => FixError::Changed,
        OpenError::Io(err) => FixError::io("open the file")(err),
    }
}

/// Checks owner, links and permissions. A file nobody may write is read-only even for root.
pub(super) fn may_be_written(path: &Path, metadata: &Metadata) -> Result<(), FixError> {
    if metadata.nlink() > 1 {
        return Err(FixError::HardLinked(metadata.nlink()));
    }
    if metadata.mode() & 0o222 == 0 {
        return Err(FixError::ReadOnly);
    }
    let user = rustix::process::geteuid();
    if !user.is_root() && metadata.uid() != user.as_raw() {
        return Err(FixError::NotOwner);
    }
    not_pinned(path)?;
    writable(path)
}

/// May `patch` be performed on the file at `path`? `metadata`: `None` if it is not there yet.
pub(super) fn may_change(
    path: &Path,
    metadata: Option<&Metadata>,
    patch: &Patch,
) -> Result<(), FixError> {
    if let Some(metadata) = metadata {
        may_be_written(path, metadata)?;
    }
    if metadata.is_none() || !patch.is_one_byte() {
        // A new file must be creatable beside the old one, and able to take its name.
        let folder = path.parent().unwrap_or(Path::new("/"));
        not_pinned(folder)?;
        writable(folder)?;
    }
    Ok(())
}

/// Files and folders that may not be changed, or only be added to (`chattr +i`, `+a`).
fn not_pinned(path: &Path) -> Result<(), FixError> {
    let pinned = IFlags::IMMUTABLE | IFlags::APPEND;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::empty());
    let file = opened.map_err(|err| FixError::io("open the file")(err.into()))?;
    // Not every file system has such flags.
    match rustix::fs::ioctl_getflags(&file) {
        Ok(flags) if flags.intersects(pinned) => Err(FixError::ReadOnly),
        _ => Ok(()),
    }
}

/// Takes a flock that is held until `file` closes, and checks that no other program holds a flock, a POSIX lock or
/// an open-file-description lock. A lease has made opening the file fail already, since that did not wait.
pub(super) fn lock(file: &File) -> Result<(), FixError> {
    file.try_lock().map_err(|_| FixError::Locked)?;
    // Not rustix's fcntl_getlk, which takes the holder -1 of an open-file-description lock for a bug.
    let mut whole = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: asks about a lock of an open file, and fills the struct that it is given.
    let asked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut whole) } == 0;
    // Not every file system keeps locks.
    let is_held = asked && whole.l_type != libc::F_UNLCK as libc::c_short;
    if is_held { Err(FixError::Locked) } else { Ok(()) }
}

fn writable(path: &Path) -> Result<(), FixError> {
    rustix::fs::access(path, Access::WRITE_OK).map_err(|err| match err {
        // Permission bits were looked at before; what is left is the file system or an attribute.
        rustix::io::Errno::PERM | rustix::io::Errno::ROFS => FixError::ReadOnly,
        other => FixError::io("ask for permission to write")(other.into()),
    })
}
