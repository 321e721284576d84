//! Signs of progress, for a watchdog.

use std::sync::atomic::{AtomicU64, Ordering};

/// A progress counter, shared by all working threads and the watchdog.
#[derive(Debug, Default)]
pub struct Heartbeat(AtomicU64);

impl Heartbeat {
    /// Call it when a file was found, decoded or recorded.
    pub fn beat(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Beats so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
