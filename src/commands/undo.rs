//! `orientd undo`: puts back the exact bytes, latest change first, and takes back the answers that led to them.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use serde_json::{Map, json};

use super::answers;
use super::interrupted;
use super::last_run::{self, PassedOver};
use super::list::known_path;
use super::unsettled;
use crate::change::journal;
use crate::cli::UndoArgs;
use crate::context::CommandContext;
use crate::error::{self, ChangeError, FixError, Reason};
use crate::output::{self, human, json as json_output};
use crate::stop::StopFlag;
use crate::store::{Change, ChangeId, GivenAnswer, PhotoId, RunId, RunKind, Store, UndoOf};

pub fn run(context: &CommandContext, args: &UndoArgs) -> Result<ExitCode> {
    let mut store = context.open_store()?;
    let Wanted { changes, answers, picked, unknown } = wanted(&store, args)?;
    if changes.is_empty() && answers.is_empty() && !unknown.is_empty() {
        return Err(anyhow!(unknown.join("\n")));
    }
    for why in &unknown {
        anstream::eprintln!("orientd: {}", human::printable_lines(why));
    }
    if changes.is_empty() && answers.is_empty() {
        if !args.json {
            output::line("There is nothing to undo.")?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let stop = StopFlag::default();
    stop.set_on_interrupt()?;
    let run = store.begin_run(RunKind::Undo)?;
    let mut tally = Tally::default();
    for change in &changes {
        if stop.is_set() {
            break;
        }
        let of = if picked.contains(&change.id) { UndoOf::OnePhoto } else { UndoOf::Many };
        // Another turn came after it: the bytes may be the same, but it is that one's now.
        let is_latest = store.last_done(change.photo)?.is_none_or(|last| last.id == change.id);
        let undone = match is_latest {
            true => journal::undo(&mut store, change, of, context.config.keep_mtime),
            false => Err(ChangeError::Photo(FixError::Changed)),
        };
        let why = match undone {
            Ok(()) => None,
            Err(ChangeError::Photo(why)) => Some(explain(&store, change, &why)?),
            Err(ChangeError::Store(err)) => return Err(err),
        };
        tally.add(change.photo, why.as_ref());
        print(args, change, why.as_ref(), context.global.quiet)?;
    }
    answers::withdraw(&mut store, &answers, args.json, context.global.quiet)?;
    store.end_run(run)?;
    if !args.json {
        output::line(&tally.text(args.last, answers.len() as u64))?;
    }
    let n_left = changes.len() as u64 - tally.n_undone - tally.n_refused;
    if n_left > 0 {
        return interrupted::end(&format!("{} not tried", human::plural(n_left, "photo")));
    }
    let is_whole = tally.n_refused == 0 && unknown.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What came of all changes so far.
#[derive(Default)]
struct Tally {
    n_undone: u64,
    /// A photo may have been turned several times.
    photos: HashSet<PhotoId>,
    n_refused: u64,
    /// Of the refused, those that another try may put back.
    n_open: u64,
}

impl Tally {
    fn add(&mut self, photo: PhotoId, why: Option<&Reason>) {
        match why {
            None => {
                self.n_undone += 1;
                self.photos.insert(photo);
            }
            Some(reason) => {
                self.n_refused += 1;
                self.n_open += u64::from(!error::forecloses_undo(&reason.code));
            }
        }
    }

    fn text(&self, is_last: bool, n_answers: u64) -> String {
        let mut parts = Vec::new();
        if n_answers == 0 || self.n_undone > 0 {
            parts.push(format!("Put back {}.", human::plural(self.photos.len() as u64, "photo")));
        }
        if n_answers > 0 {
            parts.push(format!("{} taken back.", human::plural(n_answers, "answer")));
        }
        let mut text = parts.join(" ");
        if self.n_refused > 0 {
            text += &format!(" {} left alone.", human::plural(self.n_refused, "photo"));
            if is_last && self.n_open == 0 {
                text += " The next `undo --last` means the run before.";
            }
        }
        text
    }
}

/// The reason, and where a photo that is gone may be.
fn explain(store: &Store, change: &Change, why: &FixError) -> Result<Reason> {
    let mut reason = Reason::from(why);
    if matches!(why, FixError::SidecarLost) {
        let sidecar = change.target();
        let name = sidecar.file_name().unwrap_or_default().to_string_lossy().into_owned();
        reason.detail = format!("{}: {name}", reason.detail);
    }
    if matches!(why, FixError::Vanished)
        && let Some(there) = renamed_to(store, change)?
    {
        let there = there.to_string_lossy();
        reason.detail += &format!("; it is {there} now, and `orientd scan` follows it there");
    }
    Ok(reason)
}

/// The same file under another name in its folder.
fn renamed_to(store: &Store, change: &Change) -> Result<Option<PathBuf>> {
    let Some(photo) = store.photo(change.photo, None)? else { return Ok(None) };
    let Some(Ok(mut entries)) = change.path.parent().map(fs::read_dir) else { return Ok(None) };
    let is_same = |entry: &fs::DirEntry| {
        entry.metadata().is_ok_and(|metadata| {
            let identity = (photo.identity.dev, photo.identity.ino);
            metadata.is_file() && (metadata.dev(), metadata.ino()) == identity
        })
    };
    Ok(entries.find_map(|entry| entry.ok().filter(is_same)).map(|entry| entry.path()))
}

/// What is to be put back, and the answers without a turn that are to be taken back.
#[derive(Default)]
struct Wanted {
    changes: Vec<Change>,
    answers: Vec<GivenAnswer>,
    /// Changes of single photos that were named.
    picked: HashSet<ChangeId>,
    /// What is to be said of paths at which nothing is to be undone.
    unknown: Vec<String>,
}

impl Wanted {
    fn of_run(store: &Store, run: RunId) -> Result<Self> {
        let changes = store.changes_of_run(run)?;
        let answers = store.answers_of_run(run)?;
        Ok(Self { changes, answers, ..Self::default() })
    }
}

fn wanted(store: &Store, args: &UndoArgs) -> Result<Wanted> {
    if args.last {
        let last = last_run::find(store)?;
        if !args.json {
            last.passed_over.iter().try_for_each(tell_passed_over)?;
        }
        let latest = last.run.max(store.last_answering_run()?);
        return latest.map_or(Ok(Wanted::default()), |run| Wanted::of_run(store, run));
    }
    if let Some(run) = args.run.map(RunId::new) {
        if store.run_kind(run)?.is_none() {
            return Err(anyhow!("there is no run {run}\n  `orientd history` lists them"));
        }
        return Wanted::of_run(store, run);
    }
    if let Some(since) = args.since {
        let changes = store.changes_since(since.0)?;
        let answers = store.fine_answers_since(since.0)?;
        return Ok(Wanted { changes, answers, ..Wanted::default() });
    }
    wanted_at(store, &args.paths)
}

/// What was done and said at these paths.
fn wanted_at(store: &Store, paths: &[PathBuf]) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    for path in paths {
        let path = known_path(path);
        if let Some(answer) = answers::latest_at(store, &path)? {
            wanted.answers.push(answer);
            continue;
        }
        let below = store.changes_below(&path)?;
        let answers = store.fine_answers_below(&path)?;
        if below.is_empty() && answers.is_empty() {
            wanted.unknown.push(nothing_at(store, &path)?);
            continue;
        }
        let is_open = |change: &&Change| !change.is_superseded;
        let below = match below.iter().any(|change| is_open(&change)) {
            true => below.into_iter().filter(|change| is_open(&change)).collect(),
            false => below,
        };
        if !path.is_dir() {
            wanted.picked.extend(below.iter().map(|change| change.id));
        }
        wanted.changes.extend(below);
        wanted.answers.extend(answers);
    }
    wanted.changes.sort_by_key(|change| std::cmp::Reverse(change.id));
    wanted.changes.dedup_by_key(|change| change.id);
    let mut met = HashSet::new();
    wanted.answers.retain(|answer| met.insert(answer.photo));
    Ok(wanted)
}

/// Nothing was changed there, or cannot be put back yet.
fn nothing_at(store: &Store, path: &Path) -> Result<String> {
    let mut why = format!("nothing was changed at {}", path.display());
    let unsettled = store.unsettled_changes()?;
    let here = unsettled.iter().filter(|change| change.path.starts_with(path));
    for line in here.map(unsettled::describe) {
        why += &format!("\n  {line}");
    }
    Ok(why)
}

fn tell_passed_over(passed: &PassedOver) -> Result<()> {
    let PassedOver { run, n_photos } = passed;
    let photos = human::plural(*n_photos, "photo");
    let text = "could not be put back at an earlier try, and still cannot";
    output::line(&format!("run {run} is passed over: {photos} of it {text}"))
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
        Some(why) => {
            output::line(&format!("left alone  {path}  {}", human::printable(&why.detail)))
        }
        None if quiet => Ok(()),
        None => output::line(&format!("put back    {path}")),
    }
}
