//! Where a photo stands between what was seen of it, what was said and what was done.

use anyhow::Result;
use rusqlite::params;

use super::ids::{PhotoId, RunId};
use super::{Store, now};
use crate::error::Reason;
use crate::files::identity::ContentHash;
use orientd_core::orientation::Orientation;

/// What is left to be done about a photo. Only `Waiting`, `PutBack` and `Refused` leave anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PhotoState {
    /// Not seen by the present model.
    Unseen,
    Skipped,
    /// As the model sees it.
    Upright,
    /// A person said that it is fine, though the model proposed a turn.
    Fine,
    /// Turned by orientd, and still so.
    Turned,
    /// The model proposes a turn, nobody has answered, and nothing was done.
    Waiting,
    /// The same, but such a turn was made and taken back by an undo: only a person's answer turns it again.
    PutBack,
    /// Waits too, but the turn was tried and could not be made.
    Refused,
}

impl PhotoState {
    const ALL: [Self; 8] = [
        Self::Unseen,
        Self::Skipped,
        Self::Upright,
        Self::Fine,
        Self::Turned,
        Self::Waiting,
        Self::PutBack,
        Self::Refused,
    ];

    /// The word in JSON and in the query that finds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::Skipped => "skipped",
            Self::Upright => "upright",
            Self::Fine => "fine",
            Self::Turned => "turned",
            Self::Waiting => "waiting",
            Self::PutBack => "put_back",
            Self::Refused => "refused",
        }
    }

    pub(super) fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|one| one.as_str() == word).unwrap_or(Self::Unseen)
    }

    /// Does its proposal still wait for a person, or for a turn that is possible?
    pub fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::PutBack | Self::Refused)
    }
}

/// Is photo `p` still as orientd's latest turn of it left it?
pub(super) const IS_TURNED: &str = "
    EXISTS (SELECT 1 FROM changes d
            WHERE d.id = (SELECT max(e.id) FROM changes e WHERE e.photo_id = p.id AND e.state = 'done')
              AND CASE d.action WHEN 'sidecar' THEN d.new_stored = p.stored
                                ELSE p.hash IN (d.hash_after, d.seen) END)";

/// Has a person said what is right for photo `p` as it is now, or is it a copy of what a turn has made?
pub(super) const IS_SAID: &str = "
    (EXISTS (SELECT 1 FROM labels l WHERE l.hash = p.hash AND l.stored = p.stored AND l.source <> 'sensor')
     OR EXISTS (SELECT 1 FROM changes m WHERE m.hash_after = p.hash AND m.new_stored = p.stored
                                          AND m.state = 'done' AND m.action <> 'sidecar')
     OR EXISTS (SELECT 1 FROM pictures x JOIN changes m ON m.result = x.picture AND m.state = 'done'
                WHERE x.photo_id = p.id AND x.hash = p.hash AND x.stored = p.stored))";

/// Was the latest turn of what photo `p` is now, or of a copy, put back? Or was it turned by a sidecar that it
/// has lost?
const IS_PUT_BACK: &str = "
    ((SELECT o.state FROM changes o
      WHERE o.photo_id = p.id AND ((o.content = p.hash AND o.old_stored = p.stored) OR o.seen = p.hash)
        AND o.state IN ('done', 'undone') ORDER BY o.id DESC LIMIT 1) = 'undone'
     OR (SELECT state FROM (
          SELECT id, state FROM changes WHERE content = p.hash AND old_stored = p.stored
          UNION ALL SELECT id, state FROM changes WHERE seen = p.hash
          UNION ALL SELECT id, state FROM changes WHERE picture = (
              SELECT x.picture FROM pictures x
              WHERE x.photo_id = p.id AND x.hash = p.hash AND x.stored = p.stored))
      WHERE state IN ('done', 'undone') ORDER BY id DESC LIMIT 1) = 'undone'
     OR EXISTS (SELECT 1 FROM changes d
                WHERE d.id = (SELECT max(e.id) FROM changes e WHERE e.photo_id = p.id AND e.state = 'done')
                  AND d.action = 'sidecar' AND d.content = p.hash AND d.new_stored <> p.stored))";

/// The state of photo `p` with prediction `q`. Only proposals ask for answers, so that a million upright photos
/// are quickly told.
pub(super) fn photo_state() -> String {
    format!(
        "CASE WHEN {IS_TURNED} THEN 'turned'
              WHEN p.reason IS NOT NULL THEN 'skipped'
              WHEN q.verdict = 'upright' AND q.hash = p.hash AND q.stored = p.stored THEN 'upright'
              WHEN {IS_SAID} THEN 'fine'
              WHEN q.verdict IS NULL OR q.hash <> p.hash OR q.stored <> p.stored THEN 'unseen'
              WHEN {IS_PUT_BACK} THEN 'put_back'
              WHEN EXISTS (SELECT 1 FROM refusals f WHERE f.photo_id = p.id AND f.hash = p.hash
                                                      AND f.stored = p.stored)
              THEN 'refused' ELSE 'waiting' END"
    )
}

impl Store {
    /// Keeps the reason why a photo with this content, shown with `stored`, could not be turned.
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn keep_refusal(
        &mut self,
        run: RunId,
        photo: PhotoId,
        hash: &ContentHash,
        stored: Orientation,
        why: &Reason,
    ) -> Result<()> {
        let Reason { code, detail } = why;
        self.db.execute(
            "INSERT OR REPLACE INTO refusals(photo_id, hash, stored, run_id, reason, detail, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![photo, hash, stored.to_exif(), run, code, detail, now()],
        )?;
        Ok(())
    }
}
