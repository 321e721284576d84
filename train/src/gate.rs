//! Whether a new model is used: only where it beats the present one on the same held-back photos.

use serde::Serialize;

use crate::eval::Evaluation;

/// Fewer photos than this decide nothing.
pub const FEWEST_PHOTOS: usize = 50;

/// How much more of the wrongly stored photos the present model may turn, as a share.
const RECALL_SLACK: f64 = 0.005;

/// What decides, of one model on the held-back photos; shares but for the first two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    pub photos: usize,
    pub wrong_per_thousand: f64,
    /// Right of all four turns, with four views.
    pub accuracy: f64,
    /// Of the wrongly stored, turned rightly without asking.
    pub turned_rightly: f64,
}

impl From<&Evaluation> for Figures {
    fn from(evaluation: &Evaluation) -> Self {
        let four = &evaluation.four_views;
        Self {
            photos: evaluation.photos,
            wrong_per_thousand: four.wrong_per_thousand.value,
            accuracy: four.accuracy.value,
            turned_rightly: four.turned_rightly.value,
        }
    }
}

/// The decision and its reasons, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub accepted: bool,
    pub reasons: Vec<String>,
}

/// Both must be of the same photos. `wrong_limit` is what is asked of any model: wrong turns per
/// 1,000 upright photos.
pub fn decide(before: Figures, now: Figures, wrong_limit: f64) -> Decision {
    let percent = |share: f64| 100.0 * share;
    let better = now.accuracy > before.accuracy
        || now.turned_rightly > before.turned_rightly
        || now.wrong_per_thousand < before.wrong_per_thousand;
    let checks = [
        (
            now.photos >= FEWEST_PHOTOS && now.photos == before.photos,
            format!("{} photos held back, at least {FEWEST_PHOTOS} are needed", now.photos),
        ),
        (
            now.wrong_per_thousand <= wrong_limit.max(before.wrong_per_thousand),
            format!(
                "{:.2} wrong turns per 1,000 upright photos, {:.2} with the present model, \
                 {wrong_limit:.2} allowed",
                now.wrong_per_thousand, before.wrong_per_thousand
            ),
        ),
        (
            now.accuracy >= before.accuracy,
            format!(
                "{:.2} % of the photos are answered rightly, {:.2} % by the present model",
                percent(now.accuracy),
                percent(before.accuracy)
            ),
        ),
        (
            now.turned_rightly >= before.turned_rightly - RECALL_SLACK,
            format!(
                "{:.2} % of the wrongly stored are turned by themselves, {:.2} % by the present \
                 model",
                percent(now.turned_rightly),
                percent(before.turned_rightly)
            ),
        ),
        (better, "better in at least one of these".to_owned()),
    ];
    let accepted = checks.iter().all(|(holds, _)| *holds);
    let word = |holds| if holds { "yes" } else { "no" };
    let reasons = checks.into_iter().map(|(holds, reason)| format!("{}: {reason}", word(holds)));
    Decision { accepted, reasons: reasons.collect() }
}

impl Decision {
    /// A line for each reason, then the verdict: what is said last is what is remembered.
    pub fn words(&self) -> String {
        let verdict =
            if self.accepted { "the new model is better" } else { "the present model stays" };
        format!("  {}\n{verdict}", self.reasons.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn only_a_better_model_is_used() {
        let figures = |photos, wrong_per_thousand, accuracy, turned_rightly| {
            Figures { photos, wrong_per_thousand, accuracy, turned_rightly }
        };
        let before = figures(500, 2.0, 0.95, 0.70);
        for (now, accepted, reason) in [
            (figures(500, 2.0, 0.96,  0.70),  true,  "better in at least one"),
            (figures(500, 2.0, 0.95,  0.70),  false, "no: better in at least one"),
            (figures(500, 1.0, 0.95,  0.70),  true,  "1.00 wrong turns per 1,000"),
            (figures(500, 2.5, 0.99,  0.90),  false, "no: 2.50 wrong turns per 1,000"),
            (figures(500, 2.0, 0.949, 0.90),  false, "no: 94.90 % of the photos"),
            (figures(500, 2.0, 0.96,  0.696), true,  "69.60 % of the wrongly stored"),
            (figures(500, 2.0, 0.96,  0.694), false, "no: 69.40 % of the wrongly stored"),
            (figures(499, 2.0, 0.96,  0.70),  false, "no: 499 photos held back"),
        ] {
            let decision = decide(before, now, 1.0);
            assert_eq!(decision.accepted, accepted, "{now:?}");
            assert!(decision.words().contains(reason), "{}", decision.words());
        }
        // A model may make as many wrong turns as are allowed, also where the present one makes none.
        let flawless = figures(1000, 0.0, 0.95, 0.70);
        assert!(decide(flawless, figures(1000, 1.0, 0.96, 0.80), 1.0).accepted);
        assert!(!decide(figures(49, 0.0, 0.5, 0.0), figures(49, 0.0, 0.9, 0.9), 1.0).accepted);
    }
}
