//! Signs of progress, for a watchdog.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what moves. Shared by everything that works and whoever watches over it.
#[derive(Debug, Default)]
pub struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// Something moved: a file was found, decoded, recorded.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
