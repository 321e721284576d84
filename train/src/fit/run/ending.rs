//! What follows an epoch: a look at the held-back photos, the journal, the checkpoint.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::adam::Adam;
use super::super::checkpoint::{self, Sums};
use super::super::claim::{BEST, CHECKPOINT};
use super::super::images::{to_tensor, view_logits};
use super::super::journal::{Epoch, validation_row};
use super::super::validate::{Validation, photos_at_once, score};
use super::Run;
use crate::progress;
use crate::weights;

impl Run<'_> {
    pub(super) fn end_epoch(
        &mut self,
        adam: &Adam,
        taken: Duration,
        waited: Duration,
        n_views: usize,
    ) -> Result<()> {
        if let Some(average) = &mut self.average {
            average.swap(&self.network)?;
        }
        let bar = progress::photos(self.watched.len() as u64, "validate");
        let seen = |n: usize| bar.set_position(n as u64);
        let network = &self.network;
        let look = (&self.config.augment, self.spec.size);
        let at_once = photos_at_once(network.device);
        let answer = |pixels: &[u8]| {
            Ok(view_logits(network, &to_tensor(pixels, &self.spec, network.device)))
        };
        let views = score(self.cache, &self.watched, look, at_once, answer, seen)?;
        bar.finish_and_clear();
        let validation = Validation::of(&views);
        let loss = validation.deciding(self.config);
        let best = loss < self.state.best_loss;
        if best {
            self.state.best_loss = loss;
            self.state.bad_epochs = 0;
            checkpoint::save(
                &self.folder.join(BEST),
                &weights::snapshot(&self.network),
                &self.state,
            )?;
        } else {
            self.state.bad_epochs += 1;
        }
        if let Some(average) = &mut self.average {
            average.swap(&self.network)?;
        }

        let sums = self.state.sums;
        let row = Epoch {
            stage: self.state.stage + 1,
            epoch: self.state.epoch + 1,
            step: self.state.global_step,
            train_loss: sums.loss / sums.photos.max(1.0),
            train_accuracy: sums.right / sums.photos.max(1.0),
            loss_4: validation.loss_4,
            loss_1: validation.loss_1,
            accuracy_4: validation.accuracy_4,
            accuracy_1: validation.accuracy_1,
            seconds: taken.as_secs_f64(),
            images_per_second: n_views as f64 / taken.as_secs_f64().max(1e-9),
            waiting: waited.as_secs_f64() / taken.as_secs_f64().max(1e-9),
            best,
        };
        self.report(&row, &validation);
        self.state.epoch += 1;
        self.state.step = 0;
        self.state.sums = Sums::default();
        self.journal.epoch(&row)?;
        self.journal.images(self.state.global_step, self.cache, &self.watched, &views)?;
        self.save(adam)
    }

    fn report(&self, row: &Epoch, validation: &Validation) {
        eprintln!(
            "stage {} epoch {}: loss {:.4}, right {:.2} %; {}{}; {:.1} images/s, {:.1} % waiting",
            row.stage,
            row.epoch,
            row.train_loss,
            100.0 * row.train_accuracy,
            validation_row(validation),
            if row.best { ", the best so far" } else { "" },
            row.images_per_second,
            100.0 * row.waiting
        );
    }

    pub(super) fn save(&mut self, adam: &Adam) -> Result<()> {
        self.journal.flush()?;
        let mut tensors = weights::snapshot(&self.network);
        adam.save(&mut tensors);
        self.state.adam_steps = adam.steps;
        self.state.stage_seconds = self.stage_seconds();
        if let Some(average) = &self.average {
            average.save(&mut tensors);
            self.state.average_steps = average.steps();
        }
        checkpoint::save(&self.folder.join(CHECKPOINT), &tensors, &self.state)?;
        self.saved_at = Instant::now();
        Ok(())
    }
}
