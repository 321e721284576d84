//! What may be asked of the service, and what it says of itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::status::Status;
use crate::config::Config;
use crate::pipeline::infer::Inference;
use crate::signals::Signals;

/// The settings in force; read again at every reload.
pub(crate) struct ServiceSettings {
    pub config: Config,
    pub inference: Inference,
}

/// A message to the service's thread.
pub(crate) enum Message {
    /// The watches have changes to take.
    Changed,
    /// The watchdog asks for a sign of life.
    Nudge,
    Pause,
    Resume,
    Rescan,
    Reload(Box<ServiceSettings>),
    Stop,
}

/// State shared by the service and the control socket.
#[derive(Default)]
pub(crate) struct Shared {
    pub signals: Arc<Signals>,
    status: Mutex<Status>,
}

impl Shared {
    pub(crate) fn status(&self) -> MutexGuard<'_, Status> {
        // A panic elsewhere leaves numbers that are still the latest known.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
