//! The keys of the config file, as they are written.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::Deserialize;
use toml::Spanned;

use super::error::Fault;
use super::value::{self, FolderPath};
use super::{Config, FixPolicy, Root};
use crate::decode::Limits;
use crate::engine::{Device, Views};
use crate::store::{RetentionPolicy, ThresholdOverrides};
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;

/// A field here is a key there. `default.toml` says what each means, and its default.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(deserialize_with = "value::optional_path")]
    model: Option<PathBuf>,
    #[serde(deserialize_with = "value::optional_path")]
    ort_lib: Option<PathBuf>,
    #[serde(deserialize_with = "value::word")]
    device: Device,
    #[serde(deserialize_with = "value::word")]
    views: Views,
    #[serde(deserialize_with = "value::count::<_, 1024>")]
    batch: usize,
    #[serde(deserialize_with = "value::count::<_, 512>")]
    jobs: usize,
    #[serde(deserialize_with = "value::confidence::<_, 50>")]
    auto_confidence: Option<f32>,
    #[serde(deserialize_with = "value::confidence::<_, 0>")]
    review_confidence: Option<f32>,
    #[serde(deserialize_with = "value::size")]
    max_file_bytes: u64,
    #[serde(deserialize_with = "value::size")]
    max_pixels: u64,
    keep_mtime: bool,
    #[serde(deserialize_with = "value::word")]
    mode: Mode,
    #[serde(deserialize_with = "value::word")]
    sidecar_name: SidecarStyle,
    #[serde(deserialize_with = "value::size")]
    originals_max_bytes: u64,
    #[serde(deserialize_with = "value::size")]
    originals_max_days: u64,
    #[serde(deserialize_with = "value::globs")]
    ignore: Vec<Glob>,
    #[serde(deserialize_with = "value::seconds::<_, 0>")]
    settle_seconds: Duration,
    #[serde(deserialize_with = "value::minutes::<_, 600>")]
    sweep_minutes: Duration,
    #[serde(deserialize_with = "value::seconds::<_, 500>")]
    poll_seconds: Duration,
    #[serde(deserialize_with = "value::seconds::<_, 100>")]
    idle_seconds: Duration,
    #[serde(default, deserialize_with = "value::tables")]
    root: Vec<Folder>,
}

/// One `[[root]]`.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with a path")]
pub(super) struct Folder {
    path: Spanned<FolderPath>,
    #[serde(default, deserialize_with = "value::word")]
    fix: FixPolicy,
    #[serde(default, deserialize_with = "value::optional_word")]
    mode: Option<Mode>,
    #[serde(default, deserialize_with = "value::optional_word")]
    sidecar_name: Option<SidecarStyle>,
    #[serde(default, deserialize_with = "value::confidence::<_, 50>")]
    min_confidence: Option<f32>,
    #[serde(default, deserialize_with = "value::globs")]
    ignore: Vec<Glob>,
    #[serde(default)]
    poll: bool,
}

impl File {
    pub(super) fn into_config(self) -> Result<Config, Fault> {
        check_folders_differ(&self.root)?;
        let ignore = all_globs(&self.ignore, &self.root)?;
        let defaults = (self.mode, self.sidecar_name);
        let roots = self.root.into_iter().map(|folder| folder.into_root(defaults)).collect();
        Ok(Config {
            model: self.model,
            ort_lib: self.ort_lib,
            device: self.device,
            views: self.views,
            batch: (self.batch > 0).then_some(self.batch),
            n_threads: if self.jobs > 0 { self.jobs } else { n_cores() },
            thresholds: ThresholdOverrides {
                auto_confidence: self.auto_confidence,
                review_confidence: self.review_confidence,
            },
            limits: Limits { max_file_bytes: self.max_file_bytes, max_pixels: self.max_pixels },
            keep_mtime: self.keep_mtime,
            mode: self.mode,
            sidecar_name: self.sidecar_name,
            retention: RetentionPolicy {
                max_bytes: self.originals_max_bytes,
                max_days: self.originals_max_days,
            },
            ignore,
            settle: self.settle_seconds,
            sweep: self.sweep_minutes,
            poll: self.poll_seconds,
            idle: self.idle_seconds,
            roots,
        })
    }
}

impl Folder {
    fn into_root(self, (mode, sidecar_name): (Mode, SidecarStyle)) -> Root {
        Root {
            path: self.path.into_inner().0,
            fix: self.fix,
            mode: self.mode.unwrap_or(mode),
            sidecar_name: self.sidecar_name.unwrap_or(sidecar_name),
            min_confidence: self.min_confidence,
            poll: self.poll,
        }
    }
}

fn check_folders_differ(folders: &[Folder]) -> Result<(), Fault> {
    let mut known = HashSet::new();
    for folder in folders {
        let path = &folder.path.get_ref().0;
        if !known.insert(path) {
            let message = format!("root.path: the folder {} is there twice", path.display());
            return Err(Fault::new(folder.path.span().start, message));
        }
    }
    Ok(())
}

/// The globs for everything, and each folder's own, which apply below it only.
fn all_globs(for_all: &[Glob], folders: &[Folder]) -> Result<GlobSet, Fault> {
    let mut set = GlobSetBuilder::new();
    for glob in for_all {
        set.add(glob.clone());
    }
    for folder in folders {
        let below = globset::escape(&folder.path.get_ref().0.to_string_lossy());
        for glob in &folder.ignore {
            let pattern = format!("{below}/{}", glob.glob().trim_start_matches('/'));
            let refused = |err| Fault::new(folder.path.span().start, format!("root.ignore: {err}"));
            set.add(Glob::new(&pattern).map_err(refused)?);
        }
    }
    set.build().map_err(|err| Fault::new(0, format!("ignore: {err}")))
}

fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
