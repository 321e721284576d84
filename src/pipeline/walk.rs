//! From folders to files: what is new or changed goes to the decoders, the rest is only counted.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Sender;
use globset::GlobSet;
use walkdir::{DirEntry, WalkDir};

use super::messages::WalkEvent;
use super::renames::{RenameLookup, is_absent, may_be};
use crate::decode::Candidate;
use crate::files::identity::Identity;
use crate::files::roots::without_nested;
use crate::signals::Signals;
use crate::store::{KnownFile, KnownOutcome, PhotoId};
use orientd_core::format::sniff::promises_photo;

/// Folders of other programs, never of photographers. Hidden ones are passed over anyway.
const HOUSEKEEPING: [&str; 6] =
    ["@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "lost+found", "System Volume Information"];

/// Unchanged files told at once.
const UNCHANGED_BATCH: usize = 512;

/// Which files are old enough to look at.
#[derive(Clone, Debug)]
pub struct Settling {
    /// Changes after this moment (Unix nanoseconds) are too young.
    pub before_ns: i64,
    /// Files known to have settled all the same: a camera's clock may be ahead of ours.
    pub settled: HashSet<PathBuf>,
}

impl Settling {
    fn is_young(&self, candidate: &Candidate) -> bool {
        candidate.identity.ctime_ns > self.before_ns && !self.settled.contains(&candidate.path)
    }
}

/// Everything a walk needs, and what it knows beforehand.
pub struct Walk {
    /// Absolute, none below another.
    pub roots: Vec<PathBuf>,
    pub known: HashMap<PathBuf, KnownFile>,
    pub renames: RenameLookup,
    pub ignore: GlobSet,
    /// Look at everything again.
    pub rescan: bool,
    pub settling: Option<Settling>,
    /// If one of these is now on another file system, or gone, no photo below it is reported missing: its disk is
    /// not mounted.
    pub anchors: Vec<MountIdentity>,
    pub signals: Arc<Signals>,
}

/// A folder as it was when the walk began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountIdentity {
    pub path: PathBuf,
    pub dev: u64,
    pub ino: u64,
}

impl MountIdentity {
    /// `None` if there is no folder.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(Metadata::is_dir)?;
        let identity = Identity::from(&metadata);
        Some(Self { path: path.to_owned(), dev: identity.dev, ino: identity.ino })
    }

    fn holds(&self) -> bool {
        let is_empty = || fs::read_dir(&self.path).map_or(true, |mut dir| dir.next().is_none());
        Self::of(&self.path).as_ref() == Some(self) && !is_empty()
    }
}

/// The walk could not go on because a later stage has ended.
pub struct Stopped;

impl Walk {
    /// Walks all roots in order of name. New and changed files go to `work`, all else to `found`.
    ///
    /// # Errors
    /// Returns an error if a receiver is gone; its own stage says why.
    pub fn run(
        mut self,
        work: &Sender<Candidate>,
        found: &Sender<WalkEvent>,
    ) -> Result<(), Stopped> {
        let known = std::mem::take(&mut self.known);
        let mut classifier = Classifier::new(known, self.rescan);
        let settling = self.settling.take();
        let is_young = |candidate: &Candidate| {
            settling.as_ref().is_some_and(|settling| settling.is_young(candidate))
        };
        let mut is_whole = true;
        let mut unchanged = Vec::with_capacity(UNCHANGED_BATCH);
        for root in &self.roots {
            let ignore = &self.ignore;
            let entries = WalkDir::new(root)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|entry| entry.depth() == 0 || is_wanted(entry, ignore));
            for entry in entries {
                self.signals.heartbeat.beat();
                if self.signals.stop.is_set() {
                    return Err(Stopped);
                }
                let classified = match entry {
                    Ok(entry) => classifier.classify(&entry, &mut self.renames),
                    Err(err) => {
                        is_whole &= is_not_found(&err);
                        unreadable(err)
                    }
                };
                match classified {
                    Classified::Work(young) if is_young(&young) => {
                        found.send(WalkEvent::Unsettled(young.path)).map_err(|_| Stopped)?;
                    }
                    Classified::Work(candidate) => work.send(candidate).map_err(|_| Stopped)?,
                    Classified::WalkEvent(item) => found.send(item).map_err(|_| Stopped)?,
                    Classified::Unchanged(known, path) => unchanged.push((known, path)),
                    Classified::Nothing => {}
                }
                if unchanged.len() == UNCHANGED_BATCH {
                    let batch =
                        std::mem::replace(&mut unchanged, Vec::with_capacity(UNCHANGED_BATCH));
                    found.send(WalkEvent::Unchanged(batch)).map_err(|_| Stopped)?;
                }
            }
        }
        found.send(WalkEvent::Unchanged(unchanged)).map_err(|_| Stopped)?;
        if is_whole && self.anchors.iter().all(MountIdentity::holds) {
            found.send(WalkEvent::Missing(classifier.missing())).map_err(|_| Stopped)?;
        }
        Ok(())
    }
}

/// Endings of files that another program is still writing, and renames when it is done.
const TEMPORARY: [&str; 9] =
    [".part", ".partial", ".crdownload", ".download", ".tmp", ".temp", ".filepart", ".swp", "~"];

