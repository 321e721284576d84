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
use crate::store::{Change, Store};
use orientd_core::edit::mode::Mode;

pub fn run(context: &CommandContext, args: &VerifyArgs) -> Result<ExitCode> {
    let store = context.open_store()?;
    let paths = match args.paths.as_slice() {
        [] => vec![Path::new("/").to_owned()],
        paths => paths.iter().map(|path| known_path(path)).collect(),
    };
    let mut n_sound = 0;
    let mut n_failed = 0;
    for path in &paths {
        for change in store.changes_in_force(path)? {
            let found = check(&store, &change);
            match &found {
                Ok(()) => n_sound += 1,
                Err(_) => n_failed += 1,
            }
            print(args, context.global.verbose > 0, &change, found.err().as_ref())?;
        }
    }
    if args.json {
        let summary = json!({"summary": {"sound": n_sound, "failed": n_failed}});
        output::line(&summary.to_string())?;
    } else {
        let sound = human::plural(n_sound, "changed photo");
        output::line(&format!("{sound} as the journal says, {} not.", human::grouped(n_failed)))?;
    }
    Ok(if n_failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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

fn print(args: &VerifyArgs, verbose: bool, change: &Change, why: Option<&FixError>) -> Result<()> {
    if args.json {
        let mut object = Map::new();
        json_output::add_path(&mut object, &change.path);
        object.insert("run".into(), json!(change.run));
        object.insert("action".into(), json!(change.mode.as_str()));
        object.insert("sound".into(), json!(why.is_none()));
        object.insert("reason".into(), json!(why.map(FixError::code)));
        object.insert("detail".into(), json!(why.map(ToString::to_string)));
        return output::line(&serde_json::Value::Object(object).to_string());
    }
    let of_photo = matches!(why, Some(FixError::Vanished | FixError::SidecarLost));
    let path = if of_photo { change.path.clone() } else { change.target() };
    let path = human::printable(&path.to_string_lossy());
    match why {
        Some(why) => output::line(&format!("not as it was left  {path}  {why}")),
        None if verbose => output::line(&format!("sound  {path}")),
        None => Ok(()),
    }
}
