//! Config file → one valid [`Config`].
//!
//! The keys stand in `file.rs`, their defaults in `default.toml`, what a value may be in `value.rs`;
//! `parse.rs` reads the text over the defaults.

mod dirs;
mod error;
mod field_names;
mod file;
mod parse;
mod value;

#[cfg(test)]
mod broken_tests;
#[cfg(test)]
mod defaults_tests;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use globset::GlobSet;
use serde::{Deserialize, Serialize};

use crate::decode::Limits;
use crate::engine::{Device, Views};
use crate::store::{RetentionPolicy, ThresholdOverrides};
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;

pub(crate) use dirs::{cache_dir, data_dir, default_path};

/// Every key with its default and a comment.
pub(crate) const DEFAULT: &str = include_str!("default.toml");

/// Settings in force.
#[derive(Clone, Debug)]
pub struct Config {
    /// `None`: the built-in model or the one chosen with `model use`.
    pub model: Option<PathBuf>,
    pub ort_lib: Option<PathBuf>,
    pub device: Device,
    pub views: Views,
    pub batch: Option<usize>,
    pub n_threads: usize,
    pub thresholds: ThresholdOverrides,
    pub limits: Limits,
    pub keep_mtime: bool,
    pub mode: Mode,
    /// How a new sidecar is named.
    pub sidecar_name: SidecarStyle,
    pub retention: RetentionPolicy,
    pub ignore: GlobSet,
    pub settle: Duration,
    pub sweep: Duration,
    pub poll: Duration,
    pub idle: Duration,
    pub roots: Vec<Root>,
}

/// A folder with settings of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Root {
    /// Links resolved, where it exists.
    pub path: PathBuf,
    pub fix: FixPolicy,
    pub mode: Mode,
    pub sidecar_name: SidecarStyle,
    pub min_confidence: Option<f32>,
    pub poll: bool,
}

/// What is done about the verdict `fix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixPolicy {
    Off,
    #[default]
    Review,
    Auto,
}

impl FixPolicy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Review => "review",
            Self::Auto => "auto",
        }
    }
}

impl FromStr for FixPolicy {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "off" => Ok(Self::Off),
            "review" => Ok(Self::Review),
            "auto" => Ok(Self::Auto),
            _ => bail!("unknown fix {word:?}; one of off, review, auto"),
        }
    }
}

impl Config {
    /// Reads `file`, or the default place's file if there is one.
    ///
    /// # Errors
    /// Returns an error if a named file is missing, and a `ConfigError` if the text is not valid
    /// TOML, a key is unknown, or a value is of the wrong type or out of range.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => default_path()?,
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if file.is_none() && err.kind() == std::io::ErrorKind::NotFound => {
                String::new()
            }
            Err(err) => {
                return Err(err).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let parsed = parse::parse(&text).and_then(file::File::into_config);
        parsed.map_err(|fault| fault.in_file(&path, &text).into())
    }
}
