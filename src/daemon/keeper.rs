//! Keeps the database in step with the folders: collects what changed, waits until it has settled,
//! and sends it through the same stages as a scan, a round at a time. A round that fails or is
//! interrupted gives its work back, so nothing is lost and recovery is only another round.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use sd_notify::NotifyState;

use super::queue::Queue;
use super::status::{RootStatus, Shared};
use super::watch::{Shortage, Watch, is_eventless};
use crate::config::{Config, FixPolicy, Root};
use crate::engine::Engine;
use crate::pipeline;
use crate::report::{Action, PhotoReport};
use crate::rules::decision::Verdict;
use crate::rules::mode::Mode;
use crate::stages::look::Look;
use crate::stages::record::{Fixing, Policies, Policy, Recorder, Report};
use crate::stages::walk::{Anchor, Walk, is_wanted_below};
use crate::store::Store;

/// Waits between tries of a round that failed: doubling, from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A database that is locked for longer is tried again later.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// A photo refused for one of these is tried again after a while.
const PASSING: [&str; 4] = ["no_space", "write_failed", "locked", "changed_while_reading"];
const PASSING_WAIT: Duration = Duration::from_secs(30);

/// Failures named one by one; beyond, only counted.
const MOST_NAMED: usize = 10_000;

/// What is in force: read anew at every reload.
pub struct Settings {
    pub config: Config,
    pub look: Look,
}

pub enum Message {
    /// The watches have something to tell.
    Changed,
    /// The watchdog asks for a sign of life.
    Nudge,
    Pause,
    Resume,
    Rescan,
    Reload(Box<Settings>),
    Stop,
}

/// A folder to watch, none below another.
struct Place {
    path: PathBuf,
    /// `None`: it is away.
    anchor: Option<Anchor>,
    is_polled: bool,
}

/// What a round looks at.
#[derive(Default)]
struct Work {
    /// With everything below; also files and folders that are gone.
    paths: BTreeSet<PathBuf>,
    /// Those that have settled, whatever their times say.
    settled: HashSet<PathBuf>,
}

pub struct Keeper {
    settings: Settings,
    db: PathBuf,
    run: i64,
    store: Option<Store>,
    engine: Option<Engine>,
    last_used: Instant,
    places: Vec<Place>,
    watch: Option<Watch>,
    queue: Queue,
    work: Work,
    next_sweep: Instant,
    next_poll: Instant,
    is_paused: bool,
    /// When to try again, and how long to wait after that.
    retry: Option<(Instant, Duration)>,
    /// Failures and warnings told already, with how often they came.
    told: HashMap<String, u64>,
    hang_on: Option<std::ffi::OsString>,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    inbox_in: Sender<Message>,
}

