//! Files written whole or not at all, through a temporary file beside them.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::private;

/// What a new file must survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of this program: for caches, which can be made again.
    ProcessCrash,
    /// A power cut too: the bytes, the name and new folders are synced.
    PowerLoss,
}

/// Writes `bytes` to `path`, making its folder where it is missing. `mode` is what the file is created
/// with, less the umask; where others may not read the file, new folders are closed to them too.
///
/// # Errors
/// Returns an error if the file cannot be written; the old one is then untouched.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32, durability: Durability) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let n_new = folder.ancestors().take_while(|folder| !folder.exists()).count();
    if mode & 0o077 == 0 {
        private::create_folder(folder)?;
    } else {
        std::fs::create_dir_all(folder)?;
    }
    let mut builder = tempfile::Builder::new();
    let mut file = builder.permissions(Permissions::from_mode(mode)).tempfile_in(folder)?;
    file.write_all(bytes)?;
    if durability == Durability::PowerLoss {
        file.as_file().sync_all()?;
    }
    file.persist(path)?;
    if durability == Durability::PowerLoss {
        // The folder that got the file, and each that got a new folder.
        for folder in folder.ancestors().take(n_new + 1) {
            sync_folder(folder)?;
        }
    }
    Ok(())
}

/// Makes the names in `folder` as durable as its files.
///
/// # Errors
/// Returns an error if the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_nothing_behind() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("new/folders/file");
        write_whole(&path, b"old", 0o600, Durability::PowerLoss)?;
        write_whole(&path, b"new", 0o600, Durability::ProcessCrash)?;
        assert_eq!(std::fs::read(&path)?, b"new");
        assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        let made = std::fs::metadata(folder.path().join("new"))?;
        assert_eq!(made.permissions().mode() & 0o777, 0o700);
        // A folder of that name cannot be replaced by a file.
        let taken = folder.path().join("taken");
        std::fs::create_dir(&taken)?;
        assert!(write_whole(&taken, b"new", 0o600, Durability::PowerLoss).is_err());
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }
}
