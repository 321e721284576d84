//! `prepare`: list, cache, and say what was left out.

use std::path::Path;

use anyhow::Result;

use crate::cli::Photos;
use crate::config::Config;
use crate::data::prepare::{Inputs, Summary, prepare};
use crate::fit::device::n_workers;

/// Lines of skipped photos shown; all are in prepare.json.
const SHOWN: usize = 10;

pub(super) fn run(photos: &Photos, cache: &Path, config: &Config) -> Result<Summary> {
    let inputs = Inputs { photos: photos.photos.clone(), library: photos.library.clone() };
    let (items, skipped) = inputs.list(&config.prepare)?;
    let n_workers = n_workers(config.fit.loaders);
    let summary = prepare(cache, &items, skipped, &config.prepare, n_workers)?;
    eprintln!(
        "{} photos in the cache: {} added, {} already there; {} left out, {} near-duplicate pairs \
         (see prepare.json)",
        summary.photos,
        summary.added,
        summary.kept,
        summary.skipped.len(),
        summary.near_duplicates.len()
    );
    for photo in summary.skipped.iter().take(SHOWN) {
        eprintln!("  {}: {}", photo.path, photo.reason);
    }
    Ok(summary)
}
