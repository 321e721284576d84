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
    include_str!("../../migrations/0010_sidecars.sql"),
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
mod tests {
    use super::*;

    #[test]
    fn a_newer_database_is_refused_and_unchanged() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        Store::open(&path)?.db.pragma_update(None, "user_version", 99)?;
        let before = std::fs::read(&path)?;
        let message = format!("{:#}", Store::open(&path).err().context("must be refused")?);
        assert!(message.contains("newer orientd (schema 99"), "{message}");
        assert_eq!(std::fs::read(&path)?, before);
        Ok(())
    }

    /// A database as an older version left it.
    fn older(path: &Path, version: usize) -> Result<Connection> {
        let db = Connection::open(path)?;
        for sql in &MIGRATIONS[..version] {
            db.execute_batch(sql)?;
        }
        db.pragma_update(None, "user_version", i64::try_from(version)?)?;
        Ok(db)
    }

    #[test]
    fn every_older_database_is_backed_up_and_migrated() -> Result<()> {
        for version in 1..MIGRATIONS.len() {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.db"));
            drop(older(&path, version)?);
            let store = Store::open(&path).with_context(|| format!("from {version}"))?;
            assert_eq!(store.version()?, MIGRATIONS.len());
            let mut backup = path.into_os_string();
            backup.push(format!(".backup-v{version}"));
            let db = Connection::open(Path::new(&backup))?;
            let patience = waiting::command_patience();
            let kept = Store { db, path: backup.into(), patience };
            assert_eq!(kept.version()?, version);
        }
        Ok(())
    }

    /// What an older rule proposed is no proposal any more, without a photo being opened.
    #[test]
    fn verdicts_of_an_older_rule_are_decided_again() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        older(&path, 5)?.execute_batch(
            "INSERT INTO models VALUES (1, zeroblob(32), 'm', 'b', 0.99, 0.5, 0.99, 0.5, 0);
             INSERT INTO runs VALUES (1, 'scan', '0.1.0', 1, 0, 0);
             INSERT INTO photos(id, path, dev, ino, size, mtime_ns, ctime_ns, hash, look_version, looked_at, run_id)
             VALUES (1, CAST('/a.jpg' AS BLOB), 1, 1, 1, 1, 1, zeroblob(32), 2, 0, 1);
             INSERT INTO predictions
             VALUES (1, 1, zeroblob(32), 1, 4, 0.25, 0.25, 0.25, 0.25, 90, 0.25, 'review', 0);",
        )?;
        let mut store = Store::open(&path)?;
        let model = crate::files::identity::ContentHash::from_bytes([0; 32]);
        store.known_model(&model, crate::store::ThresholdOverrides::default())?;
        let sql = "SELECT verdict FROM predictions";
        let verdict: String = store.db.query_row(sql, [], |row| row.get(0))?;
        assert_eq!(verdict, "upright");
        Ok(())
    }

    #[test]
    fn another_kind_of_file_is_refused_and_unchanged() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        std::fs::write(
            &path,
            b"this is not a database, but it is long enough to be one".repeat(40),
        )?;
        let before = std::fs::read(&path)?;
        let message = format!("{:#}", Store::open(&path).err().context("must be refused")?);
        assert!(message.contains("not a database"), "{message}");
        assert_eq!(std::fs::read(&path)?, before);
        Ok(())
    }

    /// The second comes a little later each time, so that it meets every step of the first.
    #[test]
    fn two_may_make_the_database_at_once() -> Result<()> {
        for round in 0..200u64 {
            let folder = tempfile::tempdir()?;
            let path = &folder.path().join("orientd.db");
            let barrier = &std::sync::Barrier::new(2);
            let open = |later: Duration| {
                barrier.wait();
                std::thread::sleep(later);
                Store::open(path).map(drop)
            };
            std::thread::scope(|scope| {
                let first = scope.spawn(|| open(Duration::ZERO));
                let second = scope.spawn(|| open(Duration::from_micros(60 * (round % 100))));
                first.join().expect("no panic").and(second.join().expect("no panic"))
            })
            .with_context(|| format!("round {round}"))?;
        }
        Ok(())
    }

    fn refusal_to_read(path: &Path) -> Result<String> {
        Ok(format!("{:#}", Store::open_read_only(path).err().context("must be refused")?))
    }

    #[test]
    fn reading_alone_takes_exactly_this_schema() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        assert!(refusal_to_read(&path)?.contains("cannot open the database"));
        let known = i64::try_from(MIGRATIONS.len())?;
        for (version, hint) in [
            (0, "has no schema\n  `orientd scan`"),
            (known - 1, "older orientd (schema "),
            (known - 1, "\n  run `orientd --db "),
            (known + 1, "newer orientd (schema "),
        ] {
            Store::open(&path)?.db.pragma_update(None, "user_version", version)?;
            let message = refusal_to_read(&path)?;
            assert!(message.contains(hint), "{version}: {message}");
            // What was refused has not been migrated.
            let db = Connection::open(&path)?;
            let left: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            assert_eq!(left, version);
            db.pragma_update(None, "user_version", known)?;
        }
        Ok(())
    }

    #[test]
    fn a_store_opened_for_reading_writes_nothing() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        let mut writer = Store::open(&path)?;
        let mut reader = Store::open_read_only(&path)?;
        assert!(reader.set_setting("key", "value").is_err());
        writer.set_setting("key", "value")?;
        assert_eq!(reader.setting("key")?.as_deref(), Some("value"));
        Ok(())
    }

    #[test]
    fn old_answers_are_tied_to_their_turns() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        let db = Connection::open(&path)?;
        for sql in &MIGRATIONS[..5] {
            db.execute_batch(sql)?;
        }
        db.pragma_update(None, "user_version", 5)?;
        db.execute_batch(
            "INSERT INTO runs(id, kind, program, pid, started_at) VALUES (7, 'fix', '', 1, 1);
             INSERT INTO photos(id, path, dev, ino, size, mtime_ns, ctime_ns, hash, look_version,
                                looked_at, run_id)
             VALUES (1, x'61', 0, 0, 0, 0, 0, x'0B', 1, 1, 7), (2, x'62', 0, 0, 0, 0, 0, x'0C', 1, 1, 7);
             INSERT INTO changes(id, run_id, photo_id, path, action, turn, old_stored, new_stored,
                                 hash_before, hash_after, state, begun_at)
             VALUES (1, 7, 1, x'61', 'tag', 90, 1, 6, x'0A', x'0B', 'done', 1),
                    (2, 7, 2, x'62', 'sidecar', 90, 1, 6, x'00', x'0D', 'undone', 1);
             INSERT INTO labels(id, photo_id, path, hash, stored, turn, source, at)
             VALUES (1, 1, x'61', x'0A', 1, 90, 'fix', 1), (2, 2, x'62', x'0C', 1, 90, 'review', 1),
                    (3, 1, x'61', x'0B', 6, 0, 'review', 1);",
        )?;
        drop(db);
        let store = Store::open(&path)?;
        let mut labels =
            store.db.prepare("SELECT id, change_id, run_id FROM labels ORDER BY id")?;
        let rows = labels.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let labels = rows.collect::<Result<Vec<(i64, Option<i64>, Option<i64>)>, _>>()?;
        assert_eq!(labels, [(1, Some(1), Some(7)), (3, None, None)], "the undone one is withdrawn");
        Ok(())
    }

    #[test]
    fn opening_twice_migrates_once() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        drop(Store::open(&path)?);
        let store = Store::open(&path)?;
        assert_eq!(store.version()?, MIGRATIONS.len());
        assert_eq!(store.quick_check()?, Vec::<String>::new());
        Ok(())
    }
}
