//! Carries out what a person says of a photo: makes the turn through the journal, then stores the label.
//! Used by `orientd fix` and the review page.

use super::journal::{self, ChangeContext};
use super::plan::TurnRequest;
use super::prepare::{Precondition, Prepared, prepare, shown_now};
use crate::decode::sandbox::prover::Prover;
use crate::error::ChangeError;
use crate::error::FixError;
pub use crate::files::user::current_user;
use crate::store::{KnownPhoto, Label, LabelSource, Store};
use orientd_core::orientation::{Orientation, Turn};

/// An answer that was checked against the file and can be carried out.
pub struct Planned {
    label: Label,
    /// `None`: the photo is fine as it is.
    prepared: Option<Prepared>,
}

/// Checks that the photo is the one that was seen, and plans its turn. Writes nothing. A photo that
/// is fine needs no permission to be written. `stored`: the orientation that it was shown with;
/// `None`: whatever it is now.
///
/// # Errors
/// Returns an error if the photo cannot be turned, or is not the one that was seen.
pub fn plan(
    photo: &KnownPhoto,
    stored: Option<Orientation>,
    request: TurnRequest,
    source: LabelSource,
    prover: &Prover,
) -> Result<Planned, FixError> {
    let (prepared, hash, from) = if request.turn == Turn::NONE {
        let (hash, shown) = shown_now(&photo.path)?;
        if photo.hash.is_some_and(|seen| seen != hash) {
            return Err(FixError::Changed);
        }
        if stored.is_some_and(|stored| stored != shown) {
            return Err(FixError::Orientation);
        }
        (None, hash, shown)
    } else {
        let identity = Some(&photo.identity);
        let hash = photo.hash.as_ref();
        let prepared =
            prepare(&photo.path, Precondition { identity, hash, stored }, request, prover)?;
        let hash = prepared.photo_hash;
        let from = prepared.patch.from;
        (Some(prepared), hash, from)
    };
    let path = photo.path.clone();
    let turn = request.turn;
    let photo_id = photo.id;
    let label = Label { photo_id, path, hash, stored: from, turn, source, change: None, run: None };
    Ok(Planned { label, prepared })
}

impl Planned {
    /// The turn that will be made; `None` if none is.
    pub fn prepared(&self) -> Option<&Prepared> {
        self.prepared.as_ref()
    }

    /// Makes the turn, then stores the label, its run and who gave it. `change_context`: needed if a turn is made.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written (the journal is then settled, and no label noted), or the
    /// database cannot.
    pub fn carry_out(
        mut self,
        store: &mut Store,
        change_context: Option<ChangeContext>,
        who: &str,
    ) -> Result<(), ChangeError> {
        self.label.run = change_context.map(|context| context.run);
        if let Some((prepared, change_context)) = self.prepared.as_ref().zip(change_context) {
            self.label.change = Some(journal::apply(store, change_context, prepared)?);
        }
        Ok(store.add_label(&self.label, who)?)
    }
}
