//! How long the rest takes: steady, by the speed of the last minute, and no finer than it is known.

use std::collections::VecDeque;
use std::time::Duration;

/// The speed is that of so long, since files that are known go by much faster than those that are new.
const WINDOW: Duration = Duration::from_secs(60);

/// Nothing is said before.
const FIRST_AFTER: Duration = Duration::from_secs(3);

/// Between two samples.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// How many files were done when.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    samples: VecDeque<(Duration, u64)>,
}

impl Estimate {
    /// So many files are done, at this time since the start.
    pub(super) fn note(&mut self, at: Duration, n_done: u64) {
        if self.samples.back().is_some_and(|(last, _)| at < *last + SAMPLE_EVERY) {
            return;
        }
        self.samples.push_back((at, n_done));
        while self.samples.get(1).is_some_and(|(second, _)| *second + WINDOW <= at) {
            self.samples.pop_front();
        }
    }

    /// Files a second; `None` until that can be said.
    pub(super) fn rate(&self) -> Option<f64> {
        let (from, n_before) = self.samples.front()?;
        let (to, n_after) = self.samples.back()?;
        let seconds = to.checked_sub(*from)?.as_secs_f64();
        let n_done = n_after.saturating_sub(*n_before);
        (*to >= FIRST_AFTER && n_done > 0).then(|| n_done as f64 / seconds)
    }

    /// In words, for so many files that are left.
    pub(super) fn left(&self, n_left: u64) -> Option<String> {
        Some(in_words(n_left as f64 / self.rate()?))
    }
}

/// Two digits are all that is known of a speed.
pub(super) fn two_digits(number: f64) -> String {
    if !number.is_finite() || number <= 0.0 {
        return "0".to_owned();
    }
    let digits = number.log10().floor() as i32;
    let unit = 10_f64.powi(digits - 1);
    let rounded = (number / unit).round() * unit;
    if rounded >= 10.0 {
        return super::human::grouped(rounded as u64);
    }
    let places = usize::try_from(1 - digits).unwrap_or(1);
    format!("{rounded:.places$}")
}

/// To five seconds, then to minutes, then to ten of them.
fn in_words(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        ..57.5 => format!("{} s", ((seconds / 5.0).ceil() as u64).max(1) * 5),
        ..5400.0 => format!("{minutes} min"),
        _ => {
            let tens = (minutes + 5) / 10;
            format!("{} h {:02} min", tens / 6, tens % 6 * 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_two_digits() {
        for (number, expected) in [
            (0.0, "0"),
            (f64::NAN, "0"),
            (0.0123, "0.012"),
            (0.5, "0.50"),
            (3.123, "3.1"),
            (9.96, "10"),
            (13.68, "14"),
            (136.8, "140"),
            (45_678.0, "46,000"),
        ] {
            assert_eq!(two_digits(number), expected);
        }
    }

    #[test]
    #[rustfmt::skip]
    fn times_are_as_fine_as_they_are_known() {
        for (seconds, expected) in [
            (0.2, "5 s"), (31.0, "35 s"), (58.0, "1 min"), (100.0, "2 min"), (5300.0, "88 min"),
            (5400.0, "1 h 30 min"), (7900.0, "2 h 10 min"), (86_400.0, "24 h 00 min"),
        ] {
            assert_eq!(in_words(seconds), expected, "{seconds}");
        }
    }

    /// Thousands of known files go by in the first second and say nothing about the new ones.
    #[test]
    fn the_estimate_is_that_of_the_last_minute_and_steady() {
        let mut estimate = Estimate::default();
        estimate.note(Duration::ZERO, 0);
        assert_eq!(estimate.left(1000), None);
        let mut said = Vec::new();
        for second in 1..=120 {
            estimate.note(Duration::from_secs(second), 50_000 + 10 * second);
            if second > 62 {
                said.push(estimate.rate().unwrap_or(0.0));
            }
        }
        assert!(said.iter().all(|rate| (rate - 10.0).abs() < 0.01), "{said:?}");
        assert_eq!(estimate.left(6000).as_deref(), Some("10 min"));
    }
}
