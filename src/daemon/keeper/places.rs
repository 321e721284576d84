//! The folders: which of them are there, watched or polled, and what has changed in them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use sd_notify::NotifyState;

use super::super::watch::{Shortage, Watch, is_eventless};
use super::Keeper;
use super::telling::Told;
use crate::config::Root;
use crate::stages::walk::{Anchor, is_wanted_below};

/// A folder to watch, none below another.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// `None`: it is away.
    pub(super) anchor: Option<Anchor>,
    pub(super) is_polled: bool,
}

impl Keeper {
    /// Places all watches, then puts all folders down for a look: a change falls between nothing.
    pub(super) fn take_up(&mut self) {
        let now = Instant::now();
        self.tell("starting");
        let config = &self.settings.config;
        let mut paths: Vec<PathBuf> = config.roots.iter().map(|root| root.path.clone()).collect();
        paths.sort();
        let all = paths.clone();
        paths.retain(|path| !all.iter().any(|o| o != path && path.starts_with(o)));
        let wants_poll = |path: &Path| {
            let below = |root: &&Root| root.path.starts_with(path);
            config.roots.iter().filter(below).any(|root| root.poll)
        };
        self.places = paths
            .into_iter()
            .map(|path| Place { is_polled: wants_poll(&path), path, anchor: None })
            .collect();
        self.told = Told::default();
        (self.next_sweep, self.next_poll) = (now + config.sweep, now + config.poll);
        self.watch = None;
        match Watch::new(self.inbox_in.clone()) {
            Ok(watch) => self.watch = Some(watch),
            Err(err) => self.poll_instead(None, &err),
        }
        for at in 0..self.places.len() {
            self.check_place(at);
        }
        let n_watches = self.watch.as_ref().map_or(0, Watch::n_watches);
        tracing::info!(folders = self.places.len(), watches = n_watches, "watching");
        self.tell("watching");
        // Only a service manager can be told; there may be none.
        if let Err(err) = sd_notify::notify(&[NotifyState::Ready]) {
            tracing::warn!("cannot tell systemd that watches stand: {err}");
        }
    }

    pub(super) fn poll_instead(&mut self, at: Option<usize>, why: &Shortage) {
        for (index, place) in self.places.iter_mut().enumerate() {
            if at.is_none_or(|at| at == index) {
                place.is_polled = true;
            }
        }
        let seconds = self.settings.config.poll.as_secs_f64();
        self.warn(&format!("looking every {seconds} s instead of watching: {why}"));
    }

    /// Is the folder there? One that comes back, or is another one now, is watched and looked
    /// through anew; one that vanished is left in peace.
    pub(super) fn check_place(&mut self, at: usize) -> bool {
        let path = self.places[at].path.clone();
        let found = Anchor::of(&path);
        let is_empty = || std::fs::read_dir(&path).is_ok_and(|mut dir| dir.next().is_none());
        let found = found.filter(|_| !is_empty() || !self.knows_photos_below(&path));
        let was = std::mem::replace(&mut self.places[at].anchor, found.clone());
        if found.is_none() {
            if was.is_some() {
                self.told.forget(&away(&path));
            }
            if let Some(watch) = &mut self.watch {
                watch.forget(&path);
                // An empty place where a disk belongs tells when it is filled.
                drop(watch.cover(&path, &self.settings.config.ignore, &self.shared.pulse));
            }
            self.warn(&away(&path));
            return false;
        }
        if found != was {
            if let Some(watch) = &mut self.watch {
                watch.forget(&path);
            }
            if is_eventless(&path) && !self.places[at].is_polled {
                self.places[at].is_polled = true;
                let seconds = self.settings.config.poll.as_secs_f64();
                let text = "may be changed elsewhere without telling; looking every";
                self.warn(&format!("{} {text} {seconds} s as well", path.display()));
            }
            self.cover(&path);
            self.work.paths.insert(path);
        }
        true
    }

    fn knows_photos_below(&mut self, path: &Path) -> bool {
        // Where the database cannot be asked, it is safer to believe that the disk is away.
        let knows = self.open().and_then(|store| {
            let knows = store.has_photos_below(path);
            self.store = Some(store);
            knows
        });
        knows.unwrap_or(true)
    }

    fn cover(&mut self, folder: &Path) {
        let Some(at) = self.place_of(folder) else { return };
        let Some(watch) = &mut self.watch else { return };
        let ignore = &self.settings.config.ignore;
        if let Err(err) = watch.cover(folder, ignore, &self.shared.pulse) {
            self.poll_instead(Some(at), &err);
        }
    }

    pub(super) fn place_of(&self, path: &Path) -> Option<usize> {
        self.places.iter().position(|place| path.starts_with(&place.path))
    }

    pub(super) fn take_changes(&mut self, now: Instant) {
        let Some(watch) = &mut self.watch else { return };
        let changes = watch.take();
        for path in &changes.lost {
            if watch.covers(path) {
                watch.forget(path);
                // Looked for together with what may be its new name.
                self.work.paths.insert(path.clone());
            }
        }
        for path in changes.paths {
            self.take_change(path, now);
        }
        if changes.overflowed {
            tracing::info!("changes came too fast to follow; looking through all folders");
            // A folder that was removed and made anew, unseen, is no longer watched.
            if let Some(watch) = &mut self.watch {
                self.places.iter().for_each(|place| watch.forget(&place.path));
            }
            self.look_everywhere(now);
        }
    }

    fn take_change(&mut self, path: PathBuf, now: Instant) {
        let Some(at) = self.place_of(&path) else { return };
        if path == self.places[at].path || self.places[at].anchor.is_none() {
            self.check_place(at);
            return;
        }
        let is_dir = std::fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        let config = &self.settings.config;
        if !is_wanted_below(&self.places[at].path, &path, is_dir, &config.ignore) {
            return;
        }
        if !is_dir {
            self.queue.touch(path, now, config.settle);
        } else if !self.watch.as_ref().is_some_and(|watch| watch.covers(&path)) {
            self.cover(&path);
            self.work.paths.insert(path);
        }
    }

    pub(super) fn look_everywhere(&mut self, now: Instant) {
        self.next_sweep = now + self.settings.config.sweep;
        for at in 0..self.places.len() {
            if self.check_place(at) {
                let path = self.places[at].path.clone();
                self.cover(&path);
                self.work.paths.insert(path);
            }
        }
    }

    pub(super) fn needs_poll(&self) -> bool {
        self.places.iter().any(|place| place.is_polled || place.anchor.is_none())
    }

    pub(super) fn keep_time(&mut self, now: Instant) {
        if self.next_sweep <= now {
            self.look_everywhere(now);
        }
        if self.next_poll <= now {
            self.next_poll = now + self.settings.config.poll;
            for at in 0..self.places.len() {
                let is_polled = self.places[at].is_polled;
                let is_away = self.places[at].anchor.is_none();
                // One that is back is put down for a look by the check itself.
                let is_here = (is_polled || is_away) && self.check_place(at);
                if is_here && is_polled {
                    self.work.paths.insert(self.places[at].path.clone());
                }
            }
        }
    }
}

pub(super) fn away(path: &Path) -> String {
    format!("{} is away, or empty where photos were; waiting for it", path.display())
}
