//! From the network's scores to a verdict: temperature, views averaged, two thresholds and a margin.

use crate::orientation::Turn;

/// Calibrated probabilities of the four turns, in class order; they add up to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probabilities(pub [f32; 4]);

impl Probabilities {
    /// Of a picture that shows nothing: every turn is as good as any.
    pub const UNKNOWN: Self = Self([0.25; 4]);

    /// Softmax of `logits / temperature`.
    pub fn from_logits(logits: [f32; 4], temperature: f32) -> Self {
        let highest = logits.into_iter().fold(f32::NEG_INFINITY, f32::max);
        let weights = logits.map(|logit| ((logit - highest) / temperature).exp());
        let total: f32 = weights.iter().sum();
        Self(weights.map(|weight| weight / total))
    }

    /// Four views of one photo, view `k` turned `k` quarter turns counter-clockwise: each view's
    /// scores are shifted back by its `k` classes, then averaged. Averaging logits or their
    /// log-softmax gives the same distribution, since they differ by a constant per view.
    pub fn from_four_views(views: &[[f32; 4]; 4], temperature: f32) -> Self {
        let mean = std::array::from_fn(|class| {
            let shifted = views.iter().enumerate().map(|(k, logits)| logits[(class + k) % 4]);
            shifted.sum::<f32>() / 4.0
        });
        Self::from_logits(mean, temperature)
    }

    /// The likeliest turn and its probability; the smaller turn where two are equal.
    pub fn best(&self) -> (Turn, f32) {
        let mut best = Turn::NONE;
        for turn in Turn::ALL {
            if self.of(turn) > self.of(best) {
                best = turn;
            }
        }
        (best, self.of(best))
    }

    pub fn of(&self, turn: Turn) -> f32 {
        self.0[turn.class()]
    }

    /// The likeliest turn that would change the photo.
    pub fn best_change(&self) -> (Turn, f32) {
        let mut best = Turn::ALL[1];
        for turn in Turn::ALL[2..].iter().copied() {
            if self.of(turn) > self.of(best) {
                best = turn;
            }
        }
        (best, self.of(best))
    }
}

/// The two thresholds of a verdict. Both come with the model; the config may name others, and the
/// owner's answers may move the first. docs/contracts.md has the rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// A turn other than 0 with at least this probability is `fix`.
    pub auto_confidence: f32,
    /// Otherwise at least this much for all three changes together is `review`.
    pub review_confidence: f32,
}

/// A turn is proposed only if it is likelier than "upright" by this much. Where the network sees nothing that tells
/// one side from another, all four are alike up to rounding, and the best of them means nothing;
/// docs/decisions/0011-nothing-to-see.md has the figures.
pub const MARGIN: f32 = 0.15;

/// What is to be done about a photo that could be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    Upright,
    Fix,
    Review,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upright => "upright",
            Self::Fix => "fix",
            Self::Review => "review",
        }
    }
}

impl std::str::FromStr for Verdict {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        [Self::Upright, Self::Fix, Self::Review]
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
            .ok_or(())
    }
}

/// A verdict with the turn it proposes: `Turn::NONE` exactly where the verdict is `Upright`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    pub verdict: Verdict,
    pub turn: Turn,
    /// Calibrated probability of `turn`.
    pub confidence: f32,
}

