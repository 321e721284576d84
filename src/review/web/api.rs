//! What the page's script asks: photos, counts, answers, pictures.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Page;
use super::home::{in_full, shortened};
use super::respond::{Shared, body, failed};
use super::training::Training;
use crate::files::identity::ContentHash;
use crate::output::human::printable;
use crate::review::answers::{AnswerOutcome, PhotoAnswer};
use crate::review::thumbnails::{Missing, Size};
use crate::store::{Card, Dates, PageQuery, PhotoId, Tab};
use orientd_core::orientation::Turn;

const MAX_ON_A_PAGE: usize = 200;

pub(super) fn router() -> Router<Arc<Page>> {
    Router::new()
        .route("/api/page", get(photos))
        .route("/api/counts", get(counts))
        .route("/api/answer", post(answer))
        .route("/api/undo", post(undo))
        .route("/api/training", get(training).post(train))
        .route("/thumb/{id}", get(thumb))
        .route("/large/{id}", get(large))
}

#[derive(Deserialize)]
struct Asked {
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
        let after = self.after.filter(|after| !after.is_empty());
        Some(PageQuery {
            tab,
            descending,
            folder: in_full(self.folder.trim(), page.home.as_deref()),
            dates: Dates {
                taken: (self.taken_from.unwrap_or(i64::MIN), self.taken_to.unwrap_or(i64::MAX)),
                modified: (self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)),
            },
            after: after.map(|after| read_cursor(&after)).transpose().ok()?,
            limit: self.n.unwrap_or(60).clamp(1, MAX_ON_A_PAGE),
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

async fn photos(State(page): Shared, Query(asked): Query<Asked>) -> Response {
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
    let folder = shortened(folder, page.home.as_deref());
    let (width, height) = card.size.unzip();
    let swapped = card.stored.swaps_sides();
    json!({
        "id": card.id, "name": printable(&name), "folder": printable(&folder.to_string_lossy()),
        "seen": card.hash.map(ContentHash::to_hex),
        "width": if swapped { height } else { width }, "height": if swapped { width } else { height },
        "stored": card.stored.to_exif(), "turn": card.turn.degrees(), "confidence": card.confidence,
        "reason": card.skipped.as_ref().map(|reason| &reason.code),
        "detail": card.skipped.as_ref().map(|reason| printable(&reason.detail)),
        "modified": card.modified,
    })
}

async fn counts(State(page): Shared, Query(asked): Query<Asked>) -> Response {
    let Some(query) = asked.query(&page) else { return bad_query() };
    let model = page.model;
    let counted = page.reader.call(move |store| {
        let mut counts = serde_json::Map::new();
        for (name, tab) in Tab::ALL {
            let query = PageQuery { tab, ..query.clone() };
            counts.insert(name.into(), store.count_tab(model, &query)?.into());
        }
        counts.insert("answers".into(), store.count_answers()?.into());
        Ok(counts)
    });
    match counted.await {
        Ok(counts) => axum::Json(counts).into_response(),
        Err(err) => failed(&err),
    }
}

#[derive(Deserialize)]
struct Answers {
    items: Vec<AnswerItem>,
}

#[derive(Deserialize)]
struct AnswerItem {
    id: PhotoId,
    turn: u16,
    seen: Option<String>,
}

impl AnswerItem {
    fn read(&self) -> Option<PhotoAnswer> {
        let seen = match &self.seen {
            Some(hex) => Some(ContentHash::from_hex(hex)?),
            None => None,
        };
        Some(PhotoAnswer { photo: self.id, turn: Turn::from_degrees(self.turn)?, seen })
    }
}

async fn answer(State(page): Shared, request: Request) -> Response {
    let given: Answers = match json_body(request).await {
        Ok(given) => given,
        Err(response) => return response,
    };
    let answers: Option<Vec<PhotoAnswer>> = given.items.iter().map(AnswerItem::read).collect();
    let Some(answers) = answers.filter(|answers| answers.len() <= MAX_ON_A_PAGE) else {
        return (StatusCode::BAD_REQUEST, "an answer names a photo and a turn\n").into_response();
    };
    told(page.answers.call(move |writer| writer.answer(&answers)).await)
}

#[derive(Deserialize)]
struct Undo {
    /// Missing: what was last answered together.
    ids: Option<Vec<PhotoId>>,
}

async fn undo(State(page): Shared, request: Request) -> Response {
    let given: Undo = match json_body(request).await {
        Ok(given) => given,
        Err(response) => return response,
    };
    told(match given.ids {
        Some(ids) => page.answers.call(move |answers| answers.undo(&ids)).await,
        None => page.answers.call(|answers| answers.undo_last()).await,
    })
}

fn told(outcomes: anyhow::Result<Vec<AnswerOutcome>>) -> Response {
    let outcome = |outcome: &AnswerOutcome| {
        let refused = outcome.refused.as_ref();
        json!({"id": outcome.photo, "ok": refused.is_none(),
               "reason": refused.map(|reason| &reason.code), "detail": refused.map(|reason| &reason.detail)})
    };
    match outcomes {
        Ok(outcomes) => {
            let results: Vec<Value> = outcomes.iter().map(outcome).collect();
            axum::Json(json!({"results": results})).into_response()
        }
        Err(err) => failed(&err),
    }
}

async fn training(State(page): Shared) -> Response {
    let progress = page.training.progress();
    axum::Json(json!({
        "installed": Training::is_installed(), "running": progress.is_running,
        "line": progress.line, "succeeded": progress.succeeded,
    }))
    .into_response()
}

async fn train(State(page): Shared) -> Response {
    match page.training.start() {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(err) => (StatusCode::CONFLICT, format!("{err:#}\n")).into_response(),
    }
}

async fn thumb(state: Shared, id: Path<PhotoId>) -> Response {
    picture(state, id, Size::Grid).await
}

async fn large(state: Shared, id: Path<PhotoId>) -> Response {
    picture(state, id, Size::Large).await
}

async fn picture(State(page): Shared, Path(id): Path<PhotoId>, size: Size) -> Response {
    let model = page.model;
    let photo = match page.viewer.call(move |store| store.photo(id, model)).await {
        Ok(Some(photo)) => photo,
        Ok(None) => return (StatusCode::NOT_FOUND, "there is no such photo\n").into_response(),
        Err(err) => return failed(&err),
    };
    match page.thumbnails.get(photo, size).await {
        Ok(bytes) => {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
            // Not kept by the browser: a sidecar can change what is shown and not the content.
            (headers, bytes).into_response()
        }
        Err(Missing::Photo(why)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
        Err(Missing::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "busy\n")
                .into_response()
        }
        Err(Missing::Failed(err)) => failed(&err),
    }
}

async fn json_body<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Response> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        let text = "only application/json is read\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response());
    }
    let body = body(request).await?;
    serde_json::from_slice(&body)
        .map_err(|err| (StatusCode::BAD_REQUEST, format!("{err}\n")).into_response())
}
