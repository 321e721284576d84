//! The journal of changes: intent before the write, outcome after it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{TransactionBehavior, params};

use super::further_sidecars::{self, FurtherSidecar};
use super::ids::{ChangeId, PhotoId, RunId};
use super::observations::set_content;
use super::owner::DisplayedPhoto;
use super::{Store, now, now_ns, path_bytes};
use crate::files::identity::{ContentHash, Identity};
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::Patch;
use orientd_core::format::sidecar_name::SidecarName;
use orientd_core::image::fingerprint::Fingerprint;
use orientd_core::orientation::{Orientation, Turn};

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeState {
    Intent,
    Done,
    Undoing,
    Undone,
    /// Begun, but nothing was written.
    Void,
    /// Begun, then the file was changed by somebody else.
    Lost,
}

impl ChangeState {
    pub(super) const ALL: [Self; 6] =
        [Self::Intent, Self::Done, Self::Undoing, Self::Undone, Self::Void, Self::Lost];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::Void => "void",
            Self::Lost => "lost",
        }
    }
}

/// What a person puts back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoOf {
    /// This photo, pointed at: its turn was wrong.
    OnePhoto,
    /// A folder, a run or all since a time, which says nothing about single photos.
    Many,
}

/// A change about to be made.
#[derive(Clone, Debug)]
pub struct NewChange<'a> {
    pub run: RunId,
    pub photo: PhotoId,
    pub path: &'a Path,
    pub turn: Turn,
    pub mode: Mode,
    /// Which sidecar is written, in mode `sidecar`.
    pub sidecar: SidecarName,
    pub patch: &'a Patch,
    pub further: &'a [FurtherSidecar],
    /// Of the photo itself, also where its sidecar is written.
    pub content: ContentHash,
    /// `None`: the target is a sidecar that is not there yet.
    pub hash_before: Option<ContentHash>,
    pub hash_after: ContentHash,
    /// The new file that is made for it, in the target's folder.
    pub temp: &'a str,
}

/// A change in the journal.
#[derive(Clone, Debug)]
pub struct Change {
    pub id: ChangeId,
    pub run: RunId,
    pub photo: PhotoId,
    pub path: PathBuf,
    pub turn: Turn,
    pub mode: Mode,
    /// Which sidecar was written, in mode `sidecar`.
    pub sidecar: SidecarName,
    /// Other sidecars of the photo, which were edited with it.
    pub further: Vec<FurtherSidecar>,
    /// Without edits where only the kept original tells the old bytes.
    pub patch: Patch,
    /// `None`: the target was a sidecar that was not there.
    pub hash_before: Option<ContentHash>,
    pub hash_after: ContentHash,
    pub state: ChangeState,
    /// The code of why it could not be put back when that was last tried.
    pub refused: Option<String>,
    /// The name of its new file; `None` before names were noted.
    pub temp: Option<String>,
    /// Why it could not be settled after it was cut short.
    pub stuck: Option<String>,
    /// Somebody else has changed the photo's orientation since, which was noticed.
    pub is_superseded: bool,
}

impl Change {
    /// The file that was changed: the photo where it is now, or its sidecar there.
    pub fn target(&self) -> PathBuf {
        match self.mode {
            Mode::Tag | Mode::Pixels => self.path.clone(),
            Mode::Sidecar => self.sidecar.path_of(&self.path),
        }
    }

    /// All files that were changed, [`Change::target`] first.
    pub fn targets(&self) -> Vec<PathBuf> {
        let further = self.further.iter().map(|further| further.name.path_of(&self.path));
        [self.target()].into_iter().chain(further).collect()
    }

    /// Were width and height exchanged in the file?
    pub fn swaps_sides(&self) -> bool {
        let applied = self.patch.from.then(self.turn.orientation());
        self.mode == Mode::Pixels && applied.swaps_sides()
    }
}

/// What a photo is after a change was made or put back.
#[derive(Clone, Copy, Debug)]
pub struct FileState {
    pub photo: PhotoId,
    /// As the file or its sidecar states it.
    pub stored: Orientation,
    /// `None`: the photo's own file is as it was.
    pub content: Option<(Identity, ContentHash)>,
    /// Width and height have been exchanged.
    pub swapped: bool,
}

/// Stands for "no file" in the column, which may not be null.
pub(super) const NO_FILE: ContentHash = ContentHash::from_bytes([0; 32]);

