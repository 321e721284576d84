//! What the review page asks: a page of photos by tab, how many there are, and the last answer.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::ids::{ModelId, PhotoId, RunId};
use super::page_query::{PageQuery, Sorting};
use super::tabs::{Source, Tab};
use super::{Store, path_from};
use crate::error::Reason;
use crate::files::identity::ContentHash;
use orientd_core::orientation::{Orientation, Turn};

/// A photo on the page.
#[derive(Clone, Debug)]
pub struct Card {
    pub id: PhotoId,
    pub path: PathBuf,
    pub hash: Option<ContentHash>,
    /// As stored, in pixels.
    pub size: Option<(u32, u32)>,
    /// The orientation that the proposal, change or answer is about.
    pub stored: Orientation,
    /// The orientation now.
    pub shown: Orientation,
    /// Proposed, or made.
    pub turn: Turn,
    pub confidence: Option<f64>,
    pub skipped: Option<Reason>,
    /// Of the file, Unix seconds.
    pub modified: i64,
    /// By the camera's clock, in seconds as if that clock showed UTC.
    pub taken: Option<i64>,
    /// The run that looked at it last.
    pub run: RunId,
    pub key: (f64, i64),
}

impl Store {
    /// At most `limit` photos; whoever wants to know whether more follow asks for one more.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn page(&self, model: Option<ModelId>, query: &PageQuery) -> Result<Vec<Card>> {
        let source = query.tab.source();
        let conditions = query.conditions(&source);
        let [code, words] = source.reason;
        let Sorting { key, row, by, after } = query.sorting(&source);
        let sql = format!(
            "SELECT p.id, p.path, p.hash, p.width, p.height, {code}, {words}, p.mtime_ns,
                    p.run_id, p.stored, p.taken, {}, {key}, {row}
             {}{}{} ORDER BY {by} LIMIT ?",
            source.columns, source.from, conditions.sql, after.sql
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let mut values = vec![model.map_or(Value::Null, |model| model.number().into())];
        values.extend(conditions.values);
        values.extend(after.values);
        values.push(limit.into());
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), card)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many photos a tab holds with this search.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_tab(&self, model: Option<ModelId>, query: &PageQuery) -> Result<u64> {
        let source = query.tab.source();
        let conditions = query.conditions(&source);
        let sql = format!("SELECT count(*) {}{}", source.from, conditions.sql);
        let mut values = vec![model.map_or(Value::Null, |model| model.number().into())];
        values.extend(conditions.values);
        let values = params_from_iter(values);
        let count: i64 = self.db.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// The reasons for which photos were left alone, with how many there are of each.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_reasons(&self) -> Result<Vec<(String, u64)>> {
        let Source { reason: [code, _], from, .. } = Tab::Skipped.source();
        let sql = format!(
            "SELECT {code}, count(*) {from} AND p.missing_since IS NULL
             GROUP BY 1 ORDER BY count(*) DESC, 1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let count = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64));
        let rows = statement.query_map([Value::Null], count)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Answers of people, by content.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_answers(&self) -> Result<u64> {
        let sql = "SELECT count(DISTINCT hash) FROM labels
             WHERE source NOT IN ('sensor', 'outside') AND root IS NULL";
        let count: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Photos that people said are fine as they are, by content.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_fine(&self) -> Result<u64> {
        let sql = "SELECT count(DISTINCT hash) FROM labels
                   WHERE source IN ('review', 'fix') AND turn = 0 AND root IS NULL";
        let count: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// When a photo was taken, and how sure the model was of the proposal that it had; either where it is known.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn taken_and_sure(
        &self,
        photo: PhotoId,
        model: Option<ModelId>,
    ) -> Result<(Option<i64>, Option<f64>)> {
        let sql = "SELECT p.taken, q.confidence FROM photos p
                   LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?2
                                          AND q.verdict <> 'upright'
                   WHERE p.id = ?1";
        let values = params![photo, model];
        Ok(self.db.query_row(sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Is any photo known?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn has_photos(&self) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM photos WHERE missing_since IS NULL)";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }

    /// Takes back the latest answer about this content of a photo, shown as it is now, so that it is
    /// asked about again and nothing learns from it. Was there one?
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn withdraw_answer(&mut self, photo: PhotoId, hash: &ContentHash) -> Result<bool> {
        let sql = "WITH latest AS (
                       SELECT coalesce(l.root, l.id) FROM labels l JOIN photos p ON p.id = l.photo_id
                       WHERE p.id = ?1 AND l.hash = ?2 AND l.source IN ('review', 'fix')
                         AND (l.stored = p.stored OR p.reason IS NOT NULL) ORDER BY l.id DESC LIMIT 1)
                   DELETE FROM labels WHERE id IN latest OR root IN latest";
        Ok(self.db.execute(sql, params![photo, hash])? > 0)
    }
}

fn card(row: &Row<'_>) -> rusqlite::Result<Card> {
    let reason: Option<String> = row.get(5)?;
    let detail: Option<String> = row.get(6)?;
    let width: Option<u32> = row.get(3)?;
    let height: Option<u32> = row.get(4)?;
    Ok(Card {
        id: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        hash: row.get(2)?,
        size: width.zip(height),
        skipped: reason.map(|code| Reason::new(code, detail.unwrap_or_default())),
        modified: row.get::<_, i64>(7)? / 1_000_000_000,
        run: row.get(8)?,
        shown: Orientation::from_stored(Some(row.get(9)?)),
        taken: row.get(10)?,
        stored: Orientation::from_stored(Some(row.get(11)?)),
        turn: Turn::from_degrees(row.get(12)?).unwrap_or(Turn::NONE),
        confidence: row.get(13)?,
        key: (row.get(14)?, row.get(15)?),
    })
}
