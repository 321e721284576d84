//! `orientd list`: what the database knows.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::change::lost_turn;
use crate::cli::{ListArgs, SortKey, VerdictFilter};
use crate::context::CommandContext;
use crate::error::FixError;
use crate::output::{self, human, json};
use crate::pipeline::photo_report::PhotoReport;
use crate::store::{KnownPhoto, LabelSource, PhotoState, Store};

pub fn run(context: &CommandContext, args: &ListArgs) -> Result<ExitCode> {
    let Some(mut store) = Store::open_existing(&context.db_path()?)? else {
        if !args.json {
            output::line("Nothing is known yet; `orientd scan PATH` looks at photos.")?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let model = context.model(Some(&store))?;
    let model = store.known_model(&model.hash, context.config.thresholds)?;
    let mut n_listed = 0u64;
    let mut n_known = 0u64;
    let mut unsorted = Vec::new();
    // As they come they are in the order of the alphabet; for another all must be known first.
    let is_sorted = args.sort == SortKey::Path && !args.reverse;
    for root in roots(&args.paths) {
        let n_before = n_known;
        store.photos_below(&root, model, |photo| {
            n_known += 1;
            let row = Row::of(photo);
            if !is_wanted(&row.report, args) {
                return Ok(());
            }
            n_listed += 1;
            match is_sorted {
                true => print(args, &row.report),
                false => {
                    unsorted.push(row);
                    Ok(())
                }
            }
        })?;
        if n_known == n_before && !root.exists() {
            let path = human::printable(&root.to_string_lossy());
            eprintln!("orientd: there is no {path}, and nothing is known of it");
        }
    }
    sort(&mut unsorted, args);
    for row in &unsorted {
        print(args, &row.report)?;
    }
    if n_listed == 0 && !args.json {
        output::line("No such photos.")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A photo, and what it is sorted by beside what is printed.
struct Row {
    report: PhotoReport,
    looked_at: i64,
}

impl Row {
    fn of(photo: KnownPhoto) -> Self {
        let looked_at = photo.looked_at;
        // What a person has said since counts, not what is lost.
        let is_open = photo.said.is_none_or(|(source, _)| source == LabelSource::Outside);
        let lost = lost_turn(&photo).filter(|_| is_open);
        let mut report = PhotoReport::from_listed(photo);
        if let Some(why) = &lost {
            let was_noticed = report.state != PhotoState::Turned;
            let state = report.state;
            report.refused(why);
            if was_noticed {
                report.state = state;
            }
        }
        Self { looked_at, report }
    }

    fn confidence(&self) -> f32 {
        self.report.confidence().unwrap_or(-1.0)
    }
}

fn print(args: &ListArgs, report: &PhotoReport) -> Result<()> {
    match args.json {
        true => output::line(&json::photo(report).to_string()),
        false => output::line(&human::photo(report, false)),
    }
}

/// Photos without a confidence come last.
fn sort(rows: &mut [Row], args: &ListArgs) {
    match args.sort {
        SortKey::Path => rows.sort_by(|a, b| a.report.path.cmp(&b.report.path)),
        SortKey::Time => rows.sort_by_key(|row| Reverse(row.looked_at)),
        SortKey::Confidence => rows.sort_by(|a, b| b.confidence().total_cmp(&a.confidence())),
    }
    if args.reverse {
        rows.reverse();
    }
}

fn is_wanted(report: &PhotoReport, args: &ListArgs) -> bool {
    let is_sure = |least: f32| report.confidence().is_some_and(|sure| sure >= least);
    has_verdict(report, args.verdict)
        && has_state(report, args)
        && args.min_confidence.is_none_or(is_sure)
}

fn has_verdict(report: &PhotoReport, verdict: Option<VerdictFilter>) -> bool {
    match verdict {
        None => true,
        Some(VerdictFilter::Upright) => report.verdict_word() == "upright",
        Some(VerdictFilter::Fix) => report.verdict_word() == "fix",
        Some(VerdictFilter::Review) => report.verdict_word() == "review",
        Some(VerdictFilter::Skipped) => report.verdict_word() == "skipped",
    }
}

fn has_state(report: &PhotoReport, args: &ListArgs) -> bool {
    let state = report.state;
    let is_any = !args.turned && !args.waiting && !args.refused && !args.put_back;
    is_any
        || (args.turned && state == PhotoState::Turned)
        || (args.waiting && state.is_open())
        || (args.refused && state == PhotoState::Refused)
        || (args.put_back && is_put_back(report))
}

/// By orientd or by somebody else.
fn is_put_back(report: &PhotoReport) -> bool {
    let codes = [FixError::PutBackOutside, FixError::SidecarLost].map(|why| why.code());
    let is_outside = report.reason.as_ref().is_some_and(|why| codes.contains(&&*why.code));
    report.state == PhotoState::PutBack || is_outside
}

/// Absolute paths; a folder that is gone may still be in the database.
fn roots(paths: &[PathBuf]) -> Vec<PathBuf> {
    if paths.is_empty() {
        return vec![PathBuf::from("/")];
    }
    paths.iter().map(|path| known_path(path)).collect()
}

/// The path as the database holds it.
pub fn known_path(path: &Path) -> PathBuf {
    std::fs::canonicalize(path)
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}
