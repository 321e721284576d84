//! One round: from folders to the database and, where that is asked for, to turned photos. A scan is
//! one round; the daemon runs one whenever files have settled.

mod classifier;
pub mod decode_pool;
pub mod infer;
pub mod messages;
mod owner;
pub mod photo_report;
pub mod policy;
mod record;
pub mod refusal;
mod renames;
mod seen;
pub mod selection;
mod turns;
pub mod walk;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Result, anyhow};
use crossbeam_channel::bounded;

use self::decode_pool::DECODE_BUDGET;
use self::infer::Inference;
use self::messages::Report;
use self::policy::TurnSettings;
use self::record::Recorder;
use self::renames::RenameLookup;
use self::selection::Selection;
use self::walk::{MountIdentity, Settling, Walk};
use crate::decode::Budget;
use crate::decode::sandbox::prover::Prover;
use crate::engine::Engine;
use crate::signals::Signals;
use crate::store::{RunId, Store};

/// Files on their way to the decoders, and reports on their way out.
const WORK_QUEUE: usize = 64;
const REPORT_QUEUE: usize = 1024;

/// Everything that one round needs but the database and the engine.
pub struct Round {
    /// Absolute, none below another.
    pub roots: Vec<PathBuf>,
    pub selection: Selection,
    /// Look at everything again; a person's earlier undo does not bind either.
    pub rescan: bool,
    /// `None`: everything found is old enough to look at.
    pub settling: Option<Settling>,
    /// Folders without which nothing is called missing.
    pub anchors: Vec<MountIdentity>,
    pub inference: Inference,
    pub turns: TurnSettings,
    /// Report unchanged photos in full too.
    pub in_full: bool,
    pub signals: Arc<Signals>,
}

impl Round {
    /// Walks, decodes, infers, records, fixes; calls `report` for everything that is found, in no
    /// particular order, after it is in the database as part of `run`. An engine in `engine` is used;
    /// one that was loaded is left there.
    ///
    /// # Errors
    /// Returns the first error of a thread that could not go on.
    pub fn run(
        self,
        mut store: Store,
        run: RunId,
        engine: &mut Option<Engine>,
        mut report: impl FnMut(Report),
    ) -> Result<Store> {
        let model = store.known_model(&self.inference.model.hash, self.inference.thresholds)?;
        let thresholds = store.thresholds_for(model, self.inference.thresholds)?;
        let inference = Inference { thresholds, ..self.inference };
        let mut known = HashMap::new();
        for root in &self.roots {
            self.signals.heartbeat.beat();
            store.known_below(root, model, |path, file| {
                known.insert(path, file);
            })?;
        }
        let walk = Walk {
            roots: self.roots,
            known,
            renames: RenameLookup::new(&store, model),
            selection: self.selection,
            rescan: self.rescan,
            settling: self.settling,
            anchors: self.anchors,
            signals: Arc::clone(&self.signals),
        };
        let budget = Arc::new(Budget::new(DECODE_BUDGET));
        let limits = self.turns.limits;
        let recorder = Recorder {
            store,
            run,
            model_hash: inference.model.hash,
            model_name: inference.model.name.clone(),
            model,
            thresholds,
            turns: self.turns,
            rescan: self.rescan,
            in_full: self.in_full,
            signals: Arc::clone(&self.signals),
            prover: Prover::new(limits, Arc::clone(&budget), Arc::clone(&self.signals)),
        };
        let network = NetworkStage { inference, engine, budget: &budget };
        flow(walk, network, recorder, &self.signals, &mut report)
    }
}

/// The network's thread: what it does, with what, and the memory that its decoders share with others.
struct NetworkStage<'a> {
    inference: Inference,
    engine: &'a mut Option<Engine>,
    budget: &'a Budget,
}

/// From the walk to the database. Returns when everything found is recorded.
fn flow(
    walk: Walk,
    network: NetworkStage<'_>,
    recorder: Recorder,
    signals: &Signals,
    report: &mut impl FnMut(Report),
) -> Result<Store> {
    thread::scope(|scope| {
        let (work_in, work_out) = bounded(WORK_QUEUE);
        let (found_in, found_out) = bounded(REPORT_QUEUE);
        let (events_in, events_out) = bounded(WORK_QUEUE);
        let (reports_in, reports_out) = bounded(REPORT_QUEUE);
        let walking = scope.spawn(move || walk.run(&work_in, &found_in));
        let NetworkStage { inference, engine, budget } = network;
        let inferring =
            scope.spawn(move || inference.run(engine, &work_out, &events_in, budget, signals));
        let recording = scope.spawn(move || recorder.run(events_out, found_out, &reports_in));
        reports_out.iter().for_each(report);
        let recorded = recording.join().map_err(|_| anyhow!("the recorder panicked"))?;
        let inferred = inferring.join().map_err(|_| anyhow!("the decoders' thread panicked"))?;
        let walked = walking.join().map_err(|_| anyhow!("the walk panicked"))?;
        // If both failed, the recorder failed first and thereby stopped the other.
        let store = recorded?;
        inferred?;
        // A walk that was stopped has no error of its own: the thread that stopped it has.
        let (Ok(()) | Err(walk::Stopped)) = walked;
        Ok(store)
    })
}
