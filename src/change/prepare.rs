//! Plans one turn, or one undo, and checks it against the file as it is now. Writes nothing.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use super::content::{Content, read};
use super::file_change::FileChange;
use super::plan::{Plan, TurnRequest};
use super::{checks, plan};
use crate::decode::sandbox::prover::Prover;
use crate::error::FixError;
use crate::files::identity::{ContentHash, Identity};
use crate::files::sidecar::{self, OnDisk};
use crate::store::{Change, FurtherSidecar};
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::Patch;
use orientd_core::edit::refusal::Refusal;
use orientd_core::format::metadata::stored_orientation;
use orientd_core::format::sidecar_name::SidecarName;
use orientd_core::orientation::Orientation;

/// A patch checked against the file as it is now, ready for the journal and then for the disk.
pub struct Prepared {
    /// The photo that is turned.
    pub photo: PathBuf,
    pub photo_hash: ContentHash,
    /// The file that changes: the photo, or its sidecar.
    pub target: PathBuf,
    pub mode: Mode,
    /// Which sidecar the target is, in mode `sidecar`.
    pub(super) sidecar: SidecarName,
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
    /// Other sidecars, written before the target.
    pub(super) further: Vec<Prepared>,
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

impl Prepared {
    /// The edits of the further sidecars, for the journal.
    pub(super) fn further_sidecars(&self) -> Result<Vec<FurtherSidecar>, FixError> {
        let edit = |further: &Self| {
            let hashes = further.hash_before.zip(further.hash_after);
            let (hash_before, hash_after) = hashes.ok_or(FixError::Changed)?;
            let [edit] = further.patch.edits.as_slice() else { return Err(FixError::Changed) };
            let name = further.sidecar;
            Ok(FurtherSidecar { name, edit: edit.clone(), hash_before, hash_after })
        };
        self.further.iter().map(edit).collect()
    }
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
    let beside = sidecar::read_all(path).map_err(FixError::io("read the sidecar"))?;
    // Where a sidecar speaks, it is changed whatever the mode, and the photo is not.
    if request.mode != Mode::Sidecar && !beside.iter().any(OnDisk::speaks) {
        checks::may_be_written(path, &photo.metadata)?;
    }
    let plan = plan::plan(path, &photo.bytes, &beside, request, prover)?;
    if expected.stored.is_some_and(|stored| stored != plan.patch.from) {
        return Err(FixError::Orientation);
    }
    let original = (plan.mode == Mode::Pixels).then_some(photo.bytes);
    let before =
        Before { photo: path, hash: photo.hash, metadata: &photo.metadata, beside: &beside };
    Ok(Prepared { original, ..before.checked(plan)? })
}

/// The files of a photo as they are before a change.
struct Before<'a> {
    photo: &'a Path,
    hash: ContentHash,
    metadata: &'a Metadata,
    beside: &'a [OnDisk],
}

impl Before<'_> {
    /// Checks that the file of a plan may be written, and the further ones.
    fn checked(&self, plan: Plan) -> Result<Prepared, FixError> {
        let old = match plan.mode {
            Mode::Sidecar => {
                let old = self.beside.iter().find(|beside| beside.path == plan.target);
                old.map(|beside| (&beside.metadata, ContentHash::of(&beside.bytes)))
            }
            Mode::Tag | Mode::Pixels => Some((self.metadata, self.hash)),
        };
        checks::may_change(&plan.target, old.map(|(metadata, _)| metadata), &plan.patch)?;
        let further = plan.further.into_iter().map(|plan| self.checked(plan));
        Ok(Prepared {
            photo: self.photo.to_owned(),
            photo_hash: self.hash,
            target: plan.target,
            mode: plan.mode,
            sidecar: plan.sidecar,
            instead: plan.instead,
            identity: old.map(|(metadata, _)| Identity::from(metadata)),
            hash_before: old.map(|(_, hash)| hash),
            hash_after: plan.new.hash(),
            patch: plan.patch,
            original: None,
            new: plan.new,
            further: further.collect::<Result<_, _>>()?,
        })
    }
}

/// Prepares the undo of `change`. `original`: the old bytes, needed where the patch alone cannot restore them.
///
/// # Errors
/// Returns an error if it is not what the change left, or may not be written.
pub fn prepare_undo(change: &Change, original: Option<Vec<u8>>) -> Result<Prepared, FixError> {
    let prepared = prepare_back(change, &FileChange::of(change), original)?;
    let further = FileChange::further_of(change);
    let further = further.iter().map(|file| prepare_back(change, file, None));
    Ok(Prepared { further: further.collect::<Result<_, _>>()?, ..prepared })
}

/// The same for one file of it.
///
/// # Errors
/// As [`prepare_undo`].
pub(super) fn prepare_back(
    change: &Change,
    file: &FileChange,
    original: Option<Vec<u8>>,
) -> Result<Prepared, FixError> {
    let old = read(&file.target).map_err(|err| sidecar_lost(change, err))?;
    if Some(old.hash) != file.after {
        return Err(FixError::Changed);
    }
    let patch = file.patch.inverse();
    let new = match original {
        _ if file.before.is_none() => Content::Nothing,
        Some(original) => Content::Bytes(original),
        None => Content::Bytes(patch.apply(&old.bytes)?),
    };
    if new.hash() != file.before {
        return Err(FixError::Changed);
    }
    checks::may_change(&file.target, Some(&old.metadata), &patch)?;
    Ok(Prepared {
        photo: change.path.clone(),
        photo_hash: old.hash,
        target: file.target.clone(),
        mode: change.mode,
        sidecar: file.sidecar,
        instead: None,
        identity: Some(Identity::from(&old.metadata)),
        hash_before: Some(old.hash),
        hash_after: file.before,
        patch,
        original: None,
        new,
        further: Vec::new(),
    })
}

/// A sidecar may have been left behind where its photo was renamed alone.
fn sidecar_lost(change: &Change, err: FixError) -> FixError {
    let is_gone = matches!(err, FixError::Vanished) && change.mode == Mode::Sidecar;
    if is_gone && change.path.exists() { FixError::SidecarLost } else { err }
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
