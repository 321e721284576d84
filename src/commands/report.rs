//! `orientd report`: one HTML file of a run, with what was turned, what waits and what was skipped.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::cli::ReportArgs;
use crate::config;
use crate::context::CommandContext;
use crate::output::html::{LeftAlone, Report, Turned, Waiting};
use crate::output::{self, days, human};
use crate::review::thumbnails::Thumbnails;
use crate::store::{Card, ModelId, PageQuery, PhotoId, RunId, Store, Tab};

/// A file with more pictures is too large for a browser; the rest is named without.
const MAX_PICTURES: usize = 2000;

const PAGE: usize = 500;

pub fn run(context: &CommandContext, args: &ReportArgs) -> Result<ExitCode> {
    let Some(mut store) = Store::open_existing(&context.db_path()?)? else {
        return Err(anyhow!("nothing is known yet\n  `orientd scan PATH` looks at photos"));
    };
    let model = context.model(Some(&store))?;
    let model = store.known_model(&model.hash, context.config.thresholds)?;
    let known = match args.run.map(RunId::new) {
        Some(run) => store.run_kind(run)?.map(|kind| (run, kind)),
        None => store.last_looking_run()?,
    };
    let (run, kind) = known.with_context(|| match args.run.map(RunId::new) {
        Some(run) => format!("there is no run {run}"),
        None => "nothing was scanned yet".to_owned(),
    })?;
    let cache = config::cache_dir()?.join("thumbnails");
    let thumbnails = Thumbnails::new(cache, context.config.limits, 1)?;
    let mut pictures = Pictures { thumbnails, store: &store, model, n_left: MAX_PICTURES };
    let mut turned = Vec::new();
    for change in store.changes_of_run(run)? {
        let picture = pictures.of(change.photo)?;
        let path = change.path.to_string_lossy().into_owned();
        let known = store.taken_and_sure(change.photo, model)?;
        let day = known.0.and_then(days::taken);
        let turn = change.turn.degrees();
        turned.push(Turned { path, turn, confidence: known.1, day, picture });
    }
    let mut waiting = Vec::new();
    for card in cards(&store, model, Tab::Review, run)? {
        let picture = pictures.of(card.id)?;
        let confidence = card.confidence.unwrap_or(0.0);
        let day = card.taken.and_then(days::taken);
        let turn = card.turn.degrees();
        waiting.push(Waiting { path: path(&card), turn, confidence, day, picture });
    }
    let skipped = cards(&store, model, Tab::Skipped, run)?.into_iter().map(|card| {
        let why = card.skipped.as_ref().map_or_else(String::new, |reason| reason.detail.clone());
        LeftAlone { path: path(&card), why }
    });
    let undo = (!turned.is_empty()).then(|| format!("orientd undo --run {run}"));
    let report = Report {
        title: format!("Run {run} ({kind})"),
        day: days::today(),
        undo,
        home: directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
        turned,
        waiting,
        skipped: skipped.collect(),
    };
    fs::write(&args.output, report.html())
        .with_context(|| format!("cannot write {}", args.output.display()))?;
    output::line(&format!(
        "Run {run}: {} turned, {} waiting, {} skipped, in {}",
        human::grouped(report.turned.len() as u64),
        human::grouped(report.waiting.len() as u64),
        human::grouped(report.skipped.len() as u64),
        human::printable(&args.output.to_string_lossy())
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn path(card: &Card) -> String {
    card.path.to_string_lossy().into_owned()
}

/// All of a tab that the run looked at last.
fn cards(store: &Store, model: Option<ModelId>, tab: Tab, run: RunId) -> Result<Vec<Card>> {
    let mut query = PageQuery { limit: PAGE, ..PageQuery::of(tab) };
    let mut all = Vec::new();
    loop {
        let page = store.page(model, &query)?;
        let Some(last) = page.last() else { return Ok(all) };
        query.after = Some(last.key);
        all.extend(page.into_iter().filter(|card| card.run == run));
    }
}

struct Pictures<'a> {
    thumbnails: Thumbnails,
    store: &'a Store,
    model: Option<ModelId>,
    n_left: usize,
}

impl Pictures<'_> {
    /// `None` if the photo cannot be shown, or there are too many.
    fn of(&mut self, photo: PhotoId) -> Result<Option<Vec<u8>>> {
        let Some(photo) = self.store.photo(photo, self.model)?.filter(|_| self.n_left > 0) else {
            return Ok(None);
        };
        self.n_left -= 1;
        self.thumbnails.picture(&photo)
    }
}
