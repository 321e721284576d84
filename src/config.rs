//! Config file and flags → one valid [`Config`]. All defaults are in `config.default.toml`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use directories::ProjectDirs;
use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::decode::Limits;
use crate::engine::{Device, Views};
use crate::store::{BarOverrides, Keep};
use orientd_core::edit::mode::Mode;

/// Every key with its default and a comment.
pub const DEFAULT: &str = include_str!("config.default.toml");

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
    pub bars: BarOverrides,
    pub limits: Limits,
    pub keep_mtime: bool,
    pub mode: Mode,
    pub keep: Keep,
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

/// The file's keys as they are written.
#[derive(Deserialize)]
struct Raw {
    model: String,
    ort_lib: String,
    device: String,
    views: String,
    batch: usize,
    jobs: usize,
    auto_confidence: f32,
    review_confidence: f32,
    max_file_bytes: u64,
    max_pixels: u64,
    keep_mtime: bool,
    mode: String,
    originals_max_bytes: u64,
    originals_max_days: u64,
    ignore: Vec<String>,
    settle_seconds: f64,
    sweep_minutes: f64,
    poll_seconds: f64,
    idle_seconds: f64,
    #[serde(default)]
    root: Vec<RawRoot>,
}

#[derive(Deserialize)]
struct RawRoot {
    path: String,
    #[serde(default)]
    fix: Option<String>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    min_confidence: f32,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    poll: bool,
}

const ROOT_KEYS: [&str; 6] = ["path", "fix", "mode", "min_confidence", "ignore", "poll"];

impl Config {
    /// Reads `file`, or the default place's file where there is one.
    ///
    /// # Errors
    /// Where a named file is missing, a key is unknown, or a value is out of range.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let (path, is_named) = match file {
            Some(path) => (path.to_owned(), true),
            None => (default_path()?, false),
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(err) if !is_named && err.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(err) => {
                return Err(err).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut table: toml::Table = DEFAULT.parse().context("the built-in defaults are broken")?;
        let own: toml::Table = text.parse().map_err(|err: toml::de::Error| anyhow!("{err}"))?;
        for (key, value) in own {
            if !table.contains_key(&key) && key != "root" {
                bail!("unknown key {key:?}{}", nearest(&key, table.keys().map(String::as_str)));
            }
            if key == "root" {
                check_root_keys(&value)?;
            }
            table.insert(key, value);
        }
        let raw: Raw = table.try_into().map_err(|err: toml::de::Error| anyhow!("{err}"))?;
        raw.check()
    }
}

/// Also where serde would only say that a key is unknown: the nearest known one.
fn check_root_keys(roots: &toml::Value) -> Result<()> {
    let roots = roots.as_array().into_iter().flatten().filter_map(toml::Value::as_table);
    for key in roots.flat_map(toml::Table::keys) {
        if !ROOT_KEYS.contains(&key.as_str()) {
            bail!("unknown key {key:?} in [[root]]{}", nearest(key, ROOT_KEYS.into_iter()));
        }
    }
    Ok(())
}

impl Raw {
    fn check(self) -> Result<Config> {
        ensure!(self.batch <= 1024, "batch = {} is more than 1024", self.batch);
        ensure!(self.jobs <= 512, "jobs = {} is more than 512", self.jobs);
        let mode = mode(&self.mode)?;
        let mut ignore = self.ignore;
        let mut roots: Vec<Root> = Vec::new();
        for root in self.root {
            let path = expand(&root.path)?;
            ensure!(path.is_absolute(), "the folder {:?} is not an absolute path", root.path);
            let path = std::fs::canonicalize(&path).unwrap_or(path);
            let is_known = roots.iter().any(|known| known.path == path);
            ensure!(!is_known, "the folder {} is there twice", path.display());
            for glob in &root.ignore {
                // A folder's own globs apply below it only.
                let below = globset::escape(&path.to_string_lossy());
                ignore.push(format!("{below}/{}", glob.trim_start_matches('/')));
            }
            roots.push(root.check(path, mode)?);
        }
        Ok(Config {
            model: optional_path(&self.model)?,
            ort_lib: optional_path(&self.ort_lib)?,
            device: self.device.parse()?,
            views: self.views.parse()?,
            batch: (self.batch > 0).then_some(self.batch),
            n_threads: if self.jobs > 0 { self.jobs } else { n_cores() },
            bars: BarOverrides {
                auto_confidence: bar("auto_confidence", self.auto_confidence, 0.5)?,
                review_confidence: bar("review_confidence", self.review_confidence, 0.0)?,
            },
            limits: Limits { max_file_bytes: self.max_file_bytes, max_pixels: self.max_pixels },
            keep_mtime: self.keep_mtime,
            mode,
            keep: Keep { max_bytes: self.originals_max_bytes, max_days: self.originals_max_days },
            ignore: globs(&ignore)?,
            settle: span("settle_seconds", self.settle_seconds, 0.0, 1.0)?,
            sweep: span("sweep_minutes", self.sweep_minutes, 0.01, 60.0)?,
            poll: span("poll_seconds", self.poll_seconds, 0.5, 1.0)?,
            idle: span("idle_seconds", self.idle_seconds, 0.1, 1.0)?,
            roots,
        })
    }
}