/// Decides from the whole probability vector. If no change beats "upright" by [`MARGIN`], the verdict is
/// `upright`; else it is `fix` if that change is sure enough, `review` if the three changes together are likely
/// enough, and otherwise `upright` too.
pub fn decide(seen: &Probabilities, thresholds: Thresholds) -> Decision {
    let (change, confidence) = seen.best_change();
    let upright = seen.of(Turn::NONE);
    let is_ahead = confidence - upright >= MARGIN;
    if is_ahead && confidence >= thresholds.auto_confidence {
        Decision { verdict: Verdict::Fix, turn: change, confidence }
    } else if is_ahead && 1.0 - upright >= thresholds.review_confidence {
        Decision { verdict: Verdict::Review, turn: change, confidence }
    } else {
        Decision { verdict: Verdict::Upright, turn: Turn::NONE, confidence: upright }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { auto_confidence: 0.98, review_confidence: 0.4 };

    #[test]
    #[rustfmt::skip]
    fn decides() {
        for (name, seen, verdict, degrees) in [
            ("plainly upright",             [0.99, 0.005, 0.003, 0.002], Verdict::Upright, 0),
            ("plainly on its side",         [0.01, 0.985, 0.003, 0.002], Verdict::Fix,     90),
            ("at the automatic threshold",        [0.01, 0.005, 0.005, 0.98],  Verdict::Fix,     270),
            ("just below it",               [0.02, 0.001, 0.979, 0.0],   Verdict::Review,  180),
            ("wrong, but which way?",       [0.02, 0.49,  0.0,   0.49],  Verdict::Review,  90),
            ("upright likeliest, doubtful", [0.55, 0.15,  0.15,  0.15],  Verdict::Upright, 0),
            ("nothing to tell by",          [0.25, 0.25,  0.25,  0.25],  Verdict::Upright, 0),
            ("the same, rounded",           [0.2499, 0.2501, 0.25, 0.25], Verdict::Upright, 0),
            ("ahead by the margin",         [0.25, 0.125, 0.21875, 0.40625], Verdict::Review, 270),
            ("ahead by less",               [0.42, 0.54,  0.02,  0.02],  Verdict::Upright, 0),
            ("below the review threshold",        [0.75, 0.25,  0.0,   0.0],   Verdict::Upright, 0),
        ] {
            let decision = decide(&Probabilities(seen), THRESHOLDS);
            assert_eq!((decision.verdict, decision.turn.degrees()), (verdict, degrees), "{name}");
            assert_eq!(decision.confidence, seen[decision.turn.class()], "{name}");
        }
    }

    /// Whatever the thresholds are.
    #[test]
    fn pictures_that_tell_nothing_are_never_proposed() {
        let thresholds = Thresholds { auto_confidence: 0.2, review_confidence: 0.0 };
        for seen in [Probabilities::UNKNOWN, Probabilities([f32::NAN; 4])] {
            assert_eq!(decide(&seen, thresholds).verdict, Verdict::Upright, "{seen:?}");
        }
    }

    #[test]
    fn temperature_flattens_and_keeps_the_order() {
        let logits = [4.0, 1.0, 0.0, -2.0];
        let sharp = Probabilities::from_logits(logits, 1.0);
        let flat = Probabilities::from_logits(logits, 2.0);
        assert!(flat.0[0] < sharp.0[0] && flat.0[3] > sharp.0[3]);
        assert!((flat.0.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let huge = Probabilities::from_logits([1e30, 0.0, 0.0, 0.0], 1.0);
        assert_eq!(huge.best(), (Turn::NONE, 1.0));
    }

    /// A perfect network answers view k with its class plus k; then four views agree with one.
    #[test]
    fn four_views_of_a_perfect_network_agree() {
        let one = [3.0, 1.0, 0.5, -1.0];
        let views = std::array::from_fn(|k| std::array::from_fn(|class| one[(class + 4 - k) % 4]));
        let four = Probabilities::from_four_views(&views, 1.0);
        for (a, b) in four.0.iter().zip(Probabilities::from_logits(one, 1.0).0) {
            assert!((a - b).abs() < 1e-6);
        }
    }

    /// Turning the photo permutes its views, so four views answer the turn exactly.
    #[test]
    fn four_views_are_equivariant() {
        let views = [[3.0, 1.0, 0.5, -1.0], [0.1, 2.0, 0.3, 0.9], [0.0, -1.0, 1.5, 0.2], [1.0; 4]];
        let turned = std::array::from_fn(|k| views[(k + 1) % 4]);
        let before = Probabilities::from_four_views(&views, 1.3);
        let after = Probabilities::from_four_views(&turned, 1.3);
        for class in 0..4 {
            assert!((before.0[class] - after.0[(class + 1) % 4]).abs() < 1e-6);
        }
    }
}
