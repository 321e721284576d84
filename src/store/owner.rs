//! What orientd last did to a photo and to its copies, and what its owner has made of that since.

use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};

use super::ids::{ChangeId, PhotoId};
use super::labels::{Label, LabelSource, insert_label};
use super::{Store, path_from};
use crate::files::identity::ContentHash;
use orientd_core::image::fingerprint::Fingerprint;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::standing::{Displayed, LastTurn};

/// A photo as it is displayed now.
pub type DisplayedPhoto = Displayed<ContentHash>;

/// The latest turn of a photo that is in force, or the undo that came after it.
#[derive(Clone, Debug)]
pub struct SettledTurn {
    pub id: ChangeId,
    /// Where the photo was then.
    pub path: PathBuf,
    pub is_undone: bool,
    pub by_sidecar: bool,
    /// From what was there to what orientd left; for an undo, from the turned photo to the one put back.
    pub states: LastTurn<ContentHash>,
}

const SETTLED: &str =
    "SELECT id, path, state, action, turn, old_stored, new_stored, content, hash_after, picture
     FROM changes WHERE photo_id = ?1 AND state IN ('done', 'undone') AND content IS NOT NULL
     ORDER BY settled_at DESC, CASE state WHEN 'undone' THEN id ELSE -id END LIMIT 1";

