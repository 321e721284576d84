//! Photos and what was seen of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::{Hash, LOOK_VERSION, Store, hash_from, now, path_bytes, path_from};
use super::{range_below, range_of};
use crate::error::Skip;
use crate::identity::Identity;
use crate::rules::decision::{Decision, Probabilities, Verdict};
use crate::rules::mode::Mode;
use crate::rules::orientation::{Orientation, Turn};

/// A file the database has seen, as far as a walk needs it.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: i64,
    pub identity: Identity,
    pub outcome: KnownOutcome,
    /// Not found by an earlier walk.
    pub is_missing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownOutcome {
    /// Looked at by the present model. `pending`: its proposal is for the content as it is now.
    Looked { verdict: Verdict, pending: bool },
    /// Skipped for a reason that lies in the file; the code is in the photo's row.
    Skipped,
    /// Not a photo.
    Other,
    /// Must be looked at although unchanged: another model, other decoders, or a passing reason.
    LookAgain,
}

/// One prediction, with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub probabilities: Probabilities,
    pub decision: Decision,
    pub views: u8,
}

/// The outcome of one look at one file.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: PathBuf,
    pub identity: Identity,
    pub outcome: SeenOutcome,
}

#[derive(Clone, Debug)]
pub enum SeenOutcome {
    Photo {
        hash: Hash,
        format: &'static str,
        width: u32,
        height: u32,
        stored: Orientation,
        /// By its camera's clock: seconds as if that clock showed UTC.
        taken: Option<i64>,
        prediction: Prediction,
    },
    Skipped {
        format: Option<&'static str>,
        reason: &'static str,
        detail: String,
    },
    NotAPhoto,
}

/// A photo as `list`, `--json` and the fix stage see it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: i64,
    pub path: PathBuf,
    pub identity: Identity,
    pub hash: Option<Hash>,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub stored: Orientation,
    /// Reason and detail where it was skipped.
    pub skipped: Option<(String, String)>,
    pub prediction: Option<Prediction>,
    /// The content that was seen is the content now.
    pub is_current: bool,
    /// What was done, and the tag it left, where that is still in force.
    pub fixed: Option<(Mode, Orientation)>,
}

const LISTED: &str = "
    SELECT p.id, p.path, p.dev, p.ino, p.size, p.mtime_ns, p.ctime_ns, p.hash, p.format, p.width,
           p.height, coalesce(q.stored, p.stored), p.reason, p.detail,
           q.p0, q.p90, q.p180, q.p270, q.turn, q.confidence, q.verdict, q.views,
           q.hash = p.hash AND q.stored = p.stored, c.action, c.new_stored
    FROM photos p
    LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?1
    LEFT JOIN changes c ON c.id = (SELECT max(id) FROM changes WHERE photo_id = p.id)
                       AND c.state = 'done'
                       AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                         ELSE c.hash_after = p.hash END";

const KNOWN: &str = "
    SELECT p.path, p.id, p.dev, p.ino, p.size, p.mtime_ns, p.ctime_ns,
           p.reason, p.look_version, q.verdict,
           q.hash = p.hash AND q.stored = p.stored, p.missing_since IS NOT NULL
    FROM photos p LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?1";

fn known_photo(row: &Row<'_>) -> Result<(PathBuf, Known)> {
    let known = Known {
        id: row.get(1)?,
        identity: identity(row, 2)?,
        outcome: known_outcome(row)?,
        is_missing: row.get(11)?,
    };
    Ok((path_from(row.get_ref(0)?.as_blob()?), known))
}

