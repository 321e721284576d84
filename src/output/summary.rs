//! Counts of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Reason;
use crate::pipeline::messages::{EngineInfo, Report};
use crate::pipeline::photo_report::{Action, PhotoReport};
use crate::store::{KnownOutcome, PhotoState};
use orientd_core::verdict::decision::Verdict;

/// Reasons, counted in two ways.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reasons {
    /// By their codes, for programs.
    pub codes: BTreeMap<String, u64>,
    /// By their sentences, for people.
    pub sentences: BTreeMap<String, u64>,
}

impl Reasons {
    fn add(&mut self, why: &Reason) {
        *self.codes.entry(why.code.clone().into_owned()).or_default() += 1;
        // What follows differs from file to file.
        let sentence = why.detail.split(": ").next().unwrap_or_default();
        *self.sentences.entry(sentence.to_owned()).or_default() += 1;
    }
}

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
    /// Of both kinds.
    pub reasons: BTreeMap<String, u64>,
    /// Why photos were not looked at.
    pub skips: Reasons,
    /// Why photos were not turned.
    pub refusals: Reasons,
    states: BTreeMap<PhotoState, u64>,
    /// Photos that wait: those that the model is sure of, and the others.
    pub n_sure: u64,
    pub n_doubtful: u64,
    /// Turned just now, or in a dry run would be; and by which action.
    pub n_turned_now: u64,
    pub ways: BTreeMap<&'static str, u64>,
    /// Those that were to be turned just now and could not be.
    pub n_refused_now: u64,
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
                let (verdict, state) = match outcome {
                    KnownOutcome::Decoded { verdict, state } if state.is_open() => {
                        (Some(*verdict), *state)
                    }
                    KnownOutcome::Decoded { state, .. } => (Some(Verdict::Upright), *state),
                    _ => (None, PhotoState::Skipped),
                };
                let word = verdict.map_or("skipped", Verdict::as_str);
                *self.verdicts.entry(word).or_default() += n;
                self.add_state(state, verdict, *n);
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
        self.add_state(photo.state, photo.verdict(), 1);
        if photo.just_now {
            self.n_turned_now += 1;
            *self.ways.entry(photo.action.as_str()).or_default() += 1;
        }
        if let Some(reason) = &photo.reason {
            *self.reasons.entry(reason.code.clone().into_owned()).or_default() += 1;
            match photo.state {
                PhotoState::Refused => {
                    self.n_refused_now += 1;
                    self.refusals.add(reason);
                }
                PhotoState::Skipped => self.skips.add(reason),
                // Turned in another way than was asked for, or said to be fine.
                _ => {}
            }
        }
    }

    fn add_state(&mut self, state: PhotoState, verdict: Option<Verdict>, n: u64) {
        *self.states.entry(state).or_default() += n;
        match (state, verdict) {
            (PhotoState::Waiting, Some(Verdict::Fix)) => self.n_sure += n,
            (PhotoState::Waiting, _) => self.n_doubtful += n,
            _ => {}
        }
    }

    pub(crate) fn state(&self, state: PhotoState) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }

    /// Photos whose proposal nobody has answered and that are not turned; those that were put back or could not be turned included.
    pub(crate) fn n_waiting(&self) -> u64 {
        let open = [PhotoState::Waiting, PhotoState::PutBack, PhotoState::Refused];
        open.map(|state| self.state(state)).iter().sum()
    }

    pub(crate) fn verdict(&self, word: &str) -> u64 {
        self.verdicts.get(word).copied().unwrap_or(0)
    }

    /// Opened photos a second.
    pub(crate) fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.n_looked_at as f64 / seconds } else { 0.0 }
    }
}
