//! Signs of life from every stage, and the one sign to them that they should come to an end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Shared by the stages of a round and whoever watches over them.
#[derive(Debug, Default)]
pub struct Pulse {
    beats: AtomicU64,
    interrupted: AtomicBool,
}

impl Pulse {
    /// Something moved: a file was met, decoded, recorded.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Asks the stages to finish what they have in hand and leave the rest for another time.
    pub fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// The interruption has been attended to.
    pub fn go_on(&self) {
        self.interrupted.store(false, Ordering::Relaxed);
    }

    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
