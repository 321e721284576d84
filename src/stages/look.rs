//! From candidates to what was seen: a pool of decoders around the one owner of the session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::decode::isolated::Isolated;
use super::decode::{Budget, Candidate, Limits, Looked, Photo};
use crate::engine::host::Host;
use crate::engine::{Device, Engine, ModelFile, Views};
use crate::error::Skip;
use crate::pulse::Pulse;
use crate::rules::decision::{Bars, decide};
use crate::rules::pixels::Rgb8;
use crate::store::{BarOverrides, Prediction, Seen, SeenOutcome};

/// Decoders may hold this many bytes of pixels at once, all together.
const DECODE_BUDGET: usize = 144 << 20;

/// The name of every decoding thread.
pub const DECODER_THREAD: &str = "decoder";

/// How long a photo waits for others to fill its batch.
const BATCH_WAIT: Duration = Duration::from_millis(40);

/// Everything the stage needs; the session itself is made when the first photo comes.
#[derive(Clone)]
pub struct Look {
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
    pub bars: BarOverrides,
    pub pulse: Arc<Pulse>,
}

/// What a run learns about the engine once it is loaded.
#[derive(Clone, Debug)]
pub struct EngineInfo {
    pub device: Device,
    /// The bars in the model file.
    pub own_bars: Bars,
    pub backbone: String,
}

/// What comes out of the stage: first the engine, then files in no particular order.
pub enum Event {
    Loaded(EngineInfo),
    Seen(Seen),
}

impl Look {
    /// Would the engine that `other` has loaded do for this too?
    pub fn has_engine_of(&self, other: &Self) -> bool {
        self.model.hash == other.model.hash
            && (&self.library, self.device, self.n_threads)
                == (&other.library, other.device, other.n_threads)
    }

    /// Runs until `work` is closed and drained. Loads nothing where nothing comes; an engine that is
    /// loaded is left in `slot` for the next time.
    ///
    /// # Errors
    /// Where the library, the model or the device cannot be used, or a later stage has ended.
    pub fn run(
        self,
        slot: &mut Option<Engine>,
        work: &Receiver<Candidate>,
        seen: &Sender<Event>,
    ) -> Result<()> {
        let Ok(first) = work.recv() else { return Ok(()) };
        let engine = match slot {
            Some(engine) => engine,
            None => {
                let library = self.library.as_deref();
                let load = if self.hosted { Host::start } else { Engine::load };
                slot.insert(load(library, &self.model, self.device, self.n_threads)?)
            }
        };
        self.pulse.beat();
        let own_bars = engine.spec.bars;
        let backbone = engine.spec.backbone.clone();
        let info = EngineInfo { device: engine.device, own_bars, backbone };
        seen.send(Event::Loaded(info)).context("the recorder has ended")?;

        let side = engine.spec.input.size;
        let n_batch = self.batch.unwrap_or_else(|| engine.preferred_batch()).max(1);
        let budget = Budget::new(DECODE_BUDGET);
        // The first candidate goes the way of all others.
        let (first_in, first_out) = bounded(1);
        first_in.send(first).context("the decoders take no work")?;
        // Room for the next batch while one is being looked at.
        let (photos_in, photos_out) = bounded(n_batch.max(self.n_threads));
        std::thread::scope(|scope| {
            let mut decoders = Vec::new();
            for _ in 0..self.n_threads.max(1) {
                let (first, work, photos, seen) =
                    (first_out.clone(), work.clone(), photos_in.clone(), seen.clone());
                let (limits, budget, pulse) = (&self.limits, &budget, &self.pulse);
                let decoder = std::thread::Builder::new().name(DECODER_THREAD.into());
                let spawned = decoder.spawn_scoped(scope, move || {
                    let mut decoder = Isolated::new(limits, budget, side, pulse);
                    for candidate in first.try_iter().chain(work.iter()) {
                        pulse.beat();
                        if pulse.is_interrupted() {
                            continue; // What was not looked at is found again.
                        }
                        if pass_on(candidate, &mut decoder, &photos, &seen)?.is_none() {
                            break;
                        }
                    }
                    Ok(())
                });
                decoders.push(spawned.context("cannot start a decoding thread")?);
            }
            drop(photos_in);
            let bars = self.bars.over(own_bars);
            infer(engine, bars, self.views, n_batch, photos_out, seen, &self.pulse)?;
            let ends = decoders.into_iter().map(|decoder| {
                decoder.join().map_err(|_| anyhow::anyhow!("a decoding thread panicked"))?
            });
            ends.collect()
        })
    }
}

type Decoded = (PathBuf, Box<Photo>);

/// Decodes one file and sends it on. `None` where there is nobody left to send it to.
fn pass_on(
    candidate: Candidate,
    decoder: &mut Isolated<'_>,
    photos: &Sender<Decoded>,
    seen: &Sender<Event>,
) -> Result<Option<()>> {
    let outcome = match decoder.look(&candidate)? {
        None => return Ok(Some(())), // Interrupted.
        Some(Looked::Photo(photo)) => return Ok(photos.send((candidate.path, photo)).ok()),
        Some(Looked::Skipped { format, skip }) => {
            skipped(format.map(|format| format.name()), &skip)
        }
        Some(Looked::NotAPhoto) => SeenOutcome::NotAPhoto,
    };
    let Candidate { path, identity } = candidate;
    Ok(seen.send(Event::Seen(Seen { path, identity, outcome })).ok())
}

/// A skip as it is recorded.
pub fn skipped(format: Option<&'static str>, skip: &Skip) -> SeenOutcome {
    SeenOutcome::Skipped { format, reason: skip.code(), detail: skip.to_string() }
}

/// Owns the session: batches in, answers out. Owns the receiver too, so that decoders end with it.
fn infer(
    engine: &mut Engine,
    bars: Bars,
    views: Views,
    n_batch: usize,
    photos: Receiver<Decoded>,
    seen: &Sender<Event>,
    pulse: &Pulse,
) -> Result<()> {
    while let Some(batch) = next_batch(&photos, n_batch) {
        pulse.beat();
        tracing::debug!(photos = batch.len(), "a batch");
        let pictures: Vec<&Rgb8> = batch.iter().map(|(_, photo)| &photo.picture).collect();
        let answers = engine.answer(&pictures, views).context("the network failed")?;
        for ((path, photo), answer) in batch.into_iter().zip(answers) {
            let outcome = match answer {
                None => skipped(Some(photo.format.name()), &Skip::NoAnswer),
                Some(answer) => SeenOutcome::Photo {
                    hash: photo.hash,
                    format: photo.format.name(),
                    width: photo.width,
                    height: photo.height,
                    stored: photo.stored,
                    taken: photo.taken,
                    prediction: Prediction {
                        probabilities: answer.probabilities,
                        decision: decide(&answer.probabilities, bars),
                        views: answer.views,
                    },
                },
            };
            let event = Event::Seen(Seen { path, identity: photo.identity, outcome });
            seen.send(event).context("the recorder has ended")?;
        }
    }
    Ok(())
}

/// Waits for one photo, then a moment for others. `None` when the decoders have ended.
fn next_batch(photos: &Receiver<Decoded>, n_batch: usize) -> Option<Vec<Decoded>> {
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
