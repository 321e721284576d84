//! Records what was seen of a file.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::{Transaction, TransactionBehavior, params};

use super::ids::{ModelId, PhotoId, RunId};
use super::{LOOK_VERSION, Prediction, Store, now, path_bytes};
use crate::error::Reason;
use crate::files::identity::{ContentHash, Identity};
use orientd_core::image::fingerprint::Fingerprint;
use orientd_core::orientation::Orientation;
use orientd_core::verdict::caution::Caution;
use orientd_core::verdict::decision::Probabilities;

/// The outcome of one look at one file.
#[derive(Clone, Debug)]
pub struct Observation {
    pub path: PathBuf,
    pub identity: Identity,
    pub outcome: Observed,
}

#[derive(Clone, Debug)]
pub enum Observed {
    Photo {
        hash: ContentHash,
        format: &'static str,
        width: u32,
        height: u32,
        stored: Orientation,
        /// By its camera's clock: seconds as if that clock showed UTC.
        taken: Option<i64>,
        /// What bounds the prediction's verdict.
        caution: Option<Caution>,
        /// As it was displayed.
        picture: Option<Box<Fingerprint>>,
        prediction: Prediction,
    },
    Skipped {
        format: Option<&'static str>,
        reason: Reason,
    },
    NotAPhoto,
}

impl Store {
    /// Records a batch of observations in one transaction. Returns each photo's number, `None` for other files.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written; then nothing of the batch is recorded.
    pub fn record(
        &mut self,
        run: RunId,
        model: Option<ModelId>,
        batch: &[Observation],
    ) -> Result<Vec<Option<PhotoId>>> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut ids = Vec::with_capacity(batch.len());
        for seen in batch {
            ids.push(record_one(&transaction, run, model, seen)?);
        }
        transaction.commit()?;
        Ok(ids)
    }

    /// Forgets a photo that was recorded for a turn which was not made then.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn forget_untouched(&mut self, id: PhotoId) -> Result<()> {
        let sql = "DELETE FROM photos WHERE id = ?1 AND hash IS NULL
                   AND NOT EXISTS (SELECT 1 FROM changes WHERE photo_id = ?1)
                   AND NOT EXISTS (SELECT 1 FROM labels WHERE photo_id = ?1)";
        self.db.execute(sql, [id])?;
        Ok(())
    }

    /// After orientd itself changed the file: what it is now.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn set_content(
        &mut self,
        id: PhotoId,
        identity: &Identity,
        hash: &ContentHash,
    ) -> Result<()> {
        set_content(&self.db, id, identity, hash)
    }
}

pub(super) fn set_content(
    db: &rusqlite::Connection,
    id: PhotoId,
    identity: &Identity,
    hash: &ContentHash,
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
            hash
        ],
    )?;
    Ok(())
}

fn record_one(
    db: &Transaction<'_>,
    run: RunId,
    model: Option<ModelId>,
    seen: &Observation,
) -> Result<Option<PhotoId>> {
    let path = path_bytes(&seen.path);
    if matches!(seen.outcome, Observed::NotAPhoto) {
        record_other(db, path, &seen.identity)?;
        return Ok(None);
    }
    db.prepare_cached("DELETE FROM other_files WHERE path = ?1")?.execute([path])?;
    let id = record_photo(db, run, seen)?;
    // Whether it can be turned must be tried again.
    db.prepare_cached("DELETE FROM refusals WHERE photo_id = ?1")?.execute([id])?;
    if let Observed::Photo { hash, stored, prediction, picture, .. } = &seen.outcome {
        let displayed = (*hash, *stored);
        if let Some(picture) = picture {
            record_picture(db, id, &displayed, picture)?;
        }
        if !is_known_from_before(db, id, model, &displayed)? {
            record_prediction(db, id, model, &displayed, prediction)?;
        }
    }
    Ok(Some(id))
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

/// What an outcome puts into the photo's row.
#[derive(Default)]
struct Columns<'a> {
    hash: Option<ContentHash>,
    format: Option<&'a str>,
    width: Option<u32>,
    height: Option<u32>,
    stored: Orientation,
    taken: Option<i64>,
    caution: Option<Caution>,
    reason: Option<&'a Reason>,
}

