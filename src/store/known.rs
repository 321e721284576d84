//! What the database knows of the files below a folder, and where photos have gone.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::ids::{ModelId, PhotoId};
use super::photo_state::{PhotoState, photo_state};
use super::photos::{SidecarTurn, identity};
use super::{LOOK_VERSION, Store, now, path_bytes, path_from, range_below, range_of};
use crate::error::is_transient;
use crate::files::identity::{ContentHash, Identity};
use orientd_core::orientation::Orientation;
use orientd_core::verdict::decision::Verdict;

/// A file the database has seen, as far as a walk needs it.
#[derive(Clone, Debug)]
pub struct KnownFile {
    /// `None` for a file that is no photo.
    pub id: Option<PhotoId>,
    pub identity: Identity,
    pub outcome: KnownOutcome,
    pub sidecar: Option<SidecarTurn>,
    /// Not found by an earlier walk.
    pub is_missing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownOutcome {
    /// Seen by the present model.
    Decoded { verdict: Verdict, state: PhotoState },
    /// Skipped for a reason that lies in the file; the code is in the photo's row.
    Skipped,
    /// Not a photo.
    Other,
    /// Must be looked at although unchanged: another model, other decoders, or a passing reason.
    LookAgain,
}

/// Up to the condition.
fn known() -> String {
    let state = photo_state();
    format!(
        "SELECT p.path, p.id, p.dev, p.ino, p.size, p.mtime_ns, p.ctime_ns,
                p.reason, p.look_version, q.verdict, {state}, p.missing_since IS NOT NULL, p.stored,
                (SELECT CASE c.action WHEN 'sidecar' THEN c.new_stored END FROM changes c
                 WHERE c.photo_id = p.id AND c.state = 'done' ORDER BY c.id DESC LIMIT 1),
                q.hash = p.hash AND q.stored = p.stored
         FROM photos p LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?1"
    )
}

fn known_photo(row: &Row<'_>) -> Result<(PathBuf, KnownFile)> {
    let displayed = Orientation::from_stored(Some(row.get(12)?));
    let written: Option<u16> = row.get(13)?;
    let written = written.map(|number| Orientation::from_stored(Some(number)));
    let known = KnownFile {
        id: row.get(1)?,
        identity: identity(row, 2)?,
        outcome: known_outcome(row)?,
        sidecar: written.map(|written| SidecarTurn { written, displayed }),
        is_missing: row.get(11)?,
    };
    Ok((path_from(row.get_ref(0)?.as_blob()?), known))
}

impl Store {
    /// Calls `each` with every file known at or below `root`.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn known_below(
        &self,
        root: &Path,
        model: Option<ModelId>,
        mut each: impl FnMut(PathBuf, KnownFile),
    ) -> Result<()> {
        // Two plain ranges: SQLite would answer an OR of them several times slower.
        for (from, to) in [range_of(root), range_below(root)] {
            self.known_photos(&from, &to, model, &mut each)?;
            self.known_others(&from, &to, &mut each)?;
        }
        Ok(())
    }

    fn known_photos(
        &self,
        from: &[u8],
        to: &[u8],
        model: Option<ModelId>,
        each: &mut impl FnMut(PathBuf, KnownFile),
    ) -> Result<()> {
        let below = format!("{} WHERE p.path >= ?2 AND p.path < ?3", known());
        let mut photos = self.db.prepare_cached(&below)?;
        let mut rows = photos.query(params![model, from, to])?;
        while let Some(row) = rows.next()? {
            let (path, known) = known_photo(row)?;
            each(path, known);
        }
        Ok(())
    }

    /// Photos known with this inode, wherever they were.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn known_by_inode(
        &self,
        identity: &Identity,
        model: Option<ModelId>,
    ) -> Result<Vec<(PathBuf, KnownFile)>> {
        let with_inode = format!("{} WHERE p.dev = ?2 AND p.ino = ?3", known());
        let mut photos = self.db.prepare_cached(&with_inode)?;
        let inode = params![model, identity.dev as i64, identity.ino as i64];
        let mut rows = photos.query(inode)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(known_photo(row)?);
        }
        Ok(found)
    }

    fn known_others(
        &self,
        from: &[u8],
        to: &[u8],
        each: &mut impl FnMut(PathBuf, KnownFile),
    ) -> Result<()> {
        let mut others = self.db.prepare_cached(
            "SELECT path, dev, ino, size, mtime_ns, ctime_ns FROM other_files
             WHERE path >= ?1 AND path < ?2",
        )?;
        let mut rows = others.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let known = KnownFile {
                id: None,
                identity: identity(row, 1)?,
                outcome: KnownOutcome::Other,
                sidecar: None,
                is_missing: false,
            };
            each(path_from(row.get_ref(0)?.as_blob()?), known);
        }
        Ok(())
    }

    /// The photo's new place; its history stays with it. A stale row at the new place is replaced.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn rename(&mut self, id: PhotoId, path: &Path, identity: &Identity) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bytes = path_bytes(path);
        let stale: Option<PhotoId> = transaction
            .query_row(
                "SELECT id FROM photos WHERE path = ?1 AND id <> ?2",
                params![bytes, id],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(stale) = stale {
            // Its history refers to the row, so the row stays, under a name that no file can have.
            let gone = [bytes, format!("\0{stale}").as_bytes()].concat();
            transaction.execute(
                "UPDATE photos SET path = ?2, missing_since = ?3 WHERE id = ?1",
                params![stale, gone, now()],
            )?;
        }
        transaction.execute(
            "UPDATE photos SET path = ?2, ctime_ns = ?3, missing_since = NULL WHERE id = ?1",
            params![id, bytes, identity.ctime_ns],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Photos with this inode, for telling a renamed photo from a new one.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn by_inode(
        &self,
        identity: &Identity,
    ) -> Result<Vec<(PhotoId, PathBuf, Option<ContentHash>)>> {
        let sql = "SELECT id, path, hash FROM photos WHERE dev = ?1 AND ino = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement
            .query_map(params![identity.dev as i64, identity.ino as i64], |row| {
                Ok((row.get(0)?, path_from(row.get_ref(1)?.as_blob()?), row.get(2)?))
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Marks photos that a full walk of their folder did not find. Their history is kept.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn mark_missing(&mut self, ids: &[PhotoId]) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for id in ids {
            transaction
                .prepare_cached(
                    "UPDATE photos SET missing_since = ?2 WHERE id = ?1 AND missing_since IS NULL",
                )?
                .execute(params![id, now()])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// A missing photo is back, unchanged.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn mark_found(&mut self, id: PhotoId) -> Result<()> {
        self.db.execute("UPDATE photos SET missing_since = NULL WHERE id = ?1", [id])?;
        Ok(())
    }
}

fn known_outcome(row: &Row<'_>) -> rusqlite::Result<KnownOutcome> {
    if let Some(reason) = row.get_ref(7)?.as_str_or_null()? {
        let settled = row.get::<_, i64>(8)? == LOOK_VERSION && !is_transient(reason);
        return Ok(if settled { KnownOutcome::Skipped } else { KnownOutcome::LookAgain });
    }
    let verdict = row.get_ref(9)?.as_str_or_null()?.and_then(|word| word.parse().ok());
    let state = PhotoState::from_word(row.get_ref(10)?.as_str()?);
    // What was seen of a turned photo is from before its turn, and holds again once that is put back.
    let is_current = state == PhotoState::Turned || row.get::<_, Option<bool>>(14)? == Some(true);
    Ok(match verdict {
        Some(verdict) if is_current => KnownOutcome::Decoded { verdict, state },
        _ => KnownOutcome::LookAgain,
    })
}
