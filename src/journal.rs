//! Changes from intent to outcome: the only callers of the writer, so nothing is ever written that
//! is not in the journal first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::error::FixError;
use crate::rules::orientation::Turn;
use crate::stages::fix::{self, Expected, Prepared, content_of, temp_path};
use crate::store::{Change, ChangeState, Hash, NewChange, Store};

/// Held while a file is written and its journal row settled. Whoever holds it knows that no other
/// process is in the midst of a change, so an unsettled row is a dead process's.
pub struct WriteLock(#[allow(dead_code, reason = "holding it open is its use")] File);

impl WriteLock {
    /// Waits for the lock beside the database.
    ///
    /// # Errors
    /// Where the lock file cannot be made.
    pub fn take(store: &Store) -> Result<Self> {
        let mut path = store.path().as_os_str().to_owned();
        path.push(".write-lock");
        let path = PathBuf::from(path);
        let open = || -> std::io::Result<File> {
            let file = File::options().create(true).truncate(false).write(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map(Self).with_context(|| format!("cannot lock {}", path.display()))
    }
}

/// Why a change did not happen: something about the file, or something about the database.
#[derive(Debug)]
pub enum Failure {
    Photo(FixError),
    Store(anyhow::Error),
}

impl From<FixError> for Failure {
    fn from(err: FixError) -> Self {
        Self::Photo(err)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(err: anyhow::Error) -> Self {
        Self::Store(err)
    }
}

/// Whose run a change belongs to, and of which photo it is.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    pub run: i64,
    pub photo: i64,
    pub turn: Turn,
    pub keep_mtime: bool,
}

/// Journals and performs a prepared patch.
///
/// # Errors
/// The file's reason, with the journal settled; or the database's, with the file untouched.
pub fn apply(store: &mut Store, owner: Owner, prepared: Prepared) -> Result<(), Failure> {
    let _lock = WriteLock::take(store)?;
    // Another orientd may have made this very change while this one waited for the lock. Begun now, it
    // would fail, and the file's content would then speak for it as well: one turn, two in the journal.
    prepared.is_still_so()?;
    let (path, hash_before, hash_after) =
        (prepared.path.clone(), prepared.hash_before, prepared.hash_after);
    let change = store.begin_change(&NewChange {
        run: owner.run,
        photo: owner.photo,
        path: &path,
        turn: owner.turn,
        patch: &prepared.patch,
        hash_before: &hash_before,
        hash_after: &hash_after,
    })?;
    let temp = temp_path(&path, change, &hash_before);
    match prepared.perform(&temp, owner.keep_mtime) {
        Ok(identity) => {
            let content = Some((owner.photo, &identity, &hash_after));
            store.settle_change(change, ChangeState::Done, content)?;
            Ok(())
        }
        Err(err) => {
            let outcome = [(hash_after, ChangeState::Done), (hash_before, ChangeState::Void)];
            settle(store, change, owner.photo, &path, &outcome)?;
            Err(err.into())
        }
    }
}

/// Puts back the exact bytes of a change that is in force.
///
/// # Errors
/// Where the file is not what the change left, or cannot be written; or the database cannot.
pub fn undo(store: &mut Store, change: &Change, keep_mtime: bool) -> Result<(), Failure> {
    let _lock = WriteLock::take(store)?;
    let expected = Expected { identity: None, hash: Some(&change.hash_after) };
    let prepared = fix::prepare(&change.path, expected, |_| Ok(change.patch.inverse()))?;
    if prepared.hash_after != change.hash_before {
        return Err(FixError::Changed.into());
    }
    store.settle_change(change.id, ChangeState::Undoing, None)?;
    let temp = temp_path(&change.path, change.id, &change.hash_before);
    match prepared.perform(&temp, keep_mtime) {
        Ok(identity) => {
            let content = Some((change.photo, &identity, &change.hash_before));
            store.settle_change(change.id, ChangeState::Undone, content)?;
            Ok(())
        }
        Err(err) => {
            settle(store, change.id, change.photo, &change.path, &undo_outcomes(change))?;
            Err(err.into())
        }
    }
}

/// Settles what a process that died left behind: the file's hash tells how far it came.
/// Returns how many changes were settled.
///
/// # Errors
/// Where the database cannot be read or written.
pub fn settle_after_crash(store: &mut Store) -> Result<usize> {
    if store.unsettled_changes()?.is_empty() {
        return Ok(0);
    }
    let _lock = WriteLock::take(store)?;
    // Another process may have settled them while this one waited for the lock.
    let unsettled = store.unsettled_changes()?;
    for change in &unsettled {
        let outcomes = match change.state {
            ChangeState::Undoing => undo_outcomes(change),
            _ => [(change.hash_after, ChangeState::Done), (change.hash_before, ChangeState::Void)],
        };
        let state = settle(store, change.id, change.photo, &change.path, &outcomes)?;
        let path = change.path.display();
        tracing::warn!(%path, ?state, "settled a change that was cut short");
    }
    Ok(unsettled.len())
}

fn undo_outcomes(change: &Change) -> [(Hash, ChangeState); 2] {
    [(change.hash_before, ChangeState::Undone), (change.hash_after, ChangeState::Done)]
}

/// Notes the state that the file's content stands for, and removes a new file left beside it.
fn settle(
    store: &mut Store,
    change: i64,
    photo: i64,
    path: &Path,
    outcomes: &[(Hash, ChangeState); 2],
) -> Result<ChangeState> {
    let Ok((identity, hash)) = content_of(path) else {
        // A file that cannot be read now may be readable at the next start: an unmounted disk.
        return Ok(ChangeState::Intent);
    };
    let state = outcomes.iter().find(|(known, _)| *known == hash).map(|(_, state)| *state);
    for (hash_before, _) in outcomes {
        remove_leftover(&temp_path(path, change, hash_before))?;
    }
    match state {
        Some(state) => store.settle_change(change, state, Some((photo, &identity, &hash)))?,
        None => store.settle_change(change, ChangeState::Lost, None)?,
    }
    Ok(state.unwrap_or(ChangeState::Lost))
}

fn remove_leftover(temp: &Path) -> Result<()> {
    match fs::remove_file(temp) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(err).with_context(|| format!("cannot remove {}", temp.display()))
        }
        _ => Ok(()),
    }
}
