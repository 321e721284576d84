//! The files beside a database that are orientd's, and that no other user may read or lock.

use std::path::{Path, PathBuf};
use std::sync::Once;

use crate::files::private;

/// Held by the daemon for its life.
pub fn daemon_lock(db: &Path) -> PathBuf {
    beside(db, ".daemon-lock")
}

/// Held while a photo is written and its journal row settled.
pub fn write_lock(db: &Path) -> PathBuf {
    beside(db, ".write-lock")
}

/// SQLite's own, which writers of other processes lock.
pub(super) fn shared_memory(db: &Path) -> PathBuf {
    beside(db, "-shm")
}

/// The copy that is made before a migration from this version.
pub(super) fn backup(db: &Path, version: usize) -> PathBuf {
    beside(db, &format!(".backup-v{version}"))
}

/// The database and all that may lie beside it, whether it is there or not. `schema`: the version in use.
pub(super) fn all(db: &Path, schema: usize) -> Vec<PathBuf> {
    let endings = ["-wal", "-shm", "-journal"].map(|ending| beside(db, ending));
    let backups = (1..schema).map(|version| backup(db, version));
    let locks = [daemon_lock(db), write_lock(db)];
    [db.to_owned()].into_iter().chain(endings).chain(locks).chain(backups).collect()
}

/// Closes what earlier versions left open. The file system may not let it: then a person is told once, and
/// by `orientd doctor`.
pub(super) fn close_all(paths: &[PathBuf]) {
    static TOLD: Once = Once::new();
    for path in paths {
        if let Err(err) = private::close(path) {
            let path = path.display();
            TOLD.call_once(|| tracing::warn!("{path} cannot be closed to other users: {err}"));
        }
    }
}

fn beside(db: &Path, ending: &str) -> PathBuf {
    let mut path = db.as_os_str().to_owned();
    path.push(ending);
    path.into()
}
