//! `retrain`: prepare, fit, export, evaluate beside the present model, and use the better one.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{eval, load, prepare};
use crate::cli::Retrain;
use crate::config::Config;
use crate::data::split::split;
use crate::data::{Cache, Origin};
use crate::eval::{Engine, Evaluation, Settings, Subject, evaluate};
use crate::export::{Session, package};
use crate::fit::device::n_workers;
use crate::{files, fit, gate};

/// Held-back photos whose label does not come from the present model, below which those count too.
const FEWEST_INDEPENDENT: usize = 100;

pub fn run(args: &Retrain) -> Result<()> {
    crate::export::runtime::ensure_installed()?;
    let mut config = load(&args.settings)?;
    if config.network.weights.is_empty() {
        config.network.weights = args.present.display().to_string();
    }
    std::fs::create_dir_all(&args.work)
        .with_context(|| format!("cannot make the folder {}", args.work.display()))?;
    let cache_folder = args.work.join("cache");
    prepare::run(&args.photos, &cache_folder, &config)?;
    let cache = Cache::open(&cache_folder)?;
    let run = args.work.join("run");
    fit::fit(&config, &cache, &run)?;

    let model = args.work.join("model.onnx");
    let package = package::package(&run, &cache, &[])?;
    files::write_whole(&model, &package.bytes)?;
    eprintln!("{}: {}", model.display(), package.note);

    let part = judged(&cache, &config)?;
    let judge = |path: &Path, name: &str| -> Result<Evaluation> {
        let session = Session::from_file(path, n_workers(0))?;
        let settings = Settings::of(&session.spec);
        let shown = path.display().to_string();
        let subject = Subject { model: &shown, part_name: "validation", part: &part, settings };
        let evaluation = evaluate(&mut Engine::Onnx(session), &cache, &config, &subject)?;
        eval::write(&evaluation, &cache, &args.work.join(name))?;
        eprintln!("{name} model: {}", eval::summary(&evaluation));
        Ok(evaluation)
    };
    let (present, new) = (judge(&args.present, "present")?, judge(&model, "new")?);
    let decision = gate::decide(&present, &new, config.calibrate.wrong_per_thousand);
    let text = serde_json::to_string_pretty(&decision)?;
    files::write_whole(&args.work.join("gate.json"), text.as_bytes())?;
    println!("{}", decision.words());
    match &args.orientd {
        Some(program) if decision.accepted => use_model(program, &model),
        _ => Ok(()),
    }
}

/// The validation photos; without those that only the present model says are upright, as long as
/// enough are left: it would be judge in its own case.
fn judged(cache: &Cache, config: &Config) -> Result<Vec<usize>> {
    let part = split(&cache.records, config)?.validation;
    let by_others = |idx: &&usize| cache.records[**idx].origin != Origin::Confident;
    let independent: Vec<usize> = part.iter().filter(by_others).copied().collect();
    if independent.len() >= FEWEST_INDEPENDENT {
        return Ok(independent);
    }
    if independent.len() < part.len() {
        eprintln!(
            "only {} photos held back have a label of their own, so those that the present model \
             is sure of count too, in its favour",
            independent.len()
        );
    }
    Ok(part)
}

fn use_model(program: &Path, model: &Path) -> Result<()> {
    let failed = || format!("cannot run {} model use", program.display());
    let status =
        Command::new(program).args(["model", "use"]).arg(model).status().with_context(failed)?;
    ensure!(status.success(), "`{} model use` failed: {status}", program.display());
    Ok(())
}
