//! What was said of a photo follows it where other programs change its metadata, and holds for its copies.

use std::path::Path;

use anyhow::Result;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::ids::PhotoId;
use super::labels::{Label, LabelSource, insert_label};
use super::owner::{DisplayedPhoto, fingerprint};
use super::{Store, path_bytes};
use orientd_core::image::fingerprint::Fingerprint;
use orientd_core::orientation::{Orientation, Turn};
use orientd_core::verdict::standing::Displayed;

/// A word that a photo is upright, as it was displayed then.
#[derive(Clone, Debug)]
pub struct SaidUpright {
    id: i64,
    pub then: DisplayedPhoto,
}

impl Store {
    /// The latest word about a photo, of people and of what others made of it: that it is upright as it is.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn last_said(&self, photo: PhotoId) -> Result<Option<SaidUpright>> {
        self.said_upright("photo_id = ?1 AND source <> 'sensor'", params![photo])
    }

    /// The latest of any photo that was displayed exactly like this one.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn said_of_copy(&self, picture: &Fingerprint) -> Result<Option<SaidUpright>> {
        self.said_upright(
            "picture = ?1 AND source IN ('fix', 'review')",
            params![picture.as_bytes()],
        )
    }

    fn said_upright(&self, condition: &str, values: impl Params) -> Result<Option<SaidUpright>> {
        let sql = format!(
            "SELECT id, hash, stored, picture, turn FROM labels WHERE {condition} ORDER BY id DESC LIMIT 1"
        );
        let row = |row: &Row<'_>| {
            let now = Displayed {
                content: row.get(1)?,
                stored: Orientation::from_stored(Some(row.get(2)?)),
                picture: fingerprint(row, 3)?,
            };
            Ok((SaidUpright { id: row.get(0)?, then: now }, row.get::<_, u16>(4)?))
        };
        let latest = self.db.prepare_cached(&sql)?.query_row(values, row).optional()?;
        Ok(latest.filter(|(_, turn)| *turn == 0).map(|(said, _)| said))
    }

    /// Carries an answer over to the same picture in other content: a photo whose metadata was edited, or a copy.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn carry(
        &mut self,
        said: &SaidUpright,
        photo: PhotoId,
        path: &Path,
        now: &DisplayedPhoto,
    ) -> Result<()> {
        let sql = "INSERT INTO labels(photo_id, path, hash, stored, turn, source, at, who, change_id, run_id, picture, root)
                   SELECT ?2, ?3, ?4, ?5, 0, source, at, who, change_id, run_id, ?6, coalesce(root, id)
                   FROM labels WHERE id = ?1";
        let picture = now.picture.as_ref().map(Fingerprint::as_bytes);
        let stored = now.stored.to_exif();
        self.db.execute(
            sql,
            params![said.id, photo, path_bytes(path), now.content, stored, picture],
        )?;
        Ok(())
    }

    /// Notes that somebody else has turned a photo of which a person had said that it was upright.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn note_turned_outside(
        &mut self,
        photo: PhotoId,
        path: &Path,
        now: &DisplayedPhoto,
    ) -> Result<()> {
        let label = Label {
            photo_id: photo,
            path: path.to_owned(),
            hash: now.content,
            stored: now.stored,
            turn: Turn::NONE,
            source: LabelSource::Outside,
            change: None,
            run: None,
        };
        insert_label(&self.db, &label, None)
    }
}
