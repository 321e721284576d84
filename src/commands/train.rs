//! `orientd train`: hands over to `orientd-train`, a program of its own since it needs libtorch.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Result, anyhow};

const PROGRAM: &str = "orientd-train";

/// Becomes the trainer; returns only where it cannot.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let beside = std::env::current_exe().ok().map(|program| program.with_file_name(PROGRAM));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(PROGRAM));
    let err = Command::new(&program).args(args).exec();
    if err.kind() == std::io::ErrorKind::NotFound {
        return Err(anyhow!(
            "the trainer is not installed\n  in orientd's source folder, `make train` builds it"
        ));
    }
    Err(anyhow!("cannot start {}: {err}", program.display()))
}
