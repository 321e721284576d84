//! The command line: clap types only. One file a group of commands; this one has what they share.

mod daemon;
mod globals;
mod list;
mod models;
mod photos;
mod review;
mod since;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

pub use daemon::{ControlAction, ServiceAction};
pub use globals::{ColorWhen, Global};
pub use list::{ListArgs, SortKey, VerdictFilter};
pub use models::ModelCommand;
pub use photos::{FixArgs, HistoryArgs, ReportArgs, ScanArgs, UndoArgs, VerifyArgs};
pub use review::{ReviewArgs, ReviewOrder};
pub use since::Since;

/// Finds photos stored sideways or upside down and turns them without loss.
#[derive(Parser, Debug)]
#[command(
    name = "orientd",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  orientd scan ~/Pictures                 look, change nothing
  orientd scan --fix --dry-run ~/Pictures show what --fix would do
  orientd scan --fix ~/Pictures           turn what is surely wrong
  orientd list --waiting                  what waits, sure or in doubt
  orientd undo --last                     put everything back

Exit status:
  0  done; photos that were skipped are named with the reason
  1  it could not go on, and one line on stderr says why; or a photo that was named was left alone
     (fix, undo), is not as it was left (verify), or a check found something broken (doctor)
  2  the command line is wrong"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// The definition of the command line: all commands accept the global options, before them and behind them.
pub fn command() -> clap::Command {
    globals::hide_idle(Cli::command())
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Look at every new or changed photo below PATH; change nothing unless --fix
    Scan(ScanArgs),
    /// Show what the database knows
    List(ListArgs),
    /// Turn photos: what is sure, or as you say with --turn
    Fix(FixArgs),
    /// Put back the exact bytes of changed photos
    Undo(UndoArgs),
    /// Show the runs that turned photos: when, by what, and what was put back
    History(HistoryArgs),
    /// Write one HTML file of what was turned, what waits and what was left alone
    Report(ReportArgs),
    /// Settle the doubtful photos on a local web page
    Review(ReviewArgs),
    /// Check that every changed photo still is what the journal says
    Verify(VerifyArgs),
    /// Watch the folders of the config file, in the foreground
    Run,
    /// Tell the running daemon to pause, resume, rescan or reload
    Control { action: ControlAction },
    /// Put the systemd user service in place, or take it away
    Service {
        #[command(subcommand)]
        action: ServiceAction,
    },
    /// Say what has been done so far, and what the daemon is doing
    Status {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Check this machine: library, device, model, database, config, limits
    Doctor {
        /// As JSON objects, one a finding
        #[arg(long)]
        json: bool,
    },
    /// Show where the config file is and what is in force, or every key with its default
    Config {
        /// Print a config file of all defaults, with comments
        #[arg(long)]
        default: bool,
    },
    /// Train a model on your own photos (runs `orientd-train`, which `make train` builds)
    #[command(disable_help_flag = true)]
    Train {
        /// `--library` retrains on the photos in the database and uses the model if it is better;
        /// anything else is handed on as it is (`orientd train --help`)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// The network's session for another process of this program
    #[command(name = crate::engine::host::COMMAND, hide = true)]
    EngineHost {
        #[arg(long)]
        threads: usize,
    },
    /// Show or choose models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Decode photos for another orientd, which starts this itself
    #[command(hide = true)]
    DecodeWorker {
        /// Load libheif first
        #[arg(long)]
        heif: bool,
    },
    /// Print shell completions
    Completions { shell: clap_complete::Shell },
    /// Print the manual page, or write all of them into a directory
    Man {
        /// Write orientd.1 and one page a command here
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}
