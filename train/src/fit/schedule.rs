//! The learning rate of a step.

use crate::config::{Schedule, Stage};

/// Where a cosine ends, as a share of where it starts.
const FLOOR: f64 = 0.01;

/// Of step `step` (from 0) of a stage of which the share `done` is over.
pub(super) fn learning_rate(stage: &Stage, step: usize, done: f64) -> f64 {
    let rise = if step < stage.warmup_steps {
        (step + 1) as f64 / (stage.warmup_steps + 1) as f64
    } else {
        1.0
    };
    let shape = match stage.schedule {
        Schedule::Constant => 1.0,
        Schedule::Cosine => {
            let angle = std::f64::consts::PI * done.clamp(0.0, 1.0);
            FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + angle.cos())
        }
    };
    stage.learning_rate * rise * shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[rustfmt::skip]
    fn rates() {
        for (name, schedule, warmup_steps, step, expected) in [
            ("constant",           Schedule::Constant, 0, 70,  1.0),
            ("warming up",         Schedule::Constant, 3, 0,   0.25),
            ("warm",               Schedule::Constant, 3, 3,   1.0),
            ("cosine, start",      Schedule::Cosine,   0, 0,   1.0),
            ("cosine, half-way",   Schedule::Cosine,   0, 50,  0.505),
            ("cosine, end",        Schedule::Cosine,   0, 100, 0.01),
        ] {
            let stage = Stage { epochs: 1, minutes: 0.0, learning_rate: 1.0, schedule, warmup_steps };
            let rate = learning_rate(&stage, step, step as f64 / 100.0);
            assert!((rate - expected).abs() < 1e-9, "{name}: {rate}");
        }
    }
}
