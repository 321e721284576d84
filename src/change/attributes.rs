//! What a new file takes over from the one it replaces: owner, mode, ACLs and other attributes.

use std::ffi::{CStr, CString};
use std::fs::File;

use rustix::fs::{self, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::error::FixError;
use crate::files::identity::Identity;

/// Copies owner, mode and extended attributes (POSIX ACLs are among them).
///
/// # Errors
/// Returns an error if one of them cannot be copied; the new file must then not replace the old one.
pub(super) fn owner_mode_and_attributes(old: &File, new: &File) -> Result<(), FixError> {
    let stat = fs::fstat(old).map_err(|err| FixError::io("read the owner")(err.into()))?;
    let uid = Uid::from_raw(stat.st_uid);
    let gid = Gid::from_raw(stat.st_gid);
    fs::fchown(new, Some(uid), Some(gid)).map_err(|_| FixError::CannotCarry("owner"))?;
    attributes(old, new)?;
    // Last, since changing the owner clears bits and an ACL shows through the group's.
    fs::fchmod(new, Mode::from_raw_mode(stat.st_mode)).map_err(|_| FixError::CannotCarry("mode"))
}

fn attributes(old: &File, new: &File) -> Result<(), FixError> {
    for name in names(old).map_err(cannot_carry)? {
        // The kernel labels a new file itself, and only an administrator may change that.
        if name.to_bytes() == b"security.selinux" {
            continue;
        }
        let value = value(old, &name).map_err(cannot_carry)?;
        fs::fsetxattr(new, name.as_c_str(), &value, XattrFlags::empty()).map_err(cannot_carry)?;
    }
    Ok(())
}

fn cannot_carry(_: Errno) -> FixError {
    FixError::CannotCarry("extended attributes")
}

fn names(file: &File) -> Result<Vec<CString>, Errno> {
    let list = match grown(|buffer| fs::flistxattr(file, buffer)) {
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        other => other?,
    };
    let names = list.split_inclusive(|byte| *byte == 0);
    Ok(names.filter_map(|name| CStr::from_bytes_with_nul(name).ok().map(CStr::to_owned)).collect())
}

fn value(file: &File, name: &CStr) -> Result<Vec<u8>, Errno> {
    grown(|buffer| fs::fgetxattr(file, name, buffer))
}

/// Reads into a buffer of the kernel's own limit for attributes and lists of them (64 KiB).
fn grown(read: impl FnOnce(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut buffer = vec![0; 65536];
    let n = read(&mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}

/// Sets the modification time to the old one; the access time is left alone.
pub(super) fn times(file: &File, old: &Identity) -> Result<(), FixError> {
    let nanos = old.mtime_ns.rem_euclid(1_000_000_000);
    let modified = Timespec { tv_sec: old.mtime_ns.div_euclid(1_000_000_000), tv_nsec: nanos };
    let omitted = Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT };
    let times = Timestamps { last_access: omitted, last_modification: modified };
    fs::futimens(file, &times).map_err(|err| FixError::io("keep the time")(err.into()))
}
