//! The files of a journaled change: what each holds before it and after it.

use std::path::PathBuf;

use crate::files::identity::ContentHash;
use crate::store::{Change, FurtherSidecar};
use orientd_core::edit::patch::Patch;
use orientd_core::format::sidecar_name::SidecarName;

pub(super) struct FileChange {
    pub target: PathBuf,
    /// Which sidecar it is, in mode `sidecar`.
    pub sidecar: SidecarName,
    pub patch: Patch,
    /// `None`: there is no file.
    pub before: Option<ContentHash>,
    pub after: Option<ContentHash>,
}

impl FileChange {
    /// The file that the change is about.
    pub(super) fn of(change: &Change) -> Self {
        Self {
            target: change.target(),
            sidecar: change.sidecar,
            patch: change.patch.clone(),
            before: change.hash_before,
            after: Some(change.hash_after),
        }
    }

    /// The sidecars that are edited with it.
    pub(super) fn further_of(change: &Change) -> Vec<Self> {
        let of = |further: &FurtherSidecar| Self {
            target: further.name.path_of(&change.path),
            sidecar: further.name,
            patch: Patch { edits: vec![further.edit.clone()], ..change.patch.clone() },
            before: Some(further.hash_before),
            after: Some(further.hash_after),
        };
        change.further.iter().map(of).collect()
    }

    /// The same change the other way round.
    pub(super) fn inverse(self) -> Self {
        let patch = self.patch.inverse();
        Self { patch, before: self.after, after: self.before, ..self }
    }
}
