//! Plans the turn of one photo and performs it, or leaves the photo exactly as it was. Nothing is
//! written that is not in the journal.

mod carry;
mod checks;
mod pixels;
mod plan;
mod write;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::FixError;
use crate::identity::Identity;
use crate::rules::mode::Mode;
use crate::rules::orientation::Orientation;
use crate::rules::patch::Patch;
use crate::rules::refusal::Refusal;
use crate::stages::decode::stored_orientation;
use crate::stages::sidecar;
use crate::store::{Change, Hash};

pub use plan::Wish;
pub use write::exchange;

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
    fn hash(&self) -> Hash {
        match self {
            Self::Bytes(bytes) => *blake3::hash(bytes).as_bytes(),
            Self::Nothing => NO_FILE,
        }
    }
}

/// A patch checked against the file as it is now, ready for the journal and then for the disk.
pub struct Prepared {
    /// The photo that is turned.
    pub photo: PathBuf,
    pub photo_hash: Hash,
    /// The file that changes: the photo, or its sidecar.
    pub target: PathBuf,
    pub mode: Mode,
    /// Why it is not the mode that was asked for.
    pub instead: Option<Refusal>,
    /// `None`: the target is not there yet.
    identity: Option<Identity>,
    pub hash_before: Hash,
    pub hash_after: Hash,
    pub patch: Patch,
    /// The old bytes of a file that the patch alone cannot restore.
    pub original: Option<Vec<u8>>,
    new: Content,
}

/// What the file must still be for a plan to hold.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `None`: any identity will do, the content alone counts.
    pub identity: Option<&'a Identity>,
    /// `None`: whatever the content is now.
    pub hash: Option<&'a Hash>,
    /// The orientation it was looked at with. `None`: whatever it is now.
    pub stored: Option<Orientation>,
}

/// A file read whole.
struct Whole {
    bytes: Vec<u8>,
    metadata: fs::Metadata,
    hash: Hash,
}

fn read(path: &Path) -> Result<Whole, FixError> {
    let mut file = checks::open(path, OFlags::RDONLY)?;
    let metadata = file.metadata().map_err(FixError::io("read the file's metadata"))?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(FixError::io("read the file"))?;
    let hash = *blake3::hash(&bytes).as_bytes();
    Ok(Whole { bytes, metadata, hash })
}

/// Reads the photo, compares it with what is expected, plans, and checks that the file to be changed
/// may be written. Writes nothing, so a dry run ends here.
///
/// # Errors
/// The first reason found not to write this file.
pub fn prepare(path: &Path, expected: Expected<'_>, wish: Wish) -> Result<Prepared, FixError> {
    let photo = read(path)?;
    let identity = Identity::from(&photo.metadata);
    let is_other = expected.identity.is_some_and(|expected| *expected != identity)
        || expected.hash.is_some_and(|expected| *expected != photo.hash);
    if is_other {
        return Err(FixError::Changed);
    }
    if wish.mode != Mode::Sidecar {
        checks::may_be_written(path, &photo.metadata)?;
    }
    let beside = sidecar::read(path).map_err(FixError::io("read the sidecar"))?;
    let plan = plan::plan(path, &photo.bytes, beside.as_ref(), wish)?;
    if expected.stored.is_some_and(|stored| stored != plan.patch.from) {
        return Err(FixError::Orientation);
    }
    let old = match plan.mode {
        Mode::Sidecar => beside.map(|beside| {
            let hash = *blake3::hash(&beside.bytes).as_bytes();
            (beside.metadata, hash)
        }),
        Mode::Tag | Mode::Pixels => Some((photo.metadata, photo.hash)),
    };
    checks::may_change(&plan.target, old.as_ref().map(|(metadata, _)| metadata), &plan.patch)?;
    Ok(Prepared {
        photo: path.to_owned(),
        photo_hash: photo.hash,
        target: plan.target,
        mode: plan.mode,
        instead: plan.instead,
        identity: old.as_ref().map(|(metadata, _)| Identity::from(metadata)),
        hash_before: old.as_ref().map_or(NO_FILE, |(_, hash)| *hash),
        hash_after: plan.new.hash(),
        patch: plan.patch,
        original: (plan.mode == Mode::Pixels).then_some(photo.bytes),
        new: plan.new,
    })
}

/// A look at the file that a change left, for putting back what was there before it: `original`
/// where the patch alone cannot say.
///
/// # Errors
/// Where it is not what the change left, or may not be written.
pub fn prepare_undo(change: &Change, original: Option<Vec<u8>>) -> Result<Prepared, FixError> {
    let target = change.target();
    let old = read(&target)?;
    if old.hash != change.hash_after {
        return Err(FixError::Changed);
    }
    let patch = change.patch.inverse();
    let new = match original {
        _ if change.hash_before == NO_FILE => Content::Nothing,
        Some(original) => Content::Bytes(original),
        None => Content::Bytes(patch.apply(&old.bytes)?),
    };
    if new.hash() != change.hash_before {
        return Err(FixError::Changed);
    }
    checks::may_change(&target, Some(&old.metadata), &patch)?;
    Ok(Prepared {
        photo: change.path.clone(),
        photo_hash: old.hash,
        target,
        mode: change.mode,
        instead: None,
        identity: Some(Identity::from(&old.metadata)),
        hash_before: old.hash,
        hash_after: change.hash_before,
        patch,
        original: None,
        new,
    })
}

/// BLAKE3 of an open file, from its start.
fn hash_of(file: &mut File) -> std::io::Result<Hash> {
    use std::io::{Seek, SeekFrom};
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
    let mut file = match checks::open(path, OFlags::RDONLY) {
        Err(FixError::Vanished) if may_be_missing && folder_is_there() => {
            return Ok((None, NO_FILE));
        }
        other => other?,
    };
    let hash = hash_of(&mut file).map_err(FixError::io("read the file"))?;
    Ok((Some(write::identity_of(&mut file)?), hash))
}

/// The content of a photo and how it is shown: as its sidecar says, else as it says itself.
///
/// # Errors
/// Where it cannot be opened as a regular file or read.
pub fn shown_now(path: &Path) -> Result<(Hash, Orientation), FixError> {
    let photo = read(path)?;
    let beside = sidecar::orientation(path);
    Ok((photo.hash, beside.unwrap_or_else(|| stored_orientation(&photo.bytes, path))))
}

/// The new file of a change, beside its photo. Walks pass over hidden files.
pub fn temp_path(photo: &Path, change: i64, hash_before: &Hash) -> PathBuf {
    let [a, b, c, d, ..] = hash_before;
    photo.with_file_name(format!(".orientd-{change}-{a:02x}{b:02x}{c:02x}{d:02x}.tmp"))
}
