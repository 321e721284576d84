//! The database: open, migrate, and one method per question. Only the thread that owns a [`Store`]
//! writes through it; other processes may hold stores of their own (WAL, short transactions).

mod auto_threshold;
mod changes;
mod ids;
mod known;
mod labels;
mod models;
mod observations;
mod originals;
mod photos;
mod review;
mod runs;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

pub use auto_threshold::FittedThreshold;
pub use changes::{Change, ChangeState, FileState, NewChange};
pub use ids::{ChangeId, ModelId, PhotoId, RunId};
pub use known::{KnownFile, KnownOutcome};
pub use labels::Label;
pub use models::{ModelRow, ThresholdOverrides};
pub use observations::{Observation, Observed};
pub use originals::RetentionPolicy;
pub use photos::{KnownPhoto, Prediction};
pub use review::{Card, Dates, PageQuery, Tab};
pub use runs::RunKind;

/// Raised when the decoders learn something, so that skipped files are looked at again.
pub const LOOK_VERSION: i64 = 2;

/// Append-only: the position in this list is the schema's version.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_init.sql"),
    include_str!("../../migrations/0002_review.sql"),
    include_str!("../../migrations/0003_originals.sql"),
    include_str!("../../migrations/0004_refits.sql"),
    include_str!("../../migrations/0005_taken.sql"),
];

/// How long a statement waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Store {
    db: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the database, creating or migrating it; a backup is made before a migration.
    ///
    /// # Errors
    /// Returns an error if it cannot be opened, is no database, is damaged, or is newer than this program.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let db = Connection::open(path)
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let mut store = Self { db, path: path.to_owned() };
        store.prepare().with_context(|| format!("the database {}", path.display()))?;
        Ok(store)
    }

    /// Opens for reading only; `Ok(None)` if there is no database yet.
    ///
    /// # Errors
    /// As [`Store::open`]; also where the schema is older than this program's.
    pub fn open_existing(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        // A WAL database needs its -shm file, so a reader must be able to write beside it; where it
        // cannot, SQLite says so.
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .with_context(|| format!("cannot open the database {}", path.display()))?;
        let mut store = Self { db, path: path.to_owned() };
        store.prepare().with_context(|| format!("the database {}", path.display()))?;
        Ok(Some(store))
    }

    fn prepare(&mut self) -> Result<()> {
        self.db.busy_timeout(BUSY_TIMEOUT)?;
        self.use_wal()?;
        // FULL: a journal row must be on the disk before its photo is written.
        self.db.pragma_update(None, "synchronous", "full")?;
        self.db.pragma_update(None, "foreign_keys", true)?;
        self.migrate()
    }

    /// Where two programs make the database at the same time, SQLite tells one at once that it is
    /// locked, whatever the timeout: both read and both want to write.
    fn use_wal(&self) -> Result<()> {
        let deadline = Instant::now() + BUSY_TIMEOUT;
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
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".backup-v{version}"));
        if Path::new(&name).exists() {
            return Ok(()); // An earlier migration got this far and then failed.
        }
        self.db
            .execute("VACUUM INTO ?1", [name.as_bytes()])
            .with_context(|| format!("cannot back it up to {}", Path::new(&name).display()))?;
        Ok(())
    }

    /// The daemon waits less: it can come back later.
    ///
    /// # Errors
    /// Returns an error if SQLite refuses.
    pub fn wait_at_most(&self, time: Duration) -> Result<()> {
        Ok(self.db.busy_timeout(time)?)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// SQLite's own check; an empty list is a sound database.
    ///
    /// # Errors
    /// Returns an error if the check itself cannot run.
    pub fn quick_check(&self) -> Result<Vec<String>> {
        let mut statement = self.db.prepare("PRAGMA quick_check")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let lines = rows.collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

/// Unix seconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn path_from(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(bytes))
}

fn path_bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// `path` alone, as a half-open range of bytes.
fn range_of(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let from = path_bytes(path).to_vec();
    let to = [&from[..], b"\0"].concat();
    (from, to)
}

/// All paths below `root`, as a half-open range of bytes.
fn range_below(root: &Path) -> (Vec<u8>, Vec<u8>) {
    let mut from = path_bytes(root).to_vec();
    if !from.ends_with(b"/") {
        from.push(b'/');
    }
    let mut to = from.clone();
    if let Some(last) = to.last_mut() {
        *last = b'/' + 1;
    }
    (from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_database_is_refused_and_left_alone() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        Store::open(&path)?.db.pragma_update(None, "user_version", 99)?;
        let before = std::fs::read(&path)?;
        let message = format!("{:#}", Store::open(&path).err().context("must be refused")?);
        assert!(message.contains("newer orientd (schema 99"), "{message}");
        assert_eq!(std::fs::read(&path)?, before);
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_alone() -> Result<()> {
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

    #[test]
    fn opening_twice_migrates_once_and_the_schema_is_sound() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("orientd.db");
        drop(Store::open(&path)?);
        let store = Store::open(&path)?;
        assert_eq!(store.version()?, MIGRATIONS.len());
        assert_eq!(store.quick_check()?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn ranges_hold_what_is_below_and_nothing_beside() {
        let (from, to) = range_below(Path::new("/a/b"));
        let inside = |path: &[u8]| path >= &from[..] && path < &to[..];
        assert!(inside(b"/a/b/c.jpg") && inside(b"/a/b/\xff/x"));
        assert!(!inside(b"/a/bc/x.jpg") && !inside(b"/a/b.jpg") && !inside(b"/a/a/z"));
        let (from, to) = range_below(Path::new("/"));
        assert!(b"/x".as_slice() >= &from[..] && b"/x".as_slice() < &to[..]);
    }
}
