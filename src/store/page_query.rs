//! What the review page asks for: which photos of a tab, in which order, and from where on.

use rusqlite::types::Value;

use super::ids::PhotoId;
use super::search;
use super::tabs::{Source, Tab};

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
    pub(super) fn conditions(&self, source: &Source) -> Conditions {
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
            let [code, _] = source.reason;
            conditions.add(&format!("{code} = ?"), [reason.clone().into()]);
        }
        conditions
    }

    /// What the page is sorted by, and the condition that it begins after.
    pub(super) fn sorting(&self, source: &Source) -> Sorting {
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

/// What a page is sorted by, and where it begins.
pub(super) struct Sorting {
    pub key: &'static str,
    pub row: &'static str,
    pub by: String,
    pub after: Conditions,
}

/// Conditions that all hold, and their values in order.
#[derive(Default)]
pub(super) struct Conditions {
    /// Each begins with `AND`.
    pub sql: String,
    pub values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql += " AND ";
        self.sql += condition;
        self.values.extend(values);
    }
}
