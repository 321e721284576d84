//! One epoch of training, step by step.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;

use super::super::adam::Adam;
use super::super::device;
use super::super::journal::Step;
use super::super::loss::losses;
use super::super::schedule::learning_rate;
use super::Run;
use crate::data::loader::{Batch, Batches, with_batches};
use crate::data::plan;
use crate::net::Mode;
use crate::progress;

impl Run<'_> {
    pub(super) fn train_epoch(&mut self, adam: &mut Adam) -> Result<()> {
        let fit = &self.config.fit;
        let train = &self.split.train;
        let n = if fit.epoch_photos == 0 { train.len() } else { fit.epoch_photos };
        ensure!(
            n >= fit.batch,
            "{n} photos to train on are fewer than one batch of {}\n  \
             give more photos, or set fit.batch lower",
            fit.batch
        );
        let number = (self.state.stage * 1_000_000 + self.state.epoch) as u64;
        let rng = plan::generator(self.config.seed, "epoch", number);
        let records = &self.cache.records;
        let plan = plan::epoch(records, train, n, fit.batch, fit.source_power, rng);
        let title = format!("{}.{}", self.state.stage + 1, self.state.epoch + 1);
        let bar = progress::steps(plan.len() as u64, &title);
        let begun = Instant::now();
        let first = self.state.step;
        let cache = self.cache;
        let size = self.spec.size;
        let n_threads = device::n_workers(fit.loaders);
        let augment = &self.config.augment;
        let waited = with_batches(cache, &plan, first, (augment, size), n_threads, |batches| {
            self.train_batches(adam, batches, plan.len(), &bar)
        })?;
        bar.finish_and_clear();
        let views = fit.views * fit.batch * (self.state.step - first);
        self.end_epoch(adam, begun.elapsed(), waited, views)
    }

    fn train_batches(
        &mut self,
        adam: &mut Adam,
        batches: &mut Batches,
        n_batches: usize,
        bar: &ProgressBar,
    ) -> Result<Duration> {
        let begun = Instant::now();
        bar.set_position(self.state.step as u64);
        while let Some(batch) = batches.next() {
            let loss = self.train_batch(adam, &batch?, n_batches)?;
            let sums = self.state.sums;
            let waiting = batches.waited.as_secs_f64() / begun.elapsed().as_secs_f64().max(1e-9);
            bar.set_message(format!(
                "loss {loss:.4} mean {:.4} right {:.1} % waiting {:.0} %",
                sums.loss / sums.photos,
                100.0 * sums.right / sums.photos,
                100.0 * waiting
            ));
            bar.inc(1);
            if self.is_time_up() {
                break;
            }
            let every = Duration::try_from_secs_f64(60.0 * self.config.fit.checkpoint_minutes);
            // After the last step the epoch's end saves.
            if self.state.step < n_batches
                && every.is_ok_and(|every| self.saved_at.elapsed() >= every)
            {
                self.save(adam)?;
            }
        }
        Ok(batches.waited)
    }

    fn train_batch(&mut self, adam: &mut Adam, batch: &Batch, n_batches: usize) -> Result<f64> {
        let fit = &self.config.fit;
        let stage = self.stages()[self.state.stage];
        let done = self.state.epoch * n_batches + self.state.step;
        let rate = learning_rate(stage, done, self.share_done(n_batches));
        // Dropout draws from libtorch's generator, whose state cannot be saved: seed every step.
        let seed =
            plan::generator(self.config.seed, "step", self.state.global_step as u64).get_seed();
        tch::manual_seed(i64::from_le_bytes([
            seed[0], seed[1], seed[2], seed[3], seed[4], seed[5], seed[6], 0,
        ]));

        let (images, classes, weights) = self.tensors(batch);
        let mode = Mode::Train { dropout: fit.dropout, drop_path: fit.drop_path };
        let logits = self.network.forward(&images, &mode);
        let losses = losses(&logits, &classes, &weights, fit);
        let loss = losses.total.double_value(&[]);
        let number = self.state.global_step;
        let advice = || format!("step {number} leads nowhere; a lower learning rate may help");
        ensure!(loss.is_finite(), "{}: the loss is {loss}", advice());
        let gradient =
            adam.step(&self.network, &losses.total, rate, fit.clip_norm).with_context(advice)?;
        if let Some(average) = &mut self.average {
            average.update(&self.network);
        }
        let n = batch.classes.len() as f64;
        let right = losses.right.double_value(&[]);
        self.journal.step(&Step {
            number,
            stage: self.state.stage,
            epoch: self.state.epoch,
            learning_rate: rate,
            loss,
            accuracy_4: right / n,
            accuracy_1: losses.right_1.double_value(&[]),
            gradient,
        })?;
        let sums = &mut self.state.sums;
        (sums.photos, sums.loss, sums.right) =
            (sums.photos + n, sums.loss + n * loss, sums.right + right);
        self.state.step += 1;
        self.state.global_step += 1;
        Ok(loss)
    }
}
