//! What the service says: lines of its log, its status, systemd's line.

use std::collections::HashMap;
use std::sync::Arc;

use sd_notify::NotifyState;

use crate::daemon::messages::Shared;
use crate::daemon::status::Status;
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::store::{PhotoState, RunId};
use orientd_core::verdict::decision::Verdict;

/// Texts remembered; further ones are not logged.
const MAX_REMEMBERED: usize = 10_000;

/// What was told already, and how often it came.
#[derive(Default)]
pub(super) struct LogThrottle(HashMap<String, u64>);

impl LogThrottle {
    /// Counts one more. Returns the count if it is to be logged: 1 and every power of ten.
    fn count(&mut self, text: &str) -> Option<u64> {
        if self.0.len() >= MAX_REMEMBERED && !self.0.contains_key(text) {
            return None;
        }
        let n = self.0.entry(text.to_owned()).or_default();
        *n += 1;
        (10_u64.pow(n.ilog10()) == *n).then_some(*n)
    }

    /// The next time counts as the first again.
    fn forget(&mut self, text: &str) {
        self.0.remove(text);
    }
}

pub(super) struct Log {
    throttle: LogThrottle,
    shared: Arc<Shared>,
    run: RunId,
}

impl Log {
    pub(super) fn new(shared: Arc<Shared>, run: RunId) -> Self {
        Self { throttle: LogThrottle::default(), shared, run }
    }

    /// From now on photos belong to this run.
    pub(super) fn follow(&mut self, run: RunId) {
        self.run = run;
    }

    /// Everything counts as the first time again.
    pub(super) fn forget_all(&mut self) {
        self.throttle = LogThrottle::default();
    }

    pub(super) fn forget(&mut self, text: &str) {
        self.throttle.forget(text);
    }

    /// Warns the first time, and then at every tenfold.
    pub(super) fn warn(&mut self, text: &str) {
        match self.throttle.count(text) {
            Some(1) => tracing::warn!("{text}"),
            Some(n) => tracing::warn!("{text} (for the {n}th time)"),
            None => {}
        }
    }

    /// Logs a photo that was looked at or turned; nothing if it is unchanged. `proposes`: turns are only proposed
    /// in its folder.
    pub(super) fn photo(&mut self, photo: &PhotoReport, proposes: bool) {
        let path = photo.path.to_string_lossy().into_owned();
        let run = self.run;
        let is_turned = photo.action != Action::None && photo.just_now;
        if let Some(reason) = photo.reason.as_ref().filter(|_| !is_turned) {
            if self.throttle.count(&format!("{} {path}", reason.code)) == Some(1) {
                match photo.state {
                    PhotoState::Skipped => self.shared.status().skipped += 1,
                    _ => self.shared.status().refused += 1,
                }
                let path = path.escape_default();
                let code = &*reason.code;
                tracing::info!(%path, %run, reason = code, "left alone: {}", reason.detail);
            }
            return;
        }
        let decision = photo.prediction.as_ref().map(|prediction| prediction.decision);
        let turn = decision.map_or(0, |decision| decision.turn.degrees());
        let confidence = decision.map_or(0.0, |decision| decision.confidence);
        let looks_turned = decision.is_some_and(|d| d.verdict != Verdict::Upright);
        let mut status = self.shared.status();
        if !photo.known {
            status.looked_at += 1;
        }
        if is_turned {
            status.turned += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, %run, "turned");
        } else if looks_turned && !photo.known && proposes {
            status.to_review += 1;
            tracing::info!(path = %path.escape_default(), turn, confidence, %run, "looks turned");
        } else {
            tracing::debug!(path = %path.escape_default(), turn, confidence, %run, "recorded");
        }
    }

    /// Brings the status up to date; systemd is told when its line changes.
    pub(super) fn publish(&self, update: impl FnOnce(&mut Status)) {
        let mut status = self.shared.status();
        let before = status.line();
        update(&mut status);
        let line = status.line();
        drop(status);
        if line != before
            && let Err(err) = sd_notify::notify(&[NotifyState::Status(&line)])
        {
            tracing::debug!("cannot tell systemd: {err}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_every_tenfold_are_told() {
        let mut throttle = LogThrottle::default();
        let worth: Vec<u64> = (0..1500).filter_map(|_| throttle.count("it fails")).collect();
        assert_eq!(worth, [1, 10, 100, 1000]);
        assert_eq!(throttle.count("another"), Some(1));
        throttle.forget("it fails");
        assert_eq!(throttle.count("it fails"), Some(1));
    }

    #[test]
    fn memory_of_the_throttle_is_bounded() {
        let mut throttle = LogThrottle::default();
        let n =
            (0..2 * MAX_REMEMBERED).filter(|at| throttle.count(&at.to_string()).is_some()).count();
        assert_eq!(n, MAX_REMEMBERED);
        assert_eq!(throttle.0.len(), MAX_REMEMBERED);
    }
}
