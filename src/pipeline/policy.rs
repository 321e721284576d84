//! What is done about a photo that is to be turned, and below which folder.

use std::path::{Path, PathBuf};

use crate::decode::Limits;
use crate::files::roots::ByFolder;
use crate::store::RetentionPolicy;
use orientd_core::edit::mode::Mode;
use orientd_core::format::sidecar_name::SidecarStyle;

/// What is done about the verdict `fix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixing {
    Off,
    /// Check and plan as if to fix, write nothing.
    Plan,
    Apply,
}

/// What is done below one folder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    pub fixing: Fixing,
    /// Apply from this confidence only; the rest stays pending.
    pub min_confidence: f32,
    pub mode: Mode,
    pub new_sidecar: SidecarStyle,
}

/// Policies by folder; the innermost folder decides.
#[derive(Clone, Debug)]
pub struct Policies {
    elsewhere: Policy,
    by_folder: ByFolder<Policy>,
}

impl Policies {
    /// `by_folder` in any order.
    pub fn new(elsewhere: Policy, by_folder: Vec<(PathBuf, Policy)>) -> Self {
        Self { elsewhere, by_folder: ByFolder::new(by_folder) }
    }

    pub fn of(&self, path: &Path) -> Policy {
        self.by_folder.get(path).copied().unwrap_or(self.elsewhere)
    }
}

/// How photos are turned, from the config and the command line.
#[derive(Clone, Debug)]
pub struct TurnSettings {
    pub policies: Policies,
    pub keep_mtime: bool,
    pub retention: RetentionPolicy,
    /// Of what is decoded to prove a turn.
    pub limits: Limits,
}
