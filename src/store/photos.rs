//! Photos as the commands list them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{OptionalExtension, Row, params};

use super::ids::{ModelId, PhotoId, RunId};
use super::labels::LabelSource;
use super::photo_state::{PhotoState, photo_state};
use super::{Store, path_bytes, path_from, range_below, range_of};
use crate::error::Reason;
use crate::files::identity::{ContentHash, Identity};
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::caution::Caution;
use orientd_core::verdict::decision::{Decision, Probabilities};

/// One prediction, with what it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub probabilities: Probabilities,
    pub decision: Decision,
    pub views: u8,
}

/// A photo's latest turn, where it is in force and was made by a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidecarTurn {
    pub written: Orientation,
    /// How the photo was displayed when it was last looked at or turned.
    pub displayed: Orientation,
}

impl SidecarTurn {
    /// Is the photo displayed in another way by now? `said`: what its sidecar says, if there is one.
    pub fn has_changed(&self, said: Option<Orientation>) -> bool {
        match said {
            Some(said) => said != self.displayed,
            None => self.displayed == self.written,
        }
    }
}

/// A photo as `list`, `--json` and the fix stage see it.
#[derive(Clone, Debug)]
pub struct KnownPhoto {
    pub id: PhotoId,
    pub path: PathBuf,
    pub identity: Identity,
    pub hash: Option<ContentHash>,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub stored: Orientation,
    /// Why it was skipped, if it was.
    pub skipped: Option<Reason>,
    pub prediction: Option<Prediction>,
    /// What bounds the prediction's verdict.
    pub caution: Option<Caution>,
    /// The content that was seen is the content now.
    pub is_current: bool,
    /// The latest turn in force, where it was made by a sidecar: what was done, which may be lost since.
    pub sidecar: Option<SidecarTurn>,
    /// The latest label by a person about what the photo is now.
    pub said: Option<(LabelSource, Turn)>,
    /// What was done, where that is still so.
    pub fixed: Option<TurnInForce>,
    pub state: PhotoState,
    /// Why it could not be turned, where that was tried with what it is now.
    pub refused: Option<Reason>,
    /// The run that looked at it last, and when: Unix seconds.
    pub run: RunId,
    pub looked_at: i64,
}

/// A turn that was made and not put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnInForce {
    pub turn: Turn,
    pub mode: Mode,
    /// What the file or its sidecar states since.
    pub to: Orientation,
}

impl KnownPhoto {
    /// The turn that the model proposes, if nobody has answered and nothing was done.
    pub fn proposal(&self) -> Option<Decision> {
        let decision = self.prediction.as_ref()?.decision;
        self.state.is_open().then_some(decision)
    }
}

/// Up to the condition.
fn listed_query() -> String {
    let state = photo_state();
    format!("
    SELECT p.id, p.path, p.dev, p.ino, p.size, p.mtime_ns, p.ctime_ns, p.hash, p.format, p.width,
           p.height, coalesce(q.stored, p.stored), p.reason, p.detail,
           q.p0, q.p90, q.p180, q.p270, q.turn, q.confidence, q.verdict, q.views,
           q.hash = p.hash AND q.stored = p.stored, c.action, c.new_stored, c.turn,
           {state}, r.reason, r.detail, p.run_id, p.looked_at, p.stored,
            (SELECT CASE s.action WHEN 'sidecar' THEN s.new_stored END FROM changes s
             WHERE s.photo_id = p.id AND s.state = 'done' ORDER BY s.id DESC LIMIT 1), l.source, l.turn, p.caution
    FROM photos p
    LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?1
    LEFT JOIN changes c ON c.id = (SELECT max(id) FROM changes WHERE photo_id = p.id AND state = 'done')
                       AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                         ELSE p.hash IN (c.hash_after, c.seen) END
    LEFT JOIN refusals r ON r.photo_id = p.id AND r.hash = p.hash AND r.stored = p.stored
    LEFT JOIN labels l ON l.id = (SELECT max(id) FROM labels WHERE hash = p.hash AND stored = p.stored
                                  AND source <> 'sensor')"
    )
}

