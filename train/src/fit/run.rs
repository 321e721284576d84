//! The training loop. A run is a folder: its configuration, its checkpoint, its best weights and
//! its journal. Started again, it goes on from the checkpoint and does what it would have done.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use orientd::rules::tensor::InputSpec;
use tch::{Kind, Tensor};

use super::adam::Adam;
use super::average::Average;
use super::checkpoint::{self, State, Sums};
use super::claim::{BEST, claim};
use super::device;
use super::images::{four_views, input_spec, to_tensor, view_logits};
use super::journal::{Epoch, Journal, Step, validation_row};
use super::loss::losses;
use super::schedule::learning_rate;
use super::validate::{Validation, photos_at_once, score};
use crate::config::{Config, Stage};
use crate::data::cache::Cache;
use crate::data::loader::{Batch, Batches, with_batches};
use crate::data::plan::{self, Sample};
use crate::data::split::{Split, split};
use crate::net::{Mode, Network};
use crate::progress;
use crate::weights::{self, Tensors};

const CHECKPOINT: &str = "checkpoint.safetensors";

/// Photos that a folded model's batch-norms are measured on before training.
const MEASURED_PHOTOS: usize = 256;

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub best_loss: f64,
    pub steps: usize,
    pub best: PathBuf,
}

struct Run<'a> {
    config: &'a Config,
    cache: &'a Cache,
    folder: &'a Path,
    split: Split,
    /// The validation photos looked at after every epoch.
    watched: Vec<usize>,
    spec: InputSpec,
    network: Network,
    average: Option<Average>,
    state: State,
    journal: Journal,
    saved_at: Instant,
}

/// Trains, or goes on training, in `folder`.
///
/// # Errors
/// Where the folder belongs to another configuration or other photos, there are too few photos, the
/// starting weights do not fit, the loss is no longer a number, or a file cannot be written. The
/// last good checkpoint then stays.
pub fn fit(config: &Config, cache: &Cache, folder: &Path) -> Result<Outcome> {
    let split = split(&cache.records, config)?;
    claim(folder, config, &cache.records)?;
    let network = device::network(config)?;
    let checkpoint = folder.join(CHECKPOINT);
    let resumed = checkpoint.exists().then(|| checkpoint::load(&checkpoint)).transpose()?;
    let state = resumed.as_ref().map_or_else(State::start, |(_, state)| state.clone());
    let watched = watched(&split.validation, config.fit.validation_photos);
    let journal = Journal::open(folder, state.global_step)?;
    let average = Average::new(&network, config.fit.average_steps);
    let (spec, saved_at) = (input_spec(config), Instant::now());
    let mut run = Run {
        config,
        cache,
        folder,
        split,
        watched,
        spec,
        network,
        average,
        state,
        journal,
        saved_at,
    };
    run.announce();
    match &resumed {
        Some((tensors, _)) => weights::restore(&run.network, tensors)?,
        None => run.start()?,
    }
    run.train(resumed.map(|(tensors, _)| tensors))
}

/// Evenly taken from the validation photos.
fn watched(validation: &[usize], most: usize) -> Vec<usize> {
    if most == 0 || most >= validation.len() {
        return validation.to_vec();
    }
    (0..most).map(|n| validation[n * validation.len() / most]).collect()
}

