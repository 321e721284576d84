//! Keeps the database in step with the folders: collects changed files, waits until they have settled, and
//! scans them in rounds. A round that fails or is stopped gives its files back, so nothing is lost and
//! recovery is only another round.

mod database;
mod log;
mod retry;
mod roots;
mod round;
mod work;

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use sd_notify::NotifyState;

pub(super) use self::database::BUSY_TIMEOUT;
use self::database::Database;
use self::log::Log;
use self::retry::Retry;
use self::roots::{Roots, Surroundings};
use self::work::Work;
use super::messages::{Message, ServiceSettings, Shared};
use super::status::{RootStatus, ServiceState};
use crate::engine::Engine;
use crate::store::{RunId, Store};

pub(super) struct Service {
    settings: ServiceSettings,
    run: RunId,
    database: Database,
    engine: Option<Engine>,
    /// When the engine was last there after a round.
    last_used: Instant,
    roots: Roots,
    work: Work,
    is_paused: bool,
    retry: Option<Retry>,
    log: Log,
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    /// For the watches, which wake the loop.
    inbox_in: Sender<Message>,
}

impl Service {
    pub(super) fn new(
        settings: ServiceSettings,
        store: Store,
        run: RunId,
        shared: Arc<Shared>,
        (inbox_in, inbox): (Sender<Message>, Receiver<Message>),
    ) -> Self {
        let now = Instant::now();
        Self {
            roots: Roots::new(&settings.config, now),
            settings,
            run,
            database: Database::new(store),
            engine: None,
            last_used: now,
            work: Work::default(),
            is_paused: false,
            retry: None,
            log: Log::new(Arc::clone(&shared), run),
            shared,
            inbox,
            inbox_in,
        }
    }

    /// Runs until it is told to stop.
    ///
    /// # Errors
    /// Returns an error if the end of the run cannot be written; all photos' work is safe by then.
    pub(super) fn run(mut self) -> Result<()> {
        self.start();
        loop {
            while let Ok(message) = self.inbox.try_recv() {
                if matches!(message, Message::Stop) {
                    return self.end();
                }
                self.handle(message);
            }
            self.shared.signals.heartbeat.beat();
            let now = Instant::now();
            let (roots, mut around) = self.roots_and_surroundings();
            roots.take_changes(&mut around, now);
            roots.look_when_due(&mut around, now);
            let is_free = !self.is_paused && self.retry.is_none_or(|retry| retry.at <= now);
            if is_free {
                self.work.take_settled(now, self.settings.config.settle);
                if !self.work.due.paths.is_empty() {
                    self.round();
                    continue;
                }
            }
            self.rest(now);
            self.publish(match self.retry {
                _ if self.is_paused => ServiceState::Paused,
                Some(_) => ServiceState::Retrying,
                None => ServiceState::Watching,
            });
            match self.inbox.recv_deadline(self.next_wake(is_free)) {
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return self.end(),
                Ok(message) => self.handle(message),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn end(mut self) -> Result<()> {
        self.publish(ServiceState::Stopping);
        let mut store = self.database.take()?;
        store.end_run(self.run)?;
        tracing::info!(run = %self.run, "stopped");
        Ok(())
    }

    fn handle(&mut self, message: Message) {
        match message {
            Message::Changed | Message::Stop => {}
            Message::Nudge => self.shared.signals.heartbeat.beat(),
            Message::Pause => {
                self.shared.signals.stop.clear();
                self.is_paused = true;
            }
            Message::Resume => self.is_paused = false,
            Message::Rescan => {
                self.retry = None;
                let (roots, mut around) = self.roots_and_surroundings();
                roots.look_everywhere(&mut around, Instant::now());
            }
            Message::Reload(settings) => {
                self.shared.signals.stop.clear();
                if !settings.inference.has_engine_of(&self.settings.inference) {
                    self.engine = None;
                }
                self.settings = *settings;
                self.shared.status().last_error = None;
                self.start();
                tracing::info!("reloaded");
            }
        }
    }

    /// Takes up the folders of the settings in force.
    fn start(&mut self) {
        self.publish(ServiceState::Starting);
        self.log.forget_all();
        let inbox = self.inbox_in.clone();
        // A service that has ended needs no waking.
        let wake = move || drop(inbox.send(Message::Changed));
        let (roots, mut around) = self.roots_and_surroundings();
        roots.start(&mut around, wake, Instant::now());
        self.publish(ServiceState::Watching);
        // Only a service manager can be told; there may be none.
        if let Err(err) = sd_notify::notify(&[NotifyState::Ready]) {
            tracing::warn!("cannot tell systemd that watches stand: {err}");
        }
    }

    fn roots_and_surroundings(&mut self) -> (&mut Roots, Surroundings<'_>) {
        let around = Surroundings {
            config: &self.settings.config,
            work: &mut self.work,
            log: &mut self.log,
            database: &mut self.database,
            signals: &self.shared.signals,
        };
        (&mut self.roots, around)
    }

    /// Nothing to do: after a while the model's memory is given back.
    fn rest(&mut self, now: Instant) {
        if !self.database.is_open() || now < self.last_used + self.settings.config.idle {
            return;
        }
        self.engine = None;
        self.database.close();
        self.settings.inference.model.release();
        // SAFETY: malloc_trim only returns free memory to the system.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0);
        }
    }

    fn next_wake(&self, is_free: bool) -> Instant {
        let idle = self.database.is_open().then(|| self.last_used + self.settings.config.idle);
        let retry = self.retry.map(|retry| retry.at).filter(|_| !self.is_paused);
        let settled = self.work.queue.next_due().filter(|_| is_free);
        let wakes = [idle, retry, settled].into_iter().flatten();
        wakes.fold(self.roots.next_due(), Instant::min)
    }

    /// Brings the status up to date.
    fn publish(&self, state: ServiceState) {
        self.log.publish(|status| {
            status.state = state;
            status.pid = std::process::id();
            status.run = Some(self.run);
            status.watches = self.roots.n_watches();
            status.queued = self.work.len();
            status.model_loaded = self.engine.is_some();
            if let Some(engine) = &self.engine {
                status.provider = Some(engine.loaded().device.name().to_owned());
            }
            let roots = self.settings.config.roots.iter();
            let describe = |root: &crate::config::Root| RootStatus {
                path: root.path.to_string_lossy().into_owned(),
                fix: root.fix,
                state: self.roots.state_of(&root.path),
            };
            status.roots = roots.map(describe).collect();
        });
    }
}
