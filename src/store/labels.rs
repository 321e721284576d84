//! What is known to be true of a photo, from a person or a sensor.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, ToSql, params};

use super::ids::PhotoId;
use super::{Store, now, path_bytes};
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
    /// The camera's sensor wrote a tag.
    Sensor,
}

impl LabelSource {
    const ALL: [Self; 4] = [Self::Fix, Self::Undo, Self::Review, Self::Sensor];

    fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Undo => "undo",
            Self::Review => "review",
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

impl Store {
    /// Notes an answer and who gave it.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn add_label(&mut self, label: &Label, who: &str) -> Result<()> {
        self.db.execute(
            "INSERT INTO labels(photo_id, path, hash, stored, turn, source, at, who)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                label.photo_id,
                path_bytes(&label.path),
                label.hash,
                label.stored.to_exif(),
                label.turn.degrees(),
                label.source,
                now(),
                who
            ],
        )?;
        Ok(())
    }

    /// The latest answer about this content, shown with `stored`.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn label_of(&self, hash: &ContentHash, stored: Orientation) -> Result<Option<Turn>> {
        let sql = "SELECT turn FROM labels WHERE hash = ?1 AND stored = ?2
                   ORDER BY id DESC LIMIT 1";
        let degrees: Option<u16> =
            self.db.query_row(sql, params![hash, stored.to_exif()], |row| row.get(0)).optional()?;
        Ok(degrees.and_then(Turn::from_degrees))
    }
}
