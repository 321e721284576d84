//! Models that have made predictions, and the bars their verdicts were made with.

use anyhow::Result;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::{Hash, Store, now};
use crate::rules::decision::{Bars, Probabilities, decide};

/// What the database keeps of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    pub id: i64,
    pub name: String,
    pub backbone: String,
    pub n_predictions: i64,
}

impl Store {
    /// Finds or adds the model and brings the verdicts of its predictions in line with `bars`.
    /// Returns its number.
    ///
    /// # Errors
    /// Where the database cannot be written.
    pub fn use_model(
        &mut self,
        hash: &Hash,
        name: &str,
        backbone: &str,
        bars: Bars,
    ) -> Result<i64> {
        let (auto, review) = (f64::from(bars.auto_confidence), f64::from(bars.review_confidence));
        let sql = "SELECT id, auto_confidence, review_confidence FROM models WHERE hash = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, f64>(1)?, row.get(2)?));
        if let Some((id, was_auto, was_review)) =
            self.db.query_row(sql, [&hash[..]], row).optional()?
        {
            if (was_auto, was_review) != (auto, review) {
                self.decide_again(id, bars)?;
            }
            return Ok(id);
        }
        self.db.execute(
            "INSERT INTO models(hash, name, backbone, auto_confidence, review_confidence, first_used_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT(hash) DO NOTHING",
            params![&hash[..], name, backbone, auto, review, now()],
        )?;
        Ok(self
            .db
            .query_row("SELECT id FROM models WHERE hash = ?1", [&hash[..]], |row| row.get(0))?)
    }

    fn decide_again(&mut self, model: i64, bars: Bars) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut all = transaction.prepare(
                "SELECT photo_id, p0, p90, p180, p270 FROM predictions WHERE model_id = ?1",
            )?;
            let mut update = transaction.prepare(
                "UPDATE predictions SET verdict = ?3, turn = ?4, confidence = ?5
                 WHERE photo_id = ?1 AND model_id = ?2",
            )?;
            let mut rows = all.query([model])?;
            while let Some(row) = rows.next()? {
                let photo: i64 = row.get(0)?;
                let seen = Probabilities([row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]);
                let decision = decide(&seen, bars);
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
            params![model, f64::from(bars.auto_confidence), f64::from(bars.review_confidence)],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// The number of the model with this content, if it ever made a prediction.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn model_id(&self, hash: &Hash) -> Result<Option<i64>> {
        let sql = "SELECT id FROM models WHERE hash = ?1";
        Ok(self.db.query_row(sql, [&hash[..]], |row| row.get(0)).optional()?)
    }

    /// The model whose predictions are newest: what `list` and `status` speak of.
    ///
    /// # Errors
    /// Where the database cannot be read.
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
