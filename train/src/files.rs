//! Files written whole or not at all.

use std::fs::{Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes through a temporary file beside `path`: a crash or a full disk leaves the old file.
///
/// # Errors
/// Returns an error if the file cannot be written; the old one is then untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).with_context(failed)?;
    // As any new file, rather than for the owner alone: the umask takes its part off.
    let mode = Permissions::from_mode(0o666);
    let mut builder = tempfile::Builder::new();
    let mut file = builder.permissions(mode).tempfile_in(folder).with_context(failed)?;
    file.write_all(bytes).with_context(failed)?;
    file.as_file().sync_all().with_context(failed)?;
    file.persist(path).with_context(failed)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)
}

/// The text of a file, or `None` if there is none.
///
/// # Errors
/// Returns an error if it is there and cannot be read.
pub fn read_if_there(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Whether a lock was got; one goes with the file's handle. A file system that knows no locks refuses
/// nobody.
///
/// # Errors
/// Returns an error if that cannot be told.
pub fn is_got(locked: Result<(), TryLockError>) -> std::io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(err)) if err.kind() == ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(err)) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_replaced_stays_and_nothing_is_left_over() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("weights");
        write_whole(&path, b"old")?;
        write_whole(&path, b"new")?;
        assert_eq!(std::fs::read(&path)?, b"new");
        // A folder of that name cannot be replaced by a file.
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken)?;
        assert!(write_whole(&taken, b"new").is_err());
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }
}
