//! One file a command. Each gets the `CommandContext` and its own arguments, and prints its own result.

mod answers;
pub mod completions;
pub mod config;
pub mod doctor;
pub mod engine_host;
pub mod fix;
pub mod history;
mod interrupted;
mod last_run;
pub mod list;
pub mod model;
pub mod report;
pub mod review;
pub mod run;
pub mod scan;
pub mod service;
pub mod status;
mod strangers;
pub mod train;
pub mod undo;
mod unsettled;
pub mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::context::CommandContext;
use crate::decode::sandbox::worker;
use crate::output::human;
use crate::store::name_writer;

/// Prints what stopped a command. A stderr that is gone leaves nobody to tell.
pub fn print_error(err: &anyhow::Error) {
    let text = human::printable_lines(&format!("{err:#}"));
    let _ = writeln!(io::stderr(), "orientd: {text}");
}

/// Runs the command.
///
/// # Errors
/// Whatever stopped it.
pub fn run(cli: Cli) -> Result<ExitCode> {
    // These must work where the config does not.
    match cli.command {
        Command::Completions { shell } => return completions::completions(shell),
        Command::Man { out } => return completions::man(out.as_deref()),
        Command::Config { default: true } => return config::print_default(),
        Command::Train { args } => return train::run(cli.global, &args),
        Command::DecodeWorker { heif } => {
            return worker::serve(heif).map(|()| ExitCode::SUCCESS);
        }
        Command::Doctor { json } => return doctor::run(cli.global, json),
        Command::Service { action } => return service::run(cli.global, action),
        Command::EngineHost { threads } => return engine_host::run(&cli.global, threads),
        _ => {}
    }
    let context = CommandContext::new(cli.global)?;
    context.close_own_folders()?;
    let db = context.db_path()?;
    run_with(&context, cli.command).map_err(|err| name_writer(err, &db))
}

fn run_with(context: &CommandContext, command: Command) -> Result<ExitCode> {
    match command {
        Command::Scan(args) => scan::run(context, args),
        Command::List(args) => list::run(context, &args),
        Command::Fix(args) => fix::run(context, &args),
        Command::Undo(args) => undo::run(context, &args),
        Command::History(args) => history::run(context, &args),
        Command::Report(args) => report::run(context, &args),
        Command::Review(args) => review::run(context, &args),
        Command::Verify(args) => verify::run(context, &args),
        Command::Run => run::run(context),
        Command::Control { action } => run::tell(context, action),
        Command::Status { json } => status::run(context, json),
        Command::Config { .. } => config::print_in_force(context),
        Command::Model(command) => model::run(context, command),
        Command::Completions { .. }
        | Command::Man { .. }
        | Command::Train { .. }
        | Command::Doctor { .. }
        | Command::Service { .. }
        | Command::DecodeWorker { .. }
        | Command::EngineHost { .. } => Ok(ExitCode::SUCCESS),
    }
}
