//! What is asked of the page and what it answers. Reading never changes anything; a photo is named
//! by its number in the database, and no path from the browser is ever opened.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::respond::{MAX_BODY, Shared, body, failed};
use super::{Page, api, auth};

/// For the whole of a request, its body too. A page of 200 slow disks' photos stays below it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) fn router(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/login", post(login))
        .route("/app.js", get(script))
        .route("/style.css", get(style))
        .route("/favicon.svg", get(icon))
        .merge(api::router())
        .fallback(async || (StatusCode::NOT_FOUND, "there is no such page\n"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&page), admit))
        .with_state(page)
}

/// The only way in: every request passes here first, and every answer passes out here.
async fn admit(State(page): Shared, request: Request, next: Next) -> Response {
    let mut response = match check(&page, &request) {
        Err(response) => *response,
        Ok(()) => match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "this took too long\n").into_response(),
        },
    };
    auth::harden(response.headers_mut());
    response
}

fn check(page: &Page, request: &Request) -> Result<(), Box<Response>> {
    let path = request.uri().path();
    let headers = request.headers();
    if let Err((status, why)) = page.auth.admit(request.method(), headers) {
        return refused((status, format!("{why}\n")).into_response());
    }
    if path == "/"
        && let Some(token) = request.uri().query().and_then(|query| query.strip_prefix("token="))
        && page.auth.is_token(token)
    {
        return refused(welcome(page));
    }
    if page.auth.is_known(headers) {
        return Ok(());
    }
    if page.auth.asks_for_password() {
        return match path {
            "/login" => Ok(()),
            "/" => refused(html(StatusCode::OK, include_str!("../../../assets/review/login.html"))),
            _ => {
                refused((StatusCode::FORBIDDEN, "the password is asked for at /\n").into_response())
            }
        };
    }
    let text = "This page needs the address that `orientd review` printed, with its token.\n";
    refused((StatusCode::FORBIDDEN, text).into_response())
}

fn refused(response: Response) -> Result<(), Box<Response>> {
    Err(Box::new(response))
}

/// Sets the cookie and takes the token out of the address.
fn welcome(page: &Page) -> Response {
    let mut response = Redirect::to("/").into_response();
    match page.auth.cookie() {
        Ok(cookie) => response.headers_mut().insert(header::SET_COOKIE, cookie),
        Err(err) => return failed(&err),
    };
    response
}

async fn login(State(page): Shared, request: Request) -> Response {
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    if password_in(&body).is_some_and(|password| page.auth.is_password(&password)) {
        return welcome(&page);
    }
    // Guessing is slow, however many guess.
    tokio::time::sleep(Duration::from_secs(1)).await;
    (StatusCode::FORBIDDEN, "that is not the password\n").into_response()
}

/// Of a form with this one field.
fn password_in(body: &[u8]) -> Option<String> {
    let fields = form_urlencoded::parse(body);
    fields.into_iter().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned())
}

async fn index() -> Response {
    html(StatusCode::OK, include_str!("../../../assets/review/index.html"))
}

fn html(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

async fn script() -> Response {
    let text = include_str!("../../../assets/review/app.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

async fn style() -> Response {
    let text = include_str!("../../../assets/review/style.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

async fn icon() -> Response {
    let text = include_str!("../../../assets/review/favicon.svg");
    ([(header::CONTENT_TYPE, "image/svg+xml")], text).into_response()
}
