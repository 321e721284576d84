//! The service's database connection, which is closed while nothing happens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::store::Store;

/// A database that is locked for longer is tried again later.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Database {
    path: PathBuf,
    store: Option<Store>,
}

impl Database {
    pub(super) fn new(store: Store) -> Self {
        Self { path: store.path().to_owned(), store: Some(store) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_open(&self) -> bool {
        self.store.is_some()
    }

    /// Takes the store out; [`Database::put_back`] returns it. One that is not put back is opened anew.
    ///
    /// # Errors
    /// Returns an error if the database cannot be opened.
    pub(super) fn take(&mut self) -> Result<Store> {
        match self.store.take() {
            Some(store) => Ok(store),
            None => {
                let mut store = Store::open(&self.path)?;
                store.wait_at_most(BUSY_TIMEOUT)?;
                Ok(store)
            }
        }
    }

    pub(super) fn put_back(&mut self, store: Store) {
        self.store = Some(store);
    }

    pub(super) fn close(&mut self) {
        self.store = None;
    }

    /// Does the database know photos below `path`? Yes if it cannot be asked: it is safer to believe
    /// that a disk is away than that its photos are gone.
    pub(super) fn knows_photos_below(&mut self, path: &Path) -> bool {
        let knows = self.take().and_then(|store| {
            let knows = store.has_photos_below(path);
            self.put_back(store);
            knows
        });
        knows.unwrap_or(true)
    }
}