impl Store {
    /// Calls `each` with every file known at or below `root`.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn known_below(
        &self,
        root: &Path,
        model: Option<i64>,
        mut each: impl FnMut(PathBuf, Known),
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
        model: Option<i64>,
        each: &mut impl FnMut(PathBuf, Known),
    ) -> Result<()> {
        let below = format!("{KNOWN} WHERE p.path >= ?2 AND p.path < ?3");
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
    /// Where the database cannot be read.
    pub fn known_by_inode(
        &self,
        identity: &Identity,
        model: Option<i64>,
    ) -> Result<Vec<(PathBuf, Known)>> {
        let with_inode = format!("{KNOWN} WHERE p.dev = ?2 AND p.ino = ?3");
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
        each: &mut impl FnMut(PathBuf, Known),
    ) -> Result<()> {
        let mut others = self.db.prepare_cached(
            "SELECT path, dev, ino, size, mtime_ns, ctime_ns FROM other_files
             WHERE path >= ?1 AND path < ?2",
        )?;
        let mut rows = others.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let known = Known {
                id: 0,
                identity: identity(row, 1)?,
                outcome: KnownOutcome::Other,
                is_missing: false,
            };
            each(path_from(row.get_ref(0)?.as_blob()?), known);
        }
        Ok(())
    }

    /// Records a batch of looks in one transaction. Returns each photo's number, 0 for other files.
    ///
    /// # Errors
    /// Where the database cannot be written; then nothing of the batch is recorded.
    pub fn record(&mut self, run: i64, model: Option<i64>, batch: &[Seen]) -> Result<Vec<i64>> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ids = Vec::with_capacity(batch.len());
        for seen in batch {
            ids.push(record_one(&transaction, run, model, seen)?);
        }
        transaction.commit()?;
        Ok(ids)
    }

    /// The photo's new place; its history stays with it. A stale row at the new place is replaced.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn rename(&mut self, id: i64, path: &Path, identity: &Identity) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bytes = path_bytes(path);
        let stale: Option<i64> = transaction
            .query_row(
                "SELECT id FROM photos WHERE path = ?1 AND id <> ?2",
                params![bytes, id],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(stale) = stale {
            // Its history points to it, so it keeps its row under a name no file can have.
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
    /// Where the database cannot be read.
    pub fn by_inode(&self, identity: &Identity) -> Result<Vec<(i64, PathBuf, Option<Hash>)>> {
        let sql = "SELECT id, path, hash FROM photos WHERE dev = ?1 AND ino = ?2";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement
            .query_map(params![identity.dev as i64, identity.ino as i64], |row| {
                Ok((row.get(0)?, path_from(row.get_ref(1)?.as_blob()?), optional_hash(row, 2)?))
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Marks photos that a whole look at their folder did not find. Nothing is forgotten.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn mark_missing(&mut self, ids: &[i64]) -> Result<()> {
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
    /// Where the database cannot be written.
    pub fn mark_found(&mut self, id: i64) -> Result<()> {
        self.db.execute("UPDATE photos SET missing_since = NULL WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Photos present at or below `root`, no more than needed to tell none from some.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn has_photos_below(&self, root: &Path) -> Result<bool> {
        let (from, to) = range_below(root);
        let sql = "SELECT EXISTS(SELECT 1 FROM photos WHERE path >= ?1 AND path < ?2
                                                        AND missing_since IS NULL)";
        Ok(self.db.query_row(sql, params![from, to], |row| row.get(0))?)
    }

    /// After orientd itself changed the file: what it is now.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn set_content(&mut self, id: i64, identity: &Identity, hash: &Hash) -> Result<()> {
        set_content(&self.db, id, identity, hash)
    }

    /// # Errors
    /// Where the database cannot be read.
    pub fn photo(&self, id: i64, model: Option<i64>) -> Result<Option<Listed>> {
        let mut statement = self.db.prepare_cached(&format!("{LISTED} WHERE p.id = ?2"))?;
        Ok(statement.query_row(params![model, id], listed).optional()?)
    }

    /// # Errors
    /// Where the database cannot be read.
    pub fn photo_at(&self, path: &Path, model: Option<i64>) -> Result<Option<Listed>> {
        let mut statement = self.db.prepare_cached(&format!("{LISTED} WHERE p.path = ?2"))?;
        Ok(statement.query_row(params![model, path_bytes(path)], listed).optional()?)
    }

    /// Calls `each` with every present photo at or below `root`, by path.
    ///
    /// # Errors
    /// Where the database cannot be read, or `each` fails.
    pub fn photos_below(
        &self,
        root: &Path,
        model: Option<i64>,
        mut each: impl FnMut(Listed) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.db.prepare(&format!(
            "{LISTED} WHERE p.path >= ?2 AND p.path < ?3 AND p.missing_since IS NULL ORDER BY p.path"
        ))?;
        for (from, to) in [range_of(root), range_below(root)] {
            let mut rows = statement.query(params![model, from, to])?;
            while let Some(row) = rows.next()? {
                each(listed(row)?)?;
            }
        }
        Ok(())
    }
}

pub(super) fn set_content(
    db: &rusqlite::Connection,
    id: i64,
    identity: &Identity,
    hash: &Hash,
) -> Result<()> {
    db.execute(
        "UPDATE photos SET dev = ?2, ino = ?3, size = ?4, mtime_ns = ?5, ctime_ns = ?6, hash = ?7
         WHERE id = ?1",
        params![
            id,
            identity.dev as i64,
            identity.ino as i64,
            identity.size as i64,
            identity.mtime_ns,
            identity.ctime_ns,
            &hash[..]
        ],
    )?;
    Ok(())
}

fn record_one(db: &Transaction<'_>, run: i64, model: Option<i64>, seen: &Seen) -> Result<i64> {
    let path = path_bytes(&seen.path);
    if matches!(seen.outcome, SeenOutcome::NotAPhoto) {
        record_other(db, path, &seen.identity)?;
        return Ok(0);
    }
    db.prepare_cached("DELETE FROM other_files WHERE path = ?1")?.execute([path])?;
    let id = record_photo(db, run, seen)?;
    if let SeenOutcome::Photo { hash, stored, prediction, .. } = &seen.outcome {
        record_prediction(db, id, model, hash, *stored, prediction)?;
    }
    Ok(id)
}

fn record_other(db: &Transaction<'_>, path: &[u8], identity: &Identity) -> Result<()> {
    let Identity { dev, ino, size, mtime_ns, ctime_ns } = *identity;
    db.prepare_cached(
        "INSERT OR REPLACE INTO other_files(path, dev, ino, size, mtime_ns, ctime_ns)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![path, dev as i64, ino as i64, size as i64, mtime_ns, ctime_ns])?;
    Ok(())
}

fn record_photo(db: &Transaction<'_>, run: i64, seen: &Seen) -> Result<i64> {
    let (mut hash, mut width, mut height, mut stored) = (None, None, None, Orientation::UPRIGHT);
    let (mut taken, mut reason, mut detail) = (None, None, None);
    let format = match &seen.outcome {
        SeenOutcome::Photo {
            hash: h, format, width: w, height: hh, stored: s, taken: t, ..
        } => {
            (hash, width, height, stored, taken) = (Some(&h[..]), Some(w), Some(hh), *s, *t);
            Some(*format)
        }
        SeenOutcome::Skipped { format, reason: r, detail: d } => {
            (reason, detail) = (Some(r), Some(d));
            *format
        }
        SeenOutcome::NotAPhoto => None,
    };
    let Identity { dev, ino, size, mtime_ns, ctime_ns } = seen.identity;
    let mut statement = db.prepare_cached(
        "INSERT INTO photos(path, dev, ino, size, mtime_ns, ctime_ns, hash, format, width, height,
                            stored, reason, detail, look_version, looked_at, run_id, taken)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT(path) DO UPDATE SET
             dev = excluded.dev, ino = excluded.ino, size = excluded.size,
             mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, hash = excluded.hash,
             format = excluded.format, width = excluded.width, height = excluded.height,
             stored = excluded.stored, reason = excluded.reason, detail = excluded.detail,
             look_version = excluded.look_version, looked_at = excluded.looked_at,
             run_id = excluded.run_id, taken = excluded.taken, missing_since = NULL
         RETURNING id",
    )?;
    let values = params![
        path_bytes(&seen.path),
        dev as i64,
        ino as i64,
        size as i64,
        mtime_ns,
        ctime_ns,
        hash,
        format,
        width,
        height,
        stored.to_exif(),
        reason,
        detail,
        LOOK_VERSION,
        now(),
        run,
        taken
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

fn record_prediction(
    db: &Transaction<'_>,
    photo: i64,
    model: Option<i64>,
    hash: &Hash,
    stored: Orientation,
    prediction: &Prediction,
) -> Result<()> {
    let Prediction { probabilities: Probabilities(p), decision, views } = prediction;
    db.prepare_cached(
        "INSERT OR REPLACE INTO predictions(photo_id, model_id, hash, stored, views,
             p0, p90, p180, p270, turn, confidence, verdict, predicted_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        photo,
        model,
        &hash[..],
        stored.to_exif(),
        views,
        f64::from(p[0]),
        f64::from(p[1]),
        f64::from(p[2]),
        f64::from(p[3]),
        decision.turn.degrees(),
        f64::from(decision.confidence),
        decision.verdict.as_str(),
        now()
    ])?;
    Ok(())
}

fn identity(row: &Row<'_>, first: usize) -> rusqlite::Result<Identity> {
    Ok(Identity {
        dev: row.get::<_, i64>(first)? as u64,
        ino: row.get::<_, i64>(first + 1)? as u64,
        size: row.get::<_, i64>(first + 2)? as u64,
        mtime_ns: row.get(first + 3)?,
        ctime_ns: row.get(first + 4)?,
    })
}

fn known_outcome(row: &Row<'_>) -> rusqlite::Result<KnownOutcome> {
    if let Some(reason) = row.get_ref(7)?.as_str_or_null()? {
        let settled = row.get::<_, i64>(8)? == LOOK_VERSION && !Skip::TRY_AGAIN.contains(&reason);
        return Ok(if settled { KnownOutcome::Skipped } else { KnownOutcome::LookAgain });
    }
    let verdict = row.get_ref(9)?.as_str_or_null()?.and_then(|word| word.parse().ok());
    let pending = row.get::<_, Option<bool>>(10)?.unwrap_or(false);
    Ok(match verdict {
        Some(verdict) => KnownOutcome::Looked { verdict, pending },
        None => KnownOutcome::LookAgain,
    })
}

fn optional_hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Hash>> {
    row.get_ref(column)?.as_blob_or_null()?.map(hash_from).transpose()
}

fn orientation(number: u16) -> Orientation {
    Orientation::from_stored(Some(number))
}

fn listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let reason: Option<String> = row.get(12)?;
    let detail: Option<String> = row.get(13)?;
    let action: Option<String> = row.get(23)?;
    let new_stored: Option<u16> = row.get(24)?;
    Ok(Listed {
        id: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        identity: identity(row, 2)?,
        hash: optional_hash(row, 7)?,
        format: row.get(8)?,
        width: row.get(9)?,
        height: row.get(10)?,
        stored: orientation(row.get(11)?),
        skipped: reason.map(|reason| (reason, detail.unwrap_or_default())),
        prediction: prediction(row)?,
        is_current: row.get::<_, Option<bool>>(22)?.unwrap_or(false),
        fixed: action.and_then(|mode| mode.parse().ok()).zip(new_stored.map(orientation)),
    })
}

fn prediction(row: &Row<'_>) -> rusqlite::Result<Option<Prediction>> {
    let verdict = row.get_ref(20)?.as_str_or_null()?.and_then(|word| word.parse().ok());
    let Some(verdict) = verdict else { return Ok(None) };
    let turn = Turn::from_degrees(row.get(18)?).unwrap_or(Turn::NONE);
    Ok(Some(Prediction {
        probabilities: Probabilities([row.get(14)?, row.get(15)?, row.get(16)?, row.get(17)?]),
        decision: Decision { verdict, turn, confidence: row.get(19)? },
        views: row.get(21)?,
    }))
}
