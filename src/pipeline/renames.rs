//! Photos known with an inode, wherever they were.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::identity::Identity;
use crate::store::{KnownFile, KnownOutcome, ModelId, Store};

/// Is this the photo that was known, but for its name?
pub(super) fn may_be(known: &KnownFile, identity: &Identity) -> bool {
    identity.is_renamed(&known.identity) && matches!(known.outcome, KnownOutcome::Decoded { .. })
}

pub(super) fn is_absent(err: &std::io::Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(err.kind(), NotFound | NotADirectory)
}

/// Finds photos that were moved here from outside the roots, or that an earlier walk had missed at their old path.
pub struct RenameLookup {
    db: PathBuf,
    model: Option<ModelId>,
    /// Opened at the first unknown file.
    store: Option<Store>,
}

impl RenameLookup {
    pub fn new(store: &Store, model: Option<ModelId>) -> Self {
        Self { db: store.path().to_owned(), model, store: None }
    }

    /// The photo that was known under another name, which is gone. `None` also if the database cannot be read: the
    /// photo is then decoded, and recognised by its content.
    pub fn renamed(&mut self, identity: &Identity) -> Option<KnownFile> {
        let known = self.ask(identity).unwrap_or_else(|err| {
            tracing::warn!("cannot look for earlier names of photos: {err:#}");
            Vec::new()
        });
        let is_gone = |path: &Path| fs::symlink_metadata(path).is_err_and(|err| is_absent(&err));
        let is_it = |(path, known): &(PathBuf, KnownFile)| may_be(known, identity) && is_gone(path);
        known.into_iter().find(is_it).map(|(_, known)| known)
    }

    fn ask(&mut self, identity: &Identity) -> anyhow::Result<Vec<(PathBuf, KnownFile)>> {
        if self.store.is_none() {
            self.store = Store::open_existing(&self.db)?;
        }
        match &self.store {
            Some(store) => store.known_by_inode(identity, self.model),
            None => Ok(Vec::new()),
        }
    }
}
