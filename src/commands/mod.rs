//! One file a command. Each gets the [`Session`] and its own arguments, and prints its own result.

pub mod completions;
pub mod config;
pub mod doctor;
pub mod engine_host;
pub mod fix;
pub mod list;
pub mod model;
pub mod report;
pub mod review;
pub mod run;
pub mod scan;
pub mod service;
pub mod status;
pub mod train;
pub mod undo;
pub mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::change::journal;
use crate::cli::{Cli, Command, Global};
use crate::config::{self as settings, Config};
use crate::decode::sandbox::worker;
use crate::engine::{Device, ModelFile};
use crate::pipeline::policy::{Fixing, Policies, Policy, TurnSettings};
use crate::store::Store;
use orientd_core::edit::mode::Mode;

/// Config and global flags, resolved.
pub struct Session {
    pub config: Config,
    pub global: Global,
}

impl Session {
    /// # Errors
    /// Returns an error if the config is not valid.
    pub fn new(global: Global) -> Result<Self> {
        let config = Config::load(global.config.as_deref())?;
        Ok(Self { config, global })
    }

    pub fn db_path(&self) -> Result<PathBuf> {
        match &self.global.db {
            Some(path) => Ok(path.clone()),
            None => Ok(settings::data_dir()?.join("orientd.db")),
        }
    }

    /// Opens the database for changes and settles what a crash left behind.
    fn open_store(&self) -> Result<Store> {
        let mut store = Store::open(&self.db_path()?)?;
        journal::settle_after_crash(&mut store)?;
        Ok(store)
    }

    /// The model in force: `--model`, the config's, the one chosen with `model use`, the built-in.
    fn model(&self, store: Option<&Store>) -> Result<ModelFile> {
        if let Some(path) = self.global.model.as_deref().or(self.config.model.as_deref()) {
            return ModelFile::read(path);
        }
        match store.map(|store| store.setting(model::SETTING)).transpose()?.flatten() {
            Some(name) => model::named(&name),
            None => Ok(ModelFile::built_in()),
        }
    }

    /// What a command does about photos, folder by folder; `mode` where the user names one.
    fn policies(&self, fixing: Fixing, mode: Option<Mode>) -> Policies {
        let policy = |own| Policy { fixing, min_confidence: 0.0, mode: mode.unwrap_or(own) };
        let roots = self.config.roots.iter();
        let below = roots.map(|root| (root.path.clone(), policy(root.mode))).collect();
        Policies::new(policy(self.config.mode), below)
    }

    /// How photos are turned; see [`Session::policies`].
    fn turn_settings(&self, fixing: Fixing, mode: Option<Mode>) -> TurnSettings {
        TurnSettings {
            policies: self.policies(fixing, mode),
            keep_mtime: self.config.keep_mtime,
            keep: self.config.keep,
        }
    }

    fn device(&self) -> Device {
        self.global.device.unwrap_or(self.config.device)
    }

    fn library(&self) -> Option<PathBuf> {
        self.global.ort_lib.clone().or_else(|| self.config.ort_lib.clone())
    }
}

/// Runs the command.
///
/// # Errors
/// Whatever stopped it.
pub fn run(cli: Cli) -> Result<ExitCode> {
    // These must work where the config does not.
    match cli.command {
        Command::Completions { shell } => return completions::completions(shell),
        Command::Man { out } => return completions::man(out.as_deref()),
        Command::Config { default: true } => return config::print_default(),
        Command::Train { args } => return train::run(cli.global, &args),
        Command::DecodeWorker { heif } => {
            return worker::serve(heif).map(|()| ExitCode::SUCCESS);
        }
        Command::Doctor { json } => return doctor::run(cli.global, json),
        Command::Service { action } => return service::run(action),
        Command::EngineHost { threads } => return engine_host::run(&cli.global, threads),
        _ => {}
    }
    let session = Session::new(cli.global)?;
    match cli.command {
        Command::Scan(args) => scan::run(&session, args),
        Command::List(args) => list::run(&session, &args),
        Command::Fix(args) => fix::run(&session, &args),
        Command::Undo(args) => undo::run(&session, &args),
        Command::Report(args) => report::run(&session, &args),
        Command::Review(args) => review::run(&session, &args),
        Command::Verify(args) => verify::run(&session, &args),
        Command::Run => run::run(&session),
        Command::Control { action } => run::tell(&session, action),
        Command::Status { json } => status::run(&session, json),
        Command::Config { .. } => config::print_in_force(&session),
        Command::Model(command) => model::run(&session, command),
        Command::Completions { .. }
        | Command::Man { .. }
        | Command::Train { .. }
        | Command::Doctor { .. }
        | Command::Service { .. }
        | Command::DecodeWorker { .. }
        | Command::EngineHost { .. } => Ok(ExitCode::SUCCESS),
    }
}
