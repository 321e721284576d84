//! `orientd undo`: puts back the exact bytes, latest change first.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use serde_json::{Map, json};

use super::list::known_path;
use crate::change::journal;
use crate::cli::UndoArgs;
use crate::context::CommandContext;
use crate::error::{ChangeError, Reason};
use crate::output::{self, human, json as json_output};
use crate::store::{Change, RunId, RunKind, Store};

pub fn run(context: &CommandContext, args: &UndoArgs) -> Result<ExitCode> {
    let mut store = context.open_store()?;
    let changes = wanted(&store, args)?;
    if changes.is_empty() {
        if !args.json {
            output::line("There is nothing to undo.")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let run = store.begin_run(RunKind::Undo)?;
    let mut n_undone = 0;
    let mut n_refused = 0;
    for change in &changes {
        let why = match journal::undo(&mut store, change, context.config.keep_mtime) {
            Ok(()) => None,
            Err(ChangeError::Photo(why)) => Some(why),
            Err(ChangeError::Store(err)) => return Err(err),
        };
        match &why {
            None => n_undone += 1,
            Some(_) => n_refused += 1,
        }
        let why = why.as_ref().map(Reason::from);
        print(args, change, why.as_ref(), context.global.quiet)?;
    }
    store.end_run(run)?;
    if !args.json {
        let mut text = format!("Put back {}.", human::plural(n_undone, "photo"));
        if n_refused > 0 {
            text += &format!(" {} left alone.", human::plural(n_refused, "photo"));
        }
        output::line(&text)?;
    }
    Ok(if n_refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn wanted(store: &Store, args: &UndoArgs) -> Result<Vec<Change>> {
    if args.last {
        return match store.last_changing_run()? {
            Some(run) => store.changes_of_run(run),
            None => Ok(Vec::new()),
        };
    }
    if let Some(run) = args.run.map(RunId::new) {
        return store.changes_of_run(run);
    }
    let mut changes = Vec::new();
    for path in &args.paths {
        let path = known_path(path);
        let below = store.changes_below(&path)?;
        if below.is_empty() {
            return Err(anyhow!("nothing was changed at {}", path.display()));
        }
        changes.extend(below);
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.id));
    changes.dedup_by_key(|change| change.id);
    Ok(changes)
}

fn print(args: &UndoArgs, change: &Change, why: Option<&Reason>, quiet: bool) -> Result<()> {
    if args.json {
        let mut object = Map::new();
        json_output::add_path(&mut object, &change.path);
        object.insert("run".into(), json!(change.run));
        object.insert("undone".into(), json!(why.is_none()));
        object.insert("stored".into(), json!(change.patch.from.to_exif()));
        object.insert("reason".into(), json!(why.map(|reason| &reason.code)));
        object.insert("detail".into(), json!(why.map(|reason| &reason.detail)));
        return output::line(&serde_json::Value::Object(object).to_string());
    }
    let path = human::printable(&change.path.to_string_lossy());
    match why {
        Some(why) => output::line(&format!("left alone  {path}  {}", why.detail)),
        None if quiet => Ok(()),
        None => output::line(&format!("put back    {path}")),
    }
}
