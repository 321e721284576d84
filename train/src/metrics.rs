//! Figures out of scores; pure.

use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::{Probabilities, Thresholds, Verdict, decide};

/// What the network said of a photo as it was shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// Index of the photo.
    pub photo: usize,
    /// The turn that would have been right.
    pub truth: Turn,
    pub seen: Probabilities,
}

impl Answer {
    pub fn is_right(&self) -> bool {
        self.seen.best().0 == self.truth
    }

    /// Natural logarithm of the truth's probability, negated.
    pub fn loss(&self) -> f64 {
        -f64::from(self.seen.of(self.truth)).max(1e-30).ln()
    }
}

/// Every photo shown upright and turned three ways, answered with one view.
pub fn one_view(views: &[[[f32; 4]; 4]], temperature: f32) -> Vec<Answer> {
    let shown = |(photo, views): (usize, &[[f32; 4]; 4])| {
        Turn::ALL.map(|truth| Answer {
            photo,
            truth,
            seen: Probabilities::from_logits(views[truth.class()], temperature),
        })
    };
    views.iter().enumerate().flat_map(shown).collect()
}

/// The same with four views. Turning a photo permutes its views, so its answer only shifts.
pub fn four_views(views: &[[[f32; 4]; 4]], temperature: f32) -> Vec<Answer> {
    let shown = |(photo, views): (usize, &[[f32; 4]; 4])| {
        let upright = Probabilities::from_four_views(views, temperature);
        Turn::ALL.map(|truth| {
            let shifted = std::array::from_fn(|class| upright.0[(class + 4 - truth.class()) % 4]);
            Answer { photo, truth, seen: Probabilities(shifted) }
        })
    };
    views.iter().enumerate().flat_map(shown).collect()
}

/// orientd's cascade: one view, and four unless that one is plainly upright. Gives the share of
/// photos, at the prevalence, that needed four.
pub fn cascade(
    one: &[Answer],
    four: &[Answer],
    threshold: f32,
    prevalence: f64,
) -> (Vec<Answer>, f64) {
    let mut looked_again = 0.0;
    let mut total = 0.0;
    let answers = one
        .iter()
        .zip(four)
        .map(|(one, four)| {
            let weight = weight(one.truth, prevalence);
            total += weight;
            if one.seen.of(Turn::NONE) >= threshold {
                *one
            } else {
                looked_again += weight;
                *four
            }
        })
        .collect();
    (answers, looked_again / f64::max(total, f64::MIN_POSITIVE))
}

/// How much an answer counts where a share `prevalence` of photos is stored wrongly.
pub fn weight(truth: Turn, prevalence: f64) -> f64 {
    if truth == Turn::NONE { 1.0 - prevalence } else { prevalence / 3.0 }
}

/// Mean over the answers, or 0 of none.
pub fn mean(answers: &[Answer], value: impl Fn(&Answer) -> f64) -> f64 {
    answers.iter().map(value).sum::<f64>() / answers.len().max(1) as f64
}

pub fn accuracy(answers: &[Answer]) -> f64 {
    mean(answers, |answer| f64::from(u8::from(answer.is_right())))
}

pub fn loss(answers: &[Answer]) -> f64 {
    mean(answers, Answer::loss)
}

/// A point of the precision–recall curve of "needs turning, and this way".
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    pub confidence: f32,
    pub precision: f64,
    pub recall: f64,
}

/// One answer as the curve sees it: its score, its weight, whether it is right.
#[derive(Clone, Copy, Debug)]
pub struct Scored {
    pub photo: usize,
    pub confidence: f32,
    pub weight: f64,
    pub is_wrongly_stored: bool,
    pub is_right: bool,
}

/// By falling confidence in a change.
pub fn scored(answers: &[Answer], prevalence: f64) -> Vec<Scored> {
    let mut scored: Vec<Scored> = answers
        .iter()
        .map(|answer| {
            let (change, confidence) = answer.seen.best_change();
            Scored {
                photo: answer.photo,
                confidence,
                weight: weight(answer.truth, prevalence),
                is_wrongly_stored: answer.truth != Turn::NONE,
                is_right: change == answer.truth,
            }
        })
        .collect();
    scored.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    scored
}