impl Store {
    /// What orientd last did to the photo.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_turn(&self, photo: PhotoId) -> Result<Option<SettledTurn>> {
        Ok(self.db.prepare_cached(SETTLED)?.query_row([photo], settled).optional()?)
    }

    /// The photo as the network saw it, if this content was looked at with this orientation.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn picture_of(
        &self,
        photo: PhotoId,
        content: &ContentHash,
        stored: Orientation,
    ) -> Result<Option<Fingerprint>> {
        let sql = "SELECT picture FROM pictures WHERE photo_id = ?1 AND hash = ?2 AND stored = ?3";
        let values = params![photo, content, stored.to_exif()];
        let row = |row: &Row<'_>| fingerprint(row, 0);
        Ok(self.db.prepare_cached(sql)?.query_row(values, row).optional()?.flatten())
    }

    /// The turn that the owner has undone by other means on a copy: the same content, or the same picture in a
    /// file with other metadata. `None` also if a person has had it turned since.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn put_back_of_copy(&self, now: &DisplayedPhoto) -> Result<Option<ChangeId>> {
        let Some(picture) = &now.picture else { return Ok(None) };
        let sql = "SELECT c.id, l.source FROM changes c JOIN labels l ON l.change_id = c.id
                   WHERE c.picture = ?1 AND (l.source <> 'outside' OR l.hash = c.content)
                   ORDER BY l.id DESC LIMIT 1";
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let mut statement = self.db.prepare_cached(sql)?;
        let latest: Option<(ChangeId, LabelSource)> =
            statement.query_row([picture.as_bytes()], row).optional()?;
        Ok(latest.filter(|(_, source)| *source == LabelSource::Outside).map(|(id, _)| id))
    }

    /// The turn of another photo that was as this one is, if it was made before this file came in: then this
    /// one is from a backup. `came_in_ns`: Unix nanoseconds.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn turn_of_copy(
        &self,
        photo: PhotoId,
        now: &DisplayedPhoto,
        came_in_ns: i64,
    ) -> Result<Option<ChangeId>> {
        let same_content = "SELECT max(id) FROM changes
             WHERE content = ?1 AND old_stored = ?2 AND state = 'done' AND photo_id <> ?3 AND begun_ns < ?4";
        let values = params![now.content, now.stored.to_exif(), photo, came_in_ns];
        let found = self.db.prepare_cached(same_content)?.query_row(values, |row| row.get(0))?;
        let (None, Some(picture)) = (found, &now.picture) else { return Ok(found) };
        let same_picture = "SELECT max(id) FROM changes
             WHERE picture = ?1 AND state = 'done' AND photo_id <> ?2 AND begun_ns < ?3";
        let values = params![picture.as_bytes(), photo, came_in_ns];
        Ok(self.db.prepare_cached(same_picture)?.query_row(values, |row| row.get(0))?)
    }

    /// Was the latest turn of this photo, as it is displayed now, put back by an undo, or that of the photos that are
    /// displayed alike?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn was_undone(&self, photo: PhotoId, now: &DisplayedPhoto) -> Result<bool> {
        let sql = "SELECT (SELECT state FROM changes
                   WHERE photo_id = ?4 AND ((content = ?1 AND old_stored = ?2) OR seen = ?1)
                     AND state IN ('done', 'undone') ORDER BY id DESC LIMIT 1) IS 'undone'
               OR (SELECT state FROM (
                       SELECT id, state FROM changes WHERE content = ?1 AND old_stored = ?2
                       UNION ALL SELECT id, state FROM changes WHERE seen = ?1
                       UNION ALL SELECT id, state FROM changes WHERE picture = ?3)
                   WHERE state IN ('done', 'undone') ORDER BY id DESC LIMIT 1) IS 'undone'";
        let picture = now.picture.as_ref().map(Fingerprint::as_bytes);
        let values = params![now.content, now.stored.to_exif(), picture, photo];
        Ok(self.db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// Has a turn that is in force made what is displayed here, of this photo or of one that it is a copy of?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn was_made(&self, now: &DisplayedPhoto) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM changes WHERE hash_after = ?1 AND new_stored = ?2
                                                          AND state = 'done' AND action <> 'sidecar')
                       OR EXISTS (SELECT 1 FROM changes WHERE result = ?3 AND state = 'done')";
        let picture = now.picture.as_ref().map(Fingerprint::as_bytes);
        let values = params![now.content, now.stored.to_exif(), picture];
        Ok(self.db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// Notes that a photo which another program has written since is displayed as this change left it.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_same(&mut self, change: ChangeId, content: &ContentHash) -> Result<()> {
        let sql = "UPDATE changes SET seen = ?2 WHERE id = ?1";
        self.db.execute(sql, params![change, content])?;
        Ok(())
    }

    /// Was an answer by `outside` about this content followed by a person who had it turned?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn was_lifted(&self, content: &ContentHash, stored: Orientation) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM labels l JOIN labels o ON o.hash = l.hash
                                     AND o.stored = l.stored AND o.source = 'outside' AND o.id < l.id
                   WHERE l.hash = ?1 AND l.stored = ?2 AND l.source IN ('fix', 'review') AND l.turn <> 0)";
        let values = params![content, stored.to_exif()];
        Ok(self.db.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
    }

    /// Notes that the photo is right as it is `now`, since somebody else made it so after `turn`; with `also`, that
    /// the same holds for what it was before that turn, of which there may be copies. Noted once.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_put_back(
        &mut self,
        photo: PhotoId,
        path: &Path,
        turn: ChangeId,
        now: &DisplayedPhoto,
        also: Option<&DisplayedPhoto>,
    ) -> Result<()> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let also = also.filter(|also| (also.content, also.stored) != (now.content, now.stored));
        // The trainer goes by the latest of a photo, so the present state comes last.
        for state in also.into_iter().chain([now]) {
            let is_noted: bool = transaction.query_row(
                "SELECT EXISTS(SELECT 1 FROM labels WHERE change_id = ?1 AND photo_id = ?2
                     AND hash = ?3 AND stored = ?4 AND source = 'outside')",
                params![turn, photo, state.content, state.stored.to_exif()],
                |row| row.get(0),
            )?;
            if is_noted {
                continue;
            }
            let label = Label {
                photo_id: photo,
                path: path.to_owned(),
                hash: state.content,
                stored: state.stored,
                turn: Turn::NONE,
                source: LabelSource::Outside,
                change: Some(turn),
                run: None,
            };
            insert_label(&transaction, &label, None)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

pub(super) fn fingerprint(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Fingerprint>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| Fingerprint::from_bytes(&bytes)))
}

fn settled(row: &Row<'_>) -> rusqlite::Result<SettledTurn> {
    let stored =
        |column| Ok::<_, rusqlite::Error>(Orientation::from_stored(Some(row.get(column)?)));
    let state: String = row.get(2)?;
    let action: String = row.get(3)?;
    let turn = Turn::from_degrees(row.get(4)?).unwrap_or(Turn::NONE);
    let by_sidecar = action == "sidecar";
    let picture = fingerprint(row, 9)?;
    let content: ContentHash = row.get(7)?;
    let before = Displayed { content, stored: stored(5)?, picture };
    let after = Displayed {
        content: if by_sidecar { content } else { row.get(8)? },
        stored: stored(6)?,
        picture: picture.map(|picture| picture.oriented(turn.orientation())),
    };
    let is_undone = state == "undone";
    let states = if is_undone {
        LastTurn { before: after, after: before }
    } else {
        LastTurn { before, after }
    };
    let path = path_from(row.get_ref(1)?.as_blob()?);
    Ok(SettledTurn { id: row.get(0)?, path, is_undone, by_sidecar, states })
}
