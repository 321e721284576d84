//! One process at a time changes photos.

use std::fs::File;

use anyhow::{Context, Result};

use crate::files::locks::lock_within;
use crate::files::private;
use crate::store::{Store, own_files};

/// Held while a file is written and its journal row settled. While it is held no other process is making
/// a change, so an unsettled row was left by a process that crashed.
pub struct WriteLock(#[allow(dead_code, reason = "holding it open is its use")] File);

impl WriteLock {
    /// Waits for the lock beside the database, as long as the store waits for other processes.
    ///
    /// # Errors
    /// Returns an error if the lock file cannot be made, or another process keeps the lock for longer.
    pub fn take(store: &Store) -> Result<Self> {
        let path = own_files::write_lock(store.path());
        let open = || -> std::io::Result<File> {
            let file = private::open_lock(&path)?;
            lock_within(&file, &path, store.patience(), "is changing photos")?;
            Ok(file)
        };
        open().map(Self).with_context(|| format!("cannot lock {}", path.display()))
    }
}
