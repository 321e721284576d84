//! The database: one method per question. Only the thread that owns a [`Store`] writes through it;
//! other processes may hold stores of their own (WAL, short transactions).

mod auto_threshold;
mod change_lists;
mod changes;
mod further_sidecars;
mod ids;
mod known;
mod labels;
mod models;
mod observations;
mod open;
mod originals;
pub mod own_files;
mod owner;
mod page_query;
mod photo_state;
mod photos;
mod review;
mod runs;
mod said;
mod search;
mod tabs;
pub mod training;
mod waiting;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use rusqlite::Connection;

pub use auto_threshold::FittedThreshold;
pub use change_lists::ChangeCounts;
pub use changes::{Change, ChangeState, FileState, NewChange, UndoOf};
pub use further_sidecars::FurtherSidecar;
pub use ids::{ChangeId, ModelId, PhotoId, RunId};
pub use known::{KnownFile, KnownOutcome};
pub use labels::{GivenAnswer, Label, LabelSource};
pub use models::{ModelRow, ThresholdOverrides};
pub use observations::{Observation, Observed};
pub use originals::RetentionPolicy;
pub use owner::{DisplayedPhoto, SettledTurn};
pub use page_query::{Dates, Order, PageQuery};
pub use photo_state::PhotoState;
pub use photos::{KnownPhoto, Prediction, SidecarTurn, TurnInForce};
pub use review::Card;
pub use runs::{RunKind, RunSummary};
pub use said::SaidUpright;
pub use tabs::Tab;
pub use waiting::name_writer;

/// Raised when the decoders learn something, so that skipped files are looked at again.
pub const LOOK_VERSION: i64 = 4;

pub struct Store {
    db: Connection,
    path: PathBuf,
    /// How long it waits for another process.
    patience: Duration,
}

impl Store {
    /// The daemon waits less: it can come back later.
    ///
    /// # Errors
    /// Returns an error if SQLite refuses.
    pub fn wait_at_most(&mut self, patience: Duration) -> Result<()> {
        self.patience = patience;
        waiting::wait_for_others(&mut self.db, &self.path, patience)
    }

    /// How long it waits for another process.
    pub fn patience(&self) -> Duration {
        self.patience
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
    i64::try_from(since_1970().as_secs()).unwrap_or(i64::MAX)
}

/// Unix nanoseconds.
fn now_ns() -> i64 {
    i64::try_from(since_1970().as_nanos()).unwrap_or(i64::MAX)
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
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
    fn ranges_hold_what_is_below_and_nothing_beside() {
        let (from, to) = range_below(Path::new("/a/b"));
        let inside = |path: &[u8]| path >= &from[..] && path < &to[..];
        assert!(inside(b"/a/b/c.jpg") && inside(b"/a/b/\xff/x"));
        assert!(!inside(b"/a/bc/x.jpg") && !inside(b"/a/b.jpg") && !inside(b"/a/a/z"));
        let (from, to) = range_below(Path::new("/"));
        assert!(b"/x".as_slice() >= &from[..] && b"/x".as_slice() < &to[..]);
    }
}
