//! `orientd verify`: is every changed photo still what the journal says, and can it be put back?

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Map, json};

use super::list::known_path;
use crate::change::check_in_force;
use crate::change::originals;
use crate::cli::VerifyArgs;
use crate::context::CommandContext;
use crate::error::FixError;
use crate::output::{self, human, json as json_output};
use crate::store::{Change, LabelSource, Store};
use orientd_core::edit::mode::Mode;

pub fn run(context: &CommandContext, args: &VerifyArgs) -> Result<ExitCode> {
    let store = context.open_store()?;
    let paths = match args.paths.as_slice() {
        [] => vec![Path::new("/").to_owned()],
        paths => paths.iter().map(|path| known_path(path)).collect(),
    };
    let mut n_sound = 0;
    let mut n_failed = 0;
    let mut n_superseded = 0;
    for path in &paths {
        for change in store.changes_in_force(path)? {
            let state = State::of(&store, &change)?;
            match &state {
                State::Sound => n_sound += 1,
                State::Superseded(_) => n_superseded += 1,
                State::Failed(_) => n_failed += 1,
            }
            print(args, context.global.verbose > 0, &change, &state)?;
        }
    }
    if args.json {
        let counts = json!({"sound": n_sound, "failed": n_failed, "superseded": n_superseded});
        output::line(&json!({"summary": counts}).to_string())?;
    } else {
        let sound = human::plural(n_sound, "changed photo");
        let known = match n_superseded {
            0 => String::new(),
            n => format!(" {} turned otherwise by other programs, as is known.", human::grouped(n)),
        };
        let failed = human::grouped(n_failed);
        output::line(&format!("{sound} as the journal says, {failed} not.{known}"))?;
    }
    Ok(if n_failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a changed photo is found to be.
enum State {
    Sound,
    /// Somebody else has turned it otherwise, as is known.
    Superseded(FixError),
    Failed(FixError),
}

impl State {
    fn of(store: &Store, change: &Change) -> Result<Self> {
        Ok(match check(store, change) {
            Ok(()) => Self::Sound,
            Err(why) if is_known(store, change, &why)? => Self::Superseded(why),
            Err(why) => Self::Failed(why),
        })
    }

    fn why(&self) -> Option<&FixError> {
        match self {
            Self::Sound => None,
            Self::Superseded(why) | Self::Failed(why) => Some(why),
        }
    }
}

/// Was it noticed that somebody else has turned the photo otherwise? A lost sidecar may have been nobody's
/// intention, so that one counts once a person has answered what the photo is now, or had it turned again.
fn is_known(store: &Store, change: &Change, why: &FixError) -> Result<bool> {
    match why {
        FixError::Changed => Ok(change.is_superseded),
        FixError::SidecarLost => {
            let is_latest = store.last_done(change.photo)?.is_some_and(|last| last.id == change.id);
            let said = store.photo(change.photo, None)?.and_then(|photo| photo.said);
            Ok(!is_latest || said.is_some_and(|(source, _)| source != LabelSource::Outside))
        }
        _ => Ok(false),
    }
}

fn check(store: &Store, change: &Change) -> Result<(), FixError> {
    check_in_force(change)?;
    match change.mode {
        Mode::Pixels => {
            let hash = change.hash_before.ok_or(FixError::OriginalDamaged)?;
            originals::load(store, &hash).map(|_| ())
        }
        Mode::Tag | Mode::Sidecar => Ok(()),
    }
}

fn print(args: &VerifyArgs, verbose: bool, change: &Change, state: &State) -> Result<()> {
    let why = state.why();
    if args.json {
        let mut object = Map::new();
        json_output::add_path(&mut object, &change.path);
        object.insert("run".into(), json!(change.run));
        object.insert("action".into(), json!(change.mode.as_str()));
        object.insert("sound".into(), json!(why.is_none()));
        object.insert("superseded".into(), json!(matches!(state, State::Superseded(_))));
        object.insert("reason".into(), json!(why.map(FixError::code)));
        object.insert("detail".into(), json!(why.map(ToString::to_string)));
        return output::line(&serde_json::Value::Object(object).to_string());
    }
    let of_photo = matches!(why, Some(FixError::Vanished | FixError::SidecarLost));
    let path = if of_photo { change.path.clone() } else { change.target() };
    let path = human::printable(&path.to_string_lossy());
    match state {
        State::Failed(why) => output::line(&format!("not as it was left  {path}  {why}")),
        State::Superseded(why) if verbose => {
            output::line(&format!("turned otherwise  {path}  {why}"))
        }
        State::Sound if verbose => output::line(&format!("sound  {path}")),
        State::Superseded(_) | State::Sound => Ok(()),
    }
}