/// The curve and its average precision; `times` says how often each photo counts.
pub fn curve(scored: &[Scored], times: impl Fn(usize) -> f64) -> (Vec<Point>, f64) {
    let weight = |answer: &Scored| answer.weight * times(answer.photo);
    let positives: f64 = scored.iter().filter(|answer| answer.is_wrongly_stored).map(weight).sum();
    let mut hits = 0.0;
    let mut reported = 0.0;
    let mut average = 0.0;
    let mut points: Vec<Point> = Vec::new();
    let mut recall_before = 0.0;
    for (idx, answer) in scored.iter().enumerate() {
        reported += weight(answer);
        if answer.is_right {
            hits += weight(answer);
        }
        // Answers of equal confidence come together or not at all.
        let ties_on = scored.get(idx + 1).is_some_and(|next| next.confidence == answer.confidence);
        if ties_on || reported == 0.0 || positives == 0.0 {
            continue;
        }
        let precision = hits / reported;
        let recall = hits / positives;
        average += precision * (recall - recall_before);
        recall_before = recall;
        points.push(Point { confidence: answer.confidence, precision, recall });
    }
    (points, average)
}

/// The largest recall at which the precision is at least this; 0 where it never is.
pub fn recall_at(points: &[Point], precision: f64) -> f64 {
    let good = points.iter().filter(|point| point.precision >= precision);
    good.map(|point| point.recall).fold(0.0, f64::max)
}

/// Of 1,000 upright photos, how many would be turned by themselves.
pub fn wrong_per_thousand(answers: &[Answer], thresholds: Thresholds) -> f64 {
    let upright: Vec<Answer> =
        answers.iter().filter(|answer| answer.truth == Turn::NONE).copied().collect();
    1000.0
        * mean(&upright, |answer| {
            f64::from(u8::from(decide(&answer.seen, thresholds).verdict == Verdict::Fix))
        })
}

/// Of the wrongly stored photos, the shares turned rightly, turned wrongly and shown for review.
pub fn wrongly_stored(answers: &[Answer], thresholds: Thresholds) -> [f64; 3] {
    let turned: Vec<Answer> =
        answers.iter().filter(|answer| answer.truth != Turn::NONE).copied().collect();
    let share = |wanted: fn(&Answer, Verdict, Turn) -> bool| {
        mean(&turned, |answer| {
            let decision = decide(&answer.seen, thresholds);
            f64::from(u8::from(wanted(answer, decision.verdict, decision.turn)))
        })
    };
    [
        share(|answer, verdict, turn| verdict == Verdict::Fix && turn == answer.truth),
        share(|answer, verdict, turn| verdict == Verdict::Fix && turn != answer.truth),
        share(|_, verdict, _| verdict == Verdict::Review),
    ]
}

/// A bin of the reliability diagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Bin {
    pub answers: f64,
    pub confidence: f64,
    pub accuracy: f64,
}

const N_BINS: usize = 15;

/// Expected calibration error over equal bins of confidence, and the bins; `times` says how often each
/// photo counts.
pub fn calibration(answers: &[Answer], times: impl Fn(usize) -> f64) -> (f64, Vec<Bin>) {
    let mut bins = vec![Bin::default(); N_BINS];
    let mut total = 0.0;
    for answer in answers {
        let weight = times(answer.photo);
        let confidence = f64::from(answer.seen.best().1);
        let bin = &mut bins[((confidence * N_BINS as f64) as usize).min(N_BINS - 1)];
        bin.answers += weight;
        bin.confidence += weight * confidence;
        bin.accuracy += weight * f64::from(u8::from(answer.is_right()));
        total += weight;
    }
    let mut error = 0.0;
    for bin in bins.iter_mut().filter(|bin| bin.answers > 0.0) {
        error += (bin.confidence - bin.accuracy).abs() / total;
        bin.confidence /= bin.answers;
        bin.accuracy /= bin.answers;
    }
    (error, bins)
}

