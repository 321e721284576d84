//! Waiting for the transactions of other processes: how long, and for whom.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rusqlite::{Connection, ErrorCode};

use super::own_files;
use crate::files::locks::{SAY_AFTER, holder_of, name_of};

/// How long a command waits for another process.
pub(super) fn command_patience() -> Duration {
    #[cfg(feature = "test-switches")]
    if let Some(seconds) = std::env::var("ORIENTD_TEST_PATIENCE").ok().and_then(|s| s.parse().ok())
    {
        return Duration::from_secs_f64(seconds);
    }
    Duration::from_secs(30)
}

/// Makes statements wait for other processes' transactions, and say so where that takes long.
pub(super) fn wait_for_others(db: &mut Connection, path: &Path, patience: Duration) -> Result<()> {
    let path = path.to_owned();
    let mut started = Instant::now();
    let mut was_told = false;
    db.busy_handler(Some(move |n_tries: i32| {
        if n_tries == 0 {
            started = Instant::now();
            was_told = false;
        }
        let waited = started.elapsed();
        if waited >= SAY_AFTER && waited < patience && !was_told {
            was_told = true;
            tracing::warn!("waiting for {}, which is writing to the database", writer_of(&path));
        }
        std::thread::sleep(Duration::from_millis(u64::from(n_tries.clamp(1, 25).unsigned_abs())));
        waited < patience
    }))?;
    Ok(())
}

fn writer_of(db: &Path) -> String {
    name_of(holder_of(&[&own_files::shared_memory(db), db]))
}

/// Adds who held the database, if that is why something failed.
pub fn name_writer(err: anyhow::Error, db: &Path) -> anyhow::Error {
    let is_busy = err.chain().any(|cause| {
        let code =
            cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    });
    if !is_busy {
        return err;
    }
    let who = writer_of(db);
    err.context(format!("gave up waiting for {who}, which is writing to {}", db.display()))
}