impl<'a> Columns<'a> {
    fn of(outcome: &'a Observed) -> Self {
        match outcome {
            Observed::Photo { hash, format, width, height, stored, taken, caution, .. } => Self {
                hash: Some(*hash),
                format: Some(format),
                width: Some(*width),
                height: Some(*height),
                stored: *stored,
                taken: *taken,
                caution: *caution,
                reason: None,
            },
            Observed::Skipped { format, reason } => {
                Self { format: *format, reason: Some(reason), ..Self::default() }
            }
            Observed::NotAPhoto => Self::default(),
        }
    }
}

fn record_photo(db: &Transaction<'_>, run: RunId, seen: &Observation) -> Result<PhotoId> {
    let columns = Columns::of(&seen.outcome);
    let Identity { dev, ino, size, mtime_ns, ctime_ns } = seen.identity;
    let mut statement = db.prepare_cached(
        "INSERT INTO photos(path, dev, ino, size, mtime_ns, ctime_ns, hash, format, width, height,
                            stored, reason, detail, look_version, looked_at, run_id, taken, caution)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
         ON CONFLICT(path) DO UPDATE SET
             dev = excluded.dev, ino = excluded.ino, size = excluded.size,
             mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, hash = excluded.hash,
             format = excluded.format, width = excluded.width, height = excluded.height,
             stored = excluded.stored, reason = excluded.reason, detail = excluded.detail,
             look_version = excluded.look_version, looked_at = excluded.looked_at,
             run_id = excluded.run_id, taken = excluded.taken, caution = excluded.caution,
             missing_since = NULL
         RETURNING id",
    )?;
    let values = params![
        path_bytes(&seen.path),
        dev as i64,
        ino as i64,
        size as i64,
        mtime_ns,
        ctime_ns,
        columns.hash,
        columns.format,
        columns.width,
        columns.height,
        columns.stored.to_exif(),
        columns.reason.map(|reason| &*reason.code),
        columns.reason.map(|reason| &reason.detail),
        LOOK_VERSION,
        now(),
        run,
        columns.taken,
        columns.caution.map(Caution::code)
    ];
    Ok(statement.query_row(values, |row| row.get(0))?)
}

fn record_picture(
    db: &Transaction<'_>,
    photo: PhotoId,
    (hash, stored): &(ContentHash, Orientation),
    picture: &Fingerprint,
) -> Result<()> {
    let sql =
        "INSERT OR REPLACE INTO pictures(photo_id, hash, stored, picture) VALUES (?1, ?2, ?3, ?4)";
    let values = params![photo, hash, stored.to_exif(), picture.as_bytes()];
    db.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Is it what a turn has left, with a prediction of what it was before? That one is kept: it is what the turn was
/// made for, and holds again when the turn is put back.
fn is_known_from_before(
    db: &Transaction<'_>,
    photo: PhotoId,
    model: Option<ModelId>,
    (hash, stored): &(ContentHash, Orientation),
) -> Result<bool> {
    let sql = "SELECT EXISTS (
                   SELECT 1 FROM changes c JOIN predictions q ON q.photo_id = c.photo_id AND q.model_id = ?2
                   WHERE c.id = (SELECT max(id) FROM changes WHERE photo_id = ?1 AND state = 'done')
                     AND q.hash = c.content AND q.stored = c.old_stored
                     AND CASE c.action WHEN 'sidecar' THEN c.content = ?3 AND c.new_stored = ?4
                                       ELSE c.hash_after = ?3 END)";
    let values = params![photo, model, hash, stored.to_exif()];
    Ok(db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

fn record_prediction(
    db: &Transaction<'_>,
    photo: PhotoId,
    model: Option<ModelId>,
    (hash, stored): &(ContentHash, Orientation),
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
        hash,
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
