//! The training loop. A run is a folder: its configuration, its checkpoint, its best weights and
//! its journal. Started again, it goes on from the checkpoint and does what it would have done.

mod ending;
mod epoch;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use orientd_core::image::preprocess::InputSpec;
use tch::{Kind, Tensor};

use super::adam::Adam;
use super::average::Average;
use super::checkpoint::{self, State};
use super::claim::{BEST, CHECKPOINT, claim};
use super::device;
use super::images::{four_views, input_spec, to_tensor};
use super::journal::Journal;
use crate::config::{Config, Stage};
use crate::data::cache::Cache;
use crate::data::loader::{Batch, Batches, with_batches};
use crate::data::plan::{self, Sample};
use crate::data::split::{Split, split};
use crate::net::{Mode, Network};
use crate::weights::{self, Tensors};

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
    /// When this stage was begun or gone on with, and the seconds that it had taken before.
    stage_begun: Instant,
    seconds_before: f64,
}

/// Trains, or goes on training, in `folder`.
///
/// # Errors
/// Returns an error if the folder belongs to another configuration or other photos, there are too few photos, the
/// starting weights do not fit, the loss is no longer a number, or a file cannot be written. The
/// last good checkpoint then stays.
pub fn fit(config: &Config, cache: &Cache, folder: &Path) -> Result<Outcome> {
    let split = split(&cache.records, config)?;
    let _claim = claim(folder, config, &cache.records)?;
    let network = device::network(config)?;
    let checkpoint = folder.join(CHECKPOINT);
    let resumed = checkpoint.exists().then(|| checkpoint::load(&checkpoint)).transpose()?;
    let state = resumed.as_ref().map_or_else(State::start, |(_, state)| state.clone());
    let watched = watched(&split.validation, config.fit.validation_photos);
    let journal = Journal::open(folder, state.global_step)?;
    let average = Average::new(&network, config.fit.average_steps);
    let spec = input_spec(config);
    let saved_at = Instant::now();
    let seconds_before = state.stage_seconds;
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
        stage_begun: saved_at,
        seconds_before,
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
        let mut adam = Adam::new(&self.network, &self.config.fit);
        if let Some(tensors) = &resumed {
            adam.load(tensors, self.state.adam_steps)?;
            if let Some(average) = &mut self.average {
                average.load(tensors, self.state.average_steps)?;
            }
        }
        let patience = self.config.fit.patience.max(1);
        self.stage_begun = Instant::now();
        self.seconds_before = self.state.stage_seconds;
        while !self.is_stage_over() && self.state.bad_epochs < patience {
            self.train_epoch(&mut adam)?;
        }
        self.end_stage()
    }

    /// The seconds that the present stage may take at most.
    fn limit(&self) -> Option<f64> {
        let stages = self.stages();
        let minutes = stages.get(self.state.stage)?.minutes;
        (minutes > 0.0).then_some(60.0 * minutes)
    }

    /// What a stage with a limit has taken so far. Of others it is not asked: what a run saves is then the
    /// same every time.
    fn stage_seconds(&self) -> f64 {
        let seconds = self.seconds_before + self.stage_begun.elapsed().as_secs_f64();
        self.limit().map_or(0.0, |_| seconds)
    }

    fn is_stage_over(&self) -> bool {
        self.state.epoch >= self.stages()[self.state.stage].epochs || self.is_time_up()
    }

    /// Never before the first step.
    fn is_time_up(&self) -> bool {
        let begun = self.state.epoch > 0 || self.state.step > 0;
        begun && self.limit().is_some_and(|limit| self.stage_seconds() >= limit)
    }

    /// The share of the stage that is over, in epochs of `n_batches` or in time: whichever is further.
    fn share_done(&self, n_batches: usize) -> f64 {
        let epochs = self.stages()[self.state.stage].epochs;
        let step = self.state.epoch * n_batches + self.state.step;
        let by_steps = step as f64 / (epochs * n_batches).max(1) as f64;
        let by_time = self.limit().map_or(0.0, |limit| self.stage_seconds() / limit);
        by_steps.max(by_time)
    }

    /// The next stage starts from the best weights so far.
    fn end_stage(&mut self) -> Result<()> {
        let best = self.folder.join(BEST);
        if best.exists() {
            weights::restore(&self.network, &weights::read_safetensors(&best)?)?;
            self.average = Average::new(&self.network, self.config.fit.average_steps);
        }
        self.state.stage += 1;
        self.stage_begun = Instant::now();
        self.seconds_before = 0.0;
        self.state.epoch = 0;
        self.state.bad_epochs = 0;
        self.state.adam_steps = 0;
        self.state.average_steps = 0;
        self.state.finished = self.state.stage == self.stages().len();
        if self.state.stage == 1 {
            self.network.train_all();
        }
        self.save(&Adam::new(&self.network, &self.config.fit))
    }
}
