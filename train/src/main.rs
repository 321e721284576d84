//! The program: parse, run, print the error, exit.

use std::process::ExitCode;

use clap::Parser;
use orientd_train::cli::Cli;
use orientd_train::commands;

fn main() -> ExitCode {
    match commands::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("orientd-train: {err:#}");
            ExitCode::FAILURE
        }
    }
}
