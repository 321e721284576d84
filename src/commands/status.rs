//! `orientd status`: what has been seen and done so far.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::unsettled;
use crate::context::CommandContext;
use crate::daemon::protocol;
use crate::daemon::status::Status;
use crate::output::{self, guarantee, human};
use crate::pipeline::photo_report::PhotoReport;
use crate::store::{ChangeCounts, ModelId, PhotoState, Store};
use orientd_core::verdict::decision::Verdict;

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
    let counts = Counts::of(&store, model_id)?;
    let changes = store.count_changes()?;
    let n_photos: u64 = counts.verdicts.values().sum();
    let fitted = model_id.map(|id| store.fitted_threshold(id)).transpose()?;
    let configured = context.config.thresholds.auto_confidence;
    if as_json {
        let status = json!({
            "photos": n_photos, "verdicts": counts.verdicts, "model": model.name,
            "turned": counts.of_state(PhotoState::Turned), "fine": counts.of_state(PhotoState::Fine),
            "waiting": counts.n_waiting(),
            "refused": counts.of_state(PhotoState::Refused),
            "put_back": counts.of_state(PhotoState::PutBack),
            "changes": {
                "in_force": changes.n_in_force, "undone": changes.n_undone,
                "superseded": changes.n_superseded, "unsettled": changes.n_unsettled,
            },
            "database": path.to_string_lossy(), "daemon": daemon,
            "confidence": fitted.as_ref().map(|fitted| guarantee::json(configured, fitted)),
        });
        output::line(&status.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("{} known, model {}", human::plural(n_photos, "photo"), model.name))?;
    for (word, n) in counts.rows() {
        output::line(&format!("  {word:<10} {:>9}", human::grouped(n)))?;
    }
    output::line(&done(&changes))?;
    if let Some(fitted) = &fitted {
        output::line(&guarantee::sentence(configured, fitted))?;
        if context.global.verbose > 0 {
            for line in guarantee::evidence(configured, fitted) {
                output::line(&line)?;
            }
        }
    }
    if changes.n_unsettled > 0 {
        let text = "cut short by a crash; the next scan or fix settles them, if that is possible";
        output::line(&format!("{} {text}", human::grouped(changes.n_unsettled)))?;
        for line in unsettled::stuck(&store)? {
            output::line(&line)?;
        }
    }
    if let Some(daemon) = daemon {
        print_daemon(daemon)?;
    } else if let Some((kind, _, ended)) = store.last_run()? {
        let state = if ended.is_some() { "ended" } else { "is running, or was cut short" };
        output::line(&format!("last run: {kind}, {state}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What has become of the turns that were made.
fn done(changes: &ChangeCounts) -> String {
    let in_force = human::grouped(changes.n_in_force);
    let undone = human::grouped(changes.n_undone);
    let mut text = format!("{in_force} turned, {undone} put back");
    if changes.n_superseded > 0 {
        let n = human::grouped(changes.n_superseded);
        text += &format!(", {n} changed by other programs since");
    }
    text
}

/// Photos by what is to be done about them, and by where they stand.
struct Counts {
    verdicts: BTreeMap<&'static str, u64>,
    states: BTreeMap<PhotoState, u64>,
    /// Photos that wait and were not refused.
    n_sure: u64,
    n_doubtful: u64,
}

impl Counts {
    fn of(store: &Store, model: Option<ModelId>) -> Result<Self> {
        let verdicts = ["upright", "fix", "review", "skipped"].map(|word| (word, 0));
        let mut counts =
            Self { verdicts: verdicts.into(), states: BTreeMap::new(), n_sure: 0, n_doubtful: 0 };
        store.photos_below(Path::new("/"), model, |photo| {
            counts.add(&PhotoReport::from_listed(photo));
            Ok(())
        })?;
        Ok(counts)
    }

    fn add(&mut self, photo: &PhotoReport) {
        let is_unseen = photo.state == PhotoState::Unseen;
        let word = if is_unseen { "not_yet_by_this_model" } else { photo.verdict_word() };
        *self.verdicts.entry(word).or_default() += 1;
        *self.states.entry(photo.state).or_default() += 1;
        match (photo.state, photo.verdict()) {
            (PhotoState::Waiting, Some(Verdict::Fix)) => self.n_sure += 1,
            (PhotoState::Waiting, _) => self.n_doubtful += 1,
            _ => {}
        }
    }

    fn of_state(&self, state: PhotoState) -> u64 {
        self.states.get(&state).copied().unwrap_or(0)
    }

    /// As a scan counts them.
    fn n_waiting(&self) -> u64 {
        let others = [PhotoState::PutBack, PhotoState::Refused].map(|state| self.of_state(state));
        self.n_sure + self.n_doubtful + others.iter().sum::<u64>()
    }

    /// In words for people; what there is none of is left out, but for the first ones.
    fn rows(&self) -> Vec<(&'static str, u64)> {
        let n_upright = self.of_state(PhotoState::Upright) + self.of_state(PhotoState::Fine);
        let rows = [
            ("upright", n_upright),
            ("turned", self.of_state(PhotoState::Turned)),
            ("sure", self.n_sure),
            ("in doubt", self.n_doubtful),
            ("put back", self.of_state(PhotoState::PutBack)),
            ("not turned", self.of_state(PhotoState::Refused)),
            ("skipped", self.of_state(PhotoState::Skipped)),
            ("not seen", self.of_state(PhotoState::Unseen)),
        ];
        let is_told = |(word, n): &(&str, u64)| {
            *n > 0 || !["put back", "not turned", "not seen"].contains(word)
        };
        rows.into_iter().filter(is_told).collect()
    }
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
