//! One round: what has settled goes through the stages of a scan, and comes back where that fails.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

use super::{Keeper, Work};
use crate::config::{Config, FixPolicy, Root};
use crate::pipeline;
use crate::rules::mode::Mode;
use crate::stages::policy::{Fixing, Policies, Policy};
use crate::stages::record::{Recorder, Report};
use crate::stages::walk::{Elsewhere, Walk};

/// Waits between tries of a round that failed: doubling, from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// A photo refused for one of these is tried again with the next poll.
const PASSING: [&str; 4] = ["no_space", "write_failed", "locked", "changed_while_reading"];

impl Keeper {
    pub(super) fn round(&mut self) {
        for at in 0..self.places.len() {
            let place = &self.places[at].path;
            if self.work.paths.iter().any(|path| path.starts_with(place)) {
                self.check_place(at);
            }
        }
        let places = &self.places;
        let is_here = |path: &PathBuf| {
            places.iter().any(|place| place.anchor.is_some() && path.starts_with(&place.path))
        };
        let mut work = std::mem::take(&mut self.work);
        work.paths.retain(is_here);
        if work.paths.is_empty() {
            // What failed went away with its folder: there is nothing left to try again.
            self.works_again();
            return;
        }
        self.tell("looking");
        #[cfg(feature = "test-switches")]
        self.hang_for_a_test(&work);
        let result = self.send_through(&work);
        if self.engine.is_some() {
            self.last_used = Instant::now();
        }
        let was_interrupted = self.shared.pulse.is_interrupted();
        if result.is_err() || was_interrupted {
            self.work.paths.extend(work.paths);
            self.work.settled.extend(work.settled);
        }
        match result {
            Ok(()) => self.works_again(),
            Err(err) => {
                self.engine = None;
                let wait = wait_after(self.retry.map(|(_, wait)| wait));
                self.retry = Some((Instant::now() + wait, wait));
                let text = format!("{err:#}");
                self.shared.status().last_error = Some(text.clone());
                self.warn(&format!("paused, and tried again from time to time: {text}"));
            }
        }
    }

    fn works_again(&mut self) {
        if self.retry.take().is_some() {
            tracing::info!("it works again");
            self.shared.status().last_error = None;
        }
    }

    #[cfg(feature = "test-switches")]
    fn hang_for_a_test(&self, work: &Work) {
        let Some(name) = &self.hang_on else { return };
        while work.paths.iter().any(|path| path.file_name() == Some(name)) {
            std::thread::park();
        }
    }

    fn send_through(&mut self, work: &Work) -> Result<()> {
        let mut store = self.open()?;
        crate::journal::settle_after_crash(&mut store)?;
        let mut look = self.settings.look.clone();
        look.pulse = Arc::clone(&self.shared.pulse);
        let model = store.known_model(&look.model.hash, look.bars)?;
        look.bars = store.bars_for(model, look.bars)?;
        let roots = without_nested(&work.paths);
        let mut known = HashMap::new();
        for root in &roots {
            self.shared.pulse.beat();
            store.known_below(root, model, |path, file| {
                known.insert(path, file);
            })?;
        }
        let config = &self.settings.config;
        let walk = Walk {
            roots,
            known,
            elsewhere: Elsewhere::new(&store, model),
            ignore: config.ignore.clone(),
            rescan: false,
            settled_before_ns: Some(now_ns() - ns(config.settle)),
            settled: work.settled.clone(),
            anchors: self.places.iter().filter_map(|place| place.anchor.clone()).collect(),
            pulse: Arc::clone(&self.shared.pulse),
        };
        let recorder = Recorder {
            store,
            run: self.run,
            model_hash: look.model.hash,
            model_name: look.model.name.clone(),
            model,
            bars: look.bars,
            policies: policies(&config.roots),
            rescan: false,
            keep_mtime: config.keep_mtime,
            keep: config.keep,
            in_full: false,
            pulse: Arc::clone(&self.shared.pulse),
        };
        let mut engine = self.engine.take();
        let (mut unsettled, mut passing) = (Vec::new(), Vec::new());
        let mut told = |report| match report {
            Report::Unsettled(path) => unsettled.push(path),
            Report::Photo(photo) => {
                let reason = photo.reason.as_ref().map(|(code, _)| code.as_str());
                if reason.is_some_and(|code| PASSING.contains(&code)) {
                    passing.push(photo.path.clone());
                }
                self.tell_of(&photo);
            }
            _ => {}
        };
        let result = pipeline::flow(walk, look, &mut engine, recorder, &mut told);
        self.engine = engine;
        let now = Instant::now();
        let Config { settle, poll, .. } = self.settings.config;
        for path in unsettled {
            self.queue.touch(path, now, settle);
        }
        for path in passing {
            self.queue.touch(path, now, poll);
        }
        self.store = Some(result?);
        Ok(())
    }
}

/// How long to wait before the next try. `earlier`: the wait before the try that just failed.
fn wait_after(earlier: Option<Duration>) -> Duration {
    let (first, last) = RETRY;
    earlier.map_or(first, |wait| (wait * 2).min(last))
}

fn policies(roots: &[Root]) -> Policies {
    let policy = |root: &Root| {
        let fixing = if root.fix == FixPolicy::Auto { Fixing::Apply } else { Fixing::Off };
        let min_confidence = root.min_confidence.unwrap_or(0.0);
        (root.path.clone(), Policy { fixing, min_confidence, mode: root.mode })
    };
    let elsewhere = Policy { fixing: Fixing::Off, min_confidence: 0.0, mode: Mode::Tag };
    Policies::new(elsewhere, roots.iter().map(policy).collect())
}

/// A folder stands for everything below it. In order, a path comes right after its folder's others.
fn without_nested(paths: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.last().is_some_and(|last| path.starts_with(last)) {
            kept.push(path.clone());
        }
    }
    kept
}

fn ns(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn now_ns() -> i64 {
    ns(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_no_longer() {
        let waits =
            std::iter::successors(Some(wait_after(None)), |wait| Some(wait_after(Some(*wait))));
        let seconds: Vec<u64> = waits.take(11).map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn a_folder_stands_for_what_is_below_it() {
        let paths = ["/a", "/a/b.jpg", "/a/c/d.jpg", "/ab", "/b/c"].map(PathBuf::from);
        let kept = without_nested(&paths.into_iter().collect());
        assert_eq!(kept, ["/a", "/ab", "/b/c"].map(PathBuf::from));
    }
}
