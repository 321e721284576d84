//! Settles changes that were cut short: what the file holds tells whether it was written.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::content::content_of;
use super::write::{give_back, temp_path};
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

/// Looks what is there, gives another program's file its name back, and removes the new file.
fn look(change: &Change) -> Result<Found, FixError> {
    let target = change.target();
    // A file that cannot be read now may be readable at the next start: an unmounted disk.
    let (identity, hash) = content_of(&target, change.hash_before.is_none())?.unzip();
    let temp = temp_path(change);
    let outcomes = outcomes(change);
    let mut outcome = outcomes.into_iter().find(|(known, _)| *known == hash);
    let was_made = outcome == Some(outcomes[0]);
    if was_made && holds_another(&temp, change) {
        // The process was killed before it checked which file it had displaced.
        give_back(&temp, &target)
            .map_err(FixError::io("give another program's file its name back"))?;
        outcome = None;
    }
    if outcome.is_some() || !holds_another(&temp, change) {
        remove_leftover(&temp)?;
    } else {
        tracing::warn!(path = %temp.display(), "another program's file may have been left under this name");
    }
    Ok(Found { outcome, identity })
}

/// Is `temp` a file that another program had given the target's name just before it was displaced?
fn holds_another(temp: &Path, change: &Change) -> bool {
    match content_of(temp, false) {
        Ok(Some((_, hash))) => Some(hash) != change.hash_before && hash != change.hash_after,
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
