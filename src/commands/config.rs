//! `orientd config`: where the settings are, and what they may be.

use std::process::ExitCode;

use anyhow::Result;

use crate::config::{self, DEFAULT};
use crate::context::CommandContext;
use crate::output;

pub fn print_default() -> Result<ExitCode> {
    output::line(DEFAULT.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

pub fn print_in_force(context: &CommandContext) -> Result<ExitCode> {
    let path = match &context.global.config {
        Some(path) => path.clone(),
        None => config::default_path()?,
    };
    let state = if path.exists() { "" } else { "  (not there: all defaults)" };
    output::line(&format!("config    {}{state}", path.display()))?;
    output::line(&format!("database  {}", context.db_path()?.display()))?;
    output::line(&format!("data      {}", config::data_dir()?.display()))?;
    for root in &context.config.roots {
        let state = if root.path.is_dir() { "" } else { "  (not there)" };
        output::line(&format!("folder    {}{state}", root.path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}
