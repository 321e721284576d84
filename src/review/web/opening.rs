//! Opens a photo or its folder with the program that the person's desktop has for it. Only for a page that nobody
//! else reaches: it starts a program here.

use std::path::Path;
use std::process::{Command, Stdio};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::respond::{Shared, failed, json_body};
use crate::store::PhotoId;

#[derive(Deserialize)]
struct Asked {
    id: PhotoId,
    what: What,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Photo,
    Folder,
}

pub(super) async fn open(State(page): Shared, request: Request) -> Response {
    let Asked { id, what } = match json_body(request).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    if !page.auth.is_for_this_machine() {
        let text = "photos are opened only where the page is for this machine alone\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let model = page.model;
    let photo = match page.viewer.call(move |store| store.photo(id, model)).await {
        Ok(Some(photo)) => photo,
        Ok(None) => return (StatusCode::NOT_FOUND, "there is no such photo\n").into_response(),
        Err(err) => return failed(&err),
    };
    let path = match what {
        What::Photo => Some(photo.path.as_path()),
        What::Folder => photo.path.parent(),
    };
    match path.map(show) {
        Some(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Some(Err(err)) => {
            (StatusCode::CONFLICT, format!("xdg-open cannot be started: {err}\n")).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no folder\n").into_response(),
    }
}

/// The path is absolute, so it is never taken for an option. In a sandboxed desktop xdg-open asks the portal.
fn show(path: &Path) -> std::io::Result<()> {
    let mut opener = Command::new("xdg-open");
    opener.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = opener.spawn()?;
    // Waits for it, so that no dead process is left; it ends with this program at the latest.
    std::thread::Builder::new().name("opener".into()).spawn(move || {
        if let Err(err) = child.wait() {
            tracing::info!("xdg-open: {err}");
        }
    })?;
    Ok(())
}
