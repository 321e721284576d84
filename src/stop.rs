//! The flag that stops a running round.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Set from outside; checked between two files.
#[derive(Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

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

    /// From now on Ctrl-C and SIGTERM set the flag. A second one ends the process at
    /// once; the next start settles what that cuts short.
    ///
    /// # Errors
    /// Returns an error if the signals cannot be caught.
    pub fn set_on_interrupt(&self) -> Result<()> {
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&self.0))
                .and_then(|_| flag::register(signal, Arc::clone(&self.0)))
                .context("cannot catch signals")?;
        }
        Ok(())
    }
}
