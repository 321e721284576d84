//! What the review page asks: a page of photos by tab, how many there are, and the last answer.

use std::path::PathBuf;

use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::ids::{ModelId, PhotoId, RunId};
use super::search;
use super::tabs::{Source, Tab};
use super::{Change, Store, path_from};
use crate::error::Reason;
use crate::files::identity::ContentHash;
use orientd_core::orientation::{Orientation, Turn};

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

    fn condition(self, conditions: &mut Conditions) {
        let (from, to) = self.modified;
        conditions.add(
            "CASE WHEN p.taken IS NULL THEN p.mtime_ns >= ? AND p.mtime_ns < ?
                  ELSE p.taken >= ? AND p.taken < ? END",
            [nanoseconds(from), nanoseconds(to), self.taken.0, self.taken.1].map(Value::from),
        );
    }
}

fn nanoseconds(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000)
}

/// How the photos of a page follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By confidence where there is one, else as things were done.
    Key,
    /// By folder, then by name.
    Folder,
    /// By the day they were taken.
    Time,
}

/// One page: what is wanted, and where the last page ended.
#[derive(Clone, Debug)]
pub struct PageQuery {
    pub tab: Tab,
    pub order: Order,
    /// Highest key first.
    pub descending: bool,
    /// Words of the path, any case; an absolute path means everything below it.
    pub folder: String,
    pub dates: Dates,
    /// Only those that the model is at least as sure of.
    pub least: Option<f64>,
    /// Only those in the folder of this photo.
    pub beside: Option<PhotoId>,
    /// Only those skipped for the reason with this code.
    pub reason: Option<String>,
    pub after: Option<(f64, i64)>,
    pub limit: usize,
}

impl PageQuery {
    /// All of a tab, in its own order; what is not wanted is taken away from this.
    pub fn of(tab: Tab) -> Self {
        Self {
            tab,
            order: Order::Key,
            descending: false,
            folder: String::new(),
            dates: Dates::ALL,
            least: None,
            beside: None,
            reason: None,
            after: None,
            limit: usize::MAX,
        }
    }

    /// All but where the page begins.
    fn conditions(&self) -> Conditions {
        let mut conditions = Conditions::default();
        conditions.add("p.missing_since IS NULL", []);
        if self.dates != Dates::ALL {
            self.dates.condition(&mut conditions);
        }
        let typed = self.folder.trim();
        if typed.starts_with('/') {
            let below = format!("{}/", typed.trim_end_matches('/')).into_bytes();
            conditions.add("instr(p.path, ?) = 1", [below.into()]);
        } else if !typed.is_empty() {
            conditions.add("has_words(p.path, ?)", [search::words(typed).into()]);
        }
        if let Some(least) = self.least.filter(|_| self.tab.is_predicted()) {
            conditions.add("q.confidence >= ?", [least.into()]);
        }
        if let Some(photo) = self.beside {
            let sql = "folder_of(p.path) = (SELECT folder_of(path) FROM photos WHERE id = ?)";
            conditions.add(sql, [photo.number().into()]);
        }
        if let Some(reason) = &self.reason {
            conditions.add("p.reason = ?", [reason.clone().into()]);
        }
        conditions
    }

    /// What the page is sorted by, and the condition that it begins after.
    fn sorting(&self, source: &Source) -> Sorting {
        let is_once = self.tab.is_predicted() || self.tab == Tab::Skipped;
        let order = if is_once { self.order } else { Order::Key };
        let (than, way) = if self.descending { ("<", "DESC") } else { (">", "ASC") };
        let mut after = Conditions::default();
        let (key, row, by) = match order {
            Order::Key => {
                (source.key, source.row, format!("{} {way}, {} {way}", source.key, source.row))
            }
            Order::Time => (TIME, "p.id", format!("{TIME} {way}, p.id {way}")),
            Order::Folder => ("0.0", "p.id", "folder_of(p.path), p.path".to_owned()),
        };
        match (order, self.after) {
            (Order::Folder, Some((_, photo))) => after.add(
                "(folder_of(p.path), p.path) > (SELECT folder_of(path), path FROM photos WHERE id = ?)",
                [photo.into()],
            ),
            (Order::Folder, None) => {}
            (_, cursor) => {
                let start = if self.descending { (f64::MAX, i64::MAX) } else { (-f64::MAX, i64::MIN) };
                let (from, from_row) = cursor.unwrap_or(start);
                after.add(&format!("({key}, {row}) {than} (?, ?)"), [from.into(), from_row.into()]);
            }
        }
        Sorting { key, row, by, after }
    }
}

