//! What is known to be true of a photo, from a person or a sensor.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::ids::{ChangeId, PhotoId, RunId};
use super::{Store, now, path_bytes, path_from, range_below};
use crate::files::identity::ContentHash;
use orientd_core::orientation::{Orientation, Turn};

/// The content `hash`, shown with `stored`, becomes upright by `turn`.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub photo_id: PhotoId,
    pub path: PathBuf,
    pub hash: ContentHash,
    pub stored: Orientation,
    pub turn: Turn,
    pub source: LabelSource,
    /// The turn that was made with it, or that it puts back; an undo of that turn takes an answer back.
    pub change: Option<ChangeId>,
    /// The run that it was given in.
    pub run: Option<RunId>,
}

/// How a label came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// A person ran `orientd fix`.
    Fix,
    /// A person put a turn back.
    Undo,
    /// A person answered on the review page.
    Review,
    /// Somebody else changed the orientation after orientd's turn: it is right as it is now.
    Outside,
    /// The camera's sensor wrote a tag.
    Sensor,
}

impl LabelSource {
    const ALL: [Self; 5] = [Self::Fix, Self::Undo, Self::Review, Self::Outside, Self::Sensor];

    fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Undo => "undo",
            Self::Review => "review",
            Self::Outside => "outside",
            Self::Sensor => "sensor",
        }
    }
}

impl ToSql for LabelSource {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

impl FromSql for LabelSource {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let known = Self::ALL.into_iter().find(|source| source.as_str() == word);
        known.ok_or_else(|| FromSqlError::Other(format!("a label by {word:?}").into()))
    }
}

/// An answer that changed no file: the photo is fine as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenAnswer {
    pub photo: PhotoId,
    /// Where the photo is now.
    pub path: PathBuf,
    pub run: Option<RunId>,
    pub stored: Orientation,
    hash: ContentHash,
}

const ANSWER: &str = "SELECT l.photo_id, p.path, l.run_id, l.stored, l.hash
                      FROM labels l JOIN photos p ON p.id = l.photo_id
                      WHERE l.source IN ('fix', 'review') AND l.turn = 0 AND l.change_id IS NULL AND l.root IS NULL";

impl Store {
    /// Notes an answer and who gave it.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn add_label(&mut self, label: &Label, who: &str) -> Result<()> {
        insert_label(&self.db, label, Some(who))
    }

    /// The latest answer about this content, shown with `stored`, and how it came to be.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn label_of(
        &self,
        hash: &ContentHash,
        stored: Orientation,
    ) -> Result<Option<(LabelSource, Turn)>> {
        let sql = "SELECT source, turn FROM labels WHERE hash = ?1 AND stored = ?2
                   ORDER BY id DESC LIMIT 1";
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found: Option<(LabelSource, u16)> =
            self.db.query_row(sql, params![hash, stored.to_exif()], row).optional()?;
        Ok(found.and_then(|(source, degrees)| Some((source, Turn::from_degrees(degrees)?))))
    }

    /// Answers of a run that changed no file.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn answers_of_run(&self, run: RunId) -> Result<Vec<GivenAnswer>> {
        self.answers("l.run_id = ?1", params![run])
    }

    /// Answers since a time (Unix seconds) that changed no file.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn fine_answers_since(&self, time: i64) -> Result<Vec<GivenAnswer>> {
        self.answers("l.at >= ?1", params![time])
    }

    /// Answers about photos at or below `path` that changed no file.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn fine_answers_below(&self, path: &Path) -> Result<Vec<GivenAnswer>> {
        let (from, to) = range_below(path);
        self.answers("p.path >= ?1 AND p.path < ?2", params![from, to])
    }

    fn answers(&self, condition: &str, params: impl rusqlite::Params) -> Result<Vec<GivenAnswer>> {
        let sql = format!("{ANSWER} AND {condition} GROUP BY l.photo_id ORDER BY max(l.id) DESC");
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map(params, given_answer)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The latest answer about the photo at `path`, if it changed no file and is later than every turn in force.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn latest_answer(&self, path: &Path) -> Result<Option<GivenAnswer>> {
        let sql = format!(
            "{ANSWER} AND p.path = ?1 AND NOT EXISTS (
                 SELECT 1 FROM changes c WHERE c.photo_id = p.id AND c.state = 'done'
                    AND (c.begun_at, c.run_id) > (l.at, coalesce(l.run_id, 0)))
             ORDER BY l.id DESC LIMIT 1"
        );
        let given = self.db.query_row(&sql, [path_bytes(path)], given_answer).optional()?;
        if given.is_some() {
            return Ok(given);
        }
        // Carried over to this photo from another, or from another name.
        let carried = format!(
            "{ANSWER} AND l.id = (SELECT c.root FROM labels c JOIN photos n ON n.id = c.photo_id
                                  WHERE n.path = ?1 AND c.hash = n.hash AND c.stored = n.stored
                                    AND c.root IS NOT NULL AND c.change_id IS NULL
                                  ORDER BY c.id DESC LIMIT 1)"
        );
        Ok(self.db.query_row(&carried, [path_bytes(path)], given_answer).optional()?)
    }

    /// Takes an answer back, and what the same photo was answered before in the same way.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn withdraw(&mut self, answer: &GivenAnswer) -> Result<()> {
        // With what was carried over from it.
        let sql = "WITH given AS (
                       SELECT id FROM labels WHERE photo_id = ?1 AND hash = ?2 AND stored = ?3 AND turn = 0
                          AND change_id IS NULL AND root IS NULL AND source IN ('fix', 'review'))
                   DELETE FROM labels WHERE id IN given OR root IN given";
        self.db.execute(sql, params![answer.photo, answer.hash, answer.stored.to_exif()])?;
        Ok(())
    }

    /// The latest run with answers that changed no file.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_answering_run(&self) -> Result<Option<RunId>> {
        let sql = "SELECT max(run_id) FROM labels
                   WHERE source IN ('fix', 'review') AND turn = 0 AND change_id IS NULL";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }
}

fn given_answer(row: &Row<'_>) -> rusqlite::Result<GivenAnswer> {
    Ok(GivenAnswer {
        photo: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        run: row.get(2)?,
        stored: Orientation::from_stored(Some(row.get(3)?)),
        hash: row.get(4)?,
    })
}

/// `who`: `None` where no person spoke to orientd.
pub(super) fn insert_label(db: &Connection, label: &Label, who: Option<&str>) -> Result<()> {
    db.execute(
        "INSERT INTO labels(photo_id, path, hash, stored, turn, source, at, who, change_id, run_id, picture)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,
                 (SELECT picture FROM pictures WHERE photo_id = ?1 AND hash = ?3 AND stored = ?4))",
        params![
            label.photo_id,
            path_bytes(&label.path),
            label.hash,
            label.stored.to_exif(),
            label.turn.degrees(),
            label.source,
            now(),
            who,
            label.change,
            label.run
        ],
    )?;
    Ok(())
}
