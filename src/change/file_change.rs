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
    /// Where its new file is made.
    pub temp: PathBuf,
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
            temp: temp_path(change, 0),
        }
    }

    /// The sidecars that are edited with it.
    pub(super) fn further_of(change: &Change) -> Vec<Self> {
        let of = |(at, further): (usize, &FurtherSidecar)| Self {
            target: further.name.path_of(&change.path),
            sidecar: further.name,
            patch: Patch { edits: vec![further.edit.clone()], ..change.patch.clone() },
            before: Some(further.hash_before),
            after: Some(further.hash_after),
            temp: temp_path(change, at + 1),
        };
        change.further.iter().enumerate().map(of).collect()
    }

    /// The same change the other way round.
    pub(super) fn inverse(self) -> Self {
        let patch = self.patch.inverse();
        Self { patch, before: self.after, after: self.before, ..self }
    }
}

/// The new file of a change, beside the file that it changes, which is one of several by `number`.
fn temp_path(change: &Change, number: usize) -> PathBuf {
    let mut name = change.temp.clone().unwrap_or_else(|| {
        let [a, b, c, d, ..] = change.hash_before.as_ref().map_or(&[0; 32], ContentHash::as_bytes);
        format!(".orientd-{}-{a:02x}{b:02x}{c:02x}{d:02x}.tmp", change.id)
    });
    if number > 0 {
        name = format!("{}-{number}.tmp", name.trim_end_matches(".tmp"));
    }
    change.target().with_file_name(name)
}
