//! The automatic threshold, fitted to the owner's answers (see `orientd_core::verdict::auto_threshold`) and kept with its reasons.

use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};

use super::ids::ModelId;
use super::{Store, ThresholdOverrides, now};
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::auto_threshold::{
    AutoThreshold, JudgedProposal, LOWEST, LibraryCounts, fit_threshold,
};
use orientd_core::verdict::decision::Probabilities;

/// An upright photo counts as one where the model has at least this little doubt.
const UPRIGHT: f64 = 0.9;

/// New photos matter to the fit once there are a tenth more.
const GROWTH: i64 = 10;

/// A threshold in force with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedThreshold {
    pub threshold: f32,
    /// `model`, `lowered` or `raised`.
    pub source: String,
    pub n_answers: i64,
    pub n_wrong: i64,
    pub n_proposals: i64,
    pub n_upright: i64,
    /// Wrong turns among upright photos, at most (95 %).
    pub bound: Option<f64>,
    /// The next lower threshold within reach, and the right answers it takes.
    pub next: Option<(f32, i64)>,
}

const FITTED: &str =
    "SELECT auto_confidence, source, n_answers, n_wrong, n_proposals, n_upright, bound,
                             next_bar, n_missing, known, id FROM refits";

/// Answers of people about what this model saw: directly; about what became of a photo by a turn; turns made
/// without asking that somebody picked out and put back; and such turns that were put back by other means.
/// Answers from before the model was first used do not count, since it may have been trained on them. A run or a
/// folder that was put back says nothing about single photos, nor does an answer whose turn was put back outside.
const ANSWERS: &str = "
    SELECT q.p0, q.p90, q.p180, q.p270, NULL, l.turn, q.stored, l.stored, q.hash, l.id
    FROM labels l JOIN predictions q ON q.photo_id = l.photo_id AND q.hash = l.hash
    WHERE q.model_id = ?1 AND l.source NOT IN ('sensor', 'outside') AND l.at >= ?2
      AND (l.root IS NULL OR l.photo_id = (SELECT g.photo_id FROM labels g WHERE g.id = l.root))
      AND NOT EXISTS (SELECT 1 FROM labels o WHERE o.change_id = l.change_id AND o.source = 'outside')
    UNION ALL
    SELECT q.p0, q.p90, q.p180, q.p270, c.turn, l.turn, q.stored, l.stored, q.hash, l.id
    FROM labels l JOIN changes c ON c.photo_id = l.photo_id AND c.hash_after = l.hash
                                AND c.new_stored = l.stored
                  JOIN predictions q ON q.photo_id = c.photo_id AND q.hash = c.hash_before
    WHERE q.model_id = ?1 AND l.source NOT IN ('sensor', 'outside') AND l.at >= ?2 AND c.state = 'done'
    UNION ALL
    SELECT q.p0, q.p90, q.p180, q.p270, c.turn, NULL, q.stored, q.stored, q.hash, 0
    FROM changes c JOIN runs r ON r.id = c.run_id
                                  AND (r.kind IN ('scan', 'daemon') OR r.proposed)
                   JOIN predictions q ON q.photo_id = c.photo_id
                    AND CASE c.action WHEN 'sidecar' THEN q.stored = c.old_stored
                                      ELSE q.hash = c.hash_before END
    WHERE q.model_id = ?1 AND c.state = 'undone' AND c.begun_at >= ?2
      AND c.picked IS NOT 0 AND EXISTS (SELECT 1 FROM changes o WHERE o.run_id = c.run_id AND o.state = 'done'
                                          AND o.refused IS NULL)
    UNION ALL
    SELECT q.p0, q.p90, q.p180, q.p270, NULL, l.turn, q.stored, l.stored, q.hash, l.id
    FROM labels l JOIN changes c ON c.id = l.change_id AND c.photo_id = l.photo_id AND c.state = 'done'
                  JOIN runs r ON r.id = c.run_id AND r.kind IN ('scan', 'daemon')
                  JOIN predictions q ON q.photo_id = l.photo_id AND q.hash = l.hash
    WHERE q.model_id = ?1 AND l.source = 'outside' AND l.at >= ?2
    ORDER BY 9, 10";

