//! The folders and their watches: which are there, watched or polled, and what has changed in them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::database::Database;
use super::log::Log;
use super::work::Work;
use crate::config::{Config, Root};
use crate::daemon::status::RootState;
use crate::daemon::watches::{WatchError, Watches, is_eventless};
use crate::files::roots::without_nested;
use crate::files::sidecar;
use crate::pipeline::selection::{Selection, Selector};
use crate::pipeline::walk::MountIdentity;
use crate::signals::Signals;

/// A folder to keep up with, none below another.
struct WatchedRoot {
    path: PathBuf,
    /// `None`: it is away.
    anchor: Option<MountIdentity>,
    is_polled: bool,
}

/// All folders, their watches, and when they are looked through anyway.
pub(super) struct Roots {
    roots: Vec<WatchedRoot>,
    selection: Selection,
    watch: Option<Watches>,
    next_sweep: Instant,
    next_poll: Instant,
}

/// What [`Roots`] borrows from the service: the settings, and the queues that it fills.
pub(super) struct Surroundings<'a> {
    pub config: &'a Config,
    pub work: &'a mut Work,
    pub log: &'a mut Log,
    pub database: &'a mut Database,
    pub signals: &'a Signals,
}

impl Surroundings<'_> {
    fn warn_of_polling(&mut self, why: &WatchError) {
        let seconds = self.config.poll.as_secs_f64();
        self.log.warn(&format!("looking every {seconds} s instead of watching: {why}"));
    }
}

