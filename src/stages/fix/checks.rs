//! May this file be written? Everything that would make a write unsafe or unwelcome is asked first.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Access, OFlags};

use crate::error::FixError;

/// Opens a regular file without following a link and without waiting for a FIFO's other end.
pub fn open(path: &Path, access: OFlags) -> Result<File, FixError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = File::options()
        .read(true)
        .write(access.contains(OFlags::RDWR))
        .custom_flags(i32::try_from(flags).unwrap_or(0))
        .open(path)
        .map_err(FixError::io("open the file"))?;
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    if metadata.is_file() { Ok(file) } else { Err(FixError::Changed) }
}

/// Checks owner, links and permissions. A file nobody may write is read-only even for root.
pub fn may_be_written(path: &Path, metadata: &Metadata) -> Result<(), FixError> {
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
    writable(path)
}

/// A new file must be creatable beside the old one.
pub fn may_be_replaced(path: &Path) -> Result<(), FixError> {
    writable(path.parent().unwrap_or(Path::new("/")))
}

fn writable(path: &Path) -> Result<(), FixError> {
    rustix::fs::access(path, Access::WRITE_OK).map_err(|err| match err {
        // Permission bits were looked at before; what is left is the file system or an attribute.
        rustix::io::Errno::PERM | rustix::io::Errno::ROFS => FixError::ReadOnly,
        other => FixError::io("ask for permission to write")(other.into()),
    })
}
