//! What the review page asks: a page of photos by tab, how many there are, and the last answer.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::{Row, params};

use super::ids::{ModelId, PhotoId, RunId};
use super::{Change, Store, path_from};
use crate::error::Reason;
use crate::files::identity::ContentHash;
use orientd_core::orientation::{Orientation, Turn};

/// Which photos a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    /// A proposal waits for a person.
    Review,
    /// Turned, and still so.
    Fixed,
    /// Seen as upright.
    Left,
    Skipped,
    /// Answered by a person, latest first.
    Answered,
}

impl Tab {
    pub const ALL: [(&'static str, Self); 5] = [
        ("review", Self::Review),
        ("fixed", Self::Fixed),
        ("left", Self::Left),
        ("skipped", Self::Skipped),
        ("answered", Self::Answered),
    ];

    /// Table, conditions and key. The key is what a page continues from: a confidence, or 0, and a row.
    fn source(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Review => (
                "q.stored, q.turn, q.confidence, q.confidence, q.photo_id
                 FROM predictions q INDEXED BY predictions_proposed
                 CROSS JOIN photos p ON p.id = q.photo_id
                 WHERE q.model_id = ?1 AND q.verdict <> 'upright' AND q.hash = p.hash
                   AND q.stored = p.stored AND p.reason IS NULL AND NOT EXISTS (
                       SELECT 1 FROM labels l
                       WHERE l.hash = p.hash AND l.stored = p.stored AND l.source <> 'sensor')",
                "q.confidence",
                "q.photo_id",
            ),
            Self::Left => (
                "q.stored, q.turn, q.confidence, q.confidence, q.photo_id
                 FROM predictions q INDEXED BY predictions_upright
                 CROSS JOIN photos p ON p.id = q.photo_id
                 WHERE q.model_id = ?1 AND q.verdict = 'upright' AND q.hash = p.hash
                   AND q.stored = p.stored AND p.reason IS NULL AND NOT EXISTS (
                       SELECT 1 FROM labels l
                       WHERE l.hash = p.hash AND l.stored = p.stored AND l.source <> 'sensor')",
                "q.confidence",
                "q.photo_id",
            ),
            Self::Fixed => (
                "c.new_stored, c.turn, NULL, 0.0, c.id
                 FROM changes c INDEXED BY changes_in_force CROSS JOIN photos p ON p.id = c.photo_id
                 WHERE ?1 IS ?1 AND c.state = 'done'
                   AND CASE c.action WHEN 'sidecar' THEN c.new_stored = p.stored
                                     ELSE c.hash_after = p.hash END",
                "0.0",
                "c.id",
            ),
            Self::Skipped => (
                "p.stored, 0, NULL, 0.0, p.id FROM photos p INDEXED BY photos_skipped
                 WHERE ?1 IS ?1 AND p.reason IS NOT NULL",
                "0.0",
                "p.id",
            ),
            Self::Answered => (
                "l.stored, l.turn, NULL, 0.0, l.id
                 FROM labels l CROSS JOIN photos p ON p.id = l.photo_id
                 WHERE ?1 IS ?1 AND (l.source IN ('review', 'fix') OR (
                     l.source = 'outside' AND l.hash = p.hash AND l.stored = p.stored))",
                "0.0",
                "l.id",
            ),
        }
    }
}

/// Days from and to, half open. A photo that says when it was taken is held against the camera's clock,
/// any other by its file's time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dates {
    /// Of the calendar: seconds as if its clock showed UTC.
    pub taken: (i64, i64),
    /// The same days here: Unix seconds.
    pub modified: (i64, i64),
}

impl Dates {
    pub const ALL: Self = Self { taken: (i64::MIN, i64::MAX), modified: (i64::MIN, i64::MAX) };

    /// Numbered from `first` on: taken from and to, then modified from and to.
    fn condition(first: usize) -> String {
        let [a, b, c, d] = [0, 1, 2, 3].map(|n| first + n);
        format!(
            "CASE WHEN p.taken IS NULL THEN p.mtime_ns >= ?{c} AND p.mtime_ns < ?{d}
                  ELSE p.taken >= ?{a} AND p.taken < ?{b} END"
        )
    }

    fn values(self) -> [i64; 4] {
        let (from, to) = self.modified;
        [self.taken.0, self.taken.1, nanoseconds(from), nanoseconds(to)]
    }
}

fn nanoseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000)
}

/// One page: what is wanted, and where the last page ended.
#[derive(Clone, Debug)]
pub struct PageQuery {
    pub tab: Tab,
    /// Highest key first.
    pub descending: bool,
    /// A part of the path, any case; an absolute path means everything below it.
    pub folder: String,
    pub dates: Dates,
    pub after: Option<(f64, i64)>,
    pub limit: usize,
}

