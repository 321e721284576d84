//! Runs: every change belongs to one and can be undone by it.

use anyhow::Result;
use rusqlite::{OptionalExtension, params};

use super::ids::RunId;
use super::{Store, now};
use crate::files::user::current_user;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    Scan,
    /// By hand: a person says how photos are turned.
    Fix,
    /// `orientd fix` too, but as the model proposes.
    FixAsProposed,
    Undo,
    Daemon,
    /// Answers on the review page.
    Page,
    /// Answers in a terminal.
    Terminal,
}

impl RunKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Fix | Self::FixAsProposed => "fix",
            Self::Undo => "undo",
            Self::Daemon => "daemon",
            Self::Page => "page",
            Self::Terminal => "terminal",
        }
    }
}

/// A run as the history tells it.
#[derive(Clone, Debug)]
pub struct RunSummary {
    pub id: RunId,
    /// As in the database; `review` stands for page or terminal in older ones.
    pub kind: String,
    /// The user who began it; `None` in older ones.
    pub who: Option<String>,
    /// Unix seconds, as all times here.
    pub started_at: i64,
    /// `None`: still running, or killed.
    pub ended_at: Option<i64>,
    /// Turns made, those put back included.
    pub n_turned: u64,
    pub n_put_back: u64,
    /// Turns in force in the journal, that somebody else has made otherwise since.
    pub n_superseded: u64,
    /// Turns in force that could not be put back when that was tried.
    pub n_refused: u64,
}

impl Store {
    /// Begins a run and returns its number.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn begin_run(&mut self, kind: RunKind) -> Result<RunId> {
        self.db.execute(
            "INSERT INTO runs(kind, program, pid, started_at, who, proposed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                kind.as_str(),
                env!("CARGO_PKG_VERSION"),
                std::process::id(),
                now(),
                current_user(),
                kind == RunKind::FixAsProposed
            ],
        )?;
        Ok(RunId::new(self.db.last_insert_rowid()))
    }

    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn end_run(&mut self, run: RunId) -> Result<()> {
        self.db.execute("UPDATE runs SET ended_at = ?2 WHERE id = ?1", params![run, now()])?;
        Ok(())
    }

    /// Runs with changes that are still in force, the one that changed something last first.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn changing_runs(&self) -> Result<Vec<RunId>> {
        let sql = "SELECT run_id FROM changes WHERE state = 'done'
                   GROUP BY run_id ORDER BY max(id) DESC";
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What runs did, latest first. `all`: those too that turned nothing.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn history(&self, all: bool) -> Result<Vec<RunSummary>> {
        let sql = "SELECT r.id, r.kind, r.who, r.started_at, r.ended_at,
                       count(*) FILTER (WHERE c.state IN ('done', 'undoing', 'undone')) AS turned,
                       count(*) FILTER (WHERE c.state = 'undone'),
                       count(*) FILTER (WHERE c.state = 'done' AND c.refused IS NOT NULL AND NOT superseded),
                       count(*) FILTER (WHERE c.state = 'done' AND superseded)
                   FROM runs r LEFT JOIN (
                       SELECT *, EXISTS (SELECT 1 FROM labels o WHERE o.change_id = changes.id
                                         AND o.photo_id = changes.photo_id AND o.source = 'outside') AS superseded
                       FROM changes) c ON c.run_id = r.id
                   GROUP BY r.id HAVING ?1 OR turned > 0 ORDER BY r.id DESC";
        let mut statement = self.db.prepare(sql)?;
        let rows = statement.query_map([all], |row| {
            let count = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
            Ok(RunSummary {
                id: row.get(0)?,
                kind: row.get(1)?,
                who: row.get(2)?,
                started_at: row.get(3)?,
                ended_at: row.get(4)?,
                n_turned: count(5)?,
                n_put_back: count(6)?,
                n_refused: count(7)?,
                n_superseded: count(8)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// When a run began (Unix seconds); `None` if there is no such run.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn run_started_at(&self, run: RunId) -> Result<Option<i64>> {
        let sql = "SELECT started_at FROM runs WHERE id = ?1";
        Ok(self.db.query_row(sql, [run], |row| row.get(0)).optional()?)
    }

    /// Kind and start (Unix seconds) of the latest run, and its end where it has ended.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_run(&self) -> Result<Option<(String, i64, Option<i64>)>> {
        let sql = "SELECT kind, started_at, ended_at FROM runs ORDER BY id DESC LIMIT 1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        Ok(self.db.query_row(sql, [], row).optional()?)
    }

    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn run_kind(&self, run: RunId) -> Result<Option<String>> {
        let sql = "SELECT kind FROM runs WHERE id = ?1";
        Ok(self.db.query_row(sql, [run], |row| row.get(0)).optional()?)
    }

    /// Number and kind of the latest run that looked at a photo that nobody has looked at since, or that made a turn
    /// that is still in force.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_run_with_results(&self) -> Result<Option<(RunId, String)>> {
        let sql = "SELECT id, kind FROM runs WHERE id = (
                       SELECT max(id) FROM (SELECT max(run_id) AS id FROM photos
                                            UNION ALL
                                            SELECT max(run_id) FROM changes WHERE state = 'done'))";
        Ok(self.db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn setting(&self, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM settings WHERE key = ?1";
        Ok(self.db.query_row(sql, [key], |row| row.get(0)).optional()?)
    }

    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn set_setting(&mut self, key: &str, value: &str) -> Result<()> {
        self.db.execute(
            "INSERT INTO settings(key, value) VALUES (?1, ?2)
             ON CONFLICT(key) DO UPDATE SET value = excluded.value",
            [key, value],
        )?;
        Ok(())
    }
}
