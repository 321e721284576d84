//! The XMP file beside a photo. What it states of the orientation wins over the file itself, as
//! programs that write sidecars treat it; one that is unclear states nothing.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::open::{OpenError, open_for_reading};
use orientd_core::edit::sidecar;
use orientd_core::orientation::Orientation;

/// Larger than the largest edit history; a larger file is no sidecar that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A sidecar as it is on the disk.
pub struct OnDisk {
    pub bytes: Vec<u8>,
    pub identity: Identity,
    pub metadata: std::fs::Metadata,
}

/// `photo.jpg` → `photo.jpg.xmp`.
pub fn path_of(photo: &Path) -> PathBuf {
    let mut path = OsString::from(photo.as_os_str());
    path.push(".xmp");
    path.into()
}

/// `photo.jpg.xmp` → `photo.jpg`; `None` for a file that is no sidecar by its name.
pub fn photo_of(path: &Path) -> Option<PathBuf> {
    let is_sidecar = path.extension().is_some_and(|ending| ending == "xmp");
    is_sidecar.then(|| path.with_extension(""))
}

/// Reads the sidecar of `photo`; `None` if there is none.
///
/// # Errors
/// Returns an error if it is there and cannot be read whole, or is not a regular file.
pub fn read(photo: &Path) -> io::Result<Option<OnDisk>> {
    let (mut file, metadata) = match open_for_reading(&path_of(photo)) {
        Ok(opened) => opened,
        // A name that is too long with the ending has none either.
        Err(OpenError::Io(err))
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) =>
        {
            return Ok(None);
        }
        Err(OpenError::Io(err)) => return Err(err),
        Err(OpenError::NotRegular) => return Err(not_a_sidecar()),
    };
    if metadata.len() > MAX_BYTES {
        return Err(not_a_sidecar());
    }
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(OnDisk { bytes, identity: Identity::from(&metadata), metadata }))
}

fn not_a_sidecar() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a sidecar of sane size")
}

/// What the sidecar of `photo` states; `None` if it states nothing that can be understood.
pub fn orientation(photo: &Path) -> Option<Orientation> {
    let on_disk = read(photo).ok().flatten()?;
    sidecar::read(&on_disk.bytes).ok()?.said.map(|(orientation, _)| orientation)
}
