//! Files and folders for their owner alone: made so, and closed to others where they were left open.

use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// What others may do, of a file's or a folder's mode.
const OTHERS: u32 = 0o077;

/// Makes the folder and what is missing above it, closed to others.
///
/// # Errors
/// Returns an error if it cannot be made.
pub fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes an empty file, closed to others from the start. One that is there stays as it is.
///
/// # Errors
/// Returns an error if it cannot be made.
pub fn create_file(path: &Path) -> io::Result<()> {
    match File::options().write(true).create_new(true).mode(0o600).open(path) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => Ok(()),
    }
}

/// Opens a file that is locked, creating it where it is missing. Nobody else can open it, and so nobody
/// else can hold the lock. A link is not followed: in a folder of several people it may lead anywhere.
///
/// # Errors
/// Returns an error if it cannot be opened or closed to others, or belongs to another user.
pub fn open_lock(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)?;
    let metadata = file.metadata()?;
    let us = rustix::process::geteuid();
    if !us.is_root() && metadata.uid() != us.as_raw() {
        let text = "it belongs to another user, who could hold it for ever";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if is_open_to_others(&metadata) {
        file.set_permissions(closed(&metadata))?;
    }
    Ok(file)
}

/// Can other users do anything with what is at `path`? Not where there is nothing, or it is not ours.
pub fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| is_open_to_others(&metadata))
}

/// Closes the file or folder at `path` to others. Returns whether it was open. What is missing or belongs to
/// another user is left alone.
///
/// # Errors
/// Returns an error if the file system does not let it be closed.
pub fn close(path: &Path) -> io::Result<bool> {
    let metadata = match fs::metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let was_open = is_open_to_others(&metadata);
    if was_open {
        fs::set_permissions(path, closed(&metadata))?;
    }
    Ok(was_open)
}

/// Closes a file or folder, and if that was open, everything below it. Links below it are not followed.
///
/// # Errors
/// As [`close`], and if a folder cannot be read.
pub fn close_tree(path: &Path) -> io::Result<bool> {
    let was_open = close(path)?;
    if was_open && path.is_dir() {
        close_below(path)?;
    }
    Ok(was_open)
}

fn close_below(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            continue;
        }
        close(&entry.path())?;
        if kind.is_dir() {
            close_below(&entry.path())?;
        }
    }
    Ok(())
}

fn is_open_to_others(metadata: &Metadata) -> bool {
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    is_ours && metadata.mode() & OTHERS != 0
}

/// The same without what others may do. A file of data is not run either.
fn closed(metadata: &Metadata) -> Permissions {
    let kept = if metadata.is_dir() { 0o7700 } else { 0o600 };
    Permissions::from_mode(metadata.mode() & kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o7777)
    }

    #[test]
    fn what_is_open_is_closed_with_all_below() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let own = folder.path().join("own");
        let below = own.join("ab");
        fs::create_dir_all(&below)?;
        let file = below.join("file");
        fs::write(&file, b"x")?;
        let outside = folder.path().join("outside");
        fs::write(&outside, b"x")?;
        std::os::unix::fs::symlink(&outside, own.join("link"))?;
        for (path, mode) in [(&own, 0o755), (&below, 0o777), (&file, 0o664), (&outside, 0o644)] {
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        assert!(is_open(&own));
        assert!(close_tree(&own)?);
        assert_eq!([&own, &below, &file].map(|path| mode(path)), [0o700, 0o700, 0o600]);
        assert_eq!(mode(&outside), 0o644, "a link is not followed");
        assert!(!close_tree(&own)?, "closed once");
        assert!(!close(&own.join("nothing"))?);
        Ok(())
    }

    #[test]
    fn what_is_made_is_closed_whatever_the_umask() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let below = folder.path().join("a/b");
        create_folder(&below)?;
        create_file(&below.join("file"))?;
        drop(open_lock(&below.join("lock"))?);
        let made = [folder.path().join("a"), below.clone(), below.join("file"), below.join("lock")];
        assert_eq!(made.map(|path| mode(&path) & 0o077), [0; 4]);
        fs::set_permissions(below.join("lock"), Permissions::from_mode(0o666))?;
        drop(open_lock(&below.join("lock"))?);
        assert_eq!(mode(&below.join("lock")), 0o600, "an older one is closed");
        std::os::unix::fs::symlink(below.join("file"), below.join("link"))?;
        assert!(open_lock(&below.join("link")).is_err());
        Ok(())
    }
}
