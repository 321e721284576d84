//! The changes of the journal, by run, time and place, and how many there are.

use std::path::Path;

use anyhow::Result;
use rusqlite::{Row, params};

use super::changes::{Change, ChangeState, NO_FILE};
use super::further_sidecars::{self, sidecar_name};
use super::ids::{PhotoId, RunId};
use super::{Store, now, path_bytes, path_from, range_below};
use orientd_core::edit::patch::{Edit, Patch};
use orientd_core::orientation::{Orientation, Turn};

/// Changes by what has become of them.
#[derive(Clone, Copy, Debug)]
pub struct ChangeCounts {
    pub n_in_force: u64,
    /// Put back by orientd.
    pub n_undone: u64,
    /// To be settled after a crash.
    pub n_unsettled: u64,
    /// Put back, or made otherwise, by somebody else.
    pub n_superseded: u64,
}

const CHANGE: &str = "SELECT id, run_id, photo_id, path, turn, old_stored, new_stored,
                             hash_before, hash_after, state, action, refused, temp, stuck,
                             sidecar,
                             EXISTS (SELECT 1 FROM labels o WHERE o.change_id = changes.id
                                     AND o.photo_id = changes.photo_id AND o.source = 'outside')
                      FROM changes";

impl Store {
    /// Changes begun by a process that crashed before it settled them.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn unsettled_changes(&self) -> Result<Vec<Change>> {
        self.changes("WHERE state IN ('intent', 'undoing') ORDER BY id", params![])
    }

    /// Those of them that the service is to try now.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn unsettled_changes_due(&self) -> Result<Vec<Change>> {
        let condition =
            "WHERE state IN ('intent', 'undoing') AND coalesce(next_try, 0) <= ?1 ORDER BY id";
        self.changes(condition, params![now()])
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

    /// The latest change of a photo that was made and not put back by orientd.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_done(&self, photo: PhotoId) -> Result<Option<Change>> {
        let latest = "WHERE photo_id = ?1 AND state = 'done' ORDER BY id DESC LIMIT 1";
        Ok(self.changes(latest, params![photo])?.pop())
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

    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_changes(&self) -> Result<ChangeCounts> {
        let sql = "SELECT count(*) FILTER (WHERE state = 'done'),
                          count(*) FILTER (WHERE state = 'undone'),
                          count(*) FILTER (WHERE state IN ('intent', 'undoing')),
                          (SELECT count(DISTINCT c.id) FROM labels o JOIN changes c
                               ON c.id = o.change_id AND c.photo_id = o.photo_id AND c.state = 'done'
                           WHERE o.source = 'outside') FROM changes";
        let count =
            |row: &Row<'_>, at| row.get::<_, i64>(at).map(|n| u64::try_from(n).unwrap_or(0));
        let counts = |row: &Row<'_>| {
            let n_superseded = count(row, 3)?;
            let n_in_force = count(row, 0)?.saturating_sub(n_superseded);
            let n_undone = count(row, 1)?;
            let n_unsettled = count(row, 2)?;
            Ok(ChangeCounts { n_in_force, n_undone, n_unsettled, n_superseded })
        };
        Ok(self.db.query_row(sql, [], counts)?)
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
        sidecar: sidecar_name(row.get(14)?)?,
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
        temp: row.get(12)?,
        stuck: row.get(13)?,
        is_superseded: row.get(15)?,
    })
}

fn edit(row: &Row<'_>) -> rusqlite::Result<Edit> {
    let offset: i64 = row.get(0)?;
    let offset = usize::try_from(offset).map_err(|_| rusqlite::Error::InvalidQuery)?;
    Ok(Edit { offset, old: row.get(1)?, new: row.get(2)? })
}
