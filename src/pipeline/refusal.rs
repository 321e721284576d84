//! What the model proposes and orientd does not do: because the owner has spoken, or because it could not.

use anyhow::Result;

use super::photo_report::PhotoReport;
use crate::error::{ChangeError, FixError};
use crate::files::identity::ContentHash;
use crate::store::{DisplayedPhoto, LabelSource, PhotoId, PhotoState, RunId, Store};
use orientd_core::orientation::Turn;

/// May a turn that nobody but the model asks for be made? `again`: an earlier undo does not bind.
///
/// # Errors
/// Returns an error if the photo's owner has said otherwise, or the database cannot be read.
pub fn check_owner(
    store: &Store,
    photo: PhotoId,
    now: &DisplayedPhoto,
    again: bool,
) -> Result<(), ChangeError> {
    match store.label_of(&now.content, now.stored)? {
        Some((LabelSource::Outside, Turn::NONE)) => return Err(FixError::PutBackOutside.into()),
        Some((_, Turn::NONE)) => return Err(FixError::SaidUpright.into()),
        _ => {}
    }
    if !again && store.was_undone(photo, now)? {
        return Err(FixError::Undone.into());
    }
    if store.was_made(now)? {
        return Err(FixError::TurnedBefore.into());
    }
    Ok(())
}

/// Keeps the reason of a report on a photo that was refused.
///
/// # Errors
/// Returns an error if the database cannot be written.
pub fn keep(
    store: &mut Store,
    run: RunId,
    photo: PhotoId,
    hash: &ContentHash,
    report: &PhotoReport,
) -> Result<()> {
    match &report.reason {
        Some(why) if report.state == PhotoState::Refused => {
            store.keep_refusal(run, photo, hash, report.stored, why)
        }
        _ => Ok(()),
    }
}
