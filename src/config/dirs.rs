//! Where the config file, the data and the cache are.

use std::path::PathBuf;

use anyhow::{Context, Result};
use directories::ProjectDirs;

fn project_dirs() -> Result<ProjectDirs> {
    ProjectDirs::from("", "", "orientd").context("there is no home directory to keep things in")
}

/// Where the config file is looked for.
///
/// # Errors
/// Returns an error if there is no home directory.
pub(crate) fn default_path() -> Result<PathBuf> {
    Ok(project_dirs()?.config_dir().join("config.toml"))
}

/// Database, trained models and kept originals are below this.
///
/// # Errors
/// Returns an error if there is no home directory.
pub(crate) fn data_dir() -> Result<PathBuf> {
    Ok(project_dirs()?.data_dir().to_owned())
}

/// What can be made again is below this.
///
/// # Errors
/// Returns an error if there is no home directory.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    Ok(project_dirs()?.cache_dir().to_owned())
}
