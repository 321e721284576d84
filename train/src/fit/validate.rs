//! The loss and accuracy on photos held back, upright and unchanged, with one view and with four.

use anyhow::Result;
use orientd::rules::orientation::Turn;
use orientd::rules::tensor::InputSpec;

use crate::augment::Augment;
use crate::config::Config;
use crate::data::cache::Cache;
use crate::data::loader::with_batches;
use crate::data::plan::Sample;
use crate::fit::images::{average, to_tensor, view_logits};
use crate::net::Network;

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
        use orientd::rules::decision::Probabilities;
        let mut sums = Self::default();
        for photo in views {
            let four = average(photo);
            sums.loss_4 -= f64::from(four.of(Turn::NONE)).max(1e-30).ln();
            sums.accuracy_4 += f64::from(u8::from(four.best().0 == Turn::NONE));
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

/// The four views' scores of each photo of `part`.
///
/// # Errors
/// Where the cache cannot be read.
pub fn score(
    network: &Network,
    cache: &Cache,
    part: &[usize],
    config: &Config,
    spec: &InputSpec,
    mut progress: impl FnMut(usize),
) -> Result<Views> {
    let plain = Augment { enabled: false, ..config.augment.clone() };
    let sample = |idx: &usize| Sample { record: *idx, class: Turn::NONE, key: 0, weight: 1.0 };
    let plan: Vec<Vec<Sample>> =
        part.chunks(config.fit.batch).map(|photos| photos.iter().map(sample).collect()).collect();
    let n_threads = super::device::n_workers(config.fit.loaders);
    with_batches(cache, &plan, 0, (&plain, spec.size), n_threads, |batches| {
        let mut views = Vec::with_capacity(part.len());
        for batch in batches {
            let images = to_tensor(&batch?.pixels, spec, network.device);
            views.extend(view_logits(network, &images));
            progress(views.len());
        }
        Ok(views)
    })
}
