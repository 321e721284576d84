//! Temperatures and thresholds, fitted on the validation photos.

use anyhow::{Result, ensure};
use orientd_core::model_spec::ModelSpec;
use orientd_core::orientation::Turn;
use orientd_core::verdict::decision::{MARGIN, Thresholds};
use serde::{Deserialize, Serialize};

use crate::config::Calibrate;
use crate::metrics::{self, Answer};

/// Temperatures searched, as logarithms.
const RANGE: (f64, f64) = (-3.0, 3.0);
const STEPS: usize = 60;

/// How far temperatures are believed to lie from 1, as a standard deviation of their logarithms. A few
/// photos that are all answered rightly say nothing about doubt: without this their best temperature
/// is 0, at which every answer is certain.
const BELIEF: f64 = 0.3;

/// A turn at even odds would harm as often as it mends; the model file asks for more than this.
const LOWEST_AUTO: f32 = 0.5001;
/// Asked for where there are too few photos to see a single wrong turn of those allowed.
const UNPROVEN_AUTO: f32 = 0.98;
const REVIEW_RANGE: (f32, f32) = (0.02, 0.9);
const LOWEST_CASCADE: f32 = 0.5;

/// Temperatures and thresholds in use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub temperature_1: f32,
    pub temperature_4: f32,
    pub auto_confidence: f32,
    pub review_confidence: f32,
    pub cascade_confidence: f32,
}

impl Calibration {
    pub fn thresholds(&self) -> Thresholds {
        Thresholds {
            auto_confidence: self.auto_confidence,
            review_confidence: self.review_confidence,
        }
    }

    pub fn of(spec: &ModelSpec) -> Self {
        Self {
            temperature_1: spec.temperature_1,
            temperature_4: spec.temperature_4,
            auto_confidence: spec.thresholds.auto_confidence,
            review_confidence: spec.thresholds.review_confidence,
            cascade_confidence: spec.cascade_confidence,
        }
    }
}

/// Temperatures near 1 unless many photos ask for others; of these and the thresholds and those of the
/// `present` model, which the new one is to replace, the more cautious: one's own few hundred photos,
/// most of them easy, prove less than the thousands that the first model was measured on.
///
/// # Errors
/// Returns an error if there are no photos.
pub fn calibrate(
    views: &[[[f32; 4]; 4]],
    settings: &Calibrate,
    present: Option<&Calibration>,
) -> Result<Calibration> {
    ensure!(!views.is_empty(), "there are no validation photos to calibrate on");
    let n = views.len() as f64;
    // Sharper than the present model's never: easy photos would ask for that, time after time.
    let at_least = present.map_or((0.0, 0.0), |it| (it.temperature_1, it.temperature_4));
    let temperature_1 = best_temperature(|t| n * metrics::loss(&metrics::one_view(views, t)));
    let temperature_4 = best_temperature(|t| n * metrics::loss(&metrics::four_views(views, t)));
    let temperature_1 = temperature_1.max(at_least.0);
    let temperature_4 = temperature_4.max(at_least.1);
    let one = metrics::one_view(views, temperature_1);
    let four = metrics::four_views(views, temperature_4);
    let fitted = Calibration {
        temperature_1,
        temperature_4,
        auto_confidence: auto_confidence(&four, settings.wrong_per_thousand),
        review_confidence: review_confidence(&four, settings.review_recall),
        cascade_confidence: cascade_confidence(&one, settings.cascade_miss),
    };
    Ok(present.map_or(fitted, |present| Calibration {
        auto_confidence: fitted.auto_confidence.max(present.auto_confidence),
        review_confidence: fitted.review_confidence.min(present.review_confidence),
        cascade_confidence: fitted.cascade_confidence.max(present.cascade_confidence),
        ..fitted
    }))
}

/// The likeliest temperature, with `loss` the negative log-likelihood and the belief that it is near 1,
/// by golden-section search: there is one minimum.
fn best_temperature(loss: impl Fn(f32) -> f64) -> f32 {
    let at = |log: f64| loss(log.exp() as f32) + (log / BELIEF).powi(2) / 2.0;
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = RANGE;
    let mut a = high - golden * (high - low);
    let mut b = low + golden * (high - low);
    let mut loss_a = at(a);
    let mut loss_b = at(b);
    for _ in 0..STEPS {
        if loss_a <= loss_b {
            high = b;
            b = a;
            loss_b = loss_a;
            a = high - golden * (high - low);
            loss_a = at(a);
        } else {
            low = a;
            a = b;
            loss_a = loss_b;
            b = low + golden * (high - low);
            loss_b = at(b);
        }
    }
    (((low + high) / 2.0).exp()) as f32
}

/// The lowest threshold at which at most so many of 1,000 upright photos would be turned.
pub fn auto_confidence(answers: &[Answer], wrong_per_thousand: f64) -> f32 {
    let upright = answers.iter().filter(|answer| answer.truth == Turn::NONE);
    let mut changes: Vec<f32> = upright.map(|answer| answer.seen.best_change().1).collect();
    changes.sort_by(|a, b| b.total_cmp(a));
    let allowed = (changes.len() as f64 * wrong_per_thousand / 1000.0) as usize;
    let first_refused = changes.get(allowed).copied().unwrap_or(0.0);
    let lowest = if allowed == 0 { UNPROVEN_AUTO } else { LOWEST_AUTO };
    first_refused.next_up().clamp(lowest, 1.0)
}

