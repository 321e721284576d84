//! Pages of photos and how many there are, as the page's script asks for them.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Page;
use super::home::{in_full, shortened};
use super::respond::{Shared, failed};
use crate::files::identity::ContentHash;
use crate::output::human::printable;
use crate::store::{Card, Dates, Order, PageQuery, PhotoId, Tab};

pub(super) const MAX_ON_A_PAGE: usize = 200;

#[derive(Deserialize)]
pub(super) struct Asked {
    tab: Option<String>,
    #[serde(default)]
    order: String,
    #[serde(default)]
    folder: String,
    /// Unix seconds where the person is, for files that do not say when they were taken.
    from: Option<i64>,
    to: Option<i64>,
    /// The same days by any clock.
    taken_from: Option<i64>,
    taken_to: Option<i64>,
    /// From 0 to 1.
    least: Option<f64>,
    beside: Option<PhotoId>,
    reason: Option<String>,
    after: Option<String>,
    n: Option<usize>,
}

impl Asked {
    fn query(self, page: &Page) -> Option<PageQuery> {
        let name = self.tab.as_deref().unwrap_or("review");
        let (_, tab) = Tab::ALL.into_iter().find(|(known, _)| *known == name)?;
        let descending = match tab {
            Tab::Fixed | Tab::Answered => true,
            _ => self.order == "confident",
        };
        let order = match self.order.as_str() {
            "folder" => Order::Folder,
            "time" => Order::Time,
            _ => Order::Key,
        };
        let after = self.after.filter(|after| !after.is_empty());
        let dates = Dates {
            taken: (self.taken_from.unwrap_or(i64::MIN), self.taken_to.unwrap_or(i64::MAX)),
            modified: (self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)),
        };
        Some(PageQuery {
            order,
            descending,
            folder: in_full(self.folder.trim(), page.home.as_deref()),
            dates,
            least: self.least.filter(|least| least.is_finite()),
            beside: self.beside,
            reason: self.reason.filter(|reason| !reason.is_empty()),
            after: after.map(|after| read_cursor(&after)).transpose().ok()?,
            limit: self.n.unwrap_or(60).clamp(1, MAX_ON_A_PAGE),
            ..PageQuery::of(tab)
        })
    }
}

/// The bits of the number, since a decimal might not come back the same.
fn cursor((key, row): (f64, i64)) -> String {
    format!("{:016x}.{row}", key.to_bits())
}

fn read_cursor(text: &str) -> Result<(f64, i64), ()> {
    let (key, row) = text.split_once('.').ok_or(())?;
    let key = f64::from_bits(u64::from_str_radix(key, 16).map_err(|_| ())?);
    let row = row.parse().map_err(|_| ())?;
    if key.is_finite() { Ok((key, row)) } else { Err(()) }
}

fn bad_query() -> Response {
    (StatusCode::BAD_REQUEST, "this page is not known\n").into_response()
}

pub(super) async fn photos(State(page): Shared, Query(asked): Query<Asked>) -> Response {
    let Some(mut query) = asked.query(&page) else { return bad_query() };
    let model = page.model;
    let n_wanted = query.limit;
    query.limit += 1;
    let cards = page.reader.call(move |store| store.page(model, &query)).await;
    match cards {
        Ok(mut cards) => {
            let more = cards.len() > n_wanted;
            cards.truncate(n_wanted);
            let next = cards.last().filter(|_| more).map(|card| cursor(card.key));
            let items: Vec<Value> = cards.iter().map(|card| card_json(card, &page)).collect();
            axum::Json(json!({"items": items, "next": next})).into_response()
        }
        Err(err) => failed(&err),
    }
}

fn card_json(card: &Card, page: &Page) -> Value {
    let name = card.path.file_name().unwrap_or_default().to_string_lossy();
    let folder = card.path.parent().unwrap_or(std::path::Path::new(""));
    let short = shortened(folder, page.home.as_deref());
    let (width, height) = card.size.unzip();
    let swapped = card.shown.swaps_sides();
    json!({
        "id": card.id, "name": printable(&name), "folder": printable(&short.to_string_lossy()),
        "path": printable(&card.path.to_string_lossy()),
        "seen": card.hash.map(ContentHash::to_hex),
        "width": if swapped { height } else { width }, "height": if swapped { width } else { height },
        "stored": card.stored.to_exif(), "shown": card.shown.to_exif(),
        "turn": card.turn.degrees(), "confidence": card.confidence,
        "reason": card.skipped.as_ref().map(|reason| &reason.code),
        "detail": card.skipped.as_ref().map(|reason| printable(&reason.detail)),
        "modified": card.modified, "taken": card.taken,
    })
}

/// How many photos match, whatever page was asked for.
pub(super) async fn count(State(page): Shared, Query(asked): Query<Asked>) -> Response {
    let Some(query) = asked.query(&page) else { return bad_query() };
    let model = page.model;
    match page.reader.call(move |store| store.count_tab(model, &query)).await {
        Ok(count) => axum::Json(json!({"count": count})).into_response(),
        Err(err) => failed(&err),
    }
}

/// How many photos each tab holds with this search, and what was said and skipped in all.
pub(super) async fn counts(State(page): Shared, Query(asked): Query<Asked>) -> Response {
    let Some(query) = asked.query(&page) else { return bad_query() };
    let model = page.model;
    let counted = page.reader.call(move |store| {
        let mut counts = serde_json::Map::new();
        let mut n_waiting = 0;
        for (name, tab) in Tab::ALL.into_iter().filter(|(_, tab)| *tab != Tab::Review) {
            let count = store.count_tab(model, &PageQuery { tab, ..query.clone() })?;
            if matches!(tab, Tab::Sure | Tab::Doubt) {
                n_waiting += count;
            }
            counts.insert(name.into(), count.into());
        }
        counts.insert("review".into(), n_waiting.into());
        counts.insert("answers".into(), store.count_answers()?.into());
        counts.insert("fine".into(), store.count_fine()?.into());
        counts.insert("is_empty".into(), (!store.has_photos()?).into());
        Ok(counts)
    });
    match counted.await {
        Ok(counts) => axum::Json(counts).into_response(),
        Err(err) => failed(&err),
    }
}

/// Why photos were skipped, with how many there are of each reason.
pub(super) async fn reasons(State(page): Shared) -> Response {
    match page.reader.call(|store| store.count_reasons()).await {
        Ok(reasons) => {
            let reasons = reasons.iter().map(|(code, n)| json!({"reason": code, "count": n}));
            axum::Json(json!({"reasons": reasons.collect::<Vec<_>>()})).into_response()
        }
        Err(err) => failed(&err),
    }
}
