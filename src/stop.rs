//! The one sign to a running round that it should come to an end.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set from outside; looked at between two files.
#[derive(Debug, Default)]
pub struct StopFlag(AtomicBool);

impl StopFlag {
    /// Asks to finish what is in hand and to leave the rest for another time.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// The stop has been attended to; work may go on.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
