//! How a command ends that was interrupted: with what it did, and how to go on or back.

use std::process::ExitCode;

use anyhow::Result;

/// What shells report for a program that Ctrl-C ended.
const STATUS: u8 = 130;

/// Says on stderr that the command ends early, `state` being what is left, and gives its exit status.
pub(super) fn end(state: &str) -> Result<ExitCode> {
    anstream::eprintln!("orientd: interrupted; {state}");
    Ok(ExitCode::from(STATUS))
}
