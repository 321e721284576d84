//! `orientd train --library`, started from the page, with its last line as progress.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};

/// Longer lines of progress are cut.
const LONGEST_LINE: usize = 300;

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub is_running: bool,
    /// The latest line that the trainer wrote.
    pub line: String,
    /// How it ended: all well, or not.
    pub succeeded: Option<bool>,
}

pub(super) struct Training {
    db: PathBuf,
    state: Mutex<TrainingState>,
}

#[derive(Default)]
struct TrainingState {
    progress: Progress,
    child: Option<Child>,
}

impl Training {
    pub(super) fn new(db: PathBuf) -> Self {
        Self { db, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, TrainingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is there a trainer to start?
    pub(super) fn is_installed() -> bool {
        let beside = std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        beside
            .into_iter()
            .chain(std::env::split_paths(&path))
            .any(|folder| folder.join("orientd-train").is_file())
    }

    /// The present state; a trainer that has ended is noted.
    pub(super) fn progress(&self) -> Progress {
        let mut state = self.state();
        let ended = state.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = ended {
            state.child = None;
            state.progress.is_running = false;
            state.progress.succeeded = Some(status.success());
        }
        state.progress.clone()
    }

    /// Starts it, once at a time.
    ///
    /// # Errors
    /// Returns an error if it runs already or cannot be started.
    pub(super) fn start(self: &Arc<Self>) -> Result<()> {
        if self.progress().is_running {
            bail!("training is under way");
        }
        let program = std::env::current_exe().context("cannot tell which program this is")?;
        let mut command = Command::new(program);
        command.arg("--db").arg(&self.db).args(["train", "--library"]).arg(&self.db);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the training")?;
        let streams: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|stream| Box::new(stream) as _),
            child.stderr.take().map(|stream| Box::new(stream) as _),
        ];
        let progress = Progress { is_running: true, line: "starting".into(), succeeded: None };
        *self.state() = TrainingState { progress, child: Some(child) };
        for stream in streams.into_iter().flatten() {
            let this = Arc::clone(self);
            // Ends with the trainer, which ends at the latest with the page.
            thread::Builder::new().name("training".into()).spawn(move || this.follow(stream))?;
        }
        Ok(())
    }

    fn follow(&self, mut stream: Box<dyn Read + Send>) {
        let mut buffer = [0; 4096];
        let mut line = Vec::new();
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            for byte in buffer.iter().take(n) {
                match byte {
                    b'\r' | b'\n' => self.say(&mut line),
                    _ if line.len() < LONGEST_LINE => line.push(*byte),
                    _ => {}
                }
            }
        }
        self.say(&mut line);
    }

    fn say(&self, line: &mut Vec<u8>) {
        let text: String =
            String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).collect();
        line.clear();
        if !text.trim().is_empty() {
            self.state().progress.line = text.trim().to_owned();
        }
    }

    /// Ends a trainer that runs; it goes on where it was when it is started again.
    pub(super) fn stop(&self) {
        if let Some(mut child) = self.state().child.take() {
            let ended = child.kill().and_then(|()| child.wait());
            if let Err(err) = ended {
                tracing::warn!("cannot end the training: {err}");
            }
        }
    }
}