impl Store {
    /// The fitted threshold of a model; fitted again if the answers have changed.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub fn fitted_threshold(&mut self, model: ModelId) -> Result<FittedThreshold> {
        let known = self.answers_known()?;
        let latest = self.latest_fit(model)?;
        if let Some((fitted, known_then, _)) = &latest
            && *known_then == known
        {
            return Ok(fitted.clone());
        }
        let fit = self.fit(model)?;
        let unmoved = latest.filter(|(fitted, ..)| fitted.threshold == fit.threshold);
        let previous = unmoved.map(|(_, _, id)| id);
        self.keep_fit(model, &fit, &known, previous)?;
        if previous.is_none() {
            tracing::info!(
                auto_confidence = fit.threshold,
                source = fit.source.as_str(),
                answers = fit.evidence.n_answers,
                wrong = fit.evidence.n_wrong,
                "the automatic threshold"
            );
        }
        Ok(fitted_threshold(&fit))
    }

    /// `overrides`, and where they leave the automatic threshold open, the fitted one.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read or written.
    pub fn thresholds_for(
        &mut self,
        model: Option<ModelId>,
        overrides: ThresholdOverrides,
    ) -> Result<ThresholdOverrides> {
        let (Some(model), None) = (model, overrides.auto_confidence) else { return Ok(overrides) };
        Ok(ThresholdOverrides {
            auto_confidence: Some(self.fitted_threshold(model)?.threshold),
            ..overrides
        })
    }

    /// Changes with every answer, with every turn put back, and when there are many more photos.
    fn answers_known(&self) -> Result<String> {
        let sql = "SELECT (SELECT coalesce(max(id), 0) FROM labels), (SELECT count(*) FROM labels),
                          (SELECT count(*) FROM changes WHERE state = 'undone'),
                          (SELECT coalesce(max(id), 0) FROM photos)";
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
        let (last, n_labels, n_undone, n_photos): (i64, i64, i64, i64) =
            self.db.query_row(sql, [], row)?;
        if n_labels == 0 && n_undone == 0 {
            return Ok("nothing".into()); // Then the model's own threshold holds for any number of photos.
        }
        // Steps of a tenth: equal for numbers between two powers of 1.1.
        let step = (n_photos.max(1) as f64).ln() / (1.0 + 1.0 / GROWTH as f64).ln();
        Ok(format!("{last} {n_labels} {n_undone} {}", step as i64))
    }

    fn fit(&self, model: ModelId) -> Result<AutoThreshold> {
        let sql = "SELECT own_auto, first_used_at FROM models WHERE id = ?1";
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let (own, since): (f32, i64) = self.db.query_row(sql, [model], row)?;
        let answers = self.answers_since(model, since)?;
        // Without answers nothing is fitted, so nothing needs to be counted.
        let library =
            if answers.is_empty() { LibraryCounts::default() } else { self.library(model)? };
        Ok(fit_threshold(own, library, answers))
    }

    /// The latest answer about each content.
    fn answers_since(&self, model: ModelId, since: i64) -> Result<Vec<JudgedProposal>> {
        let mut statement = self.db.prepare(ANSWERS)?;
        let mut rows = statement.query(params![model, since])?;
        let mut answers: Vec<(Vec<u8>, JudgedProposal)> = Vec::new();
        while let Some(row) = rows.next()? {
            let (proposed, confidence) = probabilities(row)?.best_change();
            let made: Option<u16> = row.get(4)?;
            let said: Option<u16> = row.get(5)?;
            let shown_then = Orientation::from_stored(Some(row.get(6)?));
            let shown_now = Orientation::from_stored(Some(row.get(7)?));
            let needed = match (made, said) {
                // About the same content, which a sidecar may display otherwise by now.
                (None, Some(said)) => needed(shown_then, shown_now, said),
                // About the content that a turn had made of it.
                (Some(made), Some(said)) => Turn::from_degrees((made + said) % 360),
                _ => None,
            };
            let is_right = match (needed, made) {
                (Some(needed), _) => needed == proposed,
                // Undone: that turn was wrong, and nothing is known of the others.
                (None, Some(made)) if made == proposed.degrees() => false,
                _ => continue,
            };
            let hash: Vec<u8> = row.get(8)?;
            let answer = JudgedProposal { confidence, is_right };
            match answers.last_mut().filter(|(last, _)| *last == hash) {
                Some((_, earlier)) => *earlier = answer,
                None => answers.push((hash, answer)),
            }
        }
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// Every content once, since copies of a photo are answered together.
    fn library(&self, model: ModelId) -> Result<LibraryCounts> {
        let upright =
            "SELECT count(DISTINCT hash) FROM predictions WHERE model_id = ?1 AND p0 >= ?2";
        let n_upright: i64 =
            self.db.query_row(upright, params![model, UPRIGHT], |row| row.get(0))?;
        let mut statement = self.db.prepare(
            "SELECT p0, p90, p180, p270 FROM predictions
             WHERE model_id = ?1 AND max(p90, p180, p270) >= ?2 GROUP BY hash",
        )?;
        let rows = statement.query_map(params![model, f64::from(LOWEST)], |row| {
            Ok(probabilities(row)?.best_change().1)
        })?;
        let proposals = rows.collect::<Result<Vec<f32>, _>>()?;
        Ok(LibraryCounts { proposals, n_upright: n_upright.unsigned_abs() })
    }

    fn latest_fit(&self, model: ModelId) -> Result<Option<(FittedThreshold, String, i64)>> {
        let sql = format!("{FITTED} WHERE model_id = ?1 ORDER BY id DESC LIMIT 1");
        let row = |row: &Row<'_>| {
            let next: Option<f32> = row.get(7)?;
            let missing: Option<i64> = row.get(8)?;
            let fitted = FittedThreshold {
                threshold: row.get(0)?,
                source: row.get(1)?,
                n_answers: row.get(2)?,
                n_wrong: row.get(3)?,
                n_proposals: row.get(4)?,
                n_upright: row.get(5)?,
                bound: row.get(6)?,
                next: next.zip(missing),
            };
            Ok((fitted, row.get(9)?, row.get(10)?))
        };
        Ok(self.db.prepare_cached(&sql)?.query_row([model], row).optional()?)
    }

    /// Replaces row `previous` if the threshold is still the same.
    fn keep_fit(
        &mut self,
        model: ModelId,
        fit: &AutoThreshold,
        known: &str,
        previous: Option<i64>,
    ) -> Result<()> {
        let fitted = fitted_threshold(fit);
        let (next, missing) = fitted.next.unzip();
        self.db.execute(
            "INSERT INTO refits(id, model_id, at, auto_confidence, source, n_answers, n_wrong,
                                n_proposals, n_upright, bound, next_bar, n_missing, known)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT(id) DO UPDATE SET
                 source = excluded.source, n_answers = excluded.n_answers,
                 n_wrong = excluded.n_wrong, n_proposals = excluded.n_proposals,
                 n_upright = excluded.n_upright, bound = excluded.bound,
                 next_bar = excluded.next_bar, n_missing = excluded.n_missing,
                 known = excluded.known",
            params![
                previous,
                model,
                now(),
                f64::from(fitted.threshold),
                fitted.source,
                fitted.n_answers,
                fitted.n_wrong,
                fitted.n_proposals,
                fitted.n_upright,
                fitted.bound,
                next.map(f64::from),
                missing,
                known
            ],
        )?;
        Ok(())
    }
}

