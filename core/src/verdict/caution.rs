//! What a photo is, or how it came to be seen, that bounds its verdict whatever the network says.

use serde::{Deserialize, Serialize};

use super::decision::{Decision, Probabilities, Thresholds, Verdict, decide};

/// Why a photo is upright whatever the network says, or is not turned without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Caution {
    /// An equirectangular panorama: a sphere unrolled, and no scene that could lie on its side.
    Panorama,
    /// One side is at least [`STRIP`] times the other.
    Strip,
    /// One colour, or one that changes evenly.
    NothingToSee,
    /// Of a raw file: whether its preview lies as the raw pixels do is unclear.
    PreviewUnclear,
}

/// Squashed to a square, such a picture shows nothing that the network has learnt.
pub const STRIP: u32 = 20;

impl Caution {
    const ALL: [Self; 4] = [Self::Panorama, Self::Strip, Self::NothingToSee, Self::PreviewUnclear];

    /// The stable code in JSON and in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Panorama => "panorama",
            Self::Strip => "strip",
            Self::NothingToSee => "nothing_to_see",
            Self::PreviewUnclear => "preview_unclear",
        }
    }

    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|caution| caution.code() == code)
    }

    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Panorama => "a panorama of a whole sphere, which is never turned",
            Self::Strip => "one side is at least 20 times the other, which is too narrow to judge",
            Self::NothingToSee => "there is nothing to see in it",
            Self::PreviewUnclear => {
                "it is unclear whether its preview lies as the raw picture does"
            }
        }
    }

    /// What the shape of a picture says.
    pub fn of_sides(width: u32, height: u32) -> Option<Self> {
        let shorter = width.min(height).max(1);
        (width.max(height) / shorter >= STRIP).then_some(Self::Strip)
    }

    /// Does the network's answer mean nothing?
    fn is_blind(self) -> bool {
        !matches!(self, Self::PreviewUnclear)
    }
}

/// What is recorded of the network's answer.
pub fn believed(seen: Probabilities, caution: Option<Caution>) -> Probabilities {
    if caution.is_some_and(Caution::is_blind) { Probabilities::UNKNOWN } else { seen }
}

/// [`decide`], within the bounds of a caution: upright, or a question instead of a turn.
pub fn decide_within(
    seen: &Probabilities,
    thresholds: Thresholds,
    caution: Option<Caution>,
) -> Decision {
    let decision = decide(&believed(*seen, caution), thresholds);
    match (caution, decision.verdict) {
        (Some(Caution::PreviewUnclear), Verdict::Fix) => {
            Decision { verdict: Verdict::Review, ..decision }
        }
        _ => decision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caution_is_stronger_than_the_network() {
        let thresholds = Thresholds { auto_confidence: 0.0, review_confidence: 0.0 };
        let sure = Probabilities([0.0, 1.0, 0.0, 0.0]);
        let upright = Probabilities([1.0, 0.0, 0.0, 0.0]);
        for (caution, expected) in [
            (None, Verdict::Fix),
            (Some(Caution::Panorama), Verdict::Upright),
            (Some(Caution::Strip), Verdict::Upright),
            (Some(Caution::NothingToSee), Verdict::Upright),
            (Some(Caution::PreviewUnclear), Verdict::Review),
        ] {
            assert_eq!(decide_within(&sure, thresholds, caution).verdict, expected, "{caution:?}");
            let seen = decide_within(&upright, thresholds, caution).verdict;
            assert_eq!(seen, Verdict::Upright, "{caution:?}");
            assert_eq!(caution.and_then(|caution| Caution::from_code(caution.code())), caution);
        }
    }

    #[test]
    fn twenty_to_one_is_a_strip() {
        for (width, height, expected) in [
            (4000, 200, true),
            (200, 4000, true),
            (3999, 200, false),
            (200, 3999, false),
            (1, 20, true),
            (0, 20, true),
            (4000, 3000, false),
        ] {
            assert_eq!(Caution::of_sides(width, height).is_some(), expected, "{width}×{height}");
        }
    }
}
