//! Models that have made predictions, and the thresholds their verdicts were made with.

use anyhow::{Context, Result};
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::ids::{ModelId, PhotoId};
use super::{Store, now};
use crate::files::identity::ContentHash;
use orientd_core::verdict::caution::{Caution, decide_within};
use orientd_core::verdict::decision::{Probabilities, Thresholds};

/// What the database keeps of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    pub id: ModelId,
    pub name: String,
    pub backbone: String,
    pub n_predictions: i64,
}

/// Thresholds named in the config; `None`: what the model file says, or the owner's answers to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ThresholdOverrides {
    pub auto_confidence: Option<f32>,
    pub review_confidence: Option<f32>,
}

impl ThresholdOverrides {
    /// The thresholds in force for a model.
    pub fn over(&self, own: Thresholds) -> Thresholds {
        Thresholds {
            auto_confidence: self.auto_confidence.unwrap_or(own.auto_confidence),
            review_confidence: self.review_confidence.unwrap_or(own.review_confidence),
        }
    }
}

impl Store {
    /// Adds a model that was just loaded, or finds it. Returns its number.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn add_model(
        &mut self,
        hash: &ContentHash,
        name: &str,
        backbone: &str,
        own: Thresholds,
        overrides: ThresholdOverrides,
    ) -> Result<ModelId> {
        let thresholds = overrides.over(own);
        self.db.execute(
            "INSERT INTO models(hash, name, backbone, own_auto, own_review,
                                auto_confidence, review_confidence, first_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT(hash) DO NOTHING",
            params![
                hash,
                name,
                backbone,
                f64::from(own.auto_confidence),
                f64::from(own.review_confidence),
                f64::from(thresholds.auto_confidence),
                f64::from(thresholds.review_confidence),
                now()
            ],
        )?;
        let id = self.known_model(hash, overrides)?;
        id.context("the model that was just added is gone")
    }

    /// The number of a model that has been used before, its verdicts brought in line with the thresholds
    /// now in force.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub fn known_model(
        &mut self,
        hash: &ContentHash,
        overrides: ThresholdOverrides,
    ) -> Result<Option<ModelId>> {
        let sql = "SELECT id, own_auto, own_review, auto_confidence, review_confidence
                   FROM models WHERE hash = ?1";
        let row = |row: &Row<'_>| {
            Ok((row.get::<_, ModelId>(0)?, thresholds(row, 1)?, thresholds(row, 3)?))
        };
        let Some((id, own, used)) = self.db.query_row(sql, [hash], row).optional()? else {
            return Ok(None);
        };
        let now = self.thresholds_for(Some(id), overrides)?.over(own);
        if now != used {
            self.decide_again(id, now)?;
        }
        Ok(Some(id))
    }

    fn decide_again(&mut self, model: ModelId, thresholds: Thresholds) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut all = transaction.prepare(
                "SELECT q.photo_id, q.p0, q.p90, q.p180, q.p270, p.caution
                 FROM predictions q JOIN photos p ON p.id = q.photo_id WHERE q.model_id = ?1",
            )?;
            let mut update = transaction.prepare(
                "UPDATE predictions SET verdict = ?3, turn = ?4, confidence = ?5
                 WHERE photo_id = ?1 AND model_id = ?2",
            )?;
            let mut rows = all.query([model])?;
            while let Some(row) = rows.next()? {
                let photo: PhotoId = row.get(0)?;
                let seen = Probabilities([row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]);
                let caution: Option<String> = row.get(5)?;
                let caution = caution.and_then(|code| Caution::from_code(&code));
                let decision = decide_within(&seen, thresholds, caution);
                update.execute(params![
                    photo,
                    model,
                    decision.verdict.as_str(),
                    decision.turn.degrees(),
                    f64::from(decision.confidence)
                ])?;
            }
        }
        transaction.execute(
            "UPDATE models SET auto_confidence = ?2, review_confidence = ?3 WHERE id = ?1",
            params![
                model,
                f64::from(thresholds.auto_confidence),
                f64::from(thresholds.review_confidence)
            ],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The model whose predictions are newest: what `list` and `status` speak of.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn latest_model(&self) -> Result<Option<ModelRow>> {
        let sql = "SELECT id, name, backbone,
                          (SELECT count(*) FROM predictions WHERE model_id = models.id)
                   FROM models ORDER BY
                          (SELECT max(predicted_at) FROM predictions WHERE model_id = models.id) DESC,
                          id DESC LIMIT 1";
        let row = |row: &rusqlite::Row<'_>| {
            Ok(ModelRow {
                id: row.get(0)?,
                name: row.get(1)?,
                backbone: row.get(2)?,
                n_predictions: row.get(3)?,
            })
        };
        Ok(self.db.query_row(sql, [], row).optional()?)
    }
}

/// From this column and the next.
fn thresholds(row: &Row<'_>, at: usize) -> rusqlite::Result<Thresholds> {
    Ok(Thresholds { auto_confidence: row.get(at)?, review_confidence: row.get(at + 1)? })
}
