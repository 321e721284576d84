//! What the trainer reads: photos, what is known of them, and what was done to them since. The
//! trainer decides which of it makes a label.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, Row};

use super::changes::NO_FILE;
use super::ids::PhotoId;
use super::labels::LabelSource;
use super::{Store, path_from};
use crate::files::identity::ContentHash;
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::decision::Verdict;

/// All of it as it was at one moment, whatever other programs write meanwhile.
#[derive(Clone, Debug, Default)]
pub struct TrainingData {
    /// By path: those that are present and could be read.
    pub photos: Vec<Photo>,
    /// Oldest first.
    pub answers: Vec<LabelledAnswer>,
    /// Those in force, oldest first.
    pub turns: Vec<AppliedTurn>,
    /// Oldest first; at most one of each model on a photo.
    pub predictions: Vec<Prediction>,
}

/// A photo as it was last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    pub id: PhotoId,
    pub path: PathBuf,
    pub hash: ContentHash,
    /// How it is displayed.
    pub stored: Orientation,
}

/// The content `hash`, displayed with `stored`, becomes upright by `turn`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelledAnswer {
    pub photo: PhotoId,
    pub hash: ContentHash,
    pub stored: Orientation,
    pub turn: Turn,
    pub source: LabelSource,
}

/// A turn that orientd made and nobody has put back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppliedTurn {
    pub photo: PhotoId,
    pub mode: Mode,
    pub turn: Turn,
    /// The photo's content, or its sidecar's; `None`: there was no sidecar.
    pub before: Option<ContentHash>,
    pub after: ContentHash,
}

/// What a model saw in a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    pub photo: PhotoId,
    /// The content that was seen, and how it was displayed.
    pub hash: ContentHash,
    pub stored: Orientation,
    pub verdict: Verdict,
    /// Probability that it was upright, 0 to 1.
    pub upright: f32,
}

impl Store {
    /// # Errors
    /// Returns an error if the database cannot be read, or holds a value that this program does not
    /// know.
    pub fn training_data(&self) -> Result<TrainingData> {
        let snapshot = self.db.unchecked_transaction()?;
        Ok(TrainingData {
            photos: rows(&snapshot, PHOTOS, photo)?,
            answers: rows(&snapshot, ANSWERS, answer)?,
            turns: rows(&snapshot, TURNS, applied_turn)?,
            predictions: rows(&snapshot, PREDICTIONS, prediction)?,
        })
    }
}

fn rows<T>(
    db: &Connection,
    sql: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    db.prepare(sql)?.query_map([], read)?.collect()
}

const PHOTOS: &str = "SELECT id, path, hash, stored FROM photos
                      WHERE hash IS NOT NULL AND missing_since IS NULL ORDER BY path";

fn photo(row: &Row<'_>) -> rusqlite::Result<Photo> {
    Ok(Photo {
        id: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        hash: row.get(2)?,
        stored: stored(row, 3)?,
    })
}

// By the photo's number, not its path: a renamed photo keeps what is known of it. A backup beside a turn that is in
// force contradicts it: nobody has said which of the two is right.
const ANSWERS: &str = "SELECT photo_id, hash, stored, turn, source FROM labels l
                       WHERE photo_id IS NOT NULL AND NOT (source = 'outside' AND EXISTS (
                           SELECT 1 FROM changes c JOIN photos p ON p.id = c.photo_id
                           WHERE c.id = l.change_id AND c.photo_id <> l.photo_id AND c.state = 'done'
                             AND p.missing_since IS NULL
                             AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                               ELSE c.hash_after = p.hash END))
                       ORDER BY at, id";

fn answer(row: &Row<'_>) -> rusqlite::Result<LabelledAnswer> {
    Ok(LabelledAnswer {
        photo: row.get(0)?,
        hash: row.get(1)?,
        stored: stored(row, 2)?,
        turn: turn(row, 3)?,
        source: row.get(4)?,
    })
}

const TURNS: &str = "SELECT photo_id, action, turn, hash_before, hash_after FROM changes
                     WHERE state = 'done' ORDER BY id";

fn applied_turn(row: &Row<'_>) -> rusqlite::Result<AppliedTurn> {
    Ok(AppliedTurn {
        photo: row.get(0)?,
        mode: word(row, 1)?,
        turn: turn(row, 2)?,
        before: Some(row.get(3)?).filter(|hash| *hash != NO_FILE),
        after: row.get(4)?,
    })
}

const PREDICTIONS: &str = "SELECT photo_id, hash, stored, verdict, p0 FROM predictions
                     ORDER BY predicted_at, model_id";

fn prediction(row: &Row<'_>) -> rusqlite::Result<Prediction> {
    Ok(Prediction {
        photo: row.get(0)?,
        hash: row.get(1)?,
        stored: stored(row, 2)?,
        verdict: word(row, 3)?,
        upright: row.get(4)?,
    })
}

fn stored(row: &Row<'_>, column: usize) -> rusqlite::Result<Orientation> {
    Ok(Orientation::from_stored(Some(row.get(column)?)))
}

fn turn(row: &Row<'_>, column: usize) -> rusqlite::Result<Turn> {
    let degrees: u16 = row.get(column)?;
    Turn::from_degrees(degrees)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, degrees.into()))
}

fn word<T: FromStr>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let word = row.get_ref(column)?.as_str()?;
    word.parse().map_err(|_| {
        let unknown = FromSqlError::Other(format!("{word:?} is not known here").into());
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(unknown))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RunKind;

    #[test]
    fn values_of_another_program_are_errors() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut store = Store::open(&folder.path().join("orientd.db"))?;
        let run = store.begin_run(RunKind::Scan)?;
        store.db.execute(
            "INSERT INTO photos(id, path, dev, ino, size, mtime_ns, ctime_ns, look_version, looked_at, run_id)
             VALUES (1, x'61', 0, 0, 0, 0, 0, 0, 0, ?1)",
            [run],
        )?;
        for (turn, source, complaint) in [(90, "guess", "a label by \"guess\""), (45, "fix", "45")]
        {
            store.db.execute(
                "INSERT INTO labels(photo_id, path, hash, stored, turn, source, at)
                 VALUES (1, x'61', zeroblob(32), 1, ?1, ?2, 0)",
                rusqlite::params![turn, source],
            )?;
            let message = format!("{:#}", store.training_data().expect_err("an unknown value"));
            assert!(message.contains(complaint), "{message}");
            store.db.execute("DELETE FROM labels", [])?;
        }
        assert!(store.training_data()?.answers.is_empty());
        Ok(())
    }
}
