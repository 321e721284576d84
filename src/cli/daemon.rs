//! The commands about `orientd run`, which itself takes nothing.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAction {
    /// Look at nothing until told to resume
    Pause,
    Resume,
    /// Look through all folders now
    Rescan,
    /// Read the config file again
    Reload,
}

#[derive(Subcommand, Debug)]
pub enum ServiceAction {
    /// Put the unit in place and start it, now and at every login
    Install,
    /// Stop it and take the unit away; photos and database stay
    Uninstall,
    /// Print the unit for this system's systemd
    Unit {
        /// The program it starts [default: this one]
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
}
