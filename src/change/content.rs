//! What a file holds, or is to hold.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::checks;
use crate::error::FixError;
use crate::files::identity::{ContentHash, Identity};

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// There is to be no file.
    Nothing,
}

impl Content {
    /// `None` if there is to be no file.
    pub fn hash(&self) -> Option<ContentHash> {
        match self {
            Self::Bytes(bytes) => Some(ContentHash::of(bytes)),
            Self::Nothing => None,
        }
    }
}

/// A file read whole.
pub(super) struct Whole {
    pub bytes: Vec<u8>,
    pub metadata: Metadata,
    pub hash: ContentHash,
}

/// Reads the regular file at `path`.
///
/// # Errors
/// Returns an error if it cannot be opened as a regular file or read.
pub(super) fn read(path: &Path) -> Result<Whole, FixError> {
    let (mut file, metadata) = checks::open_for_reading(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(FixError::io("read the file"))?;
    let hash = ContentHash::of(&bytes);
    Ok(Whole { bytes, metadata, hash })
}

/// BLAKE3 of an open file, from its start.
pub(super) fn hash_of(file: &mut File) -> std::io::Result<ContentHash> {
    file.seek(SeekFrom::Start(0))?;
    ContentHash::of_reader(file)
}

/// What is at `path` now, without following links. `None`: no file in a folder that is there, if
/// `may_be_missing`.
///
/// # Errors
/// Returns an error if it cannot be opened as a regular file or read.
pub(super) fn content_of(
    path: &Path,
    may_be_missing: bool,
) -> Result<Option<(Identity, ContentHash)>, FixError> {
    let folder_is_there = || path.parent().is_some_and(Path::is_dir);
    let (mut file, _) = match checks::open_for_reading(path) {
        Err(FixError::Vanished) if may_be_missing && folder_is_there() => return Ok(None),
        other => other?,
    };
    let hash = hash_of(&mut file).map_err(FixError::io("read the file"))?;
    Ok(Some((identity_of(&file)?, hash)))
}

/// What an open file is now.
pub(super) fn identity_of(file: &File) -> Result<Identity, FixError> {
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    Ok(Identity::from(&metadata))
}
