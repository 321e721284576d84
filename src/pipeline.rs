//! Wires the stages, spawns them, joins them: once for a scan, once a round for the daemon.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Result, anyhow};
use crossbeam_channel::bounded;
use globset::GlobSet;

use crate::engine::Engine;
use crate::stages::look::Look;
use crate::stages::policy::Policies;
use crate::stages::record::{Recorder, Report};
use crate::stages::walk::{Elsewhere, Walk};
use crate::store::{Keep, RunKind, Store};

/// Files on their way to the decoders, and reports on their way out.
const WORK_QUEUE: usize = 64;
const REPORT_QUEUE: usize = 1024;

/// One scan, whole.
pub struct Scan {
    pub roots: Vec<PathBuf>,
    pub ignore: GlobSet,
    pub rescan: bool,
    pub look: Look,
    pub policies: Policies,
    pub keep_mtime: bool,
    pub keep: Keep,
    /// Report unchanged photos in full too.
    pub in_full: bool,
}

impl Scan {
    /// Walks, looks, records, fixes; calls `report` for everything that is found, in no particular
    /// order, after it is in the database. Gives the database back with the run's number.
    ///
    /// # Errors
    /// The first stage's that could not go on.
    pub fn run(mut self, mut store: Store, mut report: impl FnMut(Report)) -> Result<(Store, i64)> {
        let model = store.known_model(&self.look.model.hash, self.look.bars)?;
        self.look.bars = store.bars_for(model, self.look.bars)?;
        let mut known = HashMap::new();
        for root in &self.roots {
            store.known_below(root, model, |path, file| {
                known.insert(path, file);
            })?;
        }
        let run = store.begin_run(RunKind::Scan)?;
        let pulse = Arc::clone(&self.look.pulse);
        let walk = Walk {
            roots: self.roots,
            known,
            elsewhere: Elsewhere::new(&store, model),
            ignore: self.ignore,
            rescan: self.rescan,
            settled_before_ns: None,
            settled: HashSet::new(),
            anchors: Vec::new(),
            pulse: Arc::clone(&pulse),
        };
        let recorder = Recorder {
            store,
            run,
            model_hash: self.look.model.hash,
            model_name: self.look.model.name.clone(),
            model,
            bars: self.look.bars,
            policies: self.policies,
            rescan: self.rescan,
            keep_mtime: self.keep_mtime,
            keep: self.keep,
            in_full: self.in_full,
            pulse,
        };
        let mut store = flow(walk, self.look, &mut None, recorder, &mut report)?;
        store.end_run(run)?;
        Ok((store, run))
    }
}

/// From the walk to the database, once. Returns when everything found is recorded.
///
/// # Errors
/// The first stage's that could not go on.
pub fn flow(
    walk: Walk,
    look: Look,
    engine: &mut Option<Engine>,
    recorder: Recorder,
    report: &mut impl FnMut(Report),
) -> Result<Store> {
    thread::scope(|scope| {
        let (work_in, work_out) = bounded(WORK_QUEUE);
        let (found_in, found_out) = bounded(REPORT_QUEUE);
        let (events_in, events_out) = bounded(WORK_QUEUE);
        let (reports_in, reports_out) = bounded(REPORT_QUEUE);
        // A walk that is stopped has nothing to say: the stage that stopped it has.
        scope.spawn(move || drop(walk.run(&work_in, &found_in)));
        let looking = scope.spawn(move || look.run(engine, &work_out, &events_in));
        let recording = scope.spawn(move || recorder.run(events_out, found_out, &reports_in));
        reports_out.iter().for_each(report);
        let recorded = recording.join().map_err(|_| anyhow!("the recorder panicked"))?;
        let looked = looking.join().map_err(|_| anyhow!("the decoders' stage panicked"))?;
        // Where both failed, the recorder's end is what stopped the other.
        let store = recorded?;
        looked.map(|()| store)
    })
}
