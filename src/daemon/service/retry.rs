//! When to try again what failed.

use std::time::{Duration, Instant};

/// Waits between tries: doubling, from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The next try of a round that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retry {
    pub at: Instant,
    wait: Duration,
}

impl Retry {
    /// After another failure; `earlier`: the try that just failed was one already.
    pub(super) fn after(earlier: Option<Self>, now: Instant) -> Self {
        let wait = wait_after(earlier.map(|retry| retry.wait));
        Self { at: now + wait, wait }
    }
}

fn wait_after(earlier: Option<Duration>) -> Duration {
    earlier.map_or(FIRST_WAIT, |wait| (wait * 2).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_no_longer() {
        let waits =
            std::iter::successors(Some(wait_after(None)), |wait| Some(wait_after(Some(*wait))));
        let seconds: Vec<u64> = waits.take(11).map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }
}
