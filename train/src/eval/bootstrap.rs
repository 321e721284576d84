//! Intervals by resampling photos: how much of a figure is luck with these photos.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::data::plan::generator;

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// How often each photo counts in one resampling.
pub type Times = Vec<f64>;

/// `n_samples` resamplings of `n_photos` photos.
pub fn resamplings(n_photos: usize, n_samples: usize, seed: u64) -> Vec<Times> {
    let mut rng = generator(seed, "bootstrap", 0);
    (0..n_samples)
        .map(|_| {
            let mut times = vec![0.0; n_photos];
            for _ in 0..n_photos {
                times[rng.random_range(0..n_photos)] += 1.0;
            }
            times
        })
        .collect()
}

/// The figure over all photos, and its interval over the resamplings.
pub fn figure(
    n_photos: usize,
    resamplings: &[Times],
    statistic: impl Fn(&dyn Fn(usize) -> f64) -> f64,
) -> Figure {
    let value = statistic(&|_| 1.0);
    if n_photos == 0 || resamplings.is_empty() {
        return Figure { value, low: value, high: value };
    }
    let mut values: Vec<f64> =
        resamplings.iter().map(|times| statistic(&|photo| times[photo])).collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Figure { value, low: at(0.025), high: at(0.975) }
}

/// The mean of one value a photo.
pub fn mean_figure(values: &[f64], resamplings: &[Times]) -> Figure {
    figure(values.len(), resamplings, |times| {
        let mut sum = 0.0;
        let mut total = 0.0;
        for (photo, value) in values.iter().enumerate() {
            sum += times(photo) * value;
            total += times(photo);
        }
        if total > 0.0 { sum / total } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The interval of a share is about two standard errors to each side.
    #[test]
    fn intervals_are_as_wide_as_theory_says() {
        let values: Vec<f64> = (0..400).map(|n| f64::from(u8::from(n % 4 == 0))).collect();
        let figure = mean_figure(&values, &resamplings(400, 2000, 1));
        let error = (0.25f64 * 0.75 / 400.0).sqrt();
        assert_eq!(figure.value, 0.25);
        for (end, expected) in
            [(figure.low, 0.25 - 1.96 * error), (figure.high, 0.25 + 1.96 * error)]
        {
            assert!((end - expected).abs() < 0.008, "{end} for {expected}");
        }
    }
}
