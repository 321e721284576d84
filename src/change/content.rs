//! What a file holds, or is to hold.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::checks;
use crate::error::FixError;
use crate::files::identity::Identity;
use crate::store::Hash;

/// The hash that stands for "no file": BLAKE3 of nothing anybody knows.
pub const NO_FILE: Hash = [0; 32];

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// It is not to be there.
    Nothing,
}

impl Content {
    pub fn hash(&self) -> Hash {
        match self {
            Self::Bytes(bytes) => *blake3::hash(bytes).as_bytes(),
            Self::Nothing => NO_FILE,
        }
    }
}

/// A file read whole.
pub struct Whole {
    pub bytes: Vec<u8>,
    pub metadata: Metadata,
    pub hash: Hash,
}

/// Reads the regular file at `path`.
///
/// # Errors
/// Returns an error if it cannot be opened as a regular file or read.
pub fn read(path: &Path) -> Result<Whole, FixError> {
    let (mut file, metadata) = checks::open_for_reading(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(FixError::io("read the file"))?;
    let hash = *blake3::hash(&bytes).as_bytes();
    Ok(Whole { bytes, metadata, hash })
}

/// BLAKE3 of an open file, from its start.
pub fn hash_of(file: &mut File) -> std::io::Result<Hash> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}

/// What is at `path` now: identity and hash, without following links. No file in a folder that is
/// there is [`NO_FILE`], where that can be meant.
///
/// # Errors
/// Where it cannot be opened as a regular file or read.
pub fn content_of(path: &Path, may_be_missing: bool) -> Result<(Option<Identity>, Hash), FixError> {
    let folder_is_there = || path.parent().is_some_and(Path::is_dir);
    let (mut file, _) = match checks::open_for_reading(path) {
        Err(FixError::Vanished) if may_be_missing && folder_is_there() => {
            return Ok((None, NO_FILE));
        }
        other => other?,
    };
    let hash = hash_of(&mut file).map_err(FixError::io("read the file"))?;
    Ok((Some(identity_of(&file)?), hash))
}

/// What an open file is now.
pub fn identity_of(file: &File) -> Result<Identity, FixError> {
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    Ok(Identity::from(&metadata))
}
