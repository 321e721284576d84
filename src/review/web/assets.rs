//! The files that the page is made of, built into the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::Page;

pub(super) const INDEX: &str = include_str!("../../../assets/review/index.html");
pub(super) const LOGIN: &str = include_str!("../../../assets/review/login.html");
pub(super) const ERROR: &str = include_str!("../../../assets/review/error.html");

const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! files {
    ($($path:literal $kind:expr),* $(,)?) => {
        /// Path, media type, text.
        const FILES: &[(&str, &str, &str)] =
            &[$(($path, $kind, include_str!(concat!("../../../assets/review", $path)))),*];
    };
}

files! {
    "/style.css" CSS,
    "/favicon.svg" SVG,
    "/answers.js" SCRIPT,
    "/app.js" SCRIPT,
    "/base.js" SCRIPT,
    "/cards.js" SCRIPT,
    "/session.js" SCRIPT,
    "/single.js" SCRIPT,
    "/state.js" SCRIPT,
}

/// What is answered to anybody who names this host.
pub(super) fn is_public(path: &str) -> bool {
    FILES.iter().any(|(known, kind, _)| *known == path && *kind != SCRIPT)
}

pub(super) fn router() -> Router<Arc<Page>> {
    let mut router = Router::new();
    for (path, kind, text) in FILES {
        let answer = async move || ([(header::CONTENT_TYPE, *kind)], *text).into_response();
        router = router.route(path, get(answer));
    }
    router
}
