//! `orientd completions` and `orientd man`, made from the same definitions as the parser.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use crate::cli;
use anyhow::{Context, Result};

pub fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut cli::command(), "orientd", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub fn man(out: Option<&Path>) -> Result<ExitCode> {
    match out {
        None => clap_mangen::Man::new(cli::command()).render(&mut std::io::stdout())?,
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            clap_mangen::generate_to(cli::command(), folder)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
