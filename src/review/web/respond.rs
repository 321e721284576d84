//! What all routes share: the page's state, bodies of requests, errors told to the person.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use axum::response::{IntoResponse, Response};

use super::Page;

/// Enough for a page of answers.
pub(super) const MAX_BODY: usize = 64 << 10;

/// A body comes at once or not at all.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Shared = State<Arc<Page>>;

pub(super) async fn body(request: Request) -> Result<Bytes, Response> {
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY);
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err((StatusCode::PAYLOAD_TOO_LARGE, "that is too much\n").into_response()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "that is too slow\n").into_response()),
    }
}

/// The body as JSON, if it says that it is.
pub(super) async fn json_body<T: serde::de::DeserializeOwned>(
    request: Request,
) -> Result<T, Response> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        let text = "only application/json is read\n";
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response());
    }
    let body = body(request).await?;
    serde_json::from_slice(&body)
        .map_err(|err| (StatusCode::BAD_REQUEST, format!("{err}\n")).into_response())
}

/// The person is told, and so is the log.
pub(super) fn failed(err: &anyhow::Error) -> Response {
    tracing::error!("{err:#}");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{err:#}\n")).into_response()
}

/// The values of the cookies with this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(move |pair| {
        pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value)
    })
}
