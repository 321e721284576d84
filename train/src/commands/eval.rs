//! `eval`: figures as JSON, and a report to look at.

use std::path::Path;

use anyhow::{Result, ensure};

use super::load;
use crate::augment::Augment;
use crate::calibrate::{Calibration, calibrate};
use crate::cli::{Eval, Part};
use crate::config::{Config, Precision};
use crate::data::Cache;
use crate::data::split::split;
use crate::eval::{Engine, Evaluation, Subject, evaluate};
use crate::fit;
use crate::fit::device::n_workers;
use crate::fit::images::input_spec;
use crate::onnx::Session;
use crate::report::html;

pub(super) fn run(args: &Eval) -> Result<()> {
    let cache = Cache::open(&args.cache)?;
    ensure!(
        args.run.is_none() || args.settings.config.is_none(),
        "a run has its own configuration: change single settings with --set"
    );
    let (config, mut engine, settings, name) = match (&args.run, &args.model) {
        (Some(run), _) => {
            let config = fit::run_config(run, &cache.records, &args.settings.set)?;
            let (engine, settings) = calibrated(run, &config, &cache)?;
            (config, engine, settings, run.display().to_string())
        }
        (None, Some(model)) => {
            let session = Session::from_file(model, n_workers(0))?;
            let settings = Calibration::of(&session.spec);
            let engine = Engine::Onnx(session);
            (load(&args.settings)?, engine, settings, model.display().to_string())
        }
        (None, None) => anyhow::bail!("name a run with --run or a model with --model"),
    };
    let part = match args.part {
        Part::All => (0..cache.records.len()).collect(),
        part => {
            let split = split(&cache.records, &config)?;
            match part {
                Part::Train => split.train,
                Part::Gate => split.gate,
                Part::Test => split.test,
                _ => split.validation,
            }
        }
    };
    let part_name = format!("{:?}", args.part).to_lowercase();
    let subject = Subject { model: &name, part_name: &part_name, part: &part, settings };
    let evaluation = evaluate(&mut engine, &cache, &config, &subject)?;
    write(&evaluation, &cache, &args.out)?;
    eprintln!("{}", summary(&evaluation));
    println!("{}", args.out.join("report.html").display());
    Ok(())
}

/// The best network of a run in float32, calibrated on its validation photos.
fn calibrated(run: &Path, config: &Config, cache: &Cache) -> Result<(Engine, Calibration)> {
    let mut config = config.clone();
    config.fit.precision = Precision::Float32;
    let network = fit::load_best(run, &config)?;
    let mut engine = Engine::Tch(Box::new(network), input_spec(&config));
    let split = split(&cache.records, &config)?;
    let plain: &Augment = &config.augment;
    let views = engine.score(cache, &split.validation, plain, |_| {})?;
    Ok((engine, calibrate(&views, &config.calibrate, fit::replaced(run)?.as_ref())?))
}

/// Writes `eval.json`, `report.html` and `worst.png`.
pub(super) fn write(evaluation: &Evaluation, cache: &Cache, folder: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(evaluation)?;
    crate::files::write_whole(&folder.join("eval.json"), json.as_bytes())?;
    let sheet = html::contact_sheet_of(evaluation, cache)?;
    crate::drawing::canvas::save_png(&sheet, &folder.join("worst.png"))?;
    let page = html::page(evaluation, &sheet)?;
    crate::files::write_whole(&folder.join("report.html"), page.as_bytes())
}

/// The figures in a few lines.
pub(super) fn summary(evaluation: &Evaluation) -> String {
    let percent = |figure: &crate::eval::bootstrap::Figure| {
        let share = |x: f64| 100.0 * x;
        format!("{:.2} % ({:.2}–{:.2})", share(figure.value), share(figure.low), share(figure.high))
    };
    let four = &evaluation.four_views;
    format!(
        "{} photos: one view {}, four views {}\n\
         at {:.4}: {:.2} wrong turns per 1,000 upright, {} of the wrongly stored turned rightly\n\
         at the best threshold for these photos, {:.4}: {:.2} %\n\
         sources: mean {:.2} %, worst {}\n\
         re-saved: four views {:.2} % → {:.2} %, one view {:.2} % → {:.2} % ({} photos)",
        evaluation.photos,
        percent(&evaluation.one_view.accuracy),
        percent(&four.accuracy),
        evaluation.settings.auto_confidence,
        four.wrong_per_thousand.value,
        percent(&four.turned_rightly),
        four.best_threshold,
        100.0 * four.best_turned_rightly,
        100.0 * evaluation.mean_source,
        evaluation.sources.first().map_or_else(String::new, |source| {
            format!("{} with {:.2} %", source.source, 100.0 * source.accuracy_4.value)
        }),
        100.0 * evaluation.resave.plain_4.value,
        100.0 * evaluation.resave.resaved_4.value,
        100.0 * evaluation.resave.plain_1.value,
        100.0 * evaluation.resave.resaved_1.value,
        evaluation.resave.photos
    )
}
