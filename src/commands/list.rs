//! `orientd list`: what the database knows.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use crate::change::lost_turn;
use crate::cli::{ListArgs, VerdictFilter};
use crate::context::CommandContext;
use crate::output::{self, human, json};
use crate::pipeline::photo_report::PhotoReport;
use crate::store::Store;

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
    for root in roots(&args.paths) {
        store.photos_below(&root, model, |photo| {
            let lost = lost_turn(&photo);
            let mut report = PhotoReport::from_listed(photo);
            if let Some(why) = &lost {
                report.refused(why);
            }
            if !is_wanted(&report, args.verdict) {
                return Ok(());
            }
            n_listed += 1;
            let text = if args.json {
                json::photo(&report).to_string()
            } else {
                human::photo(&report, false)
            };
            output::line(&text)
        })?;
    }
    if n_listed == 0 && !args.json {
        output::line("No such photos.")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(report: &PhotoReport, verdict: Option<VerdictFilter>) -> bool {
    match verdict {
        None => true,
        Some(VerdictFilter::Upright) => report.verdict_word() == "upright",
        Some(VerdictFilter::Fix) => report.verdict_word() == "fix",
        Some(VerdictFilter::Review) => report.verdict_word() == "review",
        Some(VerdictFilter::Skipped) => report.verdict_word() == "skipped",
    }
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
