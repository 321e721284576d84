//! Settles changes that were cut short: what the file holds tells whether it was written.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::content::content_of;
use super::file_change::FileChange;
use super::prepare::prepare_back;
use super::write::give_back;
use super::write_lock::WriteLock;
use crate::error::FixError;
use crate::files::identity::{ContentHash, Identity};
use crate::store::{Change, ChangeState, FileState, Store};
use orientd_core::edit::mode::Mode;

/// Settles the rows that a crashed process left: the file's hash tells whether it was written. A row that
/// cannot be settled is kept with the reason, and holds up nothing else. Returns how many were settled.
///
/// # Errors
/// Returns an error if the database cannot be read or written.
pub fn settle_after_crash(store: &mut Store) -> Result<usize> {
    settle_all(store, Store::unsettled_changes)
}

/// The same for a service that comes here again and again: what could not be settled is tried less and less often.
///
/// # Errors
/// Returns an error if the database cannot be read or written.
pub fn settle_due(store: &mut Store) -> Result<usize> {
    settle_all(store, Store::unsettled_changes_due)
}

fn settle_all(store: &mut Store, list: fn(&Store) -> Result<Vec<Change>>) -> Result<usize> {
    if list(store)?.is_empty() {
        return Ok(0);
    }
    let _lock = WriteLock::take(store)?;
    // Another process may have settled them while this one waited for the lock.
    let unsettled = list(store)?;
    let mut n_settled = 0;
    for change in &unsettled {
        if let Some(state) = settle(store, change)? {
            let path = change.path.display();
            tracing::warn!(%path, ?state, "settled a change that was cut short");
            n_settled += 1;
        }
    }
    Ok(n_settled)
}

/// The hash that a file has, and the state that it means.
pub(super) type SettledAs = (Option<ContentHash>, ChangeState);

/// The hash that the file has if the write was made and if it was not, with the state each means.
pub(super) fn outcomes(change: &Change) -> [SettledAs; 2] {
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

pub(super) fn now_is(
    change: &Change,
    (hash, state): SettledAs,
    identity: Option<Identity>,
) -> FileState {
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

/// Notes the state that the file's content stands for, and removes a new file left beside it. `None`: it cannot
/// be settled now, for a reason that is noted, and told when it is a new one.
pub(super) fn settle(store: &mut Store, change: &Change) -> Result<Option<ChangeState>> {
    let found = match look(change) {
        Ok(found) => found,
        Err(why) => {
            let path = change.path.display();
            if store.note_stuck(change.id, &why.to_string())? {
                tracing::warn!(%path, id = %change.id, "a change that was cut short cannot be settled yet: {why}");
            }
            return Ok(None);
        }
    };
    let state = found.outcome.map_or(ChangeState::Lost, |(_, state)| state);
    let now = found.outcome.map(|outcome| now_is(change, outcome, found.identity));
    store.set_change_state(change.id, state, now)?;
    Ok(Some(state))
}

/// What has become of a change that was cut short.
struct Found {
    /// `None`: the file is another program's.
    outcome: Option<SettledAs>,
    identity: Option<Identity>,
}

/// Looks what is there, gives another program's file its name back, and removes the new files. Further files follow
/// the target: what was written of a change that was not made is put back.
fn look(change: &Change) -> Result<Found, FixError> {
    let file = FileChange::of(change);
    // A file that cannot be read now may be readable at the next start: an unmounted disk.
    let (content, is_another) = look_at(change, &file, file.before.is_none())?;
    let (identity, hash) = content.unzip();
    let outcomes = outcomes(change);
    let outcome = outcomes.into_iter().find(|(known, _)| *known == hash && !is_another);
    let is_made = outcome == Some(outcomes[0]);
    for file in FileChange::further_of(change) {
        follow(change, file, is_made)?;
    }
    Ok(Found { outcome, identity })
}

/// What one file of the change is, and whether it is another program's that got its name back.
fn look_at(
    change: &Change,
    file: &FileChange,
    may_be_missing: bool,
) -> Result<(Option<(Identity, ContentHash)>, bool), FixError> {
    let content = content_of(&file.target, may_be_missing)?;
    let hash = content.map(|(_, hash)| hash);
    let made = if change.state == ChangeState::Undoing { file.before } else { file.after };
    let is_another = hash == made && holds_another(file);
    if is_another {
        // The process was killed before it checked which file it had displaced.
        give_back(&file.temp, &file.target)
            .map_err(FixError::io("give another program's file its name back"))?;
    }
    let is_known = (hash == file.before || hash == file.after) && !is_another;
    if is_known || !holds_another(file) {
        remove_leftover(&file.temp)?;
    } else {
        tracing::warn!(path = %file.temp.display(), "another program's file may have been left under this name");
    }
    Ok((content, is_another))
}

/// Puts a further file back if it was written in a change that was not made.
fn follow(change: &Change, file: FileChange, is_made: bool) -> Result<(), FixError> {
    let (content, is_another) = look_at(change, &file, true)?;
    let file = if change.state == ChangeState::Undoing { file.inverse() } else { file };
    if is_made || is_another || content.map(|(_, hash)| hash) != file.after {
        return Ok(());
    }
    prepare_back(change, &file, None)?.perform(&file.temp, true).map(drop)
}

/// Is there, in place of the new file, one that another program had given the target's name just before it was
/// displaced?
fn holds_another(file: &FileChange) -> bool {
    match content_of(&file.temp, false) {
        Ok(Some((_, hash))) => Some(hash) != file.before && Some(hash) != file.after,
        Ok(None) | Err(_) => false,
    }
}

/// What is no regular file was never made here.
fn remove_leftover(temp: &Path) -> Result<(), FixError> {
    match fs::symlink_metadata(temp) {
        Ok(metadata) if metadata.is_file() => {
            fs::remove_file(temp).map_err(FixError::io("remove what was left beside the file"))
        }
        Ok(_) => Ok(()),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(FixError::io("look at what was left beside the file")(err)),
    }
}
