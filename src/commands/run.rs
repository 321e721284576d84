//! `orientd run`: the daemon; `orientd control`: sends it a command.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use super::Session;
use crate::cli::ControlAction;
use crate::daemon;
use crate::daemon::messages::Settings;
use crate::daemon::protocol::{self, Request};
use crate::output;
use crate::pipeline::infer::Inference;
use crate::store::Store;

pub fn run(session: &Session) -> Result<ExitCode> {
    let global = session.global.clone();
    daemon::run(&session.db_path()?, || settings(Session::new(global.clone())?))?;
    Ok(ExitCode::SUCCESS)
}

fn settings(session: Session) -> Result<Settings> {
    ensure!(
        !session.config.roots.is_empty(),
        "there is no folder to watch\n  add one to config.toml: [[root]] and path = \"~/Pictures\""
    );
    let store = Store::open_existing(&session.db_path()?)?;
    let inference = Inference {
        library: session.library(),
        model: session.model(store.as_ref())?,
        device: session.device(),
        hosted: true,
        views: session.config.views,
        batch: session.config.batch,
        n_threads: session.config.n_threads,
        limits: session.config.limits,
        thresholds: session.config.thresholds,
    };
    Ok(Settings { config: session.config, inference })
}

pub fn tell(session: &Session, action: ControlAction) -> Result<ExitCode> {
    let request = match action {
        ControlAction::Pause => Request::Pause,
        ControlAction::Resume => Request::Resume,
        ControlAction::Rescan => Request::Rescan,
        ControlAction::Reload => Request::Reload,
    };
    if protocol::ask(&session.db_path()?, request)?.is_none() {
        bail!("no daemon runs with this database\n  start it with `orientd run`, or as a service");
    }
    output::line("done")?;
    Ok(ExitCode::SUCCESS)
}