impl RawRoot {
    fn check(self, path: PathBuf, default_mode: Mode) -> Result<Root> {
        let mode = self.mode.as_deref().map_or(Ok(default_mode), mode)?;
        let fix = self.fix.map_or(Ok(FixPolicy::default()), |word| word.parse())?;
        let min_confidence = bar("min_confidence", self.min_confidence, 0.5)?;
        Ok(Root { path, fix, mode, min_confidence, poll: self.poll })
    }
}

fn mode(word: &str) -> Result<Mode> {
    word.parse().map_err(|err: String| anyhow!(err))
}

/// A time of `value` units of `unit` seconds, of a week at most.
fn span(key: &str, value: f64, least: f64, unit: f64) -> Result<Duration> {
    const MOST: f64 = 7.0 * 24.0 * 3600.0;
    ensure!(
        value >= least && value * unit <= MOST,
        "{key} = {value} is not from {least} to {}",
        MOST / unit
    );
    Ok(Duration::from_secs_f64(value * unit))
}

fn bar(key: &str, value: f32, above: f32) -> Result<Option<f32>> {
    if value == 0.0 {
        return Ok(None);
    }
    ensure!(value > above && value <= 1.0, "{key} = {value} is not above {above} and at most 1");
    Ok(Some(value))
}

fn globs(patterns: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).with_context(|| format!("the glob {pattern:?}"))?);
    }
    Ok(set.build()?)
}

fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn nearest<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |known: &&str| strsim::damerau_levenshtein(key, known);
    match known.min_by_key(distance) {
        Some(known) => format!("; did you mean {known:?}?"),
        None => String::new(),
    }
}

fn optional_path(text: &str) -> Result<Option<PathBuf>> {
    if text.is_empty() { Ok(None) } else { expand(text).map(Some) }
}

/// Expands a leading `~` and every `$NAME` or `${NAME}`.
fn expand(text: &str) -> Result<PathBuf> {
    let home = || directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let expanded = shellexpand::full_with_context(
        text,
        || home().and_then(|home| home.into_os_string().into_string().ok()),
        |name| std::env::var(name).map(Some),
    );
    let expanded = expanded.with_context(|| format!("the path {text:?}"))?;
    Ok(PathBuf::from(expanded.into_owned()))
}

fn project_dirs() -> Result<ProjectDirs> {
    ProjectDirs::from("", "", "orientd").context("there is no home directory to keep things in")
}

/// Where the config file is looked for.
///
/// # Errors
/// Where there is no home directory.
pub fn default_path() -> Result<PathBuf> {
    Ok(project_dirs()?.config_dir().join("config.toml"))
}

/// Database, trained models and kept originals are below this.
///
/// # Errors
/// Where there is no home directory.
pub fn data_dir() -> Result<PathBuf> {
    Ok(project_dirs()?.data_dir().to_owned())
}

/// What can be made again is below this.
///
/// # Errors
/// Where there is no home directory.
pub fn cache_dir() -> Result<PathBuf> {
    Ok(project_dirs()?.cache_dir().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_every_key_has_a_comment() {
        let config = Config::parse("").unwrap();
        assert_eq!((config.model, config.batch), (None, None));
        let mut previous_is_comment = false;
        for line in DEFAULT.lines().filter(|line| !line.is_empty()) {
            let is_comment = line.starts_with('#');
            let follows_key = line.starts_with("review_confidence")
                || line.starts_with("max_pixels")
                || line.starts_with("originals_max_days");
            assert!(is_comment || previous_is_comment || follows_key, "{line:?} has no comment");
            previous_is_comment = is_comment;
        }
    }

    #[test]
    #[rustfmt::skip]
    fn nonsense_is_refused_in_one_sentence() {
        for (text, expected) in [
            ("keep_mtimes = true",                "unknown key \"keep_mtimes\"; did you mean \"keep_mtime\"?"),
            ("device = \"gpu\"",                  "unknown device \"gpu\""),
            ("views = \"2\"",                     "unknown views \"2\""),
            ("jobs = -1",                         "jobs"),
            ("batch = 99999",                     "more than 1024"),
            ("auto_confidence = 0.3",             "auto_confidence = 0.3 is not above 0.5"),
            ("ignore = [\"a[\"]",                 "glob"),
            ("[[root]]\npath = \"/a\"\nfxi = 1",  "unknown key \"fxi\" in [[root]]; did you mean \"fix\"?"),
            ("[[root]]\npath = \"/a\"\nfix = \"yes\"", "unknown fix \"yes\"; one of off, review, auto"),
            ("[[root]]\npath = \"/a\"\nmode = \"x\"",  "unknown mode \"x\""),
            ("[[root]]\npath = \"a\"",             "not an absolute path"),
            ("[[root]]\npath = \"/a\"\n[[root]]\npath = \"/a\"", "there twice"),
            ("settle_seconds = -1.0",             "settle_seconds = -1 is not from 0"),
            ("idle_seconds = nan",                "idle_seconds = NaN"),
            ("model = \"$NO_SUCH_VARIABLE/m\"",   "$NO_SUCH_VARIABLE/m"),
            ("batch = ",                          "batch"),
        ] {
            let message = format!("{:#}", Config::parse(text).expect_err(text));
            assert!(message.contains(expected), "{text}: {message}");
        }
    }

    #[test]
    fn a_roots_globs_apply_below_it_only() {
        let text = "[[root]]\npath = \"/pics\"\nignore = [\"**/Screenshots/**\"]";
        let config = Config::parse(text).unwrap();
        assert!(config.ignore.is_match("/pics/a/Screenshots/x.png"));
        assert!(!config.ignore.is_match("/other/Screenshots/x.png"));
    }
}
