//! The commands that look at photos, change them, and say what was done.

use std::path::PathBuf;

use clap::Args;

use super::since::Since;
use super::words;
use crate::engine::Views;
use orientd_core::edit::mode::Mode;
use orientd_core::orientation::Turn;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd scan ~/Pictures /media/scans
  orientd scan --json ~/Pictures > answers.jsonl
  orientd scan --fix ~/Pictures && orientd undo --last

Without --fix nothing is written but the database. With it, what is surely wrong is turned; what is
in doubt waits for you. A second scan opens only what is new or has changed.")]
pub struct ScanArgs {
    /// Folders or files
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Turn what is surely wrong, by tag, pixels or sidecar [default: the config's mode]
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = words::modes(), hide_possible_values = true)]
    pub fix: Option<Option<Mode>>,
    /// Show exactly what --fix would do
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a photo on stdout, then the summary; nothing else
    #[arg(long)]
    pub json: bool,
    /// Quarter turns to look at: 1, 4 or cascade
    #[arg(long, value_name = "N", value_parser = words::views(), hide_possible_values = true)]
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
    /// Look at hidden files, other programs' stores and what ignore files name, too
    #[arg(long)]
    pub no_ignore: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd fix ~/Pictures                              what is sure
  orientd fix --doubtful ~/Pictures/2019              the rest too, after a question
  orientd fix --turn 270 ~/Pictures/2019/IMG_0042.jpg as you say (clockwise)
  orientd fix --turn 90 --all ~/Pictures/roll-17      a folder, after a question

Without --turn, turns are the machine's: nothing is learnt from them. What you say with --turn is
remembered as your answer. Exit status 1: a photo that you named, or that is sure, was left alone.")]
pub struct FixArgs {
    /// Photos, or folders
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Also what is in doubt, after naming the number and asking
    #[arg(long, conflicts_with = "turn")]
    pub doubtful: bool,
    /// Turn by this many degrees clockwise: 90, 180 or 270, or counter-clockwise with a minus. 0 says that it is fine
    /// as it is
    #[arg(long, value_name = "DEG", value_parser = words::turns(), allow_hyphen_values = true)]
    #[arg(hide_possible_values = true)]
    pub turn: Option<Turn>,
    /// With --turn, all known photos below a folder too, after naming the number and asking
    #[arg(long, requires = "turn")]
    pub all: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// How: tag, pixels or sidecar [default: the config's mode]
    #[arg(long, value_name = "MODE", value_parser = words::modes(), hide_possible_values = true)]
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
  orientd undo --since 2d
  orientd undo ~/Pictures/2019/IMG_0042.jpg

A photo that has changed since is left alone and named; the exit status is then 1.
`orientd history` lists the runs.")]
pub struct UndoArgs {
    /// Photos, or folders
    #[arg(value_name = "PATH", group = "what")]
    pub paths: Vec<PathBuf>,
    /// All changes of this run
    #[arg(long, value_name = "N", group = "what")]
    pub run: Option<i64>,
    /// All changes of the last run of which anything can be put back
    #[arg(long, group = "what")]
    pub last: bool,
    /// All changes since then: 2d, 90m, 2026-11-27, "2026-11-27 14:30", today
    #[arg(long, value_name = "WHEN", group = "what")]
    pub since: Option<Since>,
    /// One JSON object a photo
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd history
  orientd undo --run 12

A daemon's turns of one day are one run.")]
pub struct HistoryArgs {
    /// Runs that turned nothing too
    #[arg(long)]
    pub all: bool,
    /// At most so many, the latest first [default: 20 on a terminal, else all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,
    /// One JSON object a run
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd report -o report.html
  orientd report --since 2026-11-01 -o november.html
  orientd report --waiting -o waiting.html

Without --run, --since and --waiting: what the last run turned that turned or looked at anything,
and all that waits or was left alone by now.")]
pub struct ReportArgs {
    /// Only what this run turned and looked at
    #[arg(long, value_name = "N", group = "what")]
    pub run: Option<i64>,
    /// Only what was turned and looked at since then: a day as 2026-11-01, or 36h, 7d, 2w ago
    #[arg(long, value_name = "WHEN", group = "what")]
    pub since: Option<Since>,
    /// Only what waits now
    #[arg(long, group = "what")]
    pub waiting: bool,
    /// Where to write it; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
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