/// By true turn, then by answer.
pub fn confusion(answers: &[Answer]) -> [[usize; 4]; 4] {
    let mut counts = [[0; 4]; 4];
    for answer in answers {
        counts[answer.truth.class()][answer.seen.best().0.class()] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const THRESHOLDS: Thresholds = Thresholds { auto_confidence: 0.9, review_confidence: 0.4 };

    fn answer(photo: usize, degrees: u16, seen: [f32; 4]) -> Answer {
        let truth = Turn::from_degrees(degrees).expect("a turn");
        Answer { photo, truth, seen: Probabilities(seen) }
    }

    /// Worked by hand, at a prevalence of one half.
    #[test]
    fn figures() {
        let answers = [
            answer(0, 0, [0.97, 0.01, 0.01, 0.01]),
            answer(0, 90, [0.03, 0.95, 0.01, 0.01]),
            answer(1, 0, [0.04, 0.92, 0.02, 0.02]),
            answer(1, 180, [0.55, 0.1, 0.25, 0.1]),
        ];
        assert_eq!(accuracy(&answers), 0.5);
        assert_eq!(wrong_per_thousand(&answers, THRESHOLDS), 500.0);
        // The last one is likelier upright, so it is not even shown; one that is not upright is.
        assert_eq!(wrongly_stored(&answers, THRESHOLDS), [0.5, 0.0, 0.0]);
        let doubtful = [answer(0, 180, [0.3, 0.1, 0.5, 0.1])];
        assert_eq!(wrongly_stored(&doubtful, THRESHOLDS), [0.0, 0.0, 1.0]);
        let (points, average) = curve(&scored(&answers, 0.5), |_| 1.0);
        // Weights: upright 1/2, turned 1/6. The best is right, the next an upright photo.
        assert_eq!(points.len(), 4);
        assert!((points[0].precision - 1.0).abs() < 1e-9 && (points[0].recall - 0.5).abs() < 1e-9);
        assert!((points[1].precision - 0.25).abs() < 1e-9);
        // The third is turned by 180, and 180 is the likeliest change.
        assert!((points[2].precision - 0.4).abs() < 1e-9 && points[2].recall == 1.0);
        assert!((average - (0.5 + 0.5 * 0.4)).abs() < 1e-9);
        assert_eq!(recall_at(&points, 0.9), 0.5);
        assert_eq!(recall_at(&points, 1.1), 0.0);
        assert_eq!(confusion(&answers)[2], [1, 0, 0, 0]);
    }

    #[test]
    fn a_photo_counted_twice_weighs_twice() {
        let answers = [answer(0, 90, [0.1, 0.9, 0.0, 0.0]), answer(1, 0, [0.2, 0.8, 0.0, 0.0])];
        let precision = |times: fn(usize) -> f64| {
            let (points, _) = curve(&scored(&answers, 0.75), times);
            points.last().expect("points").precision
        };
        assert!((precision(|_| 1.0) - 0.5).abs() < 1e-9);
        assert!((precision(|photo| if photo == 0 { 2.0 } else { 1.0 }) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn sure_and_right_is_calibrated_and_sure_and_wrong_is_not() {
        let sure = [0.999, 0.001, 0.0, 0.0];
        let (right, _) = calibration(&[answer(0, 0, sure)], |_| 1.0);
        let (wrong, bins) = calibration(&[answer(0, 90, sure)], |_| 1.0);
        assert!(right < 0.01 && wrong > 0.99);
        assert_eq!(bins.iter().map(|bin| bin.answers).sum::<f64>(), 1.0);
        let both = [answer(0, 0, sure), answer(1, 90, sure)];
        let (thrice, _) = calibration(&both, |photo| if photo == 0 { 3.0 } else { 1.0 });
        assert!((thrice - 0.249).abs() < 1e-6, "{thrice}");
    }

    /// Four views answer a turned photo as they answer the upright one, shifted.
    #[test]
    fn answers_of_four_views_are_what_orientd_would_say() {
        let upright: [[f32; 4]; 4] = [
            [3.0, 1.0, 0.5, -1.0],
            [0.1, 2.0, 0.3, 0.9],
            [0.0, -1.0, 1.5, 0.2],
            [1.0, 0.0, 0.0, 2.0],
        ];
        for answer in four_views(&[upright], 1.3) {
            let c = answer.truth.class();
            // The photo turned counter-clockwise by c: its view k is the upright photo's k + c.
            let turned: [[f32; 4]; 4] = std::array::from_fn(|k| upright[(k + c) % 4]);
            let expected = Probabilities::from_four_views(&turned, 1.3);
            for class in 0..4 {
                assert!((answer.seen.0[class] - expected.0[class]).abs() < 1e-6);
            }
        }
    }
}
