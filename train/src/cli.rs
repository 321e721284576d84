//! The command line; types only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Trains, evaluates and exports the orientation network of orientd.
#[derive(Debug, Parser)]
#[command(name = "orientd-train", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fill a cache with upright, shrunk photos
    Prepare(Prepare),
    /// Train in two stages; started again, goes on where it was
    Fit(Fit),
    /// Measure a run or a model on photos that were held back
    Eval(Eval),
    /// Write a run's best network as an ONNX model
    Export(Export),
    /// From one's own photos to a model that is used if it is better
    Retrain(Retrain),
    /// Show what the augmentations do
    Augment(Augment),
    /// Measure how fast a network trains here
    Bench(Bench),
    /// Show the settings
    Config(ConfigArgs),
}

/// Settings that most commands share.
#[derive(Debug, Args)]
pub struct Settings {
    /// Settings laid over the defaults (see `orientd-train config --default`)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, such as fit.batch=8; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// Where photos come from.
#[derive(Debug, Args)]
pub struct Photos {
    /// A folder of upright photos; may be given again
    #[arg(long, value_name = "DIR")]
    pub photos: Vec<PathBuf>,
    /// orientd's database, for photos with a label
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Prepare {
    #[command(flatten)]
    pub photos: Photos,
    /// The cache
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub struct Fit {
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
    /// The run's folder: checkpoint, best weights, journal
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Train,
    Validation,
    /// Those held back with split.gate, where nothing was fitted
    Gate,
    /// The sources named in split.leave_out
    Test,
    All,
}

#[derive(Debug, Args)]
pub struct Eval {
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
    /// A run of `fit`, calibrated on its validation photos
    #[arg(long, value_name = "DIR", required_unless_present = "model", conflicts_with = "model")]
    pub run: Option<PathBuf>,
    /// An ONNX model, with the settings it holds
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "validation")]
    pub part: Part,
    /// Where eval.json, report.html and worst.png go
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub struct Export {
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub cache: PathBuf,
    /// The model to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// One setting laid over the run's own, such as calibrate.wrong_per_thousand=0.5; may be given
    /// again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Retrain {
    #[command(flatten)]
    pub photos: Photos,
    /// Everything goes here: cache, run, reports, model
    #[arg(long, value_name = "DIR")]
    pub work: PathBuf,
    /// The model in use, which the new one must beat
    #[arg(long, value_name = "FILE")]
    pub present: PathBuf,
    /// What `model use` is asked of where the new model is better; else its path is only printed
    #[arg(long, value_name = "PROGRAM")]
    pub orientd: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub struct Augment {
    /// Write a sheet for each augmentation, and one for all together
    #[arg(long, value_name = "DIR")]
    pub sheet: PathBuf,
    /// Photos to show it on
    #[arg(required = true, value_name = "PHOTO")]
    pub photos: Vec<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub struct Bench {
    /// Steps measured, after three that are not
    #[arg(long, default_value_t = 10)]
    pub steps: usize,
    /// Pictures a step
    #[arg(long, default_value_t = 32)]
    pub pictures: i64,
    #[command(flatten)]
    pub settings: Settings,
}

#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// The defaults with their comments, rather than what is in force
    #[arg(long)]
    pub default: bool,
    #[command(flatten)]
    pub settings: Settings,
}
