//! The loss and accuracy on photos held back, upright and unchanged, with one view and with four.

use anyhow::Result;
use orientd_core::orientation::Turn;
use tch::Device;

use super::device::n_workers;
use super::images::{average, says_upright};
use crate::augment::Augment;
use crate::config::Config;
use crate::data::cache::Cache;
use crate::data::loader::with_batches;
use crate::data::plan::Sample;

/// The scores of photos: `views[p][k]` of photo p turned k quarters counter-clockwise.
pub type Views = Vec<[[f32; 4]; 4]>;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Validation {
    /// Mean cross-entropy of the four-view answer, and of single views.
    pub loss_4: f64,
    pub loss_1: f64,
    pub accuracy_4: f64,
    pub accuracy_1: f64,
}

impl Validation {
    pub fn of(views: &[[[f32; 4]; 4]]) -> Self {
        use orientd_core::verdict::decision::Probabilities;
        let mut sums = Self::default();
        for photo in views {
            let four = average(photo);
            sums.loss_4 -= f64::from(four.of(Turn::NONE)).max(1e-30).ln();
            sums.accuracy_4 += f64::from(u8::from(says_upright(photo)));
            for (turn, logits) in Turn::ALL.into_iter().zip(photo) {
                let one = Probabilities::from_logits(*logits, 1.0);
                sums.loss_1 -= f64::from(one.of(turn)).max(1e-30).ln() / 4.0;
                sums.accuracy_1 += f64::from(u8::from(one.best().0 == turn)) / 4.0;
            }
        }
        let n = views.len().max(1) as f64;
        Self {
            loss_4: sums.loss_4 / n,
            loss_1: sums.loss_1 / n,
            accuracy_4: sums.accuracy_4 / n,
            accuracy_1: sums.accuracy_1 / n,
        }
    }

    /// The loss that decides: of the answer that was trained for.
    pub fn deciding(&self, config: &Config) -> f64 {
        if config.fit.views == 4 { self.loss_4 } else { self.loss_1 }
    }
}

/// Photos looked at together: on a CPU few, so that what passes between the layers stays small
/// enough for the allocator to keep.
pub fn photos_at_once(device: Device) -> usize {
    if device.is_cuda() { 32 } else { 2 }
}

/// The four views' scores of each photo of `part`, as `look` gives them for N×S×S×3 bytes.
///
/// # Errors
/// Returns an error if the cache cannot be read, and those of `look`.
pub fn score(
    cache: &Cache,
    part: &[usize],
    (augment, size): (&Augment, usize),
    at_once: usize,
    mut look: impl FnMut(&[u8]) -> Result<Views>,
    mut progress: impl FnMut(usize),
) -> Result<Views> {
    let plain = Augment { enabled: false, ..augment.clone() };
    let sample = |idx: &usize| Sample { record: *idx, class: Turn::NONE, key: 0, weight: 1.0 };
    let plan: Vec<Vec<Sample>> =
        part.chunks(at_once).map(|photos| photos.iter().map(sample).collect()).collect();
    with_batches(cache, &plan, 0, (&plain, size), n_workers(0), |batches| {
        let mut views = Vec::with_capacity(part.len());
        for batch in batches {
            views.extend(look(&batch?.pixels)?);
            progress(views.len());
        }
        Ok(views)
    })
}