impl Run<'_> {
    fn announce(&self) {
        eprintln!(
            "{} with top {} at {} px on {:?} in {:?}; {} photos to train on, {} held back, {} left \
             out",
            self.network.arch.backbone.as_str(),
            self.network.arch.top.as_str(),
            self.spec.size,
            self.network.device,
            device::choose(self.config).map_or(Kind::Float, |(_, kind)| kind),
            self.split.train.len(),
            self.split.validation.len(),
            self.split.test.len()
        );
        if self.state.global_step > 0 {
            eprintln!("goes on after step {}", self.state.global_step);
        }
    }

    /// Starting weights of a new run.
    fn start(&mut self) -> Result<()> {
        let path = &self.config.network.weights;
        if path.is_empty() {
            return Ok(());
        }
        let loaded = weights::load(&self.network, Path::new(path))?;
        let top = if loaded.with_top { "with its top" } else { "with a fresh top" };
        eprintln!("starts from {path} ({}, {top})", loaded.format);
        if loaded.folded {
            self.measure_norms()?;
        }
        self.average = Average::new(&self.network, self.config.fit.average_steps);
        Ok(())
    }

    fn measure_norms(&self) -> Result<()> {
        let mode = Mode::Measure(Default::default());
        let rng = plan::generator(self.config.seed, "measure", 0);
        let n = MEASURED_PHOTOS.min(self.split.train.len());
        let batch = self.config.fit.batch.min(n);
        let plan = plan::epoch(&self.cache.records, &self.split.train, n, batch, 1.0, rng);
        self.batches(&plan, 0, |batches| {
            for batch in batches {
                let (images, _, _) = self.tensors(&batch?);
                let _ = tch::no_grad(|| self.network.forward(&images, &mode));
            }
            Ok(())
        })?;
        let Mode::Measure(moments) = mode else { return Ok(()) };
        self.network.unfold_norms(&moments.into_inner())
    }

    fn batches<T>(
        &self,
        plan: &[Vec<Sample>],
        first: usize,
        consume: impl FnOnce(&mut Batches) -> Result<T>,
    ) -> Result<T> {
        let n_threads = device::n_workers(self.config.fit.loaders);
        let look = (&self.config.augment, self.spec.size);
        with_batches(self.cache, plan, first, look, n_threads, consume)
    }

    /// Pictures (all four views where so configured), classes and weights on the device.
    fn tensors(&self, batch: &Batch) -> (Tensor, Tensor, Tensor) {
        let device = self.network.device;
        let images = to_tensor(&batch.pixels, &self.spec, device);
        let images = if self.config.fit.views == 4 { four_views(&images) } else { images };
        let classes = Tensor::from_slice(&batch.classes).to_device(device);
        (images, classes, Tensor::from_slice(&batch.weights).to_device(device))
    }

    fn stages(&self) -> [&Stage; 2] {
        [&self.config.fit.stage1, &self.config.fit.stage2]
    }

    fn train(mut self, mut resumed: Option<Tensors>) -> Result<Outcome> {
        while self.state.stage < self.stages().len() && !self.state.finished {
            self.train_stage(resumed.take())?;
        }
        self.state.finished = true;
        let best = self.folder.join(BEST);
        Ok(Outcome { best_loss: self.state.best_loss, steps: self.state.global_step, best })
    }

    fn train_stage(&mut self, resumed: Option<Tensors>) -> Result<()> {
        if self.state.stage == 0 {
            self.network.freeze_early();
        } else {
            self.network.train_all();
        }
        let mut adam = Adam::new(&self.network, self.config.fit.weight_decay);
        if let Some(tensors) = &resumed {
            adam.load(tensors, self.state.adam_steps)?;
            if let Some(average) = &mut self.average {
                average.load(tensors, self.state.average_steps)?;
            }
        }
        let epochs = self.stages()[self.state.stage].epochs;
        let patience = self.config.fit.patience.max(1);
        while self.state.epoch < epochs && self.state.bad_epochs < patience {
            self.train_epoch(&mut adam)?;
        }
        self.end_stage()
    }

    /// The next stage starts from the best weights so far.
    fn end_stage(&mut self) -> Result<()> {
        let best = self.folder.join(BEST);
        if best.exists() {
            weights::restore(&self.network, &weights::read_safetensors(&best)?)?;
            self.average = Average::new(&self.network, self.config.fit.average_steps);
        }
        self.state.stage += 1;
        (self.state.epoch, self.state.bad_epochs, self.state.adam_steps) = (0, 0, 0);
        self.state.average_steps = 0;
        self.state.finished = self.state.stage == self.stages().len();
        if self.state.stage == 1 {
            self.network.train_all();
        }
        self.save(&Adam::new(&self.network, self.config.fit.weight_decay))
    }

    fn train_epoch(&mut self, adam: &mut Adam) -> Result<()> {
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
        let (cache, size) = (self.cache, self.spec.size);
        let n_threads = device::n_workers(fit.loaders);
        let augment = &self.config.augment;
        let waited = with_batches(cache, &plan, first, (augment, size), n_threads, |batches| {
            self.train_batches(adam, batches, plan.len(), &bar)
        })?;
        bar.finish_and_clear();
        let views = fit.views * fit.batch * (plan.len() - first);
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
        let rate = learning_rate(stage, done, stage.epochs * n_batches);
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
        ensure!(
            loss.is_finite(),
            "the loss is {loss} at step {}; a lower learning rate may help",
            self.state.global_step
        );
        losses.total.backward();
        let gradient = adam.step(&self.network, rate, fit.clip_norm);
        if let Some(average) = &mut self.average {
            average.update(&self.network);
        }
        let n = batch.classes.len() as f64;
        let right = losses.right.double_value(&[]);
        self.journal.step(&Step {
            number: self.state.global_step,
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

    fn end_epoch(
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
        let (network, look) = (&self.network, (&self.config.augment, self.spec.size));
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
        (self.state.step, self.state.sums) = (0, Sums::default());
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

    fn save(&mut self, adam: &Adam) -> Result<()> {
        self.journal.flush()?;
        let mut tensors = weights::snapshot(&self.network);
        adam.save(&mut tensors);
        self.state.adam_steps = adam.steps;
        if let Some(average) = &self.average {
            average.save(&mut tensors);
            self.state.average_steps = average.steps();
        }
        checkpoint::save(&self.folder.join(CHECKPOINT), &tensors, &self.state)?;
        self.saved_at = Instant::now();
        Ok(())
    }
}
