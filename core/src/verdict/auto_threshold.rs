//! The automatic threshold, fitted to what the owner says of this library's photos.
//!
//! A model promises that at most [`PROMISED`] of the upright photos are turned, measured on photos of
//! other people. The owner's answers tell how it fares here. They are few, and they are not drawn at
//! random: people settle what is in doubt. So an answer speaks only for photos the model is at least as
//! sure of, since it errs no more often where it is surer; the threshold is lowered only as far as an exact
//! 95 % bound keeps the promise, and raised as soon as the plain estimate breaks it.

use crate::verdict::binomial;

/// Wrong turns among upright photos: what the trainer fits a model's own threshold to, unless told otherwise.
pub const PROMISED: f64 = 0.001;

/// Fewer answers lower no threshold, however rare turns are.
pub const FEWEST: u64 = 50;

/// Nor does a threshold at which more than this share of the turns may be wrong.
pub const WORST_SHARE: f64 = 0.1;

/// A single wrong answer is chance.
const ENOUGH_WRONG: u64 = 2;

/// Nor is a threshold lowered by a step into which fewer answers fall: nobody has looked there.
const FEWEST_IN_STEP: u64 = 5;

/// Answers are held against the photos they speak for in so many groups of equal size.
const GROUPS: u64 = 10;

/// The thresholds there are beside the model's own, highest first. Few, so that verdicts change rarely.
pub const CANDIDATES: [f32; 20] = [
    0.9999, 0.9995, 0.999, 0.998, 0.996, 0.994, 0.992, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.93,
    0.9, 0.87, 0.84, 0.8, 0.75, 0.7,
];

/// Photos surer of a turn than this matter to some threshold.
pub const LOWEST: f32 = 0.7;

/// Above every probability: nothing is turned by itself.
pub const NEVER: f32 = 1.0 + f32::EPSILON;

/// What the owner said of one photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JudgedProposal {
    /// Of the likeliest turn that would change the photo, before it was answered.
    pub confidence: f32,
    /// That turn is what the photo needed. An upright photo, or one that needed another turn, is wrong.
    pub is_right: bool,
}

/// What the present model said of the library, each content once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LibraryCounts {
    /// Confidences of the likeliest turns from [`LOWEST`] on, ascending; those of answered photos too.
    pub proposals: Vec<f32>,
    /// Photos that are upright, as far as is known.
    pub n_upright: u64,
}

impl LibraryCounts {
    fn n_below(&self, threshold: f32) -> usize {
        self.proposals.partition_point(|confidence| *confidence < threshold)
    }
}

/// Where the threshold came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdSource {
    /// The answers are too few, or agree with the model.
    Model,
    Lowered,
    Raised,
}

impl ThresholdSource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Lowered => "lowered",
            Self::Raised => "raised",
        }
    }
}

/// What the answers say of one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Photos it would turn.
    pub n_proposals: u64,
    /// Those that are answered, and the turns among them that were wrong.
    pub n_answers: u64,
    pub n_wrong: u64,
    /// The answers that speak for all of these photos, and the wrong ones among them.
    n_counted: u64,
    n_counted_wrong: u64,
    pub n_upright: u64,
}

impl Evidence {
    /// `proposals` and `answers` ascending.
    fn at(threshold: f32, library: &LibraryCounts, answers: &[JudgedProposal]) -> Self {
        let proposals = &library.proposals[library.n_below(threshold)..];
        let answers = &answers[answers.partition_point(|answer| answer.confidence < threshold)..];
        let n_counted = representative(proposals, answers);
        let counted = &answers[..usize::try_from(n_counted).unwrap_or(0).min(answers.len())];
        Self {
            n_proposals: proposals.len() as u64,
            n_answers: answers.len() as u64,
            n_wrong: n_wrong_of(answers),
            n_counted,
            n_counted_wrong: n_wrong_of(counted),
            n_upright: library.n_upright,
        }
    }

    /// The share of these turns that is wrong, at most (95 %).
    fn worst_share(&self, n_wrong: u64, n_counted: u64) -> f64 {
        binomial::upper(n_wrong, n_counted)
    }

    /// Wrong turns among upright photos, at most (95 %). `None` if no upright photo is known.
    pub fn bound(&self) -> Option<f64> {
        let worst = self.worst_share(self.n_counted_wrong, self.n_counted);
        // Those that are known to be wrong are wrong, whatever the bound says of the others.
        let n_wrong = (worst * self.n_proposals as f64).max(self.n_wrong as f64);
        (self.n_upright > 0).then(|| n_wrong / self.n_upright as f64)
    }

    fn keeps_promise(&self, n_wrong: u64, n_counted: u64) -> bool {
        let worst = self.worst_share(n_wrong, n_counted);
        let allowed = PROMISED * self.n_upright as f64;
        n_counted >= FEWEST
            && worst <= WORST_SHARE
            && worst * self.n_proposals as f64 <= allowed
            && self.n_wrong as f64 <= allowed
    }

    /// Would the threshold be lowered to here if every answer that counts were right? This depends on which
    /// photos were answered, not on what was said.
    fn is_testable(&self) -> bool {
        let silent = Self { n_wrong: 0, ..*self };
        silent.keeps_promise(0, self.n_counted)
    }

    fn passes(&self) -> bool {
        self.would_pass(self.n_counted)
    }

    /// With so many answers that count, and no further wrong one among them.
    fn would_pass(&self, n_counted: u64) -> bool {
        self.keeps_promise(self.n_counted_wrong, n_counted)
    }

