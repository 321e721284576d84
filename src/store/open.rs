//! Opens the database, and brings an older one up to date.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::{Store, own_files, search, waiting};
use crate::files::private;

/// Append-only: the position in this list is the schema's version.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_init.sql"),
    include_str!("../../migrations/0002_review.sql"),
    include_str!("../../migrations/0003_originals.sql"),
    include_str!("../../migrations/0004_refits.sql"),
    include_str!("../../migrations/0005_taken.sql"),
    include_str!("../../migrations/0006_owner.sql"),
    include_str!("../../migrations/0007_history.sql"),
    include_str!("../../migrations/0009_refusals.sql"),
    include_str!("../../migrations/0010_picked.sql"),
    include_str!("../../migrations/0011_unsettled.sql"),
    include_str!("../../migrations/0012_follows.sql"),
    include_str!("../../migrations/0013_sidecars.sql"),
    include_str!("../../migrations/0014_caution.sql"),
    include_str!("../../migrations/0015_results.sql"),
];

impl Store {
    /// Opens the database, creating or migrating it; a backup is made before a migration.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened, is no database, is damaged, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            private::create_folder(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        // SQLite gives the files beside it the same mode.
        let db = private::create_file(path).map_err(anyhow::Error::from);
        let db = db
            .and_then(|()| Ok(Connection::open(path)?))
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let mut store = Self::of(db, path);
        store.prepare().with_context(|| format!("the database {}", path.display()))?;
        Ok(store)
    }

    /// Opens the database if there is one, migrating it as [`Store::open`] does; `Ok(None)` if there is
    /// none, which is then not created. For commands that list: they, too, write, since verdicts
    /// follow the thresholds in force.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_existing(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let mut store = Self::of(db, path);
        store.prepare().with_context(|| format!("the database {}", path.display()))?;
        Ok(Some(store))
    }

    /// Opens the database for reading alone, and neither creates nor migrates it. Other programs may go
    /// on writing to it. SQLite needs a -shm file beside a database in WAL mode, so the folder has to
    /// be writable where no other program has the database open.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened, is not orientd's, or has another schema than this
    /// program's; the message says what to run.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let mut store = Self::of(db, path);
        store.check_readable().with_context(|| format!("the database {}", path.display()))?;
        Ok(store)
    }

    /// The database and all that may lie beside it and is orientd's, whether it is there or not.
    pub fn own_files(db: &Path) -> Vec<PathBuf> {
        own_files::all(db, MIGRATIONS.len())
    }

    fn of(db: Connection, path: &Path) -> Self {
        Self { db, path: path.to_owned(), patience: waiting::command_patience() }
    }

    fn check_readable(&mut self) -> Result<()> {
        self.wait_at_most(self.patience)?;
        let known = MIGRATIONS.len();
        match self.version()? {
            0 => bail!("has no schema\n  `orientd scan` on a folder fills a database"),
            older if older < known => bail!(
                "was written by an older orientd (schema {older}, this one knows {known})\n  \
                 run `orientd --db {} status` once to bring it up to date",
                self.path.display()
            ),
            newer if newer > known => bail!(
                "was written by a newer orientd (schema {newer}, this one knows {known})\n  \
                 install the version of this program that belongs to it"
            ),
            _ => Ok(()),
        }
    }

    fn prepare(&mut self) -> Result<()> {
        own_files::close_all(&Self::own_files(&self.path));
        self.wait_at_most(self.patience)?;
        self.use_wal()?;
        // FULL: a journal row must be on the disk before its photo is written.
        self.db.pragma_update(None, "synchronous", "full")?;
        self.db.pragma_update(None, "foreign_keys", true)?;
        search::add_functions(&self.db)?;
        self.migrate()
    }

    /// If two programs create the database at the same time, SQLite tells one of them at once that it is
    /// locked, whatever the timeout, since both hold a read lock and want to write.
    fn use_wal(&self) -> Result<()> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.db.pragma_update(None, "journal_mode", "wal") {
                Err(err)
                    if err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < deadline =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                result => return Ok(result?),
            }
        }
    }

    fn version(&self) -> Result<usize> {
        let version: i64 = self.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        usize::try_from(version).context("its schema version is negative")
    }

    fn migrate(&mut self) -> Result<()> {
        let version = self.version()?;
        if version > MIGRATIONS.len() {
            bail!(
                "was written by a newer orientd (schema {version}, this one knows {}); \
                 nothing was changed",
                MIGRATIONS.len()
            );
        }
        if version == MIGRATIONS.len() {
            return Ok(());
        }
        if version > 0 {
            self.backup(version)?;
        }
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have migrated while this one waited.
        let now: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let done = usize::try_from(now)?;
        for (number, sql) in MIGRATIONS.iter().enumerate().skip(done) {
            transaction
                .execute_batch(sql)
                .with_context(|| format!("migration {} failed", number + 1))?;
        }
        transaction.pragma_update(None, "user_version", MIGRATIONS.len().max(done) as i64)?;
        transaction.commit()?;
        Ok(())
    }

    /// A whole copy beside the database, named by the version it holds.
    fn backup(&self, version: usize) -> Result<()> {
        let path = own_files::backup(&self.path, version);
        if path.exists() {
            return Ok(()); // An earlier migration got this far and then failed.
        }
        let mut unfinished = path.clone().into_os_string();
        unfinished.push(".part");
        self.copy_to(Path::new(&unfinished))
            .and_then(|()| Ok(fs::rename(&unfinished, &path)?))
            .with_context(|| format!("cannot back it up to {}", path.display()))
    }

    /// Copies the database into a file that only its owner can read.
    fn copy_to(&self, path: &Path) -> Result<()> {
        // Of an earlier try that was cut short.
        match fs::remove_file(path) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => return Err(err.into()),
            _ => {}
        }
        private::create_file(path)?;
        // Bytes, since a path need not be UTF-8; SQLite takes a name as text only.
        self.db.execute("VACUUM INTO CAST(?1 AS TEXT)", [path.as_os_str().as_bytes()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
