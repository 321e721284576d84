//! What the page's script asks: photos, counts, answers, pictures.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;

use super::respond::Shared;
use super::training::Training;
use super::{Page, answering, opening, photos, pictures};

pub(super) fn router() -> Router<Arc<Page>> {
    Router::new()
        .route("/api/page", get(photos::photos))
        .route("/api/count", get(photos::count))
        .route("/api/counts", get(photos::counts))
        .route("/api/reasons", get(photos::reasons))
        .route("/api/answer", post(answering::answer))
        .route("/api/undo", post(answering::undo))
        .route("/api/open", post(opening::open))
        .route("/api/session", get(answering::session))
        .route("/api/training", get(training).post(train))
        .route("/thumb/{id}", get(pictures::thumb))
        .route("/large/{id}", get(pictures::large))
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
