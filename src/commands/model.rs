//! `orientd model`: which models there are, and which one is asked.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};

use crate::cli::ModelCommand;
use crate::context::{CommandContext, MODEL_SETTING, models_dir};
use crate::engine::model::{BUILT_IN, ModelFile};
use crate::engine::{Device, Engine};
use crate::files::write_whole::{Durability, write_whole};
use crate::output;
use crate::store::Store;

pub fn run(context: &CommandContext, command: ModelCommand) -> Result<ExitCode> {
    match command {
        ModelCommand::List => list(context),
        ModelCommand::Use { name } => use_model(context, &name),
        ModelCommand::Show { name } => show(context, name.as_deref()),
    }
}

/// A file where there is one, else a name.
fn find(word: &str) -> Result<ModelFile> {
    if word == BUILT_IN {
        return Ok(ModelFile::built_in());
    }
    let as_file = Path::new(word);
    if as_file.is_file() {
        return ModelFile::read(as_file);
    }
    let path = models_dir()?.join(format!("{word}.onnx"));
    if !path.is_file() {
        bail!("there is no model {word:?}; `orientd model list` names them");
    }
    ModelFile::read(&path)
}

fn list(context: &CommandContext) -> Result<ExitCode> {
    let store = Store::open_existing(&context.db_path()?)?;
    let chosen = context.model(store.as_ref())?;
    let mut models = vec![ModelFile::built_in()];
    let folder = models_dir()?;
    if folder.is_dir() {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?
        {
            paths.push(entry?.path());
        }
        paths.sort();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "onnx"));
        for path in paths {
            models.push(ModelFile::read(&path)?);
        }
    }
    for model in &models {
        let mark = if model.hash == chosen.hash { "*" } else { " " };
        let size = model.bytes.len() as f64 / 1e6;
        output::line(&format!("{mark} {:<24} {size:5.1} MB", model.name))?;
    }
    if !models.iter().any(|model| model.hash == chosen.hash) {
        let path = chosen.path.unwrap_or_default();
        output::line(&format!("* {:<24} from {}", chosen.name, path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn use_model(context: &CommandContext, word: &str) -> Result<ExitCode> {
    let model = find(word)?;
    // A model that cannot be used must not be chosen.
    Engine::load(context.library().as_deref(), &model, Device::Cpu, 1)?;
    if let Some(path) = &model.path {
        let kept = models_dir()?.join(format!("{}.onnx", model.name));
        if *path != kept {
            copy(&model, &kept)?;
        }
    }
    let mut store = context.open_store()?;
    store.set_setting(MODEL_SETTING, &model.name)?;
    if let Some(path) = &context.config.model {
        output::line(&format!(
            "{} is chosen, but the config's `model` goes before it: {}",
            model.name,
            path.display()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{} is used from now on; photos are looked at again with it",
        model.name
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn copy(model: &ModelFile, kept: &Path) -> Result<()> {
    if kept.exists() && ModelFile::read(kept)?.hash != model.hash {
        return Err(anyhow!(
            "another model is already called {:?}\n  rename the file to keep both",
            model.name
        ));
    }
    write_whole(kept, &model.bytes, 0o600, Durability::ProcessCrash)
        .with_context(|| format!("cannot write {}", kept.display()))
}

fn show(context: &CommandContext, word: Option<&str>) -> Result<ExitCode> {
    let model = match word {
        Some(word) => find(word)?,
        None => context.model(Store::open_existing(&context.db_path()?)?.as_ref())?,
    };
    let mut store = Store::open_existing(&context.db_path()?)?;
    let engine = Engine::load(context.library().as_deref(), &model, Device::Cpu, 1)?;
    let spec = &engine.loaded().spec;
    output::line(&format!("{}  {:.1} MB", model.name, model.bytes.len() as f64 / 1e6))?;
    if let Some(path) = &model.path {
        output::line(&format!("file               {}", path.display()))?;
    }
    let configured = context.config.thresholds;
    let in_force = match &mut store {
        Some(store) => {
            let id = store.known_model(&model.hash, configured)?;
            store.thresholds_for(id, configured)?
        }
        None => configured,
    };
    let thresholds = in_force.over(spec.thresholds);
    let by_config = configured.over(spec.thresholds);
    let own = spec.thresholds;
    let auto = in_words(thresholds.auto_confidence, by_config.auto_confidence, own.auto_confidence);
    let review =
        in_words(thresholds.review_confidence, by_config.review_confidence, own.review_confidence);
    for (key, value) in [
        ("blake3", model.hash.to_hex()),
        ("backbone", spec.backbone.clone()),
        ("trained_at", spec.trained_at.clone()),
        ("input_size", format!("{0}×{0}", spec.input.size)),
        (
            "temperature",
            format!("{} with one view, {} with four", spec.temperature_1, spec.temperature_4),
        ),
        ("auto_confidence", auto),
        ("review_confidence", review),
        ("eval", spec.eval.to_string()),
    ] {
        output::line(&format!("{key:<18} {value}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(now: f32, by_config: f32, own: f32) -> String {
    let who =
        if now == by_config { "by the config" } else { "by your answers; see `orientd status`" };
    if now == own { own.to_string() } else { format!("{now} {who} (the model says {own})") }
}
