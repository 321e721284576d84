//! A file that a person wants turned and the database does not know.

use std::path::Path;

use anyhow::Result;

use crate::decode::sandbox::Sandbox;
use crate::decode::{Budget, Candidate, Decoded, Limits};
use crate::error::{Reason, SkipReason};
use crate::signals::Signals;
use crate::store::{Observation, Observed};

/// What is to be recorded of it, so that its change can be undone; or why it is no photo to turn. Decoding proves that
/// it can be shown; the network is not asked.
///
/// # Errors
/// Returns an error if no decoding process can be started.
pub(super) fn observe(path: &Path, limits: &Limits) -> Result<Result<Observation, Reason>> {
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(err) => return Ok(Err(Reason::from(&SkipReason::from(err)))),
    };
    let candidate = Candidate { path: path.to_owned(), identity: (&metadata).into() };
    let budget = Budget::new(usize::MAX);
    let signals = Signals::default();
    match Sandbox::new(limits, &budget, 64, &signals).decode(&candidate)? {
        Some(Decoded::Photo(_)) => {}
        None | Some(Decoded::NotAPhoto) => {
            return Ok(Err(Reason::new("not_a_photo", "is not a photo")));
        }
        Some(Decoded::Skipped { skip, .. }) => return Ok(Err(Reason::from(&skip))),
    }
    let why = "turned by hand before it was looked at";
    let reason = Reason::new(SkipReason::NoAnswer.code(), why);
    let Candidate { path, identity } = candidate;
    Ok(Ok(Observation { path, identity, outcome: Observed::Skipped { format: None, reason } }))
}
