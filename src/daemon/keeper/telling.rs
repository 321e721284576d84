//! What the daemon says: lines of its log, its status, systemd's line.

use std::collections::HashMap;
use std::path::Path;

use sd_notify::NotifyState;

use super::super::status::RootStatus;
use super::super::watch::Watch;
use super::Keeper;
use crate::config::{FixPolicy, Root};
use crate::report::{Action, PhotoReport};
use crate::rules::decision::Verdict;

/// Failures named one by one; beyond, only counted.
const MOST_NAMED: usize = 10_000;

/// What was told already, and how often it came.
#[derive(Default)]
pub(super) struct Told(HashMap<String, u64>);

impl Told {
    /// Counts one more. How many that makes where it is worth telling: the first, and every tenfold.
    fn count(&mut self, text: &str) -> Option<u64> {
        if self.0.len() >= MOST_NAMED && !self.0.contains_key(text) {
            return None;
        }
        let n = self.0.entry(text.to_owned()).or_default();
        *n += 1;
        (10_u64.pow(n.ilog10()) == *n).then_some(*n)
    }

    /// The next time counts as the first again.
    pub(super) fn forget(&mut self, text: &str) {
        self.0.remove(text);
    }
}

impl Keeper {
    /// One line a photo that was looked at or turned; none for what is as it was.
    pub(super) fn tell_of(&mut self, photo: &PhotoReport) {
        let path = photo.path.to_string_lossy().into_owned();
        let run = self.run;
        let decision = photo.prediction.as_ref().map(|prediction| prediction.decision);
        let (turn, confidence) =
            decision.map_or((0, 0.0), |decision| (decision.turn.degrees(), decision.confidence));
        if let Some((code, detail)) = &photo.reason {
            if self.told.count(&format!("{code} {path}")) == Some(1) {
                self.shared.status().skipped += 1;
                let path = path.escape_default();
                tracing::info!(%path, run, reason = code, "left alone: {detail}");
            }
            return;
        }
        let is_turned = photo.action != Action::None && photo.just_now;
        let looks_turned = decision.is_some_and(|d| d.verdict != Verdict::Upright);
        let is_proposed = looks_turned && !photo.known && self.proposes(&photo.path);
        let mut status = self.shared.status();
        if !photo.known {
            status.looked_at += 1;
        }
        if is_turned {
            status.turned += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, run, "turned");
        } else if is_proposed {
            status.to_review += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, run, "looks turned");
        } else {
            tracing::debug!(path = %path.escape_default(), turn, confidence, run, "recorded");
        }
    }

    /// Warns the first time, and then at every tenfold.
    pub(super) fn warn(&mut self, text: &str) {
        match self.told.count(text) {
            Some(1) => tracing::warn!("{text}"),
            Some(n) => tracing::warn!("{text} (for the {n}th time)"),
            None => {}
        }
    }

    /// Brings the status up to date; systemd is told when its line changes.
    pub(super) fn tell(&self, state: &str) {
        let mut status = self.shared.status();
        let before = status.line();
        status.state = state.to_owned();
        status.pid = std::process::id();
        status.run = self.run;
        status.watches = self.watch.as_ref().map_or(0, Watch::n_watches);
        status.queued = self.queue.len() + self.work.paths.len();
        status.model_loaded = self.engine.is_some();
        if let Some(engine) = &self.engine {
            status.provider = Some(engine.device.name().to_owned());
        }
        status.roots = self.settings.config.roots.iter().map(|root| self.describe(root)).collect();
        let line = status.line();
        drop(status);
        if line != before
            && let Err(err) = sd_notify::notify(&[NotifyState::Status(&line)])
        {
            tracing::debug!("cannot tell systemd: {err}");
        }
    }

    fn describe(&self, root: &Root) -> RootStatus {
        let place = self.place_of(&root.path).map(|at| &self.places[at]);
        let state = match place {
            Some(place) if place.anchor.is_none() => "away",
            Some(place) if place.is_polled => "polled",
            Some(_) => "watched",
            None => "starting",
        };
        let fix = root.fix.as_str().to_owned();
        let path = root.path.to_string_lossy().into_owned();
        RootStatus { path, fix, state: state.to_owned() }
    }

    /// Is a person told of photos in this folder? The innermost one's settings decide.
    fn proposes(&self, path: &Path) -> bool {
        let around = self.settings.config.roots.iter().filter(|root| path.starts_with(&root.path));
        let innermost = around.max_by_key(|root| root.path.components().count());
        innermost.is_some_and(|root| root.fix != FixPolicy::Off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_every_tenfold_are_told() {
        let mut told = Told::default();
        let worth: Vec<u64> = (0..1500).filter_map(|_| told.count("it fails")).collect();
        assert_eq!(worth, [1, 10, 100, 1000]);
        assert_eq!(told.count("another"), Some(1));
        told.forget("it fails");
        assert_eq!(told.count("it fails"), Some(1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut told = Told::default();
        let n = (0..2 * MOST_NAMED).filter(|at| told.count(&at.to_string()).is_some()).count();
        assert_eq!(n, MOST_NAMED);
        assert_eq!(told.0.len(), MOST_NAMED);
    }
}
