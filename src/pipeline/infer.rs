//! The network's thread: pictures from the decoders in batches, predictions to the recorder.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::decode_pool::{Channels, DecodePool, Pending, skipped};
use super::messages::{EngineInfo, Event};
use crate::decode::{Budget, Candidate, Limits, Photo};
use crate::engine::{Device, Engine, ModelFile, NetworkAnswer, Views};
use crate::error::SkipReason;
use crate::signals::Signals;
use crate::store::{Observation, Observed, Prediction, ThresholdOverrides};
use orientd_core::image::content::has_content;
use orientd_core::image::fingerprint::Fingerprint;
use orientd_core::image::rgb::Rgb8;
use orientd_core::verdict::caution::{Caution, believed, decide_within};
use orientd_core::verdict::decision::Thresholds;

/// How long a photo waits for others to fill its batch.
const BATCH_WAIT: Duration = Duration::from_millis(40);

/// Everything the stage needs; the session itself is made when the first photo comes.
#[derive(Clone)]
pub struct Inference {
    pub library: Option<PathBuf>,
    pub model: ModelFile,
    pub device: Device,
    /// The session lives in a process of its own, whose memory goes back when the engine is dropped.
    pub hosted: bool,
    pub views: Views,
    /// Photos a batch; `None`: what suits the device.
    pub batch: Option<usize>,
    /// Decoding threads, and threads of the CPU provider.
    pub n_threads: usize,
    pub limits: Limits,
    pub thresholds: ThresholdOverrides,
}

impl Inference {
    /// Would the engine that `other` has loaded do for this too?
    pub fn has_engine_of(&self, other: &Self) -> bool {
        self.model.hash == other.model.hash
            && (&self.library, self.device, self.n_threads)
                == (&other.library, other.device, other.n_threads)
    }

    /// Runs until `work` is closed and drained. Loads nothing if nothing comes; an engine that is
    /// loaded is left in `slot` for the next time.
    ///
    /// # Errors
    /// Returns an error if the library, the model or the device cannot be used, or the recorder has
    /// ended.
    pub fn run(
        self,
        slot: &mut Option<Engine>,
        work: &Receiver<Candidate>,
        events: &Sender<Event>,
        budget: &Budget,
        signals: &Signals,
    ) -> Result<()> {
        let Ok(first) = work.recv() else { return Ok(()) };
        let engine = match slot {
            Some(engine) => engine,
            None => slot.insert(self.load()?),
        };
        signals.heartbeat.beat();
        let own_thresholds = engine.loaded().spec.thresholds;
        let backbone = engine.loaded().spec.backbone.clone();
        let info = EngineInfo { device: engine.loaded().device, own_thresholds, backbone };
        events.send(Event::Loaded(info)).context("the recorder has ended")?;

        let n_batch = self.batch.unwrap_or_else(|| engine.loaded().preferred_batch()).max(1);
        // Hands the first candidate, received above, to the decoders like all others.
        let (first_in, first_out) = bounded(1);
        first_in.send(first).context("the decoders take no work")?;
        // Room for the next batch while the network runs one.
        let (photos_in, photos_out) = bounded(n_batch.max(self.n_threads));
        let pool = DecodePool {
            limits: &self.limits,
            budget,
            side: engine.loaded().spec.input.size,
            n_threads: self.n_threads,
            signals,
        };
        let channels = Channels {
            first: first_out,
            work: work.clone(),
            photos: photos_in,
            events: events.clone(),
        };
        std::thread::scope(|scope| {
            let decoders = pool.spawn(scope, &channels)?;
            drop(channels);
            let thresholds = self.thresholds.over(own_thresholds);
            let network = Network { engine, thresholds, views: self.views, n_batch, signals };
            network.infer(photos_out, events)?;
            for decoder in decoders {
                decoder.join().map_err(|_| anyhow!("a decoding thread panicked"))??;
            }
            Ok(())
        })
    }

    fn load(&self) -> Result<Engine> {
        let library = self.library.as_deref();
        let load = if self.hosted { Engine::load_in_child } else { Engine::load };
        load(library, &self.model, self.device, self.n_threads)
    }
}

/// The one user of the engine's session while a round runs.
struct Network<'a> {
    engine: &'a mut Engine,
    thresholds: Thresholds,
    views: Views,
    n_batch: usize,
    signals: &'a Signals,
}

impl Network<'_> {
    /// Batches in, predictions out. Owns the receiver, so that decoders end with it.
    fn infer(self, photos: Receiver<Pending>, events: &Sender<Event>) -> Result<()> {
        while let Some(batch) = next_batch(&photos, self.n_batch) {
            self.signals.heartbeat.beat();
            tracing::debug!(photos = batch.len(), "a batch");
            let pictures: Vec<&Rgb8> = batch.iter().map(|(_, photo)| &photo.picture).collect();
            let answers =
                self.engine.answer(&pictures, self.views).context("the network failed")?;
            for ((path, photo), answer) in batch.into_iter().zip(answers) {
                let outcome = match answer {
                    None => skipped(Some(photo.format.name()), &SkipReason::NoAnswer),
                    Some(answer) => self.observed(&photo, &answer),
                };
                let event =
                    Event::Observation(Observation { path, identity: photo.identity, outcome });
                events.send(event).context("the recorder has ended")?;
            }
        }
        Ok(())
    }
}

impl Network<'_> {
    fn observed(&self, photo: &Photo, answer: &NetworkAnswer) -> Observed {
        let is_blank = !has_content(&photo.picture);
        let caution = photo.caution.or(is_blank.then_some(Caution::NothingToSee));
        let prediction = Prediction {
            probabilities: believed(answer.probabilities, caution),
            decision: decide_within(&answer.probabilities, self.thresholds, caution),
            views: answer.views,
        };
        Observed::Photo {
            hash: photo.hash,
            format: photo.format.name(),
            width: photo.width,
            height: photo.height,
            stored: photo.stored,
            taken: photo.taken,
            caution,
            picture: Fingerprint::of(&photo.picture).map(Box::new),
            prediction,
        }
    }
}

/// Waits for one photo, then a moment for others. `None` when the decoders have ended.
fn next_batch(photos: &Receiver<Pending>, n_batch: usize) -> Option<Vec<Pending>> {
    let mut batch = vec![photos.recv().ok()?];
    let deadline = Instant::now() + BATCH_WAIT;
    while batch.len() < n_batch {
        match photos.recv_deadline(deadline) {
            Ok(photo) => batch.push(photo),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Some(batch)
}
