//! From folders to files: what is new or changed goes to the decoders, the rest is only counted.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam_channel::Sender;
use walkdir::WalkDir;

use super::classifier::{Classified, Classifier, is_not_found, unreadable};
use super::messages::WalkEvent;
use super::renames::RenameLookup;
use super::selection::{Selection, Selector};
use crate::decode::Candidate;
use crate::files::identity::Identity;
use crate::files::roots::without_nested;
use crate::signals::Signals;
use crate::store::KnownFile;

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
    pub selection: Selection,
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
            let mut selector = Selector::new(&self.selection);
            let entries = WalkDir::new(root)
                .sort_by_file_name()
                .into_iter()
                .filter_entry(|entry| selector.wants_entry(entry));
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
                    Classified::Event(item) => found.send(item).map_err(|_| Stopped)?,
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

/// How many files a walk will meet.
pub fn count(roots: &[PathBuf], selection: &Selection) -> u64 {
    let files_below = |root: &PathBuf| {
        let mut selector = Selector::new(selection);
        let entries =
            WalkDir::new(root).into_iter().filter_entry(|entry| selector.wants_entry(entry));
        entries.flatten().filter(|entry| entry.file_type().is_file()).count() as u64
    };
    roots.iter().map(files_below).sum()
}
