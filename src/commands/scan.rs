//! `orientd scan`: looks at folders, and with `--fix` turns what is surely wrong.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use indicatif::ProgressBar;

use super::{interrupted, strangers};
use crate::cli::ScanArgs;
use crate::context::CommandContext;
use crate::engine::ModelFile;
use crate::output::progress::Progress;
use crate::output::{self, Summary, human, json};
use crate::pipeline::Round;
use crate::pipeline::infer::Inference;
use crate::pipeline::messages::Report;
use crate::pipeline::photo_report::PhotoReport;
use crate::pipeline::policy::Fixing;
use crate::pipeline::selection::Selection;
use crate::pipeline::walk::{self, distinct_roots};
use crate::signals::Signals;
use crate::store::{PhotoState, RunId, RunKind};
use orientd_core::verdict::decision::Verdict;

/// Photos named on a terminal; `list` names them all, and a pipe or a file gets them all.
const MAX_LINES: usize = 20;

pub fn run(context: &CommandContext, args: ScanArgs) -> Result<ExitCode> {
    let roots = distinct_roots(&args.paths)?;
    strangers::refuse(&roots)?;
    let mut store = context.open_store()?;
    let model = context.model(Some(&store))?;
    let model_name = model.name.clone();
    let fixing = fixing(&args);
    let globs = context.config.ignore.clone();
    let selection = Selection { globs, everything: args.no_ignore, is_told: true };
    let signals = Arc::<Signals>::default();
    signals.stop.set_on_interrupt()?;
    let round = Round {
        roots: roots.clone(),
        selection: selection.clone(),
        rescan: args.rescan,
        settling: None,
        anchors: Vec::new(),
        inference: inference(context, &args, model),
        turns: context.turn_settings(fixing, args.fix.flatten()),
        in_full: args.json,
        signals: Arc::clone(&signals),
    };
    let mut printer = Printer::new(context, &args);
    if let Some(bar) = printer.progress.wants_total() {
        count_in_background(roots, Selection { is_told: false, ..selection }, bar);
    }
    let started = Instant::now();
    let run = store.begin_run(RunKind::Scan)?;
    let mut store = round.run(store, run, &mut None, |report| printer.report(&report))?;
    store.end_run(run)?;
    printer.summary.elapsed = started.elapsed();
    printer.finish(&model_name, run, fixing)?;
    if signals.stop.is_set() {
        return interrupted::end("the next scan goes on from here");
    }
    Ok(ExitCode::SUCCESS)
}

fn fixing(args: &ScanArgs) -> Fixing {
    match (args.fix, args.dry_run) {
        (_, true) => Fixing::Plan,
        (Some(_), false) => Fixing::Apply,
        (None, false) => Fixing::Off,
    }
}

/// Flags win over the config.
fn inference(context: &CommandContext, args: &ScanArgs, model: ModelFile) -> Inference {
    let config = &context.config;
    Inference {
        library: context.library(),
        model,
        device: context.device(),
        hosted: false,
        views: args.views.unwrap_or(config.views),
        batch: args.batch.map(usize::from).or(config.batch),
        n_threads: args.jobs.map_or(config.n_threads, usize::from),
        limits: config.limits,
        thresholds: config.thresholds,
    }
}

/// A bar needs a total before the walk is through. The count ends with the process at the latest:
/// it holds nothing and writes nothing.
fn count_in_background(roots: Vec<PathBuf>, selection: Selection, bar: ProgressBar) {
    std::thread::spawn(move || bar.set_length(walk::count(&roots, &selection)));
}

/// Prints reports as they come, and the summary.
struct Printer {
    json: bool,
    dry_run: bool,
    quiet: bool,
    /// Lines for people that may still be printed.
    n_lines: usize,
    verbose: bool,
    n_left_out: u64,
    progress: Progress,
    summary: Summary,
    /// The first failure to print; the scan itself goes on, since its work is in the database.
    failed: Option<anyhow::Error>,
}

impl Printer {
    fn new(context: &CommandContext, args: &ScanArgs) -> Self {
        let quiet = context.global.quiet;
        Self {
            json: args.json,
            dry_run: args.dry_run,
            quiet,
            n_lines: match quiet {
                true => 0,
                false if std::io::stdout().is_terminal() => MAX_LINES,
                false => usize::MAX,
            },
            verbose: context.global.verbose > 0,
            n_left_out: 0,
            progress: Progress::new(quiet || context.global.no_progress),
            summary: Summary::default(),
            failed: None,
        }
    }

    fn report(&mut self, report: &Report) {
        self.summary.add(report);
        self.progress.step(match report {
            Report::Loaded(_) | Report::Missing(_) | Report::Unsettled(_) => 0,
            Report::Unchanged(_, n) => *n,
            Report::Photo(_) | Report::SameFile | Report::OtherFile => 1,
        });
        let Report::Photo(photo) = report else { return };
        if let Some(text) = self.line_for(photo)
            && let Err(err) = self.progress.suspend(|| output::line(&text))
        {
            self.failed.get_or_insert(err);
        }
    }

    fn line_for(&mut self, photo: &PhotoReport) -> Option<String> {
        if self.json {
            return Some(json::photo(photo).to_string());
        }
        // An undo is no news: the count in the summary tells it.
        let is_put_back = photo.state == PhotoState::PutBack;
        let is_news = photo.just_now
            || (photo.verdict() == Some(Verdict::Fix) && !is_put_back)
            || (photo.verdict() == Some(Verdict::Review) && !photo.known);
        if self.verbose {
            return Some(human::photo(photo, self.dry_run));
        }
        if !is_news {
            return None;
        }
        if self.n_lines == 0 {
            self.n_left_out += 1;
            return None;
        }
        self.n_lines -= 1;
        Some(human::photo(photo, self.dry_run))
    }

    fn finish(self, model: &str, run: RunId, fixing: Fixing) -> Result<()> {
        self.progress.finish();
        if let Some(err) = self.failed {
            return Err(err.context("cannot print the results"));
        }
        let dry_run = fixing == Fixing::Plan;
        if self.json {
            output::line(&json::summary(&self.summary, model, run, dry_run).to_string())?;
        } else {
            if self.n_left_out > 0 && !self.quiet {
                let n = human::plural(self.n_left_out, "more photo");
                output::line(&format!("… and {n}; `orientd list --waiting` names what waits\n"))?;
            }
            let scanned = human::Scanned { model, run, fixing: fixing != Fixing::Off, dry_run };
            output::line(&human::summary(&self.summary, &scanned))?;
        }
        Ok(())
    }
}
