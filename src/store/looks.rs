//! Records what was seen of a file.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::{Hash, LOOK_VERSION, Prediction, Store, now, path_bytes};
use crate::files::identity::Identity;
use crate::rules::decision::Probabilities;
use crate::rules::orientation::Orientation;

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

impl Store {
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

    /// After orientd itself changed the file: what it is now.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn set_content(&mut self, id: i64, identity: &Identity, hash: &Hash) -> Result<()> {
        set_content(&self.db, id, identity, hash)
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
