//! What has become of the photos that orientd turned, noticed when they are looked at. An orientation that somebody
//! else changed is the owner's word: it is noted as a label, and nothing is turned against it.

use std::fs;

use anyhow::Result;

use super::record::Recorder;
use super::seen::SeenPhoto;
use crate::error::FixError;
use crate::files::identity::Identity;
use crate::files::sidecar;
use crate::store::{ChangeId, DisplayedPhoto, LabelSource, PhotoId, PhotoState, SettledTurn};
use orientd_core::orientation::Turn;
use orientd_core::verdict::standing::{LastTurn, Standing, standing};

/// Why a photo is not turned without asking.
pub(super) enum OwnersWord {
    /// To be told whether or not a turn is proposed: somebody else has changed its orientation.
    Noticed(FixError),
    /// It was turned or put back before, and is as it was left.
    Settled(FixError),
}

impl Recorder {
    /// What the owner has made of the photo, or said of it. `is_proposed`: a turn is proposed, so that copies matter
    /// too.
    pub(super) fn owners_word(
        &mut self,
        seen: &SeenPhoto<'_>,
        is_proposed: bool,
    ) -> Result<Option<OwnersWord>> {
        if let Some(last) = self.store.last_turn(seen.id)? {
            match standing(&last.states, &seen.now) {
                Standing::PutBack => return self.changed_outside(seen, &last, true),
                Standing::ChangedOutside => return self.changed_outside(seen, &last, false),
                Standing::AsLeft => return self.as_left(seen, &last),
                Standing::AnotherPhoto => {}
            }
        }
        if is_proposed { self.word_on_copies(seen) } else { Ok(None) }
    }

    /// What is known of the photo holds for what other programs have made of it, where it is displayed as it was.
    pub(super) fn follow(&mut self, seen: &SeenPhoto<'_>) -> Result<()> {
        let now = &seen.now;
        if let Some(last) = self.store.last_turn(seen.id)?
            && last.states.after.content != now.content
            && standing(&last.states, now) == Standing::AsLeft
        {
            self.store.note_same(last.id, &now.content)?;
        }
        let Some(said) = self.store.last_said(seen.id)? else { return Ok(()) };
        let is_about_now = (said.then.content, said.then.stored) == (now.content, now.stored);
        if is_about_now {
            return Ok(());
        }
        // Without a picture from then, the stored orientation has to do.
        let has_pictures = said.then.picture.is_some() && now.picture.is_some();
        match standing(&LastTurn { before: said.then, after: said.then }, now) {
            Standing::AsLeft => self.store.carry(&said, seen.id, seen.path, now),
            Standing::ChangedOutside if has_pictures && !self.is_turned(seen.id)? => {
                self.store.note_turned_outside(seen.id, seen.path, now)
            }
            _ => Ok(()),
        }
    }

    fn is_turned(&self, photo: PhotoId) -> Result<bool> {
        let known = self.store.photo(photo, self.model)?;
        Ok(known.is_some_and(|known| known.state == PhotoState::Turned))
    }

    fn changed_outside(
        &mut self,
        seen: &SeenPhoto<'_>,
        last: &SettledTurn,
        is_put_back: bool,
    ) -> Result<Option<OwnersWord>> {
        if is_outdated(seen, last) {
            return Ok(None);
        }
        if last.by_sidecar && last.path != seen.path && sidecar::orientation(seen.path).is_none() {
            // Renamed without its sidecar: nobody meant its orientation.
            return Ok(Some(OwnersWord::Noticed(FixError::SidecarLost)));
        }
        let also = is_put_back.then_some(&last.states.before);
        self.store.note_put_back(seen.id, seen.path, last.id, &seen.now, also)?;
        let why = if last.by_sidecar { FixError::SidecarLost } else { FixError::PutBackOutside };
        Ok(Some(OwnersWord::Noticed(why)))
    }

    fn as_left(&self, seen: &SeenPhoto<'_>, last: &SettledTurn) -> Result<Option<OwnersWord>> {
        if self.is_put_back_outside(&seen.now)? {
            return Ok(Some(OwnersWord::Noticed(FixError::PutBackOutside)));
        }
        if last.is_undone && self.rescan {
            return Ok(None);
        }
        let why = if last.is_undone { FixError::Undone } else { FixError::TurnedBefore };
        Ok(Some(OwnersWord::Settled(why)))
    }

    fn word_on_copies(&mut self, seen: &SeenPhoto<'_>) -> Result<Option<OwnersWord>> {
        let SeenPhoto { id, path, now, .. } = seen;
        if self.is_put_back_outside(now)? {
            return Ok(Some(OwnersWord::Noticed(FixError::PutBackOutside)));
        }
        if !self.store.was_lifted(&now.content, now.stored)?
            && let Some(turn) = self.turn_against(seen)?
        {
            self.store.note_put_back(*id, path, turn, now, None)?;
            return Ok(Some(OwnersWord::Noticed(FixError::PutBackOutside)));
        }
        if let Some(picture) = &now.picture
            && let Some(said) = self.store.said_of_copy(picture)?
            && self.store.label_of(&now.content, now.stored)?.is_none()
        {
            self.store.carry(&said, *id, path, now)?;
            return Ok(Some(OwnersWord::Noticed(FixError::SaidUpright)));
        }
        if self.store.was_made(now)? {
            return Ok(Some(OwnersWord::Settled(FixError::TurnedBefore)));
        }
        let is_undone = !self.rescan && self.store.was_undone(*id, now)?;
        Ok(is_undone.then_some(OwnersWord::Settled(FixError::Undone)))
    }

    /// The turn of a copy that was put back outside, or before which this file was saved.
    fn turn_against(&self, seen: &SeenPhoto<'_>) -> Result<Option<ChangeId>> {
        match self.store.put_back_of_copy(&seen.now)? {
            Some(turn) => Ok(Some(turn)),
            None => self.store.turn_of_copy(seen.id, &seen.now, seen.identity.ctime_ns),
        }
    }

    fn is_put_back_outside(&self, now: &DisplayedPhoto) -> Result<bool> {
        let said = self.store.label_of(&now.content, now.stored)?;
        Ok(said == Some((LabelSource::Outside, Turn::NONE)))
    }
}

/// Was the photo looked at before orientd, in this process or another, turned it or put it back? Asked after the
/// journal, so the file is written if the journal says so.
fn is_outdated(seen: &SeenPhoto<'_>, last: &SettledTurn) -> bool {
    let is_same = |metadata: &fs::Metadata| Identity::from(metadata) == seen.identity;
    if !fs::symlink_metadata(seen.path).is_ok_and(|metadata| is_same(&metadata)) {
        return true;
    }
    match sidecar::orientation(seen.path) {
        Some(said) => said != seen.now.stored,
        // The sidecar that it was looked at with is gone by an undo.
        None => last.is_undone && last.by_sidecar,
    }
}
