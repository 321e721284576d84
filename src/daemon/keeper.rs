//! Keeps the database in step with the folders: collects what changed, waits until it has settled,
//! and sends it through the same stages as a scan, a round at a time. A round that fails or is
//! interrupted gives its work back, so nothing is lost and recovery is only another round.

mod places;
mod round;
mod telling;

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use self::places::Place;
use self::telling::Told;
use super::queue::Queue;
use super::status::Shared;
use super::watch::Watch;
use crate::config::Config;
use crate::engine::Engine;
use crate::stages::look::Look;
use crate::store::Store;

/// A database that is locked for longer is tried again later.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

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
    /// When to try again what failed, and how long that wait is.
    retry: Option<(Instant, Duration)>,
    /// Failures and warnings told already, with how often they came.
    told: Told,
    #[cfg(feature = "test-switches")]
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
            told: Told::default(),
            // For the test of the watchdog: a round that meets this file name never ends.
            #[cfg(feature = "test-switches")]
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
                if !settings.look.has_engine_of(&self.settings.look) {
                    self.engine = None;
                }
                self.settings = *settings;
                self.shared.status().last_error = None;
                self.take_up();
                tracing::info!("reloaded");
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
        self.settings.look.model.let_go();
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
}
