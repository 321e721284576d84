//! Options that all commands accept, and which of them each command's `--help` shows.

use std::path::PathBuf;

use clap::{Arg, Args, Command, ValueEnum};

use super::words;
use crate::engine::Device;

const HEADING: &str = "Global options";

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Config file [default: config.toml in the config directory; see `orientd config`]
    #[arg(long, value_name = "FILE", global = true, help_heading = HEADING)]
    pub config: Option<PathBuf>,
    /// Database file [default: orientd.db in the data directory]
    #[arg(long, value_name = "FILE", global = true, help_heading = HEADING)]
    pub db: Option<PathBuf>,
    /// Model file [default: the one chosen with `model use`, else the built-in one]
    #[arg(long, value_name = "FILE", global = true, help_heading = HEADING)]
    pub model: Option<PathBuf>,
    /// Where the network runs: auto, cpu, cuda, tensorrt, openvino, migraphx
    #[arg(long, value_name = "DEVICE", global = true, help_heading = HEADING)]
    #[arg(value_parser = words::devices(), hide_possible_values = true)]
    pub device: Option<Device>,
    /// ONNX Runtime's library
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        env = "ORT_DYLIB_PATH",
        help_heading = HEADING
    )]
    pub ort_lib: Option<PathBuf>,
    /// Say more on stderr; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = HEADING)]
    pub verbose: u8,
    /// Print only the outcome and what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = HEADING)]
    pub quiet: bool,
    /// When to use colour
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        help_heading = HEADING
    )]
    pub color: ColorWhen,
    /// No progress bar
    #[arg(long, global = true, help_heading = HEADING)]
    pub no_progress: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

/// What every command that prints text for people heeds.
const TEXT: [&str; 3] = ["verbose", "quiet", "color"];

/// The others that mean something to a command.
fn beside_text(command: &str) -> &'static [&'static str] {
    match command {
        "scan" => &["config", "db", "model", "device", "ort_lib", "no_progress"],
        "run" | "doctor" => &["config", "db", "model", "device", "ort_lib"],
        "list" | "fix" | "report" | "review" | "status" | "model" => &["config", "db", "model"],
        "undo" | "verify" | "control" | "history" => &["config", "db"],
        "config" => &["config"],
        "train" => &["ort_lib"],
        _ => &[],
    }
}

/// These print one text for programs, whatever the options say.
fn is_for_programs(command: &str) -> bool {
    matches!(command, "completions" | "man")
}

/// Hides from each command's help the global options that mean nothing to it; they are accepted all the same.
pub(super) fn hide_idle(command: Command) -> Command {
    let globals: Vec<Arg> =
        command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    command.mut_subcommands(|below| {
        let name = below.get_name().to_owned();
        let idle = globals.iter().filter(|arg| !means_something(&name, arg.get_id().as_str()));
        idle.fold(below, |below, arg| below.arg(arg.clone().hide(true)))
    })
}

fn means_something(command: &str, option: &str) -> bool {
    (TEXT.contains(&option) && !is_for_programs(command)) || beside_text(command).contains(&option)
}
