//! Files wait here until they have settled: the same size and times at two checks.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::identity::Identity;

/// Files due this soon are taken too, so that both names of a renamed file are in the same round.
const ALONG: Duration = Duration::from_millis(20);

struct Waiting {
    /// `None`: it was not there.
    identity: Option<Identity>,
    due: Instant,
}

#[derive(Default)]
pub(super) struct Queue {
    waiting: HashMap<PathBuf, Waiting>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Something happened to the file: it waits from now, unless it is as it was.
    pub(super) fn touch(&mut self, path: PathBuf, now: Instant, settle: Duration) {
        let identity = identity_of(&path);
        let is_same = |waiting: &Waiting| waiting.identity == identity;
        if !self.waiting.get(&path).is_some_and(is_same) {
            self.waiting.insert(path, Waiting { identity, due: now + settle });
        }
    }

    /// Removes and returns the files that have settled or been gone for `settle`. Files that changed go on waiting.
    pub(super) fn take_settled(&mut self, now: Instant, settle: Duration) -> Vec<PathBuf> {
        let mut settled = Vec::new();
        self.waiting.retain(|path, waiting| {
            if waiting.due > now + ALONG {
                return true;
            }
            let identity = identity_of(path);
            if identity == waiting.identity {
                settled.push(path.clone());
                return false;
            }
            *waiting = Waiting { identity, due: now + settle };
            true
        });
        settled
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }
}

fn identity_of(path: &Path) -> Option<Identity> {
    fs::symlink_metadata(path).ok().map(|metadata| Identity::from(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_settles_when_it_stops_changing() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.jpg");
        fs::write(&path, b"a")?;
        let start = Instant::now();
        let settle = Duration::from_secs(5);
        let mut queue = Queue::default();
        queue.touch(path.clone(), start, settle);
        assert!(queue.take_settled(start + Duration::from_secs(4), settle).is_empty());
        fs::write(&path, b"longer")?;
        let at = start + Duration::from_secs(6);
        assert!(queue.take_settled(at, settle).is_empty(), "it grew meanwhile");
        queue.touch(path.clone(), at + Duration::from_secs(3), settle);
        assert_eq!(queue.take_settled(at + settle, settle), [path], "an event alone is no change");
        assert_eq!(queue.len(), 0);
        Ok(())
    }
}
