//! Is a turn still there? A photo can be renamed without the sidecar that turns it, and a sidecar can be removed.

use std::fs;
use std::io;

use super::content::content_of;
use super::file_change::FileChange;
use crate::error::FixError;
use crate::files::sidecar;
use crate::store::{Change, KnownPhoto};
use orientd_core::edit::mode::Mode;

/// Why the photo is not displayed as orientd's sidecar left it, if that is so now.
pub fn lost_turn(photo: &KnownPhoto) -> Option<FixError> {
    let turn = photo.sidecar?;
    (sidecar::orientation(&photo.path) != Some(turn.written)).then_some(FixError::SidecarLost)
}

/// Checks that a change in force is on the disk as the journal says, and the photo too.
///
/// # Errors
/// Returns an error if the photo is gone, or its file or sidecar is not what the change left.
pub fn check_in_force(change: &Change) -> Result<(), FixError> {
    match fs::symlink_metadata(&change.path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Err(FixError::Vanished),
        other => other.map(drop).map_err(FixError::io("look at the photo"))?,
    }
    if change.mode == Mode::Sidecar && sidecar::orientation(&change.path) != Some(change.patch.to) {
        return Err(FixError::SidecarLost);
    }
    let further = FileChange::further_of(change);
    for file in [FileChange::of(change)].iter().chain(&further) {
        let hash = content_of(&file.target, false)?.map(|(_, hash)| hash);
        if hash != file.after {
            return Err(FixError::Changed);
        }
    }
    Ok(())
}
