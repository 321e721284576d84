//! The flag that stops a running round.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set from outside; checked between two files.
#[derive(Debug, Default)]
pub struct StopFlag(AtomicBool);

impl StopFlag {
    /// Asks the round to finish the file at hand and leave the rest.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Resets the flag, so that a new round can run.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
