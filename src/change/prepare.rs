//! Plans one turn, or one undo, and checks it against the file as it is now. Writes nothing.

use std::path::{Path, PathBuf};

use super::content::{Content, read};
use super::plan::TurnRequest;
use super::{checks, plan};
use crate::decode::sandbox::prover::Prover;
use crate::error::FixError;
use crate::files::identity::{ContentHash, Identity};
use crate::files::sidecar;
use crate::store::Change;
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::Patch;
use orientd_core::edit::refusal::Refusal;
use orientd_core::format::metadata::stored_orientation;
use orientd_core::orientation::Orientation;

/// A patch checked against the file as it is now, ready for the journal and then for the disk.
pub struct Prepared {
    /// The photo that is turned.
    pub photo: PathBuf,
    pub photo_hash: ContentHash,
    /// The file that changes: the photo, or its sidecar.
    pub target: PathBuf,
    pub mode: Mode,
    /// Why it is not the mode that was asked for.
    pub instead: Option<Refusal>,
    /// `None`: the target does not exist yet.
    pub(super) identity: Option<Identity>,
    /// `None`: the target does not exist yet.
    pub hash_before: Option<ContentHash>,
    /// `None`: the target is to be removed.
    pub hash_after: Option<ContentHash>,
    pub patch: Patch,
    /// The old bytes of a file that the patch alone cannot restore.
    pub original: Option<Vec<u8>>,
    pub(super) new: Content,
}

/// What the file must still be for a plan to hold.
#[derive(Clone, Copy, Debug)]
pub struct Precondition<'a> {
    /// `None`: any identity will do, the content alone counts.
    pub identity: Option<&'a Identity>,
    /// `None`: whatever the content is now.
    pub hash: Option<&'a ContentHash>,
    /// The orientation it was looked at with. `None`: whatever it is now.
    pub stored: Option<Orientation>,
}

/// Reads the photo, compares it with what is expected, plans, and checks that the file to be changed
/// may be written. Writes nothing, so a dry run ends here.
///
/// # Errors
/// Returns an error if the photo is not as expected, or the file must not be written.
pub fn prepare(
    path: &Path,
    expected: Precondition<'_>,
    request: TurnRequest,
    prover: &Prover,
) -> Result<Prepared, FixError> {
    let photo = read(path)?;
    let identity = Identity::from(&photo.metadata);
    let is_other = expected.identity.is_some_and(|expected| *expected != identity)
        || expected.hash.is_some_and(|expected| *expected != photo.hash);
    if is_other {
        return Err(FixError::Changed);
    }
    if request.mode != Mode::Sidecar {
        checks::may_be_written(path, &photo.metadata)?;
    }
    let beside = sidecar::read(path).map_err(FixError::io("read the sidecar"))?;
    let plan = plan::plan(path, &photo.bytes, beside.as_ref(), request, prover)?;
    if expected.stored.is_some_and(|stored| stored != plan.patch.from) {
        return Err(FixError::Orientation);
    }
    let old = match plan.mode {
        Mode::Sidecar => beside.map(|beside| {
            let hash = ContentHash::of(&beside.bytes);
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
        hash_before: old.as_ref().map(|(_, hash)| *hash),
        hash_after: plan.new.hash(),
        patch: plan.patch,
        original: (plan.mode == Mode::Pixels).then_some(photo.bytes),
        new: plan.new,
    })
}

/// Prepares the undo of `change`. `original`: the old bytes, needed where the patch alone cannot restore them.
///
/// # Errors
/// Returns an error if it is not what the change left, or may not be written.
pub fn prepare_undo(change: &Change, original: Option<Vec<u8>>) -> Result<Prepared, FixError> {
    let target = change.target();
    let old = read(&target).map_err(|err| sidecar_gone(change, err))?;
    if old.hash != change.hash_after {
        return Err(FixError::Changed);
    }
    let patch = change.patch.inverse();
    let new = match original {
        _ if change.hash_before.is_none() => Content::Nothing,
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
        hash_before: Some(old.hash),
        hash_after: change.hash_before,
        patch,
        original: None,
        new,
    })
}

/// A sidecar may have been left behind where its photo was renamed alone.
fn sidecar_gone(change: &Change, err: FixError) -> FixError {
    let is_gone = matches!(err, FixError::Vanished) && change.mode == Mode::Sidecar;
    if is_gone && change.path.exists() { FixError::SidecarGone } else { err }
}

/// The content of a photo and how it is shown: as its sidecar says, else as it says itself.
///
/// # Errors
/// Returns an error if it cannot be opened as a regular file or read.
pub fn shown_now(path: &Path) -> Result<(ContentHash, Orientation), FixError> {
    let photo = read(path)?;
    let beside = sidecar::orientation(path);
    Ok((photo.hash, beside.unwrap_or_else(|| stored_orientation(&photo.bytes, path))))
}