/// The turn that a photo seen with `then` needs, where one shown with `now` needs `said` degrees.
fn needed(then: Orientation, now: Orientation, said: u16) -> Option<Turn> {
    let upright = now.then(Turn::from_degrees(said)?.orientation());
    Turn::ALL.into_iter().find(|turn| then.then(turn.orientation()) == upright)
}

/// SQLite has no unsigned integers.
fn as_integer(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn fitted_threshold(fit: &AutoThreshold) -> FittedThreshold {
    let evidence = &fit.evidence;
    FittedThreshold {
        threshold: fit.threshold,
        source: fit.source.as_str().to_owned(),
        n_answers: as_integer(evidence.n_answers),
        n_wrong: as_integer(evidence.n_wrong),
        n_proposals: as_integer(evidence.n_proposals),
        n_upright: as_integer(evidence.n_upright),
        bound: evidence.bound(),
        next: fit.next.map(|(threshold, n)| (threshold, as_integer(n))),
    }
}

fn probabilities(row: &Row<'_>) -> rusqlite::Result<Probabilities> {
    Ok(Probabilities([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn answers_apply_to_the_pixels_seen_at_the_time() {
        for (name, then, now, said, expected) in [
            ("the same",            1, 1, 90,  Some(90)),
            ("turned by a sidecar", 1, 6, 0,   Some(90)),
            ("and that was wrong",  1, 6, 180, Some(270)),
            ("a mirrored one",      2, 7, 0,   Some(90)),
            ("mirrored meanwhile",  1, 2, 0,   None),
            ("no such turn",        1, 1, 45,  None),
        ] {
            let shown = |number| Orientation::from_stored(Some(number));
            let found = needed(shown(then), shown(now), said).map(Turn::degrees);
            assert_eq!(found, expected, "{name}");
        }
    }
}
