//! Makes and undoes changes. Nothing else calls the writer, so every write is in the journal first.

use super::file_change::FileChange;
use super::originals;
use super::prepare::{self, Prepared};
use super::recovery::{now_is, outcomes, settle};
use super::write::temp_name;
use super::write_lock::WriteLock;
use crate::error::{ChangeError, FixError};
use crate::files::identity::Identity;
use crate::store::{
    Change, ChangeId, ChangeState, NewChange, PhotoId, RetentionPolicy, RunId, Store, UndoOf,
};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::Turn;

/// Whose run a change belongs to, and of which photo it is.
#[derive(Clone, Copy, Debug)]
pub struct ChangeContext {
    pub run: RunId,
    pub photo: PhotoId,
    pub turn: Turn,
    pub keep_mtime: bool,
    pub retention: RetentionPolicy,
}

/// Journals and performs a prepared patch. Returns the number of the change.
///
/// # Errors
/// Returns an error if the file cannot be written (the journal is then settled), or the database cannot (the file
/// is then unchanged).
pub fn apply(
    store: &mut Store,
    change_context: ChangeContext,
    prepared: &Prepared,
) -> Result<ChangeId, ChangeError> {
    let _lock = WriteLock::take(store)?;
    // Another orientd may have made the same change while this one waited for the lock. Begun now, it
    // would fail, and the file's content would then speak for it as well: one turn, two in the journal.
    prepared.is_still_so()?;
    prepared.further.iter().try_for_each(Prepared::is_still_so)?;
    if let Some((original, hash)) = prepared.original.as_ref().zip(prepared.hash_before) {
        originals::keep(store, change_context.retention, &hash, original)?;
    }
    // Only an undo removes a file.
    let hash_after = prepared.hash_after.ok_or(FixError::Changed)?;
    let further = prepared.further_sidecars()?;
    let temp = temp_name().map_err(FixError::io("name the new file"))?;
    let id = store.begin_change(&NewChange {
        run: change_context.run,
        photo: change_context.photo,
        path: &prepared.photo,
        turn: change_context.turn,
        mode: prepared.mode,
        sidecar: prepared.sidecar,
        patch: &prepared.patch,
        further: &further,
        content: prepared.photo_hash,
        hash_before: prepared.hash_before,
        hash_after,
        temp: &temp,
    })?;
    let change = Change {
        id,
        run: change_context.run,
        photo: change_context.photo,
        path: prepared.photo.clone(),
        turn: change_context.turn,
        mode: prepared.mode,
        sidecar: prepared.sidecar,
        further,
        patch: prepared.patch.clone(),
        hash_before: prepared.hash_before,
        hash_after,
        state: ChangeState::Intent,
        refused: None,
        temp: Some(temp),
        stuck: None,
        is_superseded: false,
    };
    perform(store, &change, prepared, change_context.keep_mtime)?;
    Ok(id)
}

/// Puts back the exact bytes of a change that is in force. If they cannot be, the reason is noted with it.
///
/// # Errors
/// Returns an error if the file is not what the change left, or cannot be written; or the database cannot.
pub fn undo(
    store: &mut Store,
    change: &Change,
    of: UndoOf,
    keep_mtime: bool,
) -> Result<(), ChangeError> {
    let undone = put_back(store, change, of, keep_mtime);
    if let Err(ChangeError::Photo(why)) = &undone {
        store.note_refused(change.id, why.code())?;
    }
    undone
}

/// Can the change still be put back? Writes nothing.
///
/// # Errors
/// Returns an error if it cannot, with the reason.
pub fn check_undo(store: &Store, change: &Change) -> Result<(), FixError> {
    prepare::prepare_undo(change, original_of(store, change)?).map(drop)
}

/// The old bytes, where the journal alone does not have them.
fn original_of(store: &Store, change: &Change) -> Result<Option<Vec<u8>>, FixError> {
    match change.mode {
        Mode::Pixels => {
            let hash = change.hash_before.ok_or(FixError::OriginalDamaged)?;
            originals::load(store, &hash).map(Some)
        }
        Mode::Tag | Mode::Sidecar => Ok(None),
    }
}

fn put_back(
    store: &mut Store,
    change: &Change,
    of: UndoOf,
    keep_mtime: bool,
) -> Result<(), ChangeError> {
    let _lock = WriteLock::take(store)?;
    let original = original_of(store, change)?;
    let prepared = prepare::prepare_undo(change, original)?;
    let temp = temp_name().map_err(FixError::io("name the new file"))?;
    store.begin_undo(change.id, of, &temp)?;
    let change = Change { state: ChangeState::Undoing, temp: Some(temp), ..change.clone() };
    perform(store, &change, &prepared, keep_mtime)
}

/// Writes the file and settles the journal row by the result.
fn perform(
    store: &mut Store,
    change: &Change,
    prepared: &Prepared,
    keep_mtime: bool,
) -> Result<(), ChangeError> {
    let path = change.target().to_string_lossy().escape_default().to_string();
    let mode = change.mode.as_str();
    let span = tracing::info_span!("change", id = %change.id, mode, path);
    let _entered = span.enter();
    tracing::debug!(state = ?change.state, turn = change.turn.degrees(), "journaled");
    match write_all(change, prepared, keep_mtime) {
        Ok(identity) => {
            tracing::debug!("written and verified");
            let [made, _] = outcomes(change);
            store.set_change_state(change.id, made.1, Some(now_is(change, made, identity)))?;
            Ok(())
        }
        Err(err) => {
            tracing::debug!(code = err.code(), "not written: {err}");
            settle(store, change)?;
            Err(err.into())
        }
    }
}

/// Writes the further files first: as long as the target is not written, the photo is displayed as before.
fn write_all(
    change: &Change,
    prepared: &Prepared,
    keep_mtime: bool,
) -> Result<Option<Identity>, FixError> {
    for (file, further) in FileChange::further_of(change).iter().zip(&prepared.further) {
        further.perform(&file.temp, keep_mtime)?;
    }
    prepared.perform(&FileChange::of(change).temp, keep_mtime)
}
