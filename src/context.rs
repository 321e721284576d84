//! What every command needs: config and global flags, resolved.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use orientd_core::edit::mode::Mode;

use crate::change::{originals, recovery};
use crate::cli::Global;
use crate::config::{self, Config, Root};
use crate::engine::model::BUILT_IN;
use crate::engine::{Device, ModelFile};
use crate::files::private;
use crate::pipeline::policy::{Fixing, Policies, Policy, TurnSettings};
use crate::store::Store;

/// The database's key for the chosen model's name.
pub(crate) const MODEL_SETTING: &str = "model";

/// Config and global flags, resolved.
pub struct CommandContext {
    pub config: Config,
    pub global: Global,
}

impl CommandContext {
    /// # Errors
    /// Returns an error if the config is not valid.
    pub fn new(global: Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        Ok(Self { config, global })
    }

    pub fn db_path(&self) -> Result<PathBuf> {
        match &self.global.db {
            Some(path) => Ok(path.clone()),
            None => Ok(config::data_dir()?.join("orientd.db")),
        }
    }

    /// Closes orientd's own folders where an earlier version left them open to other users.
    ///
    /// # Errors
    /// Returns an error if there is no home directory.
    pub fn close_own_folders(&self) -> Result<()> {
        for folder in own_folders(&self.db_path()?)? {
            if let Err(err) = private::close_tree(&folder) {
                tracing::warn!("{} cannot be closed to other users: {err}", folder.display());
            }
        }
        Ok(())
    }

    /// Opens the database for changes and settles what a crash left behind.
    pub fn open_store(&self) -> Result<Store> {
        let mut store = Store::open(&self.db_path()?)?;
        recovery::settle_after_crash(&mut store)?;
        Ok(store)
    }

    /// The model in force: `--model`, the config's, the one chosen with `model use`, the built-in.
    pub fn model(&self, store: Option<&Store>) -> Result<ModelFile> {
        if let Some(path) = self.global.model.as_deref().or(self.config.model.as_deref()) {
            return ModelFile::read(path);
        }
        match store.map(|store| store.setting(MODEL_SETTING)).transpose()?.flatten() {
            Some(name) => trained_model(&name),
            None => Ok(ModelFile::built_in()),
        }
    }

    /// What a command does about photos, folder by folder; `mode` where the user names one.
    pub fn policies(&self, fixing: Fixing, mode: Option<Mode>) -> Policies {
        let policy = |own, new_sidecar| Policy {
            fixing,
            min_confidence: 0.0,
            mode: mode.unwrap_or(own),
            new_sidecar,
        };
        let of_root = |root: &Root| (root.path.clone(), policy(root.mode, root.sidecar_name));
        let below = self.config.roots.iter().map(of_root).collect();
        Policies::new(policy(self.config.mode, self.config.sidecar_name), below)
    }

    /// How photos are turned; see [`CommandContext::policies`].
    pub fn turn_settings(&self, fixing: Fixing, mode: Option<Mode>) -> TurnSettings {
        TurnSettings {
            policies: self.policies(fixing, mode),
            keep_mtime: self.config.keep_mtime,
            retention: self.config.retention,
            limits: self.config.limits,
        }
    }

    pub fn device(&self) -> Device {
        self.global.device.unwrap_or(self.config.device)
    }

    pub fn library(&self) -> Option<PathBuf> {
        self.global.ort_lib.clone().or_else(|| self.config.ort_lib.clone())
    }
}

/// The folders that hold nothing but orientd's own; some may not be there. That of a database that was put
/// elsewhere is not among them.
///
/// # Errors
/// Returns an error if there is no home directory.
pub(crate) fn own_folders(db: &Path) -> Result<Vec<PathBuf>> {
    let data = config::data_dir()?;
    let cache = config::cache_dir()?;
    let originals = originals::folder_of(db);
    let is_own = originals.starts_with(&data) || originals::is_own(&originals);
    let mut folders = vec![data, models_dir()?, cache.join("thumbnails"), cache];
    folders.extend(is_own.then_some(originals));
    Ok(folders)
}

/// Where models that were trained or copied here are kept.
///
/// # Errors
/// Returns an error if there is no home directory.
pub(crate) fn models_dir() -> Result<PathBuf> {
    Ok(config::data_dir()?.join("models"))
}

/// A model by its name: the built-in one or one in [`models_dir`].
///
/// # Errors
/// Returns an error if it is gone or cannot be read.
pub(crate) fn trained_model(name: &str) -> Result<ModelFile> {
    if name == BUILT_IN {
        return Ok(ModelFile::built_in());
    }
    let path = models_dir()?.join(format!("{name}.onnx"));
    ModelFile::read(&path).with_context(|| format!("the model {name:?} was chosen, but is gone"))
}
