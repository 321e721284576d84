//! `orientd list`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  orientd list --waiting --sort confidence
  orientd list --verdict review
  orientd list --refused ~/Pictures
  orientd list --json ~/Pictures/2019 | jq .path

Photos that were turned, or that you called fine, count as upright. --turned, --waiting, --refused
and --put-back together show what is in any of them.")]
pub struct ListArgs {
    /// Only below these [default: everything]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Only photos with this verdict: fix is what it is sure of, review what it doubts
    #[arg(long, value_name = "VERDICT")]
    pub verdict: Option<VerdictFilter>,
    /// Only photos that were turned, and still are
    #[arg(long)]
    pub turned: bool,
    /// Only photos with a proposal that nobody has answered
    #[arg(long)]
    pub waiting: bool,
    /// Only those of them that could not be turned, with the reason
    #[arg(long)]
    pub refused: bool,
    /// Only photos whose turn was put back: by an undo, by another program, or from a backup
    #[arg(long)]
    pub put_back: bool,
    /// Only from this confidence on: 0.9 or 90%
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub min_confidence: Option<f32>,
    /// In this order
    #[arg(long, value_name = "KEY", default_value = "path")]
    pub sort: SortKey,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
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

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortKey {
    /// By the alphabet
    Path,
    /// The surest first
    Confidence,
    /// The latest looked at first
    Time,
}

/// A share of one, or in percent.
fn share(text: &str) -> Result<f32, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f32>().map(|percent| percent / 100.0),
        None => text.parse(),
    };
    let expected = || format!("expected 0 to 1, or 0% to 100%, not {text:?}");
    number.ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(expected)
}