/// Would a walk enter this folder, or look at this file?
pub fn is_wanted(entry: &DirEntry, ignore: &GlobSet) -> bool {
    is_wanted_name(entry.file_name(), entry.file_type().is_dir()) && !ignore.is_match(entry.path())
}

/// Would a walk from `root` meet `path`?
pub fn is_wanted_below(root: &Path, path: &Path, is_dir: bool, ignore: &GlobSet) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    let mut so_far = root.to_owned();
    let n = below.components().count();
    below.components().enumerate().all(|(at, part)| {
        so_far.push(part);
        is_wanted_name(part.as_os_str(), is_dir || at + 1 < n) && !ignore.is_match(&so_far)
    })
}

fn is_wanted_name(name: &OsStr, is_dir: bool) -> bool {
    let bytes = name.as_bytes();
    let is_housekeeping = || HOUSEKEEPING.iter().any(|known| name == *known);
    let is_temporary = || {
        let lower = bytes.to_ascii_lowercase();
        TEMPORARY.iter().any(|ending| lower.ends_with(ending.as_bytes()))
    };
    !bytes.starts_with(b".") && if is_dir { !is_housekeeping() } else { !is_temporary() }
}

fn is_not_found(err: &walkdir::Error) -> bool {
    err.io_error().is_some_and(is_absent)
}

fn unreadable(err: walkdir::Error) -> Classified {
    let path = err.path().unwrap_or(Path::new("?")).to_owned();
    let is_gone = is_not_found(&err);
    match err.into_io_error() {
        Some(source) if !is_gone => Classified::WalkEvent(WalkEvent::Unreadable(path, source)),
        // Deleted after it was listed. A loop is impossible, since links are not followed.
        _ => Classified::Nothing,
    }
}

enum Classified {
    Work(Candidate),
    WalkEvent(WalkEvent),
    Unchanged(KnownFile, PathBuf),
    Nothing,
}

/// Tells new from known, one entry at a time.
struct Classifier {
    known: HashMap<PathBuf, KnownFile>,
    /// Where each known inode was last seen; made at the first unknown file.
    by_inode: Option<HashMap<(u64, u64), PathBuf>>,
    /// Inodes met in this walk.
    met: HashSet<(u64, u64)>,
    rescan: bool,
}

impl Classifier {
    fn new(known: HashMap<PathBuf, KnownFile>, rescan: bool) -> Self {
        Self { known, by_inode: None, met: HashSet::new(), rescan }
    }

    fn classify(&mut self, entry: &DirEntry, renames: &mut RenameLookup) -> Classified {
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
            return Classified::WalkEvent(WalkEvent::SameFile);
        }
        match self.known.remove_entry(entry.path()) {
            Some((path, known)) if !self.rescan && is_settled(&known, &identity) => {
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
                Some(KnownFile { id: Some(id), .. }) if !self.rescan => {
                    Classified::WalkEvent(WalkEvent::Renamed {
                        id,
                        path: path.to_owned(),
                        identity,
                    })
                }
                _ => look(path.to_owned(), identity, metadata),
            };
        };
        let still_there = fs::symlink_metadata(earlier).map(|metadata| Identity::from(&metadata));
        if still_there.is_ok_and(|there| (there.dev, there.ino) == (identity.dev, identity.ino)) {
            self.met.remove(&(identity.dev, identity.ino)); // Its known name is yet to come.
            return Classified::WalkEvent(WalkEvent::SameFile);
        }
        match self.known.get(earlier) {
            Some(known @ KnownFile { id: Some(id), .. })
                if may_be(known, &identity) && !self.rescan =>
            {
                let id = *id;
                self.known.remove(&earlier.clone());
                Classified::WalkEvent(WalkEvent::Renamed { id, path: path.to_owned(), identity })
            }
            _ => look(path.to_owned(), identity, metadata),
        }
    }

    /// Photos that were known and not met.
    fn missing(self) -> Vec<PhotoId> {
        let gone = self.known.into_values();
        gone.filter_map(|known| known.id).collect()
    }
}

fn is_settled(known: &KnownFile, identity: &Identity) -> bool {
    known.identity == *identity && known.outcome != KnownOutcome::LookAgain
}

fn look(path: PathBuf, identity: Identity, metadata: &Metadata) -> Classified {
    let candidate = Candidate { path, identity };
    if metadata.is_file() {
        Classified::Work(candidate)
    } else if promises_photo(&candidate.path) {
        Classified::WalkEvent(WalkEvent::NotRegular(candidate))
    } else {
        Classified::Nothing
    }
}

/// Absolute, links in the roots themselves resolved, none at or below another.
///
/// # Errors
/// Returns an error if a root does not exist or cannot be reached.
pub fn distinct_roots(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    use anyhow::Context;
    let resolve = |path: &PathBuf| {
        fs::canonicalize(path).with_context(|| format!("cannot scan {}", path.display()))
    };
    let roots = paths.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(without_nested(roots))
}

/// Counts the files a walk will meet, telling `each` the total so far now and then.
pub fn count(roots: &[PathBuf], ignore: &GlobSet, each: impl Fn(u64)) {
    let mut total = 0;
    for root in roots {
        let entries = WalkDir::new(root)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || is_wanted(entry, ignore));
        for entry in entries.flatten() {
            if entry.file_type().is_file() {
                total += 1;
                if total % 1000 == 0 {
                    each(total);
                }
            }
        }
    }
    each(total);
}