/// A photo on the page.
#[derive(Clone, Debug)]
pub struct Card {
    pub id: PhotoId,
    pub path: PathBuf,
    pub hash: Option<ContentHash>,
    /// As stored, in pixels.
    pub size: Option<(u32, u32)>,
    pub stored: Orientation,
    /// Proposed, or made.
    pub turn: Turn,
    pub confidence: Option<f64>,
    pub skipped: Option<Reason>,
    /// Of the file, Unix seconds.
    pub modified: i64,
    /// The run that looked at it last.
    pub run: RunId,
    pub key: (f64, i64),
}

impl Store {
    /// At most `limit` photos; whoever wants to know whether more follow asks for one more.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn page(&self, model: Option<ModelId>, query: &PageQuery) -> Result<Vec<Card>> {
        let (source, key, row) = query.tab.source();
        let (than, order) = if query.descending { ("<", "DESC") } else { (">", "ASC") };
        let (filter, folder) = folder_filter(&query.folder);
        let sql = format!(
            "SELECT p.id, p.path, p.hash, p.width, p.height, p.reason, p.detail, p.mtime_ns,
                    p.run_id, {source}
             AND p.missing_since IS NULL AND ({key}, {row}) {than} (?2, ?3)
             AND {} AND {filter}
             ORDER BY {key} {order}, {row} {order} LIMIT ?5",
            Dates::condition(6)
        );
        let start = if query.descending { (2.0, i64::MAX) } else { (-1.0, i64::MIN) };
        let (after, after_row) = query.after.unwrap_or(start);
        let [from, to, file_from, file_to] = query.dates.values();
        let limit = i64::try_from(query.limit)?;
        let mut statement = self.db.prepare_cached(&sql)?;
        let values = params![model, after, after_row, folder, limit, from, to, file_from, file_to];
        let rows = statement.query_map(values, card)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many photos a tab holds with this search.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_tab(&self, model: Option<ModelId>, query: &PageQuery) -> Result<u64> {
        let (source, ..) = query.tab.source();
        let (filter, folder) = folder_filter(&query.folder);
        let from = source.find("FROM").map_or("", |at| &source[at..]);
        let sql = format!(
            "SELECT count(*) {from} AND p.missing_since IS NULL
             AND {} AND {}",
            Dates::condition(3),
            filter.replace("?4", "?2")
        );
        let [from, to, file_from, file_to] = query.dates.values();
        let values = params![model, folder, from, to, file_from, file_to];
        let count: i64 = self.db.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Answers of people, by content.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_answers(&self) -> Result<u64> {
        let sql =
            "SELECT count(DISTINCT hash) FROM labels WHERE source NOT IN ('sensor', 'outside')";
        let count: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// Takes back the latest answer about this content of a photo, shown as it is now, so that it is
    /// asked about again and nothing learns from it. Was there one?
    ///
    /// # Errors
    /// Returns an error if the database cannot be written.
    pub fn withdraw_answer(&mut self, photo: PhotoId, hash: &ContentHash) -> Result<bool> {
        let sql = "DELETE FROM labels WHERE id = (
                       SELECT max(l.id) FROM labels l JOIN photos p ON p.id = l.photo_id
                       WHERE p.id = ?1 AND l.hash = ?2 AND l.source IN ('review', 'fix')
                         AND (l.stored = p.stored OR p.reason IS NOT NULL))";
        Ok(self.db.execute(sql, params![photo, hash])? > 0)
    }

    /// The latest change of a photo, where it is in force.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn change_in_force(&self, photo: PhotoId) -> Result<Option<Change>> {
        let latest = "WHERE photo_id = ?1 AND state = 'done' ORDER BY id DESC LIMIT 1";
        Ok(self.changes(latest, params![photo])?.pop())
    }
}

/// A condition on ?4, and its value.
fn folder_filter(folder: &str) -> (&'static str, String) {
    let folder = folder.trim();
    if folder.is_empty() {
        ("?4 = ''", String::new())
    } else if folder.starts_with('/') {
        let below = format!("{}/", folder.trim_end_matches('/'));
        ("instr(p.path, CAST(?4 AS BLOB)) = 1", below)
    } else {
        ("instr(lower(CAST(p.path AS TEXT)), lower(?4)) > 0", folder.to_owned())
    }
}

fn card(row: &Row<'_>) -> rusqlite::Result<Card> {
    let reason: Option<String> = row.get(5)?;
    let detail: Option<String> = row.get(6)?;
    let width: Option<u32> = row.get(3)?;
    let height: Option<u32> = row.get(4)?;
    Ok(Card {
        id: row.get(0)?,
        path: path_from(row.get_ref(1)?.as_blob()?),
        hash: row.get(2)?,
        size: width.zip(height),
        skipped: reason.map(|code| Reason::new(code, detail.unwrap_or_default())),
        modified: row.get::<_, i64>(7)? / 1_000_000_000,
        run: row.get(8)?,
        stored: Orientation::from_stored(Some(row.get(9)?)),
        turn: Turn::from_degrees(row.get(10)?).unwrap_or(Turn::NONE),
        confidence: row.get(11)?,
        key: (row.get(12)?, row.get(13)?),
    })
}
