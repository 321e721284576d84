//! inotify watches, one a folder, and what they told since they were last asked.
//!
//! notify 9 rather than 8: it can leave out OPEN events, so that a read by a viewer or by orientd causes
//! no work, and it reports watches that could not be placed, and unmounts. Folders are watched one by
//! one, not recursively: only so are ignored ones left out and a full budget seen at its folder.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::event::{ModifyKind, RenameMode};
use notify::{Config, ErrorKind, Event, EventKind, EventKindMask, RecommendedWatcher};
use notify::{RecursiveMode, Watcher};
use walkdir::WalkDir;

use crate::pipeline::selection::{Selection, Selector};
use crate::signals::Signals;

/// More changed paths than this are not kept one by one: everything is looked through instead.
const MAX_PATHS: usize = 50_000;

/// What happened since the last time.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub paths: HashSet<PathBuf>,
    /// Removed or renamed away, whatever may be there now.
    pub lost: HashSet<PathBuf>,
    /// Events were dropped: only a scan of everything tells what changed.
    pub overflowed: bool,
}

impl Changes {
    fn add(&mut self, event: notify::Result<Event>) {
        let Ok(event) = event else {
            self.overflowed = true;
            return;
        };
        // The kernel's overflow comes without a path.
        if event.need_rescan() || self.paths.len() > MAX_PATHS {
            *self = Self { overflowed: true, ..Self::default() };
        }
        let is_lost = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
        );
        if is_lost {
            self.lost.extend(event.paths.iter().cloned());
        }
        self.paths.extend(event.paths);
    }
}

/// Why a folder is not watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum WatchError {
    #[error(
        "the inotify watches are used up; raise them with: \
         sudo sysctl fs.inotify.max_user_watches=524288"
    )]
    Watches,
    #[error(
        "the inotify instances are used up; raise them with: \
         sudo sysctl fs.inotify.max_user_instances=1024"
    )]
    Instances,
    #[error(transparent)]
    Other(notify::Error),
}

pub(super) struct Watches {
    watcher: RecommendedWatcher,
    /// Watched folders, with device and inode: another one may be at the same path by now.
    covered: BTreeMap<PathBuf, (u64, u64)>,
    changes: Arc<Mutex<Changes>>,
}

impl Watches {
    /// Watches nothing yet. `wake` is called when there is something to take.
    ///
    /// # Errors
    /// Returns an error if the kernel gives no inotify instance.
    pub(super) fn new(wake: impl Fn() + Send + 'static) -> Result<Self, WatchError> {
        let changes = Arc::new(Mutex::new(Changes::default()));
        let shared = Arc::clone(&changes);
        let handler = move |event| {
            let mut changes = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let was_empty = changes.paths.is_empty() && !changes.overflowed;
            changes.add(event);
            if was_empty {
                wake();
            }
        };
        let config = Config::default()
            .with_follow_symlinks(false)
            .with_event_kinds(EventKindMask::CORE | EventKindMask::ACCESS_CLOSE);
        let watcher = RecommendedWatcher::new(handler, config).map_err(|err| match &err.kind {
            ErrorKind::Io(io) if io.raw_os_error() == Some(libc::EMFILE) => WatchError::Instances,
            _ => WatchError::Other(err),
        })?;
        Ok(Self { watcher, covered: BTreeMap::new(), changes })
    }

    pub(super) fn take(&self) -> Changes {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn n_watches(&self) -> usize {
        self.covered.len()
    }

    pub(super) fn covers(&self, folder: &Path) -> bool {
        self.covered.contains_key(folder)
    }

    /// Watches `root` and every folder below that a walk would enter, where it is not watched yet, or
    /// another folder was there when it was: something may have been mounted over it.
    ///
    /// # Errors
    /// Returns an error if the kernel has no watch left. What was placed stays.
    pub(super) fn cover(
        &mut self,
        root: &Path,
        selection: &Selection,
        signals: &Signals,
    ) -> Result<(), WatchError> {
        let mut selector = Selector::new(selection);
        let folders = WalkDir::new(root)
            .into_iter()
            .filter_entry(|entry| entry.file_type().is_dir() && selector.wants_entry(entry));
        // The walk that follows reports folders that cannot be read.
        for folder in folders.flatten() {
            signals.heartbeat.beat();
            let Ok(metadata) = folder.metadata() else { continue };
            let inode = (metadata.dev(), metadata.ino());
            match self.covered.get(folder.path()) {
                Some(known) if *known == inode => continue,
                // The kernel may have dropped it already.
                Some(_) => drop(self.watcher.unwatch(folder.path())),
                None => {}
            }
            match self.watcher.watch(folder.path(), RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.covered.insert(folder.into_path(), inode)),
                Err(err) => match err.kind {
                    ErrorKind::MaxFilesWatch => return Err(WatchError::Watches),
                    ErrorKind::PathNotFound => {} // Gone again.
                    ErrorKind::Io(ref io) if io.kind() == std::io::ErrorKind::PermissionDenied => {}
                    _ => return Err(WatchError::Other(err)),
                },
            }
        }
        Ok(())
    }

    /// Gives up the watches at and below a folder that is no longer there.
    pub(super) fn forget(&mut self, folder: &Path) {
        let below: Vec<PathBuf> = self
            .covered
            .range(folder.to_owned()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(folder))
            .cloned()
            .collect();
        for path in below {
            // The kernel may have dropped it already.
            let _ = self.watcher.unwatch(&path);
            self.covered.remove(&path);
        }
    }
}

/// File systems that send no events for changes made by other machines, by their magic number in `statfs`.
const EVENTLESS: [i64; 9] = [
    0x6969,      // NFS
    0x517B,      // SMB
    0xFF53_4D42, // CIFS
    0xFE53_4D42, // SMB 2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00C3_6400, // Ceph
    0x5346_414F, // AFS
    0x7375_7245, // Coda
];

/// Must this folder be polled, since its file system may send no events?
pub(super) fn is_eventless(folder: &Path) -> bool {
    rustix::fs::statfs(folder).is_ok_and(|fs| EVENTLESS.contains(&{ fs.f_type }))
}
