//! `retrain`: prepare, fit, export, evaluate beside the present model, and use the better one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{eval, prepare};
use crate::calibrate::Calibration;
use crate::cli::Retrain;
use crate::config::Config;
use crate::data::split::split;
use crate::data::{Cache, Origin};
use crate::eval::{Engine, Evaluation, Subject, evaluate};
use crate::export::package;
use crate::fit::device::n_workers;
use crate::onnx::{self, Session};
use crate::{files, fit, gate};

/// Held-back photos whose label does not come from the present model, below which those count too.
const FEWEST_INDEPENDENT: usize = 100;

/// More would leave too little to train on.
const LARGEST_GATE: f64 = 0.3;

/// Short enough for two cores and an evening.
const RECIPE: &str = include_str!("../../recipes/retrain.toml");

pub(super) fn run(args: &Retrain) -> Result<()> {
    onnx::runtime::ensure_installed()?;
    let (mut config, replaced) = configure(args)?;
    std::fs::create_dir_all(&args.work)
        .with_context(|| format!("cannot make the folder {}", args.work.display()))?;
    let cache_folder = args.work.join("cache");
    prepare::run(&args.photos, &cache_folder, &config)?;
    let cache = Cache::open(&cache_folder)?;
    config.split.gate = config.split.gate.max(gate_share(cache.records.len()));
    let part = held_back(&cache, &config)?;
    // Other photos or settings are another run; the same ones go on where they were.
    let runs = args.work.join("runs");
    let run = runs.join(fit::fingerprint(&config, &cache.records)?);
    std::fs::create_dir_all(&run)
        .with_context(|| format!("cannot make the folder {}", run.display()))?;
    fit::replaces(&run, &replaced)?;
    fit::fit(&config, &cache, &run)?;

    let package = package::package(&run, &cache, &[])?;
    let model = args.work.join(model_name(&package));
    files::write_whole(&model, &package.bytes)?;
    eprintln!("{}: {}", model.display(), package.note);

    let judge = Judge { cache: &cache, config: &config, part: &part, work: &args.work };
    let present = judge.evaluate(&args.present, "present")?;
    let new = judge.evaluate(&model, "new")?;
    decide(args, &config, &model, [&present, &new])?;
    if let Err(err) = drop_other_runs(&runs, &run) {
        eprintln!("earlier runs in {} are left over: {err:#}", runs.display());
    }
    Ok(())
}

/// What to do, and the settings of the model that is to be replaced.
fn configure(args: &Retrain) -> Result<(Config, Calibration)> {
    let spec = Session::from_file(&args.present, 1)?.spec;
    let recipe = format!(
        "{RECIPE}\n[network]\nbackbone = {:?}\ninput = {}\n",
        spec.backbone, spec.input.size
    );
    let mut config =
        Config::load_over(&recipe, args.settings.config.as_deref(), &args.settings.set)?;
    if config.network.weights.is_empty() {
        config.network.weights = args.present.display().to_string();
    }
    Ok((config, Calibration::of(&spec)))
}

/// Measures models on the photos of the gate.
struct Judge<'a> {
    cache: &'a Cache,
    config: &'a Config,
    part: &'a [usize],
    work: &'a Path,
}

impl Judge<'_> {
    fn evaluate(&self, model: &Path, name: &str) -> Result<Evaluation> {
        let session = Session::from_file(model, n_workers(0))?;
        let settings = Calibration::of(&session.spec);
        let shown = model.display().to_string();
        let subject = Subject { model: &shown, part_name: "gate", part: self.part, settings };
        let mut engine = Engine::Onnx(session);
        let evaluation = evaluate(&mut engine, self.cache, self.config, &subject)?;
        eval::write(&evaluation, self.cache, &self.work.join(name))?;
        eprintln!("{name} model: {}", eval::summary(&evaluation));
        Ok(evaluation)
    }
}

/// Says whether the new model is better, and puts it to use if it is.
fn decide(
    args: &Retrain,
    config: &Config,
    model: &Path,
    [present, new]: [&Evaluation; 2],
) -> Result<()> {
    let wrong_limit = config.calibrate.wrong_per_thousand;
    let decision = gate::decide(present.into(), new.into(), wrong_limit);
    let text = serde_json::to_string_pretty(&decision)?;
    files::write_whole(&args.work.join("gate.json"), text.as_bytes())?;
    println!("{}", decision.words());
    match &args.orientd {
        Some(program) if decision.accepted => {
            use_model(program, args.photos.library.as_deref(), model)
        }
        None if decision.accepted => {
            println!("`orientd model use {}` uses it", model.display());
            Ok(())
        }
        _ => Ok(()),
    }
}

/// As large a share as enough photos ask for, within reason.
fn gate_share(n_photos: usize) -> f64 {
    let with_luck = 1.3 * gate::FEWEST_PHOTOS as f64;
    (with_luck / n_photos.max(1) as f64).min(LARGEST_GATE)
}

/// The photos that nothing will be fitted on; without those that only the present model says are
/// upright, as long as enough are left: it would be judge in its own case.
///
/// # Errors
/// Returns an error if there are too few of either: known before the hours of training.
fn held_back(cache: &Cache, config: &Config) -> Result<Vec<usize>> {
    let part = split(&cache.records, config)?.gate;
    ensure!(
        part.len() >= gate::FEWEST_PHOTOS,
        "of {} photos {} are held back to compare the new model with the present one, at least {} \
         are needed\n  a few hundred photos with a label are enough",
        cache.records.len(),
        part.len(),
        gate::FEWEST_PHOTOS
    );
    let by_others = |idx: &&usize| cache.records[**idx].origin != Origin::Confident;
    let independent: Vec<usize> = part.iter().filter(by_others).copied().collect();
    if independent.len() >= FEWEST_INDEPENDENT {
        return Ok(independent);
    }
    if independent.len() < part.len() {
        eprintln!(
            "of the {} photos held back {} have a label of their own, so those that the present \
             model is sure of count too, in its favour",
            part.len(),
            independent.len()
        );
    }
    Ok(part)
}

/// Runs on fewer photos or from an earlier model are done with: each is a hundred megabytes. One that
/// another program is at work in stays.
fn drop_other_runs(runs: &Path, run: &Path) -> Result<()> {
    for entry in std::fs::read_dir(runs)? {
        let path = entry?.path();
        if path != run && fit::is_idle(&path)? {
            std::fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// Tells one's own models apart: `own-2026-11-24-1f0c3a.onnx`.
fn model_name(package: &package::Package) -> String {
    let day = package.spec.trained_at.get(..10).unwrap_or("undated");
    let hash = blake3::hash(&package.bytes).to_hex();
    format!("own-{day}-{}.onnx", &hash[..6])
}

fn use_model(program: &Path, library: Option<&Path>, model: &Path) -> Result<()> {
    let failed = || format!("cannot run {} model use", program.display());
    let mut command = Command::new(program);
    if let Some(library) = library {
        command.arg("--db").arg(library);
    }
    let status = command.args(["model", "use"]).arg(model).status().with_context(failed)?;
    ensure!(status.success(), "`{} model use` failed: {status}", program.display());
    Ok(())
}