    /// Estimated, not bounded: the promise is broken.
    fn is_refuted(&self) -> bool {
        let n = self.n_answers as f64;
        let wrong = self.n_wrong as f64;
        let allowed = PROMISED * self.n_upright as f64;
        self.n_wrong >= ENOUGH_WRONG && wrong * self.n_proposals as f64 > allowed * n
    }

    /// So many further answers, all of them right, and the threshold would be lowered to here. `None` where
    /// the library has not so many photos to answer.
    fn n_missing(&self) -> Option<u64> {
        let mut low = self.n_counted;
        let mut high = self.n_proposals;
        if high <= low || !self.would_pass(high) {
            return None;
        }
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.would_pass(middle) { high = middle } else { low = middle }
        }
        Some(high - self.n_counted)
    }

    /// The same for a threshold that two wrong answers have raised.
    fn n_missing_to_clear(&self) -> Option<u64> {
        let allowed = PROMISED * self.n_upright as f64;
        let needed = (self.n_wrong as f64 * self.n_proposals as f64 / allowed).ceil();
        let is_possible = needed.is_finite() && needed <= self.n_proposals as f64;
        is_possible.then(|| (needed as u64).saturating_sub(self.n_answers).max(1))
    }
}

fn n_wrong_of(answers: &[JudgedProposal]) -> u64 {
    answers.iter().filter(|answer| !answer.is_right).count() as u64
}

/// How many of `answers`, the least sure first, are together no surer than `proposals`: each tenth of
/// the proposals, from the least sure on, must have its share of them. Answers that are left out are
/// the surest ones, whatever they say.
fn representative(proposals: &[f32], answers: &[JudgedProposal]) -> u64 {
    let mut n_counted = answers.len() as u64;
    for group in 1..GROUPS {
        let end = (proposals.len() as u64 * group).div_ceil(GROUPS);
        let Some(last) = end.checked_sub(1).and_then(|at| proposals.get(usize::try_from(at).ok()?))
        else {
            return 0;
        };
        let n_so_far = answers.partition_point(|answer| answer.confidence <= *last) as u64;
        n_counted = n_counted.min(n_so_far * GROUPS / group);
    }
    n_counted
}

/// The threshold in force, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoThreshold {
    pub threshold: f32,
    pub source: ThresholdSource,
    /// Of the threshold in force.
    pub evidence: Evidence,
    /// The next lower threshold that is within reach, and how many right answers it takes.
    pub next: Option<(f32, u64)>,
}

/// Fits the threshold. `own`: the model's. Both lists in any order.
///
/// Lower thresholds are tried one after the other, from the highest on, and the first that fails ends it; so
/// all of them together are wrong in at most one of twenty libraries (fixed-sequence testing: Maurer,
/// Hothorn and Lehmacher 1995; used for thresholds of a classifier by Angelopoulos et al., "Learn then Test",
/// arXiv:2110.01052). Which are tried depends on what was answered only, never on the answers.
pub fn fit_threshold(
    own: f32,
    mut library: LibraryCounts,
    mut answers: Vec<JudgedProposal>,
) -> AutoThreshold {
    library.proposals.sort_by(f32::total_cmp);
    answers.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    let at = |threshold: f32| Evidence::at(threshold, &library, &answers);
    if at(own).is_refuted() {
        let higher = CANDIDATES.iter().rev().copied().filter(|threshold| *threshold > own);
        let threshold =
            higher.into_iter().find(|threshold| !at(*threshold).is_refuted()).unwrap_or(NEVER);
        let below = CANDIDATES.iter().copied().filter(|lower| *lower < threshold && *lower > own);
        let mut within_reach = below.chain([own]);
        let next = within_reach.find_map(|lower| Some((lower, at(lower).n_missing_to_clear()?)));
        return AutoThreshold {
            threshold,
            source: ThresholdSource::Raised,
            evidence: at(threshold),
            next,
        };
    }
    let tried = lower_than(own).filter(|threshold| {
        let (n_answers, _) = in_step(*threshold, own, &library, &answers);
        n_answers >= FEWEST_IN_STEP && at(*threshold).is_testable()
    });
    let lowered = tried.take_while(|threshold| at(*threshold).passes()).last();
    let threshold = lowered.unwrap_or(own);
    let source = if lowered.is_some() { ThresholdSource::Lowered } else { ThresholdSource::Model };
    let mut further = lower_than(own).filter(|next| *next < threshold);
    let next = further.find_map(|next| {
        let (n_answers, n_proposals) = in_step(next, own, &library, &answers);
        let evidence = at(next);
        let n_more = if evidence.passes() { 0 } else { evidence.n_missing()? };
        let n_more = n_more.max(FEWEST_IN_STEP.saturating_sub(n_answers));
        (n_proposals >= FEWEST_IN_STEP && n_more > 0).then_some((next, n_more))
    });
    AutoThreshold { threshold, source, evidence: at(threshold), next }
}

/// From the highest on.
fn lower_than(own: f32) -> impl Iterator<Item = f32> {
    CANDIDATES.iter().copied().filter(move |threshold| *threshold < own)
}

/// Answers and proposals from `threshold` to the next higher one. Both lists ascending.
fn in_step(
    threshold: f32,
    own: f32,
    library: &LibraryCounts,
    answers: &[JudgedProposal],
) -> (u64, u64) {
    let higher =
        CANDIDATES.iter().copied().filter(|higher| *higher > threshold).fold(own, f32::min);
    let n_answers = answers.iter().filter(|a| (threshold..higher).contains(&a.confidence)).count();
    let n_proposals = library.n_below(higher) - library.n_below(threshold);
    (n_answers as u64, n_proposals as u64)
}

#[cfg(test)]
#[path = "auto_threshold_tests.rs"]
mod tests;