impl Keeper {
    pub fn new(
        settings: Settings,
        store: Store,
        run: i64,
        shared: Arc<Shared>,
        (inbox_in, inbox): (Sender<Message>, Receiver<Message>),
    ) -> Self {
        let now = Instant::now();
        Self {
            next_sweep: now + settings.config.sweep,
            next_poll: now + settings.config.poll,
            settings,
            db: store.path().to_owned(),
            run,
            store: Some(store),
            engine: None,
            last_used: now,
            places: Vec::new(),
            watch: None,
            queue: Queue::default(),
            work: Work::default(),
            is_paused: false,
            retry: None,
            told: HashMap::new(),
            // For the test of the watchdog: a round that meets this file name never ends.
            hang_on: std::env::var_os("ORIENTD_TEST_HANG_ON"),
            shared,
            inbox,
            inbox_in,
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// Where the end of the run cannot be written; all photos' work is safe by then.
    pub fn run(mut self) -> Result<()> {
        self.take_up();
        loop {
            while let Ok(message) = self.inbox.try_recv() {
                if matches!(message, Message::Stop) {
                    return self.end();
                }
                self.obey(message);
            }
            self.shared.pulse.beat();
            let now = Instant::now();
            self.take_changes(now);
            self.keep_time(now);
            let is_free = !self.is_paused && self.retry.is_none_or(|(at, _)| at <= now);
            if is_free {
                let settled = self.queue.take_settled(now, self.settings.config.settle);
                self.work.settled.extend(settled.iter().cloned());
                self.work.paths.extend(settled);
                if !self.work.paths.is_empty() {
                    self.round();
                    continue;
                }
            }
            self.rest(now);
            self.tell(if self.is_paused {
                "paused"
            } else if self.retry.is_some() {
                "retrying"
            } else {
                "watching"
            });
            match self.inbox.recv_deadline(self.next_wake(is_free)) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(),
                Ok(message) => self.obey(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn end(mut self) -> Result<()> {
        self.tell("stopping");
        let mut store = self.open()?;
        store.end_run(self.run)?;
        tracing::info!(run = self.run, "stopped");
        Ok(())
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Changed | Message::Stop => {}
            Message::Nudge => self.shared.pulse.beat(),
            Message::Pause => {
                self.shared.pulse.go_on();
                self.is_paused = true;
            }
            Message::Resume => self.is_paused = false,
            Message::Rescan => {
                self.retry = None;
                self.look_everywhere(Instant::now());
            }
            Message::Reload(settings) => {
                self.shared.pulse.go_on();
                if settings.look.model.hash != self.settings.look.model.hash {
                    self.engine = None;
                }
                self.settings = *settings;
                self.shared.status().last_error = None;
                self.take_up();
                tracing::info!("reloaded");
            }
        }
    }

    /// Places all watches, then puts all folders down for a look: a change falls between nothing.
    fn take_up(&mut self) {
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
        self.told.clear();
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

    fn poll_instead(&mut self, at: Option<usize>, why: &Shortage) {
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
    fn check_place(&mut self, at: usize) -> bool {
        let path = self.places[at].path.clone();
        let found = Anchor::of(&path);
        let is_empty = || std::fs::read_dir(&path).is_ok_and(|mut dir| dir.next().is_none());
        let found = found.filter(|_| !is_empty() || !self.knows_photos_below(&path));
        let was = std::mem::replace(&mut self.places[at].anchor, found.clone());
        if found.is_none() {
            if was.is_some() {
                self.told.remove(&away(&path));
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

    fn place_of(&self, path: &Path) -> Option<usize> {
        self.places.iter().position(|place| path.starts_with(&place.path))
    }

    fn take_changes(&mut self, now: Instant) {
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

    fn look_everywhere(&mut self, now: Instant) {
        self.next_sweep = now + self.settings.config.sweep;
        for at in 0..self.places.len() {
            if self.check_place(at) {
                let path = self.places[at].path.clone();
                self.cover(&path);
                self.work.paths.insert(path);
            }
        }
    }

    fn needs_poll(&self) -> bool {
        self.places.iter().any(|place| place.is_polled || place.anchor.is_none())
    }

    fn keep_time(&mut self, now: Instant) {
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

    /// Nothing to do: after a while the model's memory is given back.
    fn rest(&mut self, now: Instant) {
        if self.store.is_none() || now < self.last_used + self.settings.config.idle {
            return;
        }
        self.engine = None;
        self.store = None;
        // SAFETY: malloc_trim only returns free memory to the system.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0);
        }
    }

    fn next_wake(&self, is_free: bool) -> Instant {
        let idle = self.store.is_some().then(|| self.last_used + self.settings.config.idle);
        let retry = self.retry.map(|(at, _)| at).filter(|_| !self.is_paused);
        let poll = self.needs_poll().then_some(self.next_poll);
        let due = self.queue.next_due().filter(|_| is_free);
        let wakes = [idle, retry, poll, due].into_iter().flatten();
        wakes.fold(self.next_sweep, Instant::min)
    }

    fn open(&mut self) -> Result<Store> {
        match self.store.take() {
            Some(store) => Ok(store),
            None => {
                let store = Store::open(&self.db)?;
                store.wait_at_most(BUSY_TIMEOUT)?;
                Ok(store)
            }
        }
    }

    fn round(&mut self) {
        for at in 0..self.places.len() {
            let place = &self.places[at].path;
            if self.work.paths.iter().any(|path| path.starts_with(place)) {
                self.check_place(at);
            }
        }
        let places = &self.places;
        let is_here = |path: &PathBuf| {
            places.iter().any(|place| place.anchor.is_some() && path.starts_with(&place.path))
        };
        let mut work = std::mem::take(&mut self.work);
        work.paths.retain(is_here);
        if work.paths.is_empty() {
            return;
        }
        self.tell("looking");
        self.hang_for_a_test(&work);
        let result = self.send_through(&work);
        if self.engine.is_some() {
            self.last_used = Instant::now();
        }
        let was_interrupted = self.shared.pulse.is_interrupted();
        if result.is_err() || was_interrupted {
            self.work.paths.extend(work.paths);
            self.work.settled.extend(work.settled);
        }
        match result {
            Ok(()) => {
                if self.retry.take().is_some() {
                    tracing::info!("it works again");
                    self.shared.status().last_error = None;
                }
            }
            Err(err) => {
                self.engine = None;
                let (first, last) = RETRY;
                let wait = self.retry.map_or(first, |(_, wait)| wait);
                self.retry = Some((Instant::now() + wait, (wait * 2).min(last)));
                let text = format!("{err:#}");
                self.shared.status().last_error = Some(text.clone());
                self.warn(&format!("paused, and tried again from time to time: {text}"));
            }
        }
    }

    fn hang_for_a_test(&self, work: &Work) {
        let Some(name) = &self.hang_on else { return };
        while work.paths.iter().any(|path| path.file_name() == Some(name)) {
            std::thread::park();
        }
    }

    fn send_through(&mut self, work: &Work) -> Result<()> {
        let mut store = self.open()?;
        crate::journal::settle_after_crash(&mut store)?;
        let mut look = self.settings.look.clone();
        look.pulse = Arc::clone(&self.shared.pulse);
        let model = store.known_model(&look.model.hash, look.bars)?;
        let roots = without_nested(&work.paths);
        let mut known = HashMap::new();
        for root in &roots {
            self.shared.pulse.beat();
            store.known_below(root, model, |path, file| {
                known.insert(path, file);
            })?;
        }
        let config = &self.settings.config;
        let walk = Walk {
            roots,
            known,
            ignore: config.ignore.clone(),
            rescan: false,
            settled_before_ns: Some(now_ns() - ns(config.settle)),
            settled: work.settled.clone(),
            anchors: self.places.iter().filter_map(|place| place.anchor.clone()).collect(),
            pulse: Arc::clone(&self.shared.pulse),
        };
        let recorder = Recorder {
            store,
            run: self.run,
            model_hash: look.model.hash,
            model_name: look.model.name.clone(),
            model,
            bars: look.bars,
            policies: policies(&config.roots),
            rescan: false,
            keep_mtime: config.keep_mtime,
            keep: config.keep,
            in_full: false,
            pulse: Arc::clone(&self.shared.pulse),
        };
        let mut engine = self.engine.take();
        let (mut unsettled, mut passing) = (Vec::new(), Vec::new());
        let mut told = |report| match report {
            Report::Unsettled(path) => unsettled.push(path),
            Report::Photo(photo) => {
                let reason = photo.reason.as_ref().map(|(code, _)| code.as_str());
                if reason.is_some_and(|code| PASSING.contains(&code)) {
                    passing.push(photo.path.clone());
                }
                self.tell_of(&photo);
            }
            _ => {}
        };
        let result = pipeline::flow(walk, look, &mut engine, recorder, &mut told);
        self.engine = engine;
        let (now, settle) = (Instant::now(), self.settings.config.settle);
        for path in unsettled {
            self.queue.touch(path, now, settle);
        }
        for path in passing {
            self.queue.touch(path, now, PASSING_WAIT);
        }
        self.store = Some(result?);
        Ok(())
    }

    /// One line a photo that was looked at or turned; none for what is as it was.
    fn tell_of(&mut self, photo: &PhotoReport) {
        let path = photo.path.to_string_lossy().into_owned();
        let run = self.run;
        let decision = photo.prediction.as_ref().map(|prediction| prediction.decision);
        let (turn, confidence) =
            decision.map_or((0, 0.0), |decision| (decision.turn.degrees(), decision.confidence));
        if let Some((code, detail)) = &photo.reason {
            let key = format!("{code} {path}");
            if self.first_time(key) {
                self.shared.status().skipped += 1;
                let path = path.escape_default();
                tracing::info!(%path, run, reason = code, "left alone: {detail}");
            }
            return;
        }
        let is_turned = photo.action != Action::None && photo.just_now;
        let mut status = self.shared.status();
        if !photo.known {
            status.looked_at += 1;
        }
        if is_turned {
            status.turned += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, run, "turned");
        } else if decision.is_some_and(|d| d.verdict != Verdict::Upright) && !photo.known {
            status.to_review += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, run, "looks turned");
        } else {
            tracing::debug!(path = %path.escape_default(), turn, confidence, run, "upright");
        }
    }

    /// Has this not been told before? Counted all the same.
    fn first_time(&mut self, key: String) -> bool {
        if self.told.len() >= MOST_NAMED && !self.told.contains_key(&key) {
            return false;
        }
        let n = self.told.entry(key).or_default();
        *n += 1;
        *n == 1
    }

    /// Warns the first time, and then at every tenfold.
    fn warn(&mut self, text: &str) {
        if self.first_time(text.to_owned()) {
            tracing::warn!("{text}");
            return;
        }
        let n = self.told.get(text).copied().unwrap_or(0);
        if n >= 10 && 10u64.pow(n.ilog10()) == n {
            tracing::warn!("{text} (for the {n}th time)");
        }
    }

    /// Brings the status up to date; systemd is told when its line changes.
    fn tell(&self, state: &str) {
        let mut status = self.shared.status();
        let before = status.line();
        status.state = state.to_owned();
        status.pid = std::process::id();
        status.run = self.run;
        status.watches = self.watch.as_ref().map_or(0, Watch::n_watches);
        status.queued = self.queue.len() + self.work.paths.len();
        status.model_loaded = self.engine.is_some();
        status.roots = self.settings.config.roots.iter().map(|root| self.describe(root)).collect();
        let line = status.line();
        drop(status);
        if line != before
            && let Err(err) = sd_notify::notify(&[NotifyState::Status(&line)])
        {
            tracing::debug!("cannot tell systemd: {err}");
        }
    }

    fn describe(&self, root: &Root) -> RootStatus {
        let place = self.place_of(&root.path).map(|at| &self.places[at]);
        let state = match place {
            Some(place) if place.anchor.is_none() => "away",
            Some(place) if place.is_polled => "polled",
            Some(_) => "watched",
            None => "starting",
        };
        let fix = root.fix.as_str().to_owned();
        let path = root.path.to_string_lossy().into_owned();
        RootStatus { path, fix, state: state.to_owned() }
    }
}

fn away(path: &Path) -> String {
    format!("{} is away, or empty where photos were; waiting for it", path.display())
}

fn policies(roots: &[Root]) -> Policies {
    let policy = |root: &Root| {
        let fixing = if root.fix == FixPolicy::Auto { Fixing::Apply } else { Fixing::Off };
        let min_confidence = root.min_confidence.unwrap_or(0.0);
        (root.path.clone(), Policy { fixing, min_confidence, mode: root.mode })
    };
    let elsewhere = Policy { fixing: Fixing::Off, min_confidence: 0.0, mode: Mode::Tag };
    Policies::new(elsewhere, roots.iter().map(policy).collect())
}

/// A folder stands for everything below it. In order, a path comes right after its folder's others.
fn without_nested(paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.last().is_some_and(|last| path.starts_with(last)) {
            kept.push(path.clone());
        }
    }
    kept
}

fn ns(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn now_ns() -> i64 {
    ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Held for the daemon's life: one daemon a database.
pub struct DaemonLock(#[allow(dead_code, reason = "holding it open is its use")] std::fs::File);

impl DaemonLock {
    /// # Errors
    /// Where another daemon holds it, or the file cannot be made.
    pub fn take(db: &Path) -> Result<Self> {
        use std::io::{Read, Write};
        let mut path = db.as_os_str().to_owned();
        path.push(".daemon-lock");
        let path = PathBuf::from(path);
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        if file.try_lock().is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).context("cannot read the daemon's lock")?;
            anyhow::bail!("orientd runs already with this database, as process {}", pid.trim());
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(file))
    }
}
