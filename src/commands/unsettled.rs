//! Changes that were cut short, as commands tell of them.

use anyhow::Result;

use crate::output::human;
use crate::store::{Change, Store};

/// A line for each change that could not be settled, and why.
pub(super) fn stuck(store: &Store) -> Result<Vec<String>> {
    let unsettled = store.unsettled_changes()?;
    Ok(unsettled.iter().filter(|change| change.stuck.is_some()).map(describe).collect())
}

/// What is known of one.
pub(super) fn describe(change: &Change) -> String {
    let path = human::printable(&change.path.to_string_lossy());
    let why = change.stuck.as_deref().unwrap_or("it was not tried yet");
    format!("a change of {path} was cut short and is not settled: {}", human::printable(why))
}