impl Store {
    /// Writes the intent and returns its number; it is on the disk when this returns.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written; then the file must not be either.
    pub fn begin_change(&mut self, change: &NewChange<'_>) -> Result<ChangeId> {
        let picture = self.picture_before(change)?;
        let result = picture.map(|picture| picture.oriented(change.turn.orientation()));
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO changes(run_id, photo_id, path, action, turn, old_stored, new_stored,
                                 hash_before, hash_after, state, begun_at, begun_ns, content, picture, temp,
                                 sidecar, result)
             VALUES (?1, ?2, ?3, ?10, ?4, ?5, ?6, ?7, ?8, 'intent', ?9, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                change.run,
                change.photo,
                path_bytes(change.path),
                change.turn.degrees(),
                change.patch.from.to_exif(),
                change.patch.to.to_exif(),
                change.hash_before.unwrap_or(NO_FILE),
                change.hash_after,
                now(),
                change.mode.as_str(),
                now_ns(),
                change.content,
                picture.as_ref().map(Fingerprint::as_bytes),
                change.temp,
                (change.mode == Mode::Sidecar).then_some(change.sidecar.as_str()),
                result.as_ref().map(Fingerprint::as_bytes)
            ],
        )?;
        let id = ChangeId::new(transaction.last_insert_rowid());
        for (seq, edit) in change.patch.edits.iter().enumerate() {
            transaction.execute(
                "INSERT INTO edits(change_id, seq, offset, old, new) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, seq as i64, edit.offset as i64, edit.old, edit.new],
            )?;
        }
        further_sidecars::insert(&transaction, id, change.further)?;
        transaction.commit()?;
        Ok(id)
    }

    /// The photo as it is displayed before a change: as it was looked at, or as orientd left it since.
    fn picture_before(&self, change: &NewChange<'_>) -> Result<Option<Fingerprint>> {
        let seen = self.picture_of(change.photo, &change.content, change.patch.from)?;
        if seen.is_some() {
            return Ok(seen);
        }
        let last = self.last_turn(change.photo)?.map(|last| last.states.after);
        let is_same = |left: &DisplayedPhoto| {
            (left.content, left.stored) == (change.content, change.patch.from)
        };
        Ok(last.filter(is_same).and_then(|left| left.picture))
    }

    /// Notes how a change ended, and what the file is now where orientd changed it. With a turn that is undone
    /// goes the answer that made it.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn set_change_state(
        &mut self,
        change: ChangeId,
        state: ChangeState,
        now_is: Option<FileState>,
    ) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "UPDATE changes SET state = ?2, settled_at = ?3, stuck = NULL WHERE id = ?1",
            params![change, state.as_str(), now()],
        )?;
        if state == ChangeState::Undone {
            // With it go the answers that made it, and what it said of copies from a backup.
            let answers = "DELETE FROM labels WHERE change_id = ?1 AND source IN ('fix', 'review', 'outside')";
            transaction.execute(answers, [change])?;
        }
        if state == ChangeState::Done {
            let sql = "DELETE FROM refusals
                       WHERE photo_id = (SELECT photo_id FROM changes WHERE id = ?1)";
            transaction.execute(sql, [change])?;
        }
        if let Some(now_is) = now_is {
            transaction.execute(
                "UPDATE photos SET stored = ?2,
                     width = CASE WHEN ?3 THEN height ELSE width END,
                     height = CASE WHEN ?3 THEN width ELSE height END
                 WHERE id = ?1",
                params![now_is.photo, now_is.stored.to_exif(), now_is.swapped],
            )?;
            if let Some((identity, hash)) = &now_is.content {
                set_content(&transaction, now_is.photo, identity, hash)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Begins to put a change back.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written; then the file must not be either.
    pub fn begin_undo(&mut self, change: ChangeId, of: UndoOf, temp: &str) -> Result<()> {
        let sql = "UPDATE changes SET state = ?2, picked = ?3, settled_at = ?4, temp = ?5,
                          n_tries = 0, next_try = NULL WHERE id = ?1";
        let state = ChangeState::Undoing.as_str();
        let is_picked = of == UndoOf::OnePhoto;
        self.db.execute(sql, params![change, state, is_picked, now(), temp])?;
        Ok(())
    }

    /// Notes why a change that was cut short could not be settled, and when the service tries again: after a minute,
    /// then after twice as long each time, up to a day. Is the reason another one than before?
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_stuck(&mut self, change: ChangeId, why: &str) -> Result<bool> {
        let sql = "UPDATE changes SET n_tries = n_tries + 1, stuck = ?2,
                          next_try = ?3 + min(60 << min(n_tries, 11), 86400)
                   WHERE id = ?1";
        let before: Option<String> =
            self.db
                .query_row("SELECT stuck FROM changes WHERE id = ?1", [change], |row| row.get(0))?;
        self.db.execute(sql, params![change, why, now()])?;
        Ok(before.as_deref() != Some(why))
    }

    /// Notes why a change could not be put back.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_refused(&mut self, change: ChangeId, code: &str) -> Result<()> {
        let sql = "UPDATE changes SET refused = ?2 WHERE id = ?1";
        self.db.execute(sql, params![change, code])?;
        Ok(())
    }
}
