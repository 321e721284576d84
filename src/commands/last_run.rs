//! Which run `undo --last` means: the one that changed something last, of those of which something can
//! still be put back.

use anyhow::Result;

use crate::change::journal;
use crate::error;
use crate::store::{Change, RunId, Store};

/// What is to be undone, and the later runs that were passed over.
#[derive(Default)]
pub(super) struct LastRun {
    pub run: Option<RunId>,
    pub passed_over: Vec<PassedOver>,
}

/// A run whose changes were refused at an earlier try, all for good.
pub(super) struct PassedOver {
    pub run: RunId,
    pub n_photos: u64,
}

/// # Errors
/// Returns an error if the database cannot be read.
pub(super) fn find(store: &Store) -> Result<LastRun> {
    let mut last = LastRun::default();
    for run in store.changing_runs()? {
        let changes = store.changes_of_run(run)?;
        if changes.iter().any(|change| is_worth_a_try(store, change)) {
            last.run = Some(run);
            return Ok(last);
        }
        last.passed_over.push(PassedOver { run, n_photos: changes.len() as u64 });
    }
    Ok(last)
}

/// What was refused for good is tried again only where somebody brought the file back since.
fn is_worth_a_try(store: &Store, change: &Change) -> bool {
    let is_foreclosed = change.refused.as_deref().is_some_and(error::forecloses_undo);
    !is_foreclosed || journal::check_undo(store, change).is_ok()
}
