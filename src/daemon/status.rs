//! What the daemon says of itself, to `orientd status` and to systemd.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::pulse::Pulse;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// `starting`, `watching`, `looking`, `paused`, `retrying` or `stopping`.
    pub state: String,
    pub pid: u32,
    pub run: i64,
    pub roots: Vec<RootStatus>,
    pub watches: usize,
    /// Files that wait to settle or to be looked at.
    pub queued: usize,
    pub looked_at: u64,
    pub turned: u64,
    pub to_review: u64,
    pub skipped: u64,
    /// Is the model in memory?
    pub model_loaded: bool,
    /// Where the network last ran; `None` until it has.
    pub provider: Option<String>,
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RootStatus {
    pub path: String,
    pub fix: String,
    /// `watched`, `polled` or `away`.
    pub state: String,
}

impl Status {
    /// One line for `systemctl status`.
    pub fn line(&self) -> String {
        let n_away = self.roots.iter().filter(|root| root.state == "away").count();
        let away = if n_away > 0 { format!(", {n_away} away") } else { String::new() };
        let error = self.last_error.as_ref().filter(|_| self.state == "retrying");
        let error = error.map_or_else(String::new, |error| format!("; {error}"));
        format!(
            "{} ({} folders{away}): looked at {}, turned {}, {} to review, {} waiting{error}",
            self.state,
            self.roots.len(),
            self.looked_at,
            self.turned,
            self.to_review,
            self.queued
        )
    }
}

/// Between the keeper and whoever asks.
#[derive(Default)]
pub struct Shared {
    pub pulse: std::sync::Arc<Pulse>,
    status: Mutex<Status>,
}

impl Shared {
    pub fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