/// When a photo was taken, else when its file was changed: seconds, as a number with a fraction like every key.
const TIME: &str = "CAST(coalesce(p.taken, p.mtime_ns / 1000000000) AS REAL)";

struct Sorting {
    key: &'static str,
    row: &'static str,
    by: String,
    after: Conditions,
}

/// Conditions that all hold, and their values in order.
#[derive(Default)]
struct Conditions {
    /// Each begins with `AND`.
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql += " AND ";
        self.sql += condition;
        self.values.extend(values);
    }
}

/// A photo on the page.
#[derive(Clone, Debug)]
pub struct Card {
    pub id: PhotoId,
    pub path: PathBuf,
    pub hash: Option<ContentHash>,
    /// As stored, in pixels.
    pub size: Option<(u32, u32)>,
    /// The orientation that the proposal, change or answer is about.
    pub stored: Orientation,
    /// The orientation now.
    pub shown: Orientation,
    /// Proposed, or made.
    pub turn: Turn,
    pub confidence: Option<f64>,
    pub skipped: Option<Reason>,
    /// Of the file, Unix seconds.
    pub modified: i64,
    /// By the camera's clock, in seconds as if that clock showed UTC.
    pub taken: Option<i64>,
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
        let source = query.tab.source();
        let conditions = query.conditions();
        let Sorting { key, row, by, after } = query.sorting(&source);
        let sql = format!(
            "SELECT p.id, p.path, p.hash, p.width, p.height, p.reason, p.detail, p.mtime_ns,
                    p.run_id, p.stored, p.taken, {}, {key}, {row}
             {}{}{} ORDER BY {by} LIMIT ?",
            source.columns, source.from, conditions.sql, after.sql
        );
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let mut values = vec![model.map_or(Value::Null, |model| model.number().into())];
        values.extend(conditions.values);
        values.extend(after.values);
        values.push(limit.into());
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map(params_from_iter(values), card)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many photos a tab holds with this search.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_tab(&self, model: Option<ModelId>, query: &PageQuery) -> Result<u64> {
        let conditions = query.conditions();
        let sql = format!("SELECT count(*) {}{}", query.tab.source().from, conditions.sql);
        let mut values = vec![model.map_or(Value::Null, |model| model.number().into())];
        values.extend(conditions.values);
        let values = params_from_iter(values);
        let count: i64 = self.db.prepare_cached(&sql)?.query_row(values, |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// The reasons for which photos were skipped, with how many there are of each.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_reasons(&self) -> Result<Vec<(String, u64)>> {
        let sql = "SELECT reason, count(*) FROM photos INDEXED BY photos_skipped
                   WHERE reason IS NOT NULL AND missing_since IS NULL
                   GROUP BY reason ORDER BY count(*) DESC, reason";
        let mut statement = self.db.prepare_cached(sql)?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<Result<_, _>>()?)
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

    /// Photos that people said are fine as they are, by content.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn count_fine(&self) -> Result<u64> {
        let sql = "SELECT count(DISTINCT hash) FROM labels
                   WHERE source IN ('review', 'fix') AND turn = 0";
        let count: i64 = self.db.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(count)?)
    }

    /// When a photo was taken, and how sure the model was of the proposal that it had; either where it is known.
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn taken_and_sure(
        &self,
        photo: PhotoId,
        model: Option<ModelId>,
    ) -> Result<(Option<i64>, Option<f64>)> {
        let sql = "SELECT p.taken, q.confidence FROM photos p
                   LEFT JOIN predictions q ON q.photo_id = p.id AND q.model_id = ?2
                                          AND q.verdict <> 'upright'
                   WHERE p.id = ?1";
        let values = params![photo, model];
        Ok(self.db.query_row(sql, values, |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Is any photo known?
    ///
    /// # Errors
    /// Returns an error if the database cannot be read.
    pub fn has_photos(&self) -> Result<bool> {
        let sql = "SELECT EXISTS(SELECT 1 FROM photos WHERE missing_since IS NULL)";
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
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
        shown: Orientation::from_stored(Some(row.get(9)?)),
        taken: row.get(10)?,
        stored: Orientation::from_stored(Some(row.get(11)?)),
        turn: Turn::from_degrees(row.get(12)?).unwrap_or(Turn::NONE),
        confidence: row.get(13)?,
        key: (row.get(14)?, row.get(15)?),
    })
}
