//! `orientd run`: the daemon; `orientd control`: sends it a command.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use crate::cli::ControlAction;
use crate::context::CommandContext;
use crate::daemon;
use crate::daemon::messages::ServiceSettings;
use crate::daemon::protocol::{self, Request};
use crate::output;
use crate::pipeline::infer::Inference;
use crate::store::Store;

pub fn run(context: &CommandContext) -> Result<ExitCode> {
    let global = context.global.clone();
    daemon::run(&context.db_path()?, || settings(CommandContext::new(global.clone())?))?;
    Ok(ExitCode::SUCCESS)
}

fn settings(context: CommandContext) -> Result<ServiceSettings> {
    ensure!(
        !context.config.roots.is_empty(),
        "there is no folder to watch\n  add one to config.toml: [[root]] and path = \"~/Pictures\""
    );
    let store = Store::open_existing(&context.db_path()?)?;
    let inference = Inference {
        library: context.library(),
        model: context.model(store.as_ref())?,
        device: context.device(),
        hosted: true,
        views: context.config.views,
        batch: context.config.batch,
        n_threads: context.config.n_threads,
        limits: context.config.limits,
        thresholds: context.config.thresholds,
    };
    Ok(ServiceSettings { config: context.config, inference })
}

pub fn tell(context: &CommandContext, action: ControlAction) -> Result<ExitCode> {
    let request = match action {
        ControlAction::Pause => Request::Pause,
        ControlAction::Resume => Request::Resume,
        ControlAction::Rescan => Request::Rescan,
        ControlAction::Reload => Request::Reload,
    };
    if protocol::ask(&context.db_path()?, request)?.is_none() {
        bail!("no daemon runs with this database\n  start it with `orientd run`, or as a service");
    }
    output::line("done")?;
    Ok(ExitCode::SUCCESS)
}
