//! The command line: clap types only.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::engine::{Device, Views};
use crate::review::terminal::Graphics;
use orientd_core::edit::mode::Mode;

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
  orientd list --verdict review           what it is not sure about
  orientd undo --last                     put everything back"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Config file [default: config.toml in the config directory; see `orientd config`]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Database file [default: orientd.db in the data directory]
    #[arg(long, value_name = "FILE", global = true)]
    pub db: Option<PathBuf>,
    /// Model file [default: the one chosen with `model use`, else the built-in one]
    #[arg(long, value_name = "FILE", global = true)]
    pub model: Option<PathBuf>,
    /// Where the network runs: auto, cpu, cuda, tensorrt, openvino, migraphx
    #[arg(long, value_name = "DEVICE", global = true)]
    pub device: Option<Device>,
    /// ONNX Runtime's library
    #[arg(long, value_name = "FILE", global = true, env = "ORT_DYLIB_PATH")]
    pub ort_lib: Option<PathBuf>,
    /// Say more on stderr; twice for everything
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Print results only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub color: ColorWhen,
    /// No progress bar
    #[arg(long, global = true)]
    pub no_progress: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Look at every new or changed photo below PATH; change nothing unless --fix
    Scan(ScanArgs),
    /// Show what the database knows
    List(ListArgs),
    /// Turn photos: apply the pending proposal, or the turn given by hand
    Fix(FixArgs),
    /// Put back the exact bytes of changed photos
    Undo(UndoArgs),
    /// Write one HTML file of what a run did
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

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd scan ~/Pictures /media/scans
  orientd scan --json ~/Pictures > answers.jsonl
  orientd scan --fix ~/Pictures && orientd undo --last

Without --fix nothing is written but the database. With it, verdict `fix` is applied; the rest waits
for `orientd fix`. A second scan opens only what is new or has changed.")]
pub struct ScanArgs {
    /// Folders or files
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Apply verdict `fix`, by tag, pixels or sidecar [default: the config's mode]
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true)]
    pub fix: Option<Option<Mode>>,
    /// Show exactly what --fix would do
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a photo on stdout, then the summary; nothing else
    #[arg(long)]
    pub json: bool,
    /// Quarter turns to look at: 1, 4 or cascade
    #[arg(long, value_name = "N")]
    pub views: Option<Views>,
    /// Photos the network looks at together
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch: Option<u16>,
    /// Decoding threads
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub jobs: Option<u16>,
    /// Ignore what the database knows
    #[arg(long)]
    pub rescan: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd list --verdict review
  orientd list --json ~/Pictures/2019 | jq .path")]
pub struct ListArgs {
    /// Only below these [default: everything]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only photos with this verdict
    #[arg(long, value_name = "VERDICT")]
    pub verdict: Option<VerdictFilter>,
    /// One JSON object a photo
    #[arg(long)]
    pub json: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictFilter {
    Upright,
    Fix,
    Review,
    Skipped,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd fix ~/Pictures/2019/IMG_0042.jpg            as proposed
  orientd fix --turn 270 ~/Pictures/2019/IMG_0042.jpg as you say (clockwise)")]
pub struct FixArgs {
    /// Photos, or folders of photos with a pending proposal
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Turn by this many degrees clockwise: 90, 180 or 270. 0 says that it is fine as it is
    #[arg(long, value_name = "DEG", value_parser = ["0", "90", "180", "270"])]
    pub turn: Option<String>,
    /// How: tag, pixels or sidecar [default: the config's mode]
    #[arg(long, value_name = "MODE")]
    pub mode: Option<Mode>,
    /// Show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a photo
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).multiple(false)), after_help = "\
Examples:
  orientd undo --last
  orientd undo ~/Pictures/2019/IMG_0042.jpg

A photo that has changed since is left alone and named.")]
pub struct UndoArgs {
    /// Photos, or folders
    #[arg(value_name = "PATH", group = "what")]
    pub paths: Vec<PathBuf>,
    /// All changes of this run
    #[arg(long, value_name = "N", group = "what")]
    pub run: Option<i64>,
    /// All changes of the last run that changed anything
    #[arg(long, group = "what")]
    pub last: bool,
    /// One JSON object a photo
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd report -o report.html")]
pub struct ReportArgs {
    /// The run [default: the last one that looked at photos]
    #[arg(long, value_name = "N")]
    pub run: Option<i64>,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "\
The page is for this machine and this person only: the printed address holds a secret. Photos are turned
as `orientd fix` turns them; everything can be put back on the page or by `orientd undo`.

On a server: `orientd review --tty` asks in the terminal, with pictures where it can show them.")]
pub struct ReviewArgs {
    /// Port [default: any free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Print the address, do not open a browser
    #[arg(long)]
    pub no_open: bool,
    /// Address to listen on; one beyond this machine needs --password-file
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub listen: std::net::IpAddr,
    /// File whose first line is the password that the page asks for (12 characters or more)
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Here in the terminal, one photo at a time, instead of a page
    #[arg(long, conflicts_with_all = ["port", "no_open", "listen", "password_file"])]
    pub tty: bool,
    /// With --tty, how pictures are shown [default: as the terminal can]
    #[arg(long, value_name = "HOW", requires = "tty")]
    pub pictures: Option<Graphics>,
    /// With --tty, which photos come first
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "doubtful",
        requires = "tty",
        hide_default_value = true
    )]
    pub order: ReviewOrder,
}

/// Which photos a person is asked about first.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewOrder {
    /// The most doubtful
    Doubtful,
    /// The surest
    Confident,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd verify
  orientd verify --json ~/Pictures/2019

Fails where a photo is gone, was changed by another program, or cannot be put back any more.")]
pub struct VerifyArgs {
    /// Photos, or folders [default: all]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// One JSON object a photo, then the summary
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand, Debug)]
pub enum ModelCommand {
    /// The models there are
    List,
    /// Use a model from now on
    Use {
        /// `built-in`, the name of a trained model, or a file, which is copied
        #[arg(value_name = "NAME|FILE")]
        name: String,
    },
    /// What a model says about itself
    Show {
        /// [default: the one in use]
        #[arg(value_name = "NAME|FILE")]
        name: Option<String>,
    },
}
