//! Runs: every change belongs to one and can be undone by it.

use anyhow::Result;
use rusqlite::{OptionalExtension, params};

use super::ids::RunId;
use super::{Store, now};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunKind {
    Scan,
    /// By hand: a person says how photos are turned.
    Fix,
    /// `orientd fix` too, but as the model proposes.
    FixAsProposed,
    Undo,
    Daemon,
    Review,
}

impl RunKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Fix | Self::FixAsProposed => "fix",
            Self::Undo => "undo",
            Self::Daemon => "daemon",
            Self::Review => "review",
        }
    }
}

impl Store {
    /// Begins a run and returns its number.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn begin_run(&mut self, kind: RunKind) -> Result<RunId> {
        self.db.execute(
            "INSERT INTO runs(kind, program, pid, started_at, proposed) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                kind.as_str(),
                env!("CARGO_PKG_VERSION"),
                std::process::id(),
                now(),
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

    /// The latest run with changes that are still in force.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_changing_run(&self) -> Result<Option<RunId>> {
        let sql = "SELECT max(run_id) FROM changes WHERE state = 'done'";
        Ok(self.db.query_row(sql, [], |row| row.get(0)).optional()?.flatten())
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