impl Store {
    /// Is any photo present at or below `root`?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn has_photos_below(&self, root: &Path) -> Result<bool> {
        let (from, to) = range_below(root);
        let sql = "SELECT EXISTS(SELECT 1 FROM photos WHERE path >= ?1 AND path < ?2
                                                        AND missing_since IS NULL)";
        Ok(self.db.query_row(sql, params![from, to], |row| row.get(0))?)
    }

    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn photo(&self, id: PhotoId, model: Option<ModelId>) -> Result<Option<KnownPhoto>> {
        let mut statement =
            self.db.prepare_cached(&format!("{} WHERE p.id = ?2", listed_query()))?;
        Ok(statement.query_row(params![model, id], listed).optional()?)
    }

    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn photo_at(&self, path: &Path, model: Option<ModelId>) -> Result<Option<KnownPhoto>> {
        let mut statement =
            self.db.prepare_cached(&format!("{} WHERE p.path = ?2", listed_query()))?;
        Ok(statement.query_row(params![model, path_bytes(path)], listed).optional()?)
    }

    /// Calls `each` with every present photo at or below `root`, by path.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read, or `each` fails.
    pub fn photos_below(
        &self,
        root: &Path,
        model: Option<ModelId>,
        mut each: impl FnMut(KnownPhoto) -> Result<()>,
    ) -> Result<()> {
        let mut statement = self.db.prepare(&format!(
            "{} WHERE p.path >= ?2 AND p.path < ?3 AND p.missing_since IS NULL ORDER BY p.path",
            listed_query()
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

pub(super) fn identity(row: &Row<'_>, first: usize) -> rusqlite::Result<Identity> {
    Ok(Identity {
        dev: row.get::<_, i64>(first)? as u64,
        ino: row.get::<_, i64>(first + 1)? as u64,
        size: row.get::<_, i64>(first + 2)? as u64,
        mtime_ns: row.get(first + 3)?,
        ctime_ns: row.get(first + 4)?,
    })
}

fn orientation(number: u16) -> Orientation {
    Orientation::from_stored(Some(number))
}

fn listed(row: &Row<'_>) -> rusqlite::Result<KnownPhoto> {
    let reason: Option<String> = row.get(12)?;
    let detail: Option<String> = row.get(13)?;
    let displayed = orientation(row.get(31)?);
    let written: Option<u16> = row.get(32)?;
    let source: Option<LabelSource> = row.get(33)?;
    let said: Option<u16> = row.get(34)?;
    let refusal: Option<String> = row.get(27)?;
    let why: Option<String> = row.get(28)?;
    let caution: Option<String> = row.get(35)?;
    Ok(KnownPhoto {
        id: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        identity: identity(row, 2)?,
        hash: row.get(7)?,
        format: row.get(8)?,
        width: row.get(9)?,
        height: row.get(10)?,
        stored: orientation(row.get(11)?),
        skipped: reason.map(|code| Reason::new(code, detail.unwrap_or_default())),
        prediction: prediction(row)?,
        caution: caution.and_then(|code| Caution::from_code(&code)),
        is_current: row.get::<_, Option<bool>>(22)?.unwrap_or(false),
        sidecar: written.map(|written| SidecarTurn { written: orientation(written), displayed }),
        said: source.zip(said.and_then(Turn::from_degrees)),
        fixed: turn_in_force(row)?,
        state: PhotoState::from_word(row.get_ref(26)?.as_str()?),
        refused: refusal.map(|code| Reason::new(code, why.unwrap_or_default())),
        run: row.get(29)?,
        looked_at: row.get(30)?,
    })
}

fn turn_in_force(row: &Row<'_>) -> rusqlite::Result<Option<TurnInForce>> {
    let Some(mode) = row.get::<_, Option<String>>(23)?.and_then(|mode| mode.parse().ok()) else {
        return Ok(None);
    };
    let to = orientation(row.get(24)?);
    let turn = Turn::from_degrees(row.get(25)?).unwrap_or(Turn::NONE);
    Ok(Some(TurnInForce { turn, mode, to }))
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
