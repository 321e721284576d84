//! The XMP file beside a photo. What it states of the orientation wins over the file itself, as
//! programs that write sidecars treat it; one that is unclear states nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::identity::Identity;
use crate::rules::orientation::Orientation;
use crate::rules::sidecar;

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

/// Reads the sidecar of `photo`; `None` where there is none.
///
/// # Errors
/// Where it is there and cannot be read whole, or is not a regular file.
pub fn read(photo: &Path) -> io::Result<Option<OnDisk>> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let opened = File::options().read(true).custom_flags(flags).open(path_of(photo));
    let mut file = match opened {
        // A name that is too long with the ending has none either.
        Err(err)
            if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) =>
        {
            return Ok(None);
        }
        other => other?,
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a sidecar of sane size"));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(OnDisk { bytes, identity: Identity::from(&metadata), metadata }))
}

/// What the sidecar of `photo` states; `None` where it states nothing that can be understood.
pub fn orientation(photo: &Path) -> Option<Orientation> {
    let on_disk = read(photo).ok().flatten()?;
    sidecar::read(&on_disk.bytes).ok()?.said.map(|(orientation, _)| orientation)
}