/// The highest threshold at which this share of the wrongly stored photos is fixed or shown, of those that the
/// margin over "upright" lets through.
fn review_confidence(answers: &[Answer], recall: f64) -> f32 {
    let turned = answers.iter().filter(|answer| answer.truth != Turn::NONE && is_ahead(answer));
    let mut wrong: Vec<f32> = turned.map(|answer| 1.0 - answer.seen.of(Turn::NONE)).collect();
    wrong.sort_by(f32::total_cmp);
    let missed = (wrong.len() as f64 * (1.0 - recall)) as usize;
    wrong.get(missed).copied().unwrap_or(0.5).clamp(REVIEW_RANGE.0, REVIEW_RANGE.1)
}

/// Can the photo be proposed at all?
fn is_ahead(answer: &Answer) -> bool {
    answer.seen.best_change().1 - answer.seen.of(Turn::NONE) >= MARGIN
}

/// The lowest threshold at which at most this share of the wrongly stored photos passes for upright.
fn cascade_confidence(answers: &[Answer], miss: f64) -> f32 {
    let turned = answers.iter().filter(|answer| answer.truth != Turn::NONE);
    let mut upright: Vec<f32> = turned.map(|answer| answer.seen.of(Turn::NONE)).collect();
    upright.sort_by(|a, b| b.total_cmp(a));
    let allowed = (upright.len() as f64 * miss) as usize;
    let first_refused = upright.get(allowed).copied().unwrap_or(LOWEST_CASCADE);
    first_refused.next_up().clamp(LOWEST_CASCADE, 1.0)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::data::plan::generator;

    /// Scores of a network that is right as often as it says, times `sharpness`.
    fn views(n: usize, sharpness: f32) -> Vec<[[f32; 4]; 4]> {
        let mut rng = generator(1, "calibrate", 0);
        (0..n)
            .map(|_| {
                std::array::from_fn(|k| {
                    let odds: [f32; 4] = std::array::from_fn(|_| rng.random_range(0.0..3.0f32));
                    let total: f32 = odds.iter().map(|x| x.exp()).sum();
                    // The class drawn by these odds is made the right one, k.
                    let mut drawn = rng.random_range(0.0..total);
                    let mut class = 0;
                    while class < 3 && drawn >= odds[class].exp() {
                        drawn -= odds[class].exp();
                        class += 1;
                    }
                    std::array::from_fn(|at| sharpness * odds[(at + 4 + class - k) % 4])
                })
            })
            .collect()
    }

    #[test]
    fn the_temperature_undoes_overconfidence() -> Result<()> {
        let config = crate::config::Config::load(None, &[])?;
        for sharpness in [0.5, 1.0, 3.0] {
            let fitted = calibrate(&views(4000, sharpness), &config.calibrate, None)?;
            let ratio = fitted.temperature_1 / sharpness;
            assert!((0.85..1.15).contains(&ratio), "{} for {sharpness}", fitted.temperature_1);
        }
        assert!(calibrate(&[], &config.calibrate, None).is_err());
        Ok(())
    }

    /// A small library of photos that are all answered rightly must not make a model bold.
    #[test]
    fn a_few_easy_photos_prove_nothing() -> Result<()> {
        let config = crate::config::Config::load(None, &[])?.calibrate;
        let easy: [[f32; 4]; 4] = std::array::from_fn(|k| {
            std::array::from_fn(|class| if class == k { 6.0 } else { 0.0 })
        });
        let alone = calibrate(&[easy; 30], &config, None)?;
        assert!((0.5..1.0).contains(&alone.temperature_4), "{}", alone.temperature_4);
        assert!(alone.auto_confidence >= UNPROVEN_AUTO);
        let present = Calibration {
            temperature_1: 1.4,
            temperature_4: 1.2,
            auto_confidence: 0.99,
            review_confidence: 0.1,
            cascade_confidence: 0.9,
        };
        for n in [30, 5000] {
            let beside = calibrate(&vec![easy; n], &config, Some(&present))?;
            assert_eq!(beside.auto_confidence, 0.99, "{n} photos");
            assert!(beside.review_confidence <= 0.1 && beside.cascade_confidence >= 0.9);
            assert_eq!((beside.temperature_1, beside.temperature_4), (1.4, 1.2));
        }
        Ok(())
    }

    #[test]
    fn thresholds_keep_what_they_promise() -> Result<()> {
        let mut config = crate::config::Config::load(None, &[])?.calibrate;
        config.wrong_per_thousand = 20.0;
        let views = views(2000, 1.0);
        let fitted = calibrate(&views, &config, None)?;
        let four = metrics::four_views(&views, fitted.temperature_4);
        let wrong = metrics::wrong_per_thousand(&four, fitted.thresholds());
        assert!((15.0..=20.0).contains(&wrong), "{wrong} wrong turns");
        let [right, astray, reviewed] = metrics::wrongly_stored(&four, fitted.thresholds());
        let turned = four.iter().filter(|answer| answer.truth != Turn::NONE);
        let n_ahead = turned.clone().filter(|answer| is_ahead(answer)).count();
        let ahead = n_ahead as f64 / turned.count() as f64;
        assert!(right + astray + reviewed >= config.review_recall * ahead - 1e-9);
        let one = metrics::one_view(&views, fitted.temperature_1);
        let turned = one.iter().filter(|answer| answer.truth != Turn::NONE);
        let passed =
            turned.filter(|answer| answer.seen.of(Turn::NONE) >= fitted.cascade_confidence);
        assert!(passed.count() as f64 <= 6000.0 * config.cascade_miss);
        Ok(())
    }
}
