//! Which originals the undo store keeps. `crate::change::originals` writes and removes the files.

use anyhow::Result;
use rusqlite::params;

use super::{Store, now};
use crate::files::identity::ContentHash;

/// What the undo store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// All originals together.
    pub max_bytes: u64,
    /// 0: no age is too old.
    pub max_days: u64,
}

impl Store {
    /// Records an original before its file is written, so that every file is in the database.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_original(&mut self, hash: &ContentHash, size: u64) -> Result<()> {
        let sql = "INSERT INTO originals(hash, size, kept_at) VALUES (?1, ?2, ?3)
                   ON CONFLICT(hash) DO UPDATE SET kept_at = excluded.kept_at";
        self.db.execute(sql, params![hash, size as i64, now()])?;
        Ok(())
    }

    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn forget_original(&mut self, hash: &ContentHash) -> Result<()> {
        self.db.execute("DELETE FROM originals WHERE hash = ?1", [hash])?;
        Ok(())
    }

    /// Those to drop, oldest first: too old, or beyond the budget when `extra` bytes come.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn originals_to_drop(
        &self,
        retention: RetentionPolicy,
        extra: u64,
    ) -> Result<Vec<ContentHash>> {
        let sql = "SELECT hash, size, kept_at FROM originals ORDER BY kept_at DESC, hash DESC";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            let hash: ContentHash = row.get(0)?;
            Ok((hash, row.get::<_, i64>(1)?.unsigned_abs(), row.get::<_, i64>(2)?))
        })?;
        let seconds = i64::try_from(retention.max_days.saturating_mul(86_400)).unwrap_or(i64::MAX);
        let oldest = if retention.max_days == 0 { i64::MIN } else { now().saturating_sub(seconds) };
        let mut total = extra;
        let mut drop = Vec::new();
        for row in rows {
            let (hash, size, kept_at) = row?;
            total = total.saturating_add(size);
            if total > retention.max_bytes || kept_at < oldest {
                drop.push(hash);
            }
        }
        drop.reverse();
        Ok(drop)
    }
}
