//! Can other users read the catalogue, or hold its locks? What is open is closed on the way.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::context::{CommandContext, own_folders};
use crate::files::private;
use crate::output::human;
use crate::store::Store;

/// Paths that are named; of more, the number.
const MOST_NAMED: usize = 3;

/// What was found, and done.
pub(super) struct Privacy {
    pub was_open: bool,
    pub text: String,
    /// What a person can do about what is still open.
    pub advice: Option<String>,
}

pub(super) fn check(context: &CommandContext) -> Result<Privacy> {
    let db = context.db_path()?;
    let mut places = own_folders(&db)?;
    places.extend(Store::own_files(&db));
    let is_open = |path: &PathBuf| private::is_open(path);
    let was_open: Vec<PathBuf> = places.into_iter().filter(is_open).collect();
    let failed = was_open.iter().find_map(|path| private::close_tree(path).err());
    let still_open: Vec<PathBuf> = was_open.iter().filter(|path| is_open(path)).cloned().collect();
    Ok(describe(&db, &was_open, &still_open, failed.as_ref()))
}

fn describe(
    db: &Path,
    was_open: &[PathBuf],
    still_open: &[PathBuf],
    failed: Option<&std::io::Error>,
) -> Privacy {
    if was_open.is_empty() {
        let text = format!("only you can read {} and what belongs to it", db.display());
        return Privacy { was_open: false, text, advice: None };
    }
    if still_open.is_empty() {
        let text = format!("other users could read or lock {}; closed now", named(was_open));
        return Privacy { was_open: true, text, advice: None };
    }
    let why = failed.map_or_else(String::new, |err| format!(": {err}"));
    let text =
        format!("other users can read or lock {}, and it cannot be closed{why}", named(still_open));
    let advice = "--db FILE takes a database on a file system that keeps permissions";
    Privacy { was_open: true, text, advice: Some(advice.into()) }
}

fn named(paths: &[PathBuf]) -> String {
    let shown = paths.iter().take(MOST_NAMED).map(|path| path.display().to_string());
    let mut text = shown.collect::<Vec<_>>().join(", ");
    let n_more = paths.len().saturating_sub(MOST_NAMED) as u64;
    if n_more > 0 {
        text += &format!(" and {} more", human::grouped(n_more));
    }
    text
}
