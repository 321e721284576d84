//! Files written whole or not at all, texts that may be absent, locks.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use orientd::files::write_whole::{self, Durability};

/// Writes through a temporary file beside `path`: a crash or a full disk leaves the old file. Others may
/// read it as the umask says.
///
/// # Errors
/// Returns an error if the file cannot be written; the old one is then untouched.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write_whole::write_whole(path, bytes, 0o666, Durability::PowerLoss)
        .with_context(|| format!("cannot write {}", path.display()))
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
    fn a_failed_write_names_the_file() -> Result<()> {
        let folder = tempfile::tempdir()?;
        // A folder of that name cannot be replaced by a file.
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken)?;
        let err = write_whole(&taken, b"new").expect_err("a folder stands there");
        assert!(err.to_string().ends_with("taken"), "{err:#}");
        Ok(())
    }
}
