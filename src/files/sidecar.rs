//! The XMP files beside a photo. What they state of the orientation wins over the file itself, as programs that write
//! sidecars treat it; one that is unclear states nothing.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::identity::Identity;
use super::open::{OpenError, open_for_reading};
use orientd_core::edit::sidecar;
use orientd_core::format::sidecar_name::{SidecarName, SidecarStyle, has_stem};
use orientd_core::format::sniff::{photo_endings, promises_photo};
use orientd_core::orientation::Orientation;

/// Larger than the largest edit history; a larger file is no sidecar that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A sidecar as it is on the disk.
pub struct OnDisk {
    pub name: SidecarName,
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub identity: Identity,
    pub metadata: fs::Metadata,
}

impl OnDisk {
    /// Does it state an orientation?
    pub fn speaks(&self) -> bool {
        self.stated().is_some()
    }

    /// `None` if it states nothing that can be understood.
    fn stated(&self) -> Option<Orientation> {
        let (orientation, _) = sidecar::read(&self.bytes).ok()?.said?;
        Some(orientation)
    }
}

/// Reads all sidecars of `photo`, what wins first.
///
/// # Errors
/// Returns an error if one is there and cannot be read whole, or is not a regular file.
pub fn read_all(photo: &Path) -> io::Result<Vec<OnDisk>> {
    let mut found: Vec<OnDisk> = Vec::new();
    for name in SidecarName::ALL {
        let on_disk = match read(photo, name) {
            Ok(Some(on_disk)) => on_disk,
            Ok(None) => continue,
            // Whatever it is, it is another photo's.
            Err(_) if name.is_of_stem() && !may_have_stem(photo, None) => continue,
            Err(err) => return Err(err),
        };
        // Not every file system tells .xmp from .XMP.
        let own = inode(&on_disk.metadata);
        let is_known = found.iter().any(|known| inode(&known.metadata) == own);
        if !is_known && is_own(photo, &on_disk) {
            found.push(on_disk);
        }
    }
    Ok(found)
}

/// What the sidecars of `photo` state; `None` if none states anything that can be understood.
pub fn orientation(photo: &Path) -> Option<Orientation> {
    let stated = |name| {
        let on_disk = read(photo, name).ok().flatten()?;
        on_disk.stated().filter(|_| is_own(photo, &on_disk))
    };
    SidecarName::ALL.into_iter().find_map(stated)
}

/// The name of a new sidecar of `photo`, which has none. The stem may be another photo's.
pub fn name_of_new(photo: &Path, style: SidecarStyle) -> SidecarName {
    let is_free = || fs::symlink_metadata(SidecarName::Stem.path_of(photo)).is_err();
    let is_stem = style == SidecarStyle::Stem && may_have_stem(photo, None) && is_free();
    if is_stem { SidecarName::Stem } else { SidecarName::Full }
}

/// The photos that the sidecar at `path` may be of; `None` for a file that is no sidecar by its name.
pub fn photos_of(path: &Path) -> Option<Vec<PathBuf>> {
    path.extension().filter(|ending| ending.eq_ignore_ascii_case("xmp"))?;
    let named = path.with_extension("");
    let found: Vec<_> = of_stem(path).collect();
    let inodes: HashSet<_> = found.iter().map(|(.., metadata)| inode(metadata)).collect();
    let mut photos: Vec<PathBuf> = if inodes.len() == found.len() {
        found.into_iter().map(|(_, photo, _)| photo).collect()
    } else {
        // Not every file system tells .jpg from .JPG; the folder says how it is spelled.
        spelled(path).unwrap_or_default()
    };
    // Named in full; looked for also where it is gone.
    if photos.is_empty() || named.is_file() {
        photos.push(named);
    }
    Some(photos)
}

fn spelled(path: &Path) -> io::Result<Vec<PathBuf>> {
    let stem = path.file_stem();
    let entries = fs::read_dir(path.parent().unwrap_or(Path::new("/")))?;
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(files.filter(|file| file.file_stem() == stem && promises_photo(file)).collect())
}

fn inode(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// `None` if there is none of this name.
fn read(photo: &Path, name: SidecarName) -> io::Result<Option<OnDisk>> {
    let path = name.path_of(photo);
    let (mut file, metadata) = match open_for_reading(&path) {
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
    Ok(Some(OnDisk { name, path, bytes, identity: Identity::from(&metadata), metadata }))
}

fn not_a_sidecar() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a sidecar of sane size")
}

/// A sidecar that is named by the stem may be that of another photo.
fn is_own(photo: &Path, on_disk: &OnDisk) -> bool {
    !on_disk.name.is_of_stem() || may_have_stem(photo, sidecar::for_extension(&on_disk.bytes))
}

fn may_have_stem(photo: &Path, stated: Option<&str>) -> bool {
    let Some(ending) = photo.extension().and_then(|ending| ending.to_str()) else { return false };
    // It would be the full name of a sidecar of `IMG`, beside which `IMG.jpg` lies.
    if photo.with_extension("").is_file() {
        return false;
    }
    let own = fs::symlink_metadata(photo).ok().map(|metadata| inode(&metadata));
    let others = of_stem(photo)
        .filter(|(_, _, metadata)| Some(inode(metadata)) != own)
        .map(|(ending, _, _)| ending);
    has_stem(ending, stated, others)
}

/// The photos with the stem of `path`, by their endings in lower or upper case.
fn of_stem(path: &Path) -> impl Iterator<Item = (&'static str, PathBuf, fs::Metadata)> {
    let spelled = |ending: &'static str| {
        [ending.to_owned(), ending.to_ascii_uppercase()].map(|spelled| (ending, spelled))
    };
    photo_endings().flat_map(spelled).filter_map(|(ending, spelled)| {
        let there = path.with_extension(spelled);
        let metadata = fs::symlink_metadata(&there).ok().filter(fs::Metadata::is_file)?;
        Some((ending, there, metadata))
    })
}