impl Roots {
    /// No folder yet; [`Roots::start`] takes them up.
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        Self {
            roots: Vec::new(),
            selection: Selection::of_daemon(config.ignore.clone()),
            watch: None,
            next_sweep: now + config.sweep,
            next_poll: now + config.poll,
        }
    }

    /// Places all watches, then queues all folders for a scan, in this order so that no change is missed.
    /// `wake` is called when a watch has a change to take.
    pub(super) fn start(
        &mut self,
        around: &mut Surroundings<'_>,
        wake: impl Fn() + Send + 'static,
        now: Instant,
    ) {
        let config = around.config;
        *self = Self::new(config, now);
        let wants_poll = |path: &Path| {
            let below = |root: &&Root| root.path.starts_with(path);
            config.roots.iter().filter(below).any(|root| root.poll)
        };
        let paths = without_nested(config.roots.iter().map(|root| root.path.clone()));
        let root = |path: PathBuf| WatchedRoot { is_polled: wants_poll(&path), path, anchor: None };
        self.roots = paths.into_iter().map(root).collect();
        match Watches::new(wake) {
            Ok(watch) => self.watch = Some(watch),
            Err(err) => {
                self.roots.iter_mut().for_each(|root| root.is_polled = true);
                around.warn_of_polling(&err);
            }
        }
        for at in 0..self.roots.len() {
            self.check(at, around);
        }
        tracing::info!(folders = self.roots.len(), watches = self.n_watches(), "watching");
    }

    pub(super) fn n_watches(&self) -> usize {
        self.watch.as_ref().map_or(0, Watches::n_watches)
    }

    /// Is the folder there? One that is back, or has been replaced, is watched and scanned again; nothing is done
    /// about one that is gone.
    fn check(&mut self, at: usize, around: &mut Surroundings<'_>) -> bool {
        let path = self.roots[at].path.clone();
        let is_empty = || std::fs::read_dir(&path).is_ok_and(|mut dir| dir.next().is_none());
        let found = MountIdentity::of(&path)
            .filter(|_| !is_empty() || !around.database.knows_photos_below(&path));
        let was = std::mem::replace(&mut self.roots[at].anchor, found.clone());
        if found.is_none() {
            self.lose(&path, was.is_some(), around);
            return false;
        }
        if found != was {
            if let Some(watch) = &mut self.watch {
                watch.forget(&path);
            }
            if is_eventless(&path) && !self.roots[at].is_polled {
                self.roots[at].is_polled = true;
                let seconds = around.config.poll.as_secs_f64();
                let text = "may be changed elsewhere without telling; looking every";
                around.log.warn(&format!("{} {text} {seconds} s as well", path.display()));
            }
            self.cover(&path, around);
            around.work.due.paths.insert(path);
        }
        true
    }

    fn lose(&mut self, path: &Path, was_here: bool, around: &mut Surroundings<'_>) {
        let text =
            format!("{} is away, or empty where photos were; waiting for it", path.display());
        if was_here {
            around.log.forget(&text);
        }
        if let Some(watch) = &mut self.watch {
            watch.forget(path);
            // A watch on an empty mount point tells when it is filled. Without one, the next
            // poll sees that.
            if let Err(err) = watch.cover(path, &self.selection, around.signals) {
                tracing::debug!("cannot watch {}: {err}", path.display());
            }
        }
        around.log.warn(&text);
    }

    fn cover(&mut self, folder: &Path, around: &mut Surroundings<'_>) {
        let Some(at) = self.root_of(folder) else { return };
        let Some(watch) = &mut self.watch else { return };
        if let Err(err) = watch.cover(folder, &self.selection, around.signals) {
            self.roots[at].is_polled = true;
            around.warn_of_polling(&err);
        }
    }

    fn root_of(&self, path: &Path) -> Option<usize> {
        self.roots.iter().position(|root| path.starts_with(&root.path))
    }

    /// Takes what the watches have to tell.
    pub(super) fn take_changes(&mut self, around: &mut Surroundings<'_>, now: Instant) {
        let Some(watch) = &mut self.watch else { return };
        let changes = watch.take();
        for path in &changes.lost {
            if watch.covers(path) {
                watch.forget(path);
                // Looked for together with what may be its new name.
                around.work.due.paths.insert(path.clone());
            }
        }
        for path in changes.paths {
            self.take_change(path, around, now);
        }
        if changes.overflowed {
            tracing::info!("changes came too fast to follow; looking through all folders");
            // A folder that was removed and made anew, unseen, is no longer watched.
            if let Some(watch) = &mut self.watch {
                self.roots.iter().for_each(|root| watch.forget(&root.path));
            }
            self.look_everywhere(around, now);
        }
    }

    fn take_change(&mut self, path: PathBuf, around: &mut Surroundings<'_>, now: Instant) {
        let Some(at) = self.root_of(&path) else { return };
        if path == self.roots[at].path || self.roots[at].anchor.is_none() {
            self.check(at, around);
            return;
        }
        let is_dir = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        // What a sidecar says is how its photo is displayed.
        let photos = if is_dir { None } else { sidecar::photos_of(&path) };
        for path in photos.unwrap_or_else(|| vec![path]) {
            self.take_path(at, path, is_dir, around, now);
        }
    }

    fn take_path(
        &mut self,
        at: usize,
        path: PathBuf,
        is_dir: bool,
        around: &mut Surroundings<'_>,
        now: Instant,
    ) {
        let mut selector = Selector::new(&self.selection);
        if !selector.wants_below(&self.roots[at].path, &path, is_dir) {
            return;
        }
        if !is_dir {
            around.work.queue.touch(path, now, around.config.settle);
        } else if !self.watch.as_ref().is_some_and(|watch| watch.covers(&path)) {
            self.cover(&path, around);
            around.work.due.paths.insert(path);
        }
    }

    /// Queues every folder that is there for a scan.
    pub(super) fn look_everywhere(&mut self, around: &mut Surroundings<'_>, now: Instant) {
        self.next_sweep = now + around.config.sweep;
        for at in 0..self.roots.len() {
            if self.check(at, around) {
                let path = self.roots[at].path.clone();
                self.cover(&path, around);
                around.work.due.paths.insert(path);
            }
        }
    }

    /// Sweeps and polls whose time has come.
    pub(super) fn look_when_due(&mut self, around: &mut Surroundings<'_>, now: Instant) {
        if self.next_sweep <= now {
            self.look_everywhere(around, now);
        }
        if self.next_poll > now {
            return;
        }
        self.next_poll = now + around.config.poll;
        for at in 0..self.roots.len() {
            let is_polled = self.roots[at].is_polled;
            let is_away = self.roots[at].anchor.is_none();
            // The check itself queues a folder that is back.
            let is_here = (is_polled || is_away) && self.check(at, around);
            if is_here && is_polled {
                around.work.due.paths.insert(self.roots[at].path.clone());
            }
        }
    }

    /// When to look next although nothing is told.
    pub(super) fn next_due(&self) -> Instant {
        let needs_poll = self.roots.iter().any(|root| root.is_polled || root.anchor.is_none());
        if needs_poll { self.next_sweep.min(self.next_poll) } else { self.next_sweep }
    }

    /// Checks the folders around what is due, and drops what lies in folders that are away.
    pub(super) fn keep_reachable(&mut self, around: &mut Surroundings<'_>) {
        for at in 0..self.roots.len() {
            let root = &self.roots[at].path;
            if around.work.due.paths.iter().any(|path| path.starts_with(root)) {
                self.check(at, around);
            }
        }
        let is_here = |path: &PathBuf| {
            self.roots.iter().any(|root| root.anchor.is_some() && path.starts_with(&root.path))
        };
        around.work.due.paths.retain(is_here);
    }

    /// The folders that are there.
    pub(super) fn anchors(&self) -> Vec<MountIdentity> {
        self.roots.iter().filter_map(|root| root.anchor.clone()).collect()
    }

    /// How `path`, a root of the config, is kept up with.
    pub(super) fn state_of(&self, path: &Path) -> RootState {
        match self.root_of(path).map(|at| &self.roots[at]) {
            Some(root) if root.anchor.is_none() => RootState::Away,
            Some(root) if root.is_polled => RootState::Polled,
            Some(_) => RootState::Watched,
            None => RootState::Starting,
        }
    }
}
