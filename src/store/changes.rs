//! The journal of changes: intent before the write, outcome after it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{Row, TransactionBehavior, params};

use super::further_sidecars::{self, FurtherSidecar, sidecar_name};
use super::ids::{ChangeId, PhotoId, RunId};
use super::observations::set_content;
use super::owner::DisplayedPhoto;
use super::{Store, now, now_ns, path_bytes, path_from, range_below};
use crate::files::identity::{ContentHash, Identity};
use orientd_core::edit::mode::Mode;
use orientd_core::edit::patch::{Edit, Patch};
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
    const ALL: [Self; 6] =
        [Self::Intent, Self::Done, Self::Undoing, Self::Undone, Self::Void, Self::Lost];

    fn as_str(self) -> &'static str {
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

const CHANGE: &str = "SELECT id, run_id, photo_id, path, turn, old_stored, new_stored,
                             hash_before, hash_after, state, action, refused, sidecar FROM changes";

impl Store {
    /// Writes the intent and returns its number; it is on the disk when this returns.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written; then the file must not be either.
    pub fn begin_change(&mut self, change: &NewChange<'_>) -> Result<ChangeId> {
        let picture = self.picture_before(change)?;
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO changes(run_id, photo_id, path, action, turn, old_stored, new_stored,
                                 hash_before, hash_after, state, begun_at, begun_ns, content, picture, sidecar)
             VALUES (?1, ?2, ?3, ?10, ?4, ?5, ?6, ?7, ?8, 'intent', ?9, ?11, ?12, ?13, ?14)",
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
                (change.mode == Mode::Sidecar).then_some(change.sidecar.as_str())
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
            "UPDATE changes SET state = ?2, settled_at = ?3 WHERE id = ?1",
            params![change, state.as_str(), now()],
        )?;
        if state == ChangeState::Undone {
            let answers = "DELETE FROM labels WHERE change_id = ?1 AND source IN ('fix', 'review')";
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

    /// Changes begun by a process that crashed before it settled them.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn unsettled_changes(&self) -> Result<Vec<Change>> {
        self.changes("WHERE state IN ('intent', 'undoing') ORDER BY id", params![])
    }

    /// Changes of a run that are in force, latest first.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn changes_of_run(&self, run: RunId) -> Result<Vec<Change>> {
        self.changes("WHERE run_id = ?1 AND state = 'done' ORDER BY id DESC", params![run])
    }

    /// Changes in force that were begun at this time (Unix seconds) or later, latest first.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn changes_since(&self, time: i64) -> Result<Vec<Change>> {
        self.changes("WHERE begun_at >= ?1 AND state = 'done' ORDER BY id DESC", params![time])
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

    /// Changes in force at or below `path`, latest first.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn changes_below(&self, path: &Path) -> Result<Vec<Change>> {
        let (from, to) = range_below(path);
        self.changes(
            "WHERE state = 'done' AND photo_id IN (
                 SELECT id FROM photos WHERE (path >= ?1 AND path < ?2) OR path = ?3
             ) ORDER BY id DESC",
            params![from, to, path_bytes(path)],
        )
    }

    /// The latest change in force of every file at or below `path`, by number.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn changes_in_force(&self, path: &Path) -> Result<Vec<Change>> {
        let mut changes = self.changes_below(path)?;
        let mut seen = std::collections::HashSet::new();
        changes.retain(|change| {
            let is_latest = !seen.contains(&change.target());
            seen.extend(change.targets());
            is_latest
        });
        changes.reverse();
        Ok(changes)
    }

    /// How many changes are in force, were put back, and await settling.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_changes(&self) -> Result<(i64, i64, i64)> {
        let sql = "SELECT count(*) FILTER (WHERE state = 'done'),
                          count(*) FILTER (WHERE state = 'undone'),
                          count(*) FILTER (WHERE state IN ('intent', 'undoing')) FROM changes";
        Ok(self.db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?)
    }

    pub(super) fn changes(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Change>> {
        let mut statement = self.db.prepare(&format!("{CHANGE} {condition}"))?;
        let rows = statement.query_map(values, change)?;
        let mut changes = rows.collect::<Result<Vec<_>, _>>()?;
        let mut edits = self
            .db
            .prepare("SELECT offset, old, new FROM edits WHERE change_id = ?1 ORDER BY seq")?;
        for change in &mut changes {
            // A renamed photo is undone where it is now.
            let sql = "SELECT path FROM photos WHERE id = ?1";
            change.path = self
                .db
                .query_row(sql, [change.photo], |row| Ok(path_from(row.get_ref(0)?.as_blob()?)))?;
            let rows = edits.query_map([change.id], edit)?;
            change.patch.edits = rows.collect::<Result<_, _>>()?;
            change.further = further_sidecars::of(&self.db, change.id)?;
        }
        Ok(changes)
    }
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let state: String = row.get(9)?;
    let mode: String = row.get(10)?;
    Ok(Change {
        id: row.get(0)?,
        run: row.get(1)?,
        photo: row.get(2)?,
        path: path_from(row.get_ref(3)?.as_blob()?),
        turn: Turn::from_degrees(row.get(4)?).unwrap_or(Turn::NONE),
        mode: mode.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
        sidecar: sidecar_name(row.get(12)?)?,
        further: Vec::new(),
        patch: Patch {
            edits: Vec::new(),
            from: Orientation::from_stored(Some(row.get(5)?)),
            to: Orientation::from_stored(Some(row.get(6)?)),
        },
        hash_before: Some(row.get(7)?).filter(|hash| *hash != NO_FILE),
        hash_after: row.get(8)?,
        state: ChangeState::ALL
            .into_iter()
            .find(|known| known.as_str() == state)
            .ok_or(rusqlite::Error::InvalidQuery)?,
        refused: row.get(11)?,
    })
}

fn edit(row: &Row<'_>) -> rusqlite::Result<Edit> {
    let offset: i64 = row.get(0)?;
    let offset = usize::try_from(offset).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(Edit { offset, old: row.get(1)?, new: row.get(2)? })
}
