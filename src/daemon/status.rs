//! What the daemon says of itself, to `orientd status` and to systemd.

use serde::{Deserialize, Serialize};

use crate::config::FixPolicy;
use crate::store::RunId;

/// What the service is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServiceState {
    /// Placing watches.
    #[default]
    Starting,
    Watching,
    /// A round runs.
    Looking,
    Paused,
    /// A round failed and is tried again after a while.
    Retrying,
    Stopping,
}

impl ServiceState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Watching => "watching",
            Self::Looking => "looking",
            Self::Paused => "paused",
            Self::Retrying => "retrying",
            Self::Stopping => "stopping",
        }
    }
}

/// How a root is kept up with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RootState {
    /// Not looked at yet.
    #[default]
    Starting,
    Watched,
    /// Looked through every so often, since its changes may not be told.
    Polled,
    /// Not there, or empty where photos were.
    Away,
}

impl RootState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Watched => "watched",
            Self::Polled => "polled",
            Self::Away => "away",
        }
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Status {
    pub state: ServiceState,
    pub pid: u32,
    /// `None` until the run has begun.
    pub run: Option<RunId>,
    pub roots: Vec<RootStatus>,
    pub watches: usize,
    /// Files that wait to settle or to be looked at.
    pub queued: usize,
    pub looked_at: u64,
    pub turned: u64,
    pub to_review: u64,
    pub skipped: u64,
    /// Should have been turned and could not be.
    #[serde(default)]
    pub refused: u64,
    /// Is the model in memory?
    pub model_loaded: bool,
    /// Where the network last ran; `None` until it has.
    pub provider: Option<String>,
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RootStatus {
    pub path: String,
    pub fix: FixPolicy,
    pub state: RootState,
}

impl Status {
    /// One line for `systemctl status`.
    pub(crate) fn line(&self) -> String {
        let n_away = self.roots.iter().filter(|root| root.state == RootState::Away).count();
        let away = if n_away > 0 { format!(", {n_away} away") } else { String::new() };
        let plural = if self.roots.len() == 1 { "" } else { "s" };
        let error = self.last_error.as_ref().filter(|_| self.state == ServiceState::Retrying);
        let error = error.map_or_else(String::new, |error| format!("; {error}"));
        format!(
            "{} ({} folder{plural}{away}): looked at {}, turned {}, {} to review, {} queued{error}",
            self.state.as_str(),
            self.roots.len(),
            self.looked_at,
            self.turned,
            self.to_review,
            self.queued
        )
    }
}
