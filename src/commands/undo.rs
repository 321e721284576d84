//! `orientd undo`: puts back the exact bytes, latest change first, and takes back the answers that led to them.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use serde_json::{Map, json};

use super::answers;
use super::list::known_path;
use crate::change::journal;
use crate::cli::UndoArgs;
use crate::context::CommandContext;
use crate::error::{ChangeError, Reason};
use crate::output::{self, human, json as json_output};
use crate::store::{Change, GivenAnswer, RunId, RunKind, Store};

pub fn run(context: &CommandContext, args: &UndoArgs) -> Result<ExitCode> {
    let mut store = context.open_store()?;
    let Wanted { changes, answers } = wanted(&store, args)?;
    if changes.is_empty() && answers.is_empty() {
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
    answers::withdraw(&mut store, &answers, args.json, context.global.quiet)?;
    store.end_run(run)?;
    if !args.json {
        let mut text = format!("Put back {}.", human::plural(n_undone, "photo"));
        if !answers.is_empty() {
            text += &format!(" {} taken back.", human::plural(answers.len() as u64, "answer"));
        }
        if n_refused > 0 {
            text += &format!(" {} left alone.", human::plural(n_refused, "photo"));
        }
        output::line(&text)?;
    }
    Ok(if n_refused > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is to be put back, and the answers without a turn that are to be taken back.
#[derive(Default)]
struct Wanted {
    changes: Vec<Change>,
    answers: Vec<GivenAnswer>,
}

impl Wanted {
    fn of_run(store: &Store, run: RunId) -> Result<Self> {
        Ok(Self { changes: store.changes_of_run(run)?, answers: store.answers_of_run(run)? })
    }
}

fn wanted(store: &Store, args: &UndoArgs) -> Result<Wanted> {
    if args.last {
        let latest = store.last_changing_run()?.max(store.last_answering_run()?);
        return latest.map_or(Ok(Wanted::default()), |run| Wanted::of_run(store, run));
    }
    if let Some(run) = args.run.map(RunId::new) {
        return Wanted::of_run(store, run);
    }
    let mut wanted = Wanted::default();
    for path in &args.paths {
        let path = known_path(path);
        if let Some(answer) = answers::latest_at(store, &path)? {
            wanted.answers.push(answer);
            continue;
        }
        let below = store.changes_below(&path)?;
        if below.is_empty() {
            return Err(anyhow!("nothing was changed at {}", path.display()));
        }
        wanted.changes.extend(below);
    }
    wanted.changes.sort_by_key(|change| std::cmp::Reverse(change.id));
    wanted.changes.dedup_by_key(|change| change.id);
    Ok(wanted)
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
        Some(Reason { code, detail }) => {
            output::line(&format!("left alone  {path}  {code}: {detail}"))
        }
        None if quiet => Ok(()),
        None => output::line(&format!("put back    {path}")),
    }
}
