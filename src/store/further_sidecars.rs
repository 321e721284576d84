//! The sidecars that a change edits beside the one it is about, so that they stay in step.

use rusqlite::{Connection, Row, params};

use super::ids::ChangeId;
use crate::files::identity::ContentHash;
use orientd_core::edit::patch::Edit;
use orientd_core::format::sidecar_name::SidecarName;

/// The edit of a sidecar that is kept in step with the one that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherSidecar {
    pub name: SidecarName,
    pub edit: Edit,
    pub hash_before: ContentHash,
    pub hash_after: ContentHash,
}

/// `None`: in the journal before it was noted.
pub(super) fn sidecar_name(word: Option<String>) -> rusqlite::Result<SidecarName> {
    let Some(word) = word else { return Ok(SidecarName::Full) };
    word.parse().map_err(|_| rusqlite::Error::InvalidQuery)
}

fn further_sidecar(row: &Row<'_>) -> rusqlite::Result<FurtherSidecar> {
    let offset: i64 = row.get(0)?;
    let offset = usize::try_from(offset).map_err(|_| rusqlite::Error::InvalidQuery)?;
    let edit = Edit { offset, old: row.get(1)?, new: row.get(2)? };
    let name = sidecar_name(row.get(3)?)?;
    Ok(FurtherSidecar { name, edit, hash_before: row.get(4)?, hash_after: row.get(5)? })
}

pub(super) fn insert(
    db: &Connection,
    change: ChangeId,
    further: &[FurtherSidecar],
) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO further_sidecars(change_id, name, hash_before, hash_after, offset, old, new)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for FurtherSidecar { name, edit, hash_before, hash_after } in further {
        let offset = edit.offset as i64;
        let values =
            params![change, name.as_str(), hash_before, hash_after, offset, edit.old, edit.new];
        db.execute(sql, values)?;
    }
    Ok(())
}

/// Those of a change.
pub(super) fn of(db: &Connection, change: ChangeId) -> rusqlite::Result<Vec<FurtherSidecar>> {
    let sql = "SELECT offset, old, new, name, hash_before, hash_after FROM further_sidecars
               WHERE change_id = ?1 ORDER BY name";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([change], further_sidecar)?;
    rows.collect()
}
