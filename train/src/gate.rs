//! Whether a new model is used: only where it beats the present one on the same held-back photos.

use serde::Serialize;

use crate::eval::Evaluation;

/// Fewer photos than this decide nothing.
const FEWEST_PHOTOS: usize = 50;

/// How much more of the wrongly stored photos the present model may turn, as a share.
const RECALL_SLACK: f64 = 0.005;

/// The decision and its reasons, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub accepted: bool,
    pub reasons: Vec<String>,
}

/// Both evaluations must be of the same photos. `wrong_limit` is what is asked of any model: wrong
/// turns per 1,000 upright photos.
pub fn decide(present: &Evaluation, new: &Evaluation, wrong_limit: f64) -> Decision {
    let figures = |evaluation: &Evaluation| {
        let four = &evaluation.four_views;
        (four.accuracy.value, four.wrong_per_thousand.value, four.turned_rightly.value)
    };
    let (accuracy_before, wrong_before, turned_before) = figures(present);
    let (accuracy, wrong, turned) = figures(new);
    let photos = new.photos;
    let mut reasons = Vec::new();
    let mut accepted = true;
    let mut check = |holds: bool, reason: String| {
        accepted &= holds;
        reasons.push(format!("{}: {reason}", if holds { "yes" } else { "no" }));
    };
    check(
        photos >= FEWEST_PHOTOS && photos == present.photos,
        format!("{photos} photos held back, at least {FEWEST_PHOTOS} are needed"),
    );
    check(
        wrong <= wrong_limit.max(wrong_before),
        format!(
            "{wrong:.2} wrong turns per 1,000 upright photos, {wrong_before:.2} with the present \
             model, {wrong_limit:.2} allowed"
        ),
    );
    check(
        accuracy >= accuracy_before,
        format!(
            "{:.2} % of the photos are answered rightly, {:.2} % by the present model",
            100.0 * accuracy,
            100.0 * accuracy_before
        ),
    );
    check(
        turned >= turned_before - RECALL_SLACK,
        format!(
            "{:.2} % of the wrongly stored are turned by themselves, {:.2} % by the present model",
            100.0 * turned,
            100.0 * turned_before
        ),
    );
    check(
        accuracy > accuracy_before || turned > turned_before || wrong < wrong_before,
        "better in at least one of these".to_owned(),
    );
    Decision { accepted, reasons }
}

impl Decision {
    pub fn words(&self) -> String {
        let verdict = if self.accepted {
            "the new model is better and is used"
        } else {
            "the present model stays"
        };
        format!("{verdict}\n  {}", self.reasons.join("\n  "))
    }
}
