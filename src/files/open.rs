//! Opens regular files without following a link and without waiting for a FIFO's other end.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

/// Why a path gave no regular file.
#[derive(Debug)]
pub enum OpenError {
    /// A folder, a device, a FIFO or a socket.
    NotRegular,
    /// Also for a symbolic link, which is not followed (`ELOOP`).
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(err: io::Error) -> Self {
        Self::Io(err)
    }
}

/// Opens the regular file at `path` for reading, with its metadata as it was then.
///
/// # Errors
/// Returns an error if there is none, it may not be read, or something else has its name.
pub fn open_for_reading(path: &Path) -> Result<(File, Metadata), OpenError> {
    open_regular(path, OFlags::RDONLY)
}

/// As [`open_for_reading`], for reading and writing.
///
/// # Errors
/// As [`open_for_reading`]; also if the file may not be written.
pub fn open_for_writing(path: &Path) -> Result<(File, Metadata), OpenError> {
    open_regular(path, OFlags::RDWR)
}

fn open_regular(path: &Path, access: OFlags) -> Result<(File, Metadata), OpenError> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(io::Error::from)?;
    let file = File::from(opened);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(OpenError::NotRegular) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_opened() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("a.jpg");
        std::fs::write(&file, b"a")?;
        let link = folder.path().join("link.jpg");
        std::os::unix::fs::symlink(&file, &link)?;
        let fifo = folder.path().join("fifo.jpg");
        rustix::fs::mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR)?;
        assert!(matches!(open_for_reading(&file), Ok((_, metadata)) if metadata.len() == 1));
        assert!(open_for_writing(&file).is_ok());
        assert!(matches!(open_for_reading(&fifo), Err(OpenError::NotRegular)));
        assert!(matches!(open_for_reading(folder.path()), Err(OpenError::NotRegular)));
        assert!(matches!(open_for_reading(&link), Err(OpenError::Io(_))));
        Ok(())
    }
}
