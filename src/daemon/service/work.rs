//! What is to be looked at: by the next round, or when it has settled.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::daemon::settle::Queue;

#[derive(Default)]
pub(super) struct Work {
    /// Files that wait to settle.
    pub queue: Queue,
    pub due: Due,
}

/// What the next round looks at.
#[derive(Default)]
pub(super) struct Due {
    /// With everything below; also files and folders that are gone.
    pub paths: BTreeSet<PathBuf>,
    /// Those that have settled, whatever their times say.
    pub settled: HashSet<PathBuf>,
}

impl Work {
    /// Moves what has settled to what is due.
    pub(super) fn take_settled(&mut self, now: Instant, settle: Duration) {
        let settled = self.queue.take_settled(now, settle);
        self.due.settled.extend(settled.iter().cloned());
        self.due.paths.extend(settled);
    }

    /// Gives back what a round did not finish.
    pub(super) fn give_back(&mut self, due: Due) {
        self.due.paths.extend(due.paths);
        self.due.settled.extend(due.settled);
    }

    /// Files and folders that wait.
    pub(super) fn len(&self) -> usize {
        self.queue.len() + self.due.paths.len()
    }
}
