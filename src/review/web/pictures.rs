//! Pictures of photos. A browser may keep one, but asks each time whether it still is what is shown, since a
//! sidecar can change that and not the content.

use axum::extract::{Path, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{StatusCode, response};
use axum::response::{IntoResponse, Response};

use super::respond::{Shared, failed};
use crate::review::thumbnails::{Missing, Size};
use crate::store::PhotoId;

pub(super) async fn thumb(state: Shared, id: Path<PhotoId>, headers: HeaderMap) -> Response {
    picture(state, id, Size::Grid, headers).await
}

pub(super) async fn large(state: Shared, id: Path<PhotoId>, headers: HeaderMap) -> Response {
    picture(state, id, Size::Large, headers).await
}

async fn picture(
    State(page): Shared,
    Path(id): Path<PhotoId>,
    size: Size,
    headers: HeaderMap,
) -> Response {
    let model = page.model;
    let photo = match page.viewer.call(move |store| store.photo(id, model)).await {
        Ok(Some(photo)) => photo,
        Ok(None) => return (StatusCode::NOT_FOUND, "there is no such photo\n").into_response(),
        Err(err) => return failed(&err),
    };
    let tag = page.thumbnails.name(&photo, size).map(|name| format!("\"{name}\""));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    if tag.is_some() && known == tag.as_deref() {
        return (StatusCode::NOT_MODIFIED, lasting(tag)).into_response();
    }
    match page.thumbnails.get(photo, size).await {
        Ok(bytes) => (lasting(tag), bytes).into_response(),
        Err(Missing::Photo(why)) => (StatusCode::CONFLICT, format!("{why}\n")).into_response(),
        Err(Missing::Busy) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "busy\n")
                .into_response()
        }
        Err(Missing::Failed(err)) => failed(&err),
    }
}

/// The headers of a picture.
fn lasting(tag: Option<String>) -> response::Parts {
    let mut parts = Response::new(()).into_parts().0;
    let headers = &mut parts.headers;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::ETAG, tag);
    }
    parts
}
