//! `orientd status`: what has been seen and done so far.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::context::CommandContext;
use crate::daemon::protocol;
use crate::daemon::status::Status;
use crate::output::{self, guarantee, human};
use crate::pipeline::photo_report::PhotoReport;
use crate::store::{ModelId, Store};

pub fn run(context: &CommandContext, as_json: bool) -> Result<ExitCode> {
    let path = context.db_path()?;
    let daemon = protocol::status(&path)?;
    let Some(mut store) = Store::open_existing(&path)? else {
        let text = "Nothing is known yet; `orientd scan PATH` looks at photos.";
        output::line(&if as_json { json!({"photos": 0}).to_string() } else { text.into() })?;
        return Ok(ExitCode::SUCCESS);
    };
    let model = context.model(Some(&store))?;
    let model_id = store.known_model(&model.hash, context.config.thresholds)?;
    let verdicts = count_verdicts(&store, model_id)?;
    let (n_done, n_undone, n_unsettled) = store.count_changes()?;
    let n_photos: u64 = verdicts.values().sum();
    let fitted = model_id.map(|id| store.fitted_threshold(id)).transpose()?;
    let configured = context.config.thresholds.auto_confidence;
    if as_json {
        let status = json!({
            "photos": n_photos, "verdicts": verdicts, "model": model.name,
            "changes": {"in_force": n_done, "undone": n_undone, "unsettled": n_unsettled},
            "database": path.to_string_lossy(), "daemon": daemon,
            "confidence": fitted.as_ref().map(|fitted| guarantee::json(configured, fitted)),
        });
        output::line(&status.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("{} known, model {}", human::plural(n_photos, "photo"), model.name))?;
    for (word, n) in verdicts {
        output::line(&format!("  {word:<9} {:>9}", human::grouped(n)))?;
    }
    let done = human::grouped(n_done.unsigned_abs());
    let undone = human::grouped(n_undone.unsigned_abs());
    output::line(&format!("{done} turned, {undone} put back"))?;
    for line in fitted.iter().flat_map(|fitted| guarantee::lines(configured, fitted)) {
        output::line(&line)?;
    }
    if n_unsettled > 0 {
        let text = "cut short by a crash; the next scan or fix settles them";
        output::line(&format!("{} {text}", human::grouped(n_unsettled.unsigned_abs())))?;
    }
    if let Some(daemon) = daemon {
        print_daemon(daemon)?;
    } else if let Some((kind, _, ended)) = store.last_run()? {
        let state = if ended.is_some() { "ended" } else { "is running, or was cut short" };
        output::line(&format!("last run: {kind}, {state}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn count_verdicts(store: &Store, model: Option<ModelId>) -> Result<BTreeMap<&'static str, u64>> {
    let mut verdicts = BTreeMap::from([("upright", 0), ("fix", 0), ("review", 0), ("skipped", 0)]);
    store.photos_below(Path::new("/"), model, |photo| {
        let is_known = photo.prediction.is_some() || photo.skipped.is_some();
        let word = PhotoReport::from_listed(photo).verdict_word();
        *verdicts.entry(if is_known { word } else { "not_yet_by_this_model" }).or_default() += 1;
        Ok(())
    })?;
    Ok(verdicts)
}

fn print_daemon(daemon: Status) -> Result<()> {
    output::line(&format!("daemon: {}", daemon.line()))?;
    if let Some(provider) = daemon.provider {
        output::line(&format!("  the network runs on {provider}"))?;
    }
    for root in daemon.roots {
        let path = human::printable(&root.path);
        let state = root.state.as_str();
        let fix = root.fix.as_str();
        output::line(&format!("  {state:<8} fix = {fix:<7} {path}"))?;
    }
    if let Some(error) = daemon.last_error {
        output::line(&format!("  last error: {error}"))?;
    }
    Ok(())
}
