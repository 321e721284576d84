//! Counts of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::pipeline::messages::{EngineInfo, Report};
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::store::KnownOutcome;

/// What a run found and did, by verdict, action and reason.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// All photos, known ones and skipped ones included.
    pub n_photos: u64,
    /// Those whose file was opened in this run.
    pub n_looked_at: u64,
    pub n_unchanged: u64,
    pub n_same_file: u64,
    pub n_other_files: u64,
    pub n_missing: u64,
    pub verdicts: BTreeMap<&'static str, u64>,
    pub actions: BTreeMap<&'static str, u64>,
    pub reasons: BTreeMap<String, u64>,
    pub engine: Option<EngineInfo>,
    pub elapsed: Duration,
}

impl Summary {
    pub(crate) fn add(&mut self, report: &Report) {
        match report {
            Report::Loaded(info) => self.engine = Some(info.clone()),
            Report::Photo(photo) => self.add_photo(photo),
            Report::Unchanged(KnownOutcome::Other, n) => self.n_other_files += n,
            Report::Unchanged(outcome, n) => {
                self.n_photos += n;
                self.n_unchanged += n;
                let verdict = match outcome {
                    KnownOutcome::Decoded { verdict, .. } => verdict.as_str(),
                    _ => "skipped",
                };
                *self.verdicts.entry(verdict).or_default() += n;
                *self.actions.entry(Action::None.as_str()).or_default() += n;
            }
            Report::SameFile => self.n_same_file += 1,
            // A scan looks at files of any age.
            Report::Unsettled(_) => {}
            Report::OtherFile => self.n_other_files += 1,
            Report::Missing(n) => self.n_missing += *n as u64,
        }
    }

    fn add_photo(&mut self, photo: &PhotoReport) {
        self.n_photos += 1;
        if photo.known {
            self.n_unchanged += 1;
        } else {
            self.n_looked_at += 1;
        }
        *self.verdicts.entry(photo.verdict_word()).or_default() += 1;
        *self.actions.entry(photo.action.as_str()).or_default() += 1;
        if let Some(reason) = &photo.reason {
            *self.reasons.entry(reason.code.clone().into_owned()).or_default() += 1;
        }
    }

    pub(crate) fn verdict(&self, word: &str) -> u64 {
        self.verdicts.get(word).copied().unwrap_or(0)
    }

    /// Photos that were changed, or in a dry run would be.
    pub(crate) fn n_changed(&self) -> u64 {
        let changed = self.actions.iter().filter(|(action, _)| **action != Action::None.as_str());
        changed.map(|(_, n)| n).sum()
    }

    /// Opened photos a second.
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.n_looked_at as f64 / seconds } else { 0.0 }
    }
}
