//! Makes and undoes changes. Nothing else calls the writer, so every write is in the journal first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::content::content_of;
use super::file_change::FileChange;
use super::originals;
use super::prepare::{self, Prepared};
use super::write::{exchange, temp_path};
use crate::error::{ChangeError, FixError};
use crate::files::identity::{ContentHash, Identity};
use crate::files::locks::lock_within;
use crate::files::private;
use crate::store::{
    Change, ChangeId, ChangeState, FileState, NewChange, PhotoId, RetentionPolicy, RunId, Store,
    own_files,
};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::Turn;

/// Held while a file is written and its journal row settled. While it is held no other process is making
/// a change, so an unsettled row was left by a process that crashed.
pub struct WriteLock(#[allow(dead_code, reason = "holding it open is its use")] File);

impl WriteLock {
    /// Waits for the lock beside the database, as long as the store waits for other processes.
    ///
    /// # Errors
    /// Returns an error if the lock file cannot be made, or another process keeps the lock for longer.
    pub fn take(store: &Store) -> Result<Self> {
        let path = own_files::write_lock(store.path());
        let open = || -> std::io::Result<File> {
            let file = private::open_lock(&path)?;
            lock_within(&file, &path, store.patience(), "is changing photos")?;
            Ok(file)
        };
        open().map(Self).with_context(|| format!("cannot lock {}", path.display()))
    }
}

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
    };
    perform(store, &change, prepared, change_context.keep_mtime)?;
    Ok(id)
}

/// Puts back the exact bytes of a change that is in force. If they cannot be, the reason is noted with it.
///
/// # Errors
/// Returns an error if the file is not what the change left, or cannot be written; or the database cannot.
pub fn undo(store: &mut Store, change: &Change, keep_mtime: bool) -> Result<(), ChangeError> {
    let undone = put_back(store, change, keep_mtime);
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

fn put_back(store: &mut Store, change: &Change, keep_mtime: bool) -> Result<(), ChangeError> {
    let _lock = WriteLock::take(store)?;
    let original = original_of(store, change)?;
    let prepared = prepare::prepare_undo(change, original)?;
    store.set_change_state(change.id, ChangeState::Undoing, None)?;
    let change = Change { state: ChangeState::Undoing, ..change.clone() };
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
            let state = settle(store, change)?;
            tracing::debug!(?state, code = err.code(), "not written: {err}");
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
        further.perform(&temp_of(change, file), keep_mtime)?;
    }
    prepared.perform(&temp_of(change, &FileChange::of(change)), keep_mtime)
}

fn temp_of(change: &Change, file: &FileChange) -> PathBuf {
    temp_path(&file.target, change.id, file.before.as_ref())
}

/// Settles the rows that a crashed process left: the file's hash tells whether it was written.
/// Returns how many changes were settled.
///
/// # Errors
/// Returns an error if the database cannot be read or written.
pub fn settle_after_crash(store: &mut Store) -> Result<usize> {
    if store.unsettled_changes()?.is_empty() {
        return Ok(0);
    }
    let _lock = WriteLock::take(store)?;
    // Another process may have settled them while this one waited for the lock.
    let unsettled = store.unsettled_changes()?;
    for change in &unsettled {
        let state = settle(store, change)?;
        let path = change.path.display();
        tracing::warn!(%path, ?state, "settled a change that was cut short");
    }
    Ok(unsettled.len())
}

type SettledAs = (Option<ContentHash>, ChangeState);

/// The hash that the file has if the write was made and if it was not, with the state each means.
fn outcomes(change: &Change) -> [SettledAs; 2] {
    match change.state {
        ChangeState::Undoing => [
            (change.hash_before, ChangeState::Undone),
            (Some(change.hash_after), ChangeState::Done),
        ],
        _ => {
            [(Some(change.hash_after), ChangeState::Done), (change.hash_before, ChangeState::Void)]
        }
    }
}

fn now_is(change: &Change, (hash, state): SettledAs, identity: Option<Identity>) -> FileState {
    let is_turned = state == ChangeState::Done;
    let was_turned = change.state == ChangeState::Undoing;
    FileState {
        photo: change.photo,
        stored: if is_turned { change.patch.to } else { change.patch.from },
        content: match change.mode {
            Mode::Tag | Mode::Pixels => identity.zip(hash),
            Mode::Sidecar => None,
        },
        swapped: is_turned != was_turned && change.swaps_sides(),
    }
}

/// Notes the state that the file's content stands for, and removes new files left beside it. Further files follow
/// the target: what was written of a change that was not made is put back.
fn settle(store: &mut Store, change: &Change) -> Result<ChangeState> {
    let file = FileChange::of(change);
    let Some(found) = found(change, &file)? else {
        // A file that cannot be read now may be readable at the next start: an unmounted disk.
        return Ok(change.state);
    };
    let (identity, hash) = found.unzip();
    let outcomes = outcomes(change);
    let outcome = outcomes.into_iter().find(|(known, _)| *known == hash);
    let is_made = outcome == Some(outcomes[0]);
    for file in FileChange::further_of(change) {
        if !follow(change, file, is_made)? {
            return Ok(change.state);
        }
    }
    let state = outcome.map_or(ChangeState::Lost, |(_, state)| state);
    let now = outcome.map(|outcome| now_is(change, outcome, identity));
    store.set_change_state(change.id, state, now)?;
    Ok(state)
}

type Found = Option<(Identity, ContentHash)>;

/// What a file of an unsettled change holds, without what was left beside it; the outer `None`: it cannot be read now.
fn found(change: &Change, file: &FileChange) -> Result<Option<Found>> {
    let is_further = file.target != change.target();
    let may_be_missing = file.before.is_none() || is_further;
    let Ok(mut found) = content_of(&file.target, may_be_missing) else { return Ok(None) };
    let temp = temp_of(change, file);
    let hash = found.map(|(_, hash)| hash);
    let made = if change.state == ChangeState::Undoing { file.before } else { file.after };
    if hash == made && displaced_another(&temp, file) {
        // The process was killed after the exchange, before it checked which file it had displaced.
        exchange(&temp, &file.target)
            .with_context(|| format!("cannot put back {}", file.target.display()))?;
        found = content_of(&file.target, true)?;
    }
    remove_leftover(&temp)?;
    Ok(Some(found))
}

/// Puts a further file back if it was written in a change that was not made. False: it cannot be now.
fn follow(change: &Change, file: FileChange, is_made: bool) -> Result<bool> {
    let Some(found) = found(change, &file)? else { return Ok(false) };
    let temp = temp_of(change, &file);
    let file = if change.state == ChangeState::Undoing { file.inverse() } else { file };
    if is_made || found.map(|(_, hash)| hash) != file.after {
        return Ok(true);
    }
    let back = prepare::prepare_back(change, &file, None);
    match back.and_then(|back| back.perform(&temp, true)) {
        Ok(_) => Ok(true),
        Err(err) => {
            let path = file.target.display();
            tracing::warn!(%path, code = err.code(), "cannot be put back yet: {err}");
            Ok(false)
        }
    }
}

/// Is `temp` a file that another program had renamed to the target's name just before the exchange?
fn displaced_another(temp: &Path, file: &FileChange) -> bool {
    match content_of(temp, false) {
        Ok(Some((_, hash))) => Some(hash) != file.before && Some(hash) != file.after,
        Ok(None) | Err(_) => false,
    }
}

fn remove_leftover(temp: &Path) -> Result<()> {
    match fs::remove_file(temp) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", temp.display()))
        }
        _ => Ok(()),
    }
}
