//! Tells the files that a walk finds apart: new, changed, renamed, unchanged.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use walkdir::DirEntry;

use super::messages::WalkEvent;
use super::renames::{RenameLookup, is_absent, may_be};
use crate::decode::Candidate;
use crate::files::identity::Identity;
use crate::files::sidecar;
use crate::store::{KnownFile, KnownOutcome, PhotoId};
use orientd_core::format::sniff::promises_photo;

pub(super) fn is_not_found(err: &walkdir::Error) -> bool {
    err.io_error().is_some_and(is_absent)
}

pub(super) fn unreadable(err: walkdir::Error) -> Classified {
    let path = err.path().unwrap_or(Path::new("?")).to_owned();
    let is_gone = is_not_found(&err);
    match err.into_io_error() {
        Some(source) if !is_gone => Classified::Event(WalkEvent::Unreadable(path, source)),
        // Deleted after it was listed. A loop is impossible, since links are not followed.
        _ => Classified::Nothing,
    }
}

/// What is to be done about an entry.
pub(super) enum Classified {
    Work(Candidate),
    Event(WalkEvent),
    Unchanged(KnownFile, PathBuf),
    Nothing,
}

/// Tells new from known, one entry at a time.
pub(super) struct Classifier {
    known: HashMap<PathBuf, KnownFile>,
    /// Where each known inode was last seen; made at the first unknown file.
    by_inode: Option<HashMap<(u64, u64), PathBuf>>,
    /// Inodes met in this walk.
    met: HashSet<(u64, u64)>,
    rescan: bool,
}

impl Classifier {
    pub(super) fn new(known: HashMap<PathBuf, KnownFile>, rescan: bool) -> Self {
        Self { known, by_inode: None, met: HashSet::new(), rescan }
    }

    pub(super) fn classify(&mut self, entry: &DirEntry, renames: &mut RenameLookup) -> Classified {
        if entry.file_type().is_dir() || entry.file_type().is_symlink() {
            return Classified::Nothing;
        }
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(err) => return unreadable(err),
        };
        let identity = Identity::from(&metadata);
        if !self.met.insert((identity.dev, identity.ino)) {
            self.known.remove(entry.path());
            return Classified::Event(WalkEvent::SameFile);
        }
        match self.known.remove_entry(entry.path()) {
            Some((path, known))
                if !self.rescan && is_settled(&known, &identity) && has_turn(&known, &path) =>
            {
                Classified::Unchanged(known, path)
            }
            Some(_) => look(entry.path().to_owned(), identity, &metadata),
            None => self.unknown_path(entry.path(), identity, &metadata, renames),
        }
    }

    /// A path the database does not know: a renamed photo, another name of a known one, or new.
    fn unknown_path(
        &mut self,
        path: &Path,
        identity: Identity,
        metadata: &Metadata,
        renames: &mut RenameLookup,
    ) -> Classified {
        let known = &self.known;
        let by_inode = self.by_inode.get_or_insert_with(|| {
            let inode = |(path, known): (&PathBuf, &KnownFile)| {
                ((known.identity.dev, known.identity.ino), path.clone())
            };
            known.iter().map(inode).collect()
        });
        let Some(earlier) = by_inode.get(&(identity.dev, identity.ino)) else {
            return match renames.renamed(&identity) {
                Some(known @ KnownFile { id: Some(id), .. })
                    if !self.rescan && has_turn(&known, path) =>
                {
                    Classified::Event(WalkEvent::Renamed { id, path: path.to_owned(), identity })
                }
                _ => look(path.to_owned(), identity, metadata),
            };
        };
        let still_there = fs::symlink_metadata(earlier).map(|metadata| Identity::from(&metadata));
        if still_there.is_ok_and(|there| (there.dev, there.ino) == (identity.dev, identity.ino)) {
            self.met.remove(&(identity.dev, identity.ino)); // Its known name is yet to come.
            return Classified::Event(WalkEvent::SameFile);
        }
        match self.known.get(earlier) {
            Some(known @ KnownFile { id: Some(id), .. })
                if may_be(known, &identity) && !self.rescan =>
            {
                let id = *id;
                let is_as_left = has_turn(known, path);
                self.known.remove(&earlier.clone());
                if !is_as_left {
                    return look(path.to_owned(), identity, metadata);
                }
                Classified::Event(WalkEvent::Renamed { id, path: path.to_owned(), identity })
            }
            _ => look(path.to_owned(), identity, metadata),
        }
    }

    /// Photos that were known and not met.
    pub(super) fn missing(self) -> Vec<PhotoId> {
        let gone = self.known.into_values();
        gone.filter_map(|known| known.id).collect()
    }
}

fn is_settled(known: &KnownFile, identity: &Identity) -> bool {
    known.identity == *identity && known.outcome != KnownOutcome::LookAgain
}

/// Does the sidecar that turned the photo still do so? Also true of a photo that no sidecar turned.
fn has_turn(known: &KnownFile, path: &Path) -> bool {
    !known.sidecar.is_some_and(|turn| turn.has_changed(sidecar::orientation(path)))
}

fn look(path: PathBuf, identity: Identity, metadata: &Metadata) -> Classified {
    let candidate = Candidate { path, identity };
    if metadata.is_file() {
        Classified::Work(candidate)
    } else if promises_photo(&candidate.path) {
        Classified::Event(WalkEvent::NotRegular(candidate))
    } else {
        Classified::Nothing
    }
}
