//! `orientd completions` and `orientd man`, made from the same definitions as the parser.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;

use crate::cli;
use crate::output;

pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut shown(&cli::command()), "orientd", &mut script);
    output::raw(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command line without what is hidden, which clap would complete as well.
fn shown(whole: &Command) -> Command {
    let commands = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("orientd").args(whole.get_arguments().cloned()).subcommands(commands)
}

pub fn man(out: Option<&Path>) -> Result<ExitCode> {
    match out {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(cli::command()).render(&mut page)?;
            output::raw(&page)?;
        }
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            clap_mangen::generate_to(cli::command(), folder)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
