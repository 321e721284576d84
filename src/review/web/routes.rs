//! What is asked of the page and what it answers. Reading never changes anything; a photo is named
//! by its number in the database, and no path from the browser is ever opened.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use super::respond::{MAX_BODY, Shared, body, failed};
use super::texts::Texts;
use super::{Page, api, assets, auth};

/// For the whole of a request, its body too. A page of 200 slow disks' photos stays below it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

pub(super) fn router(page: Arc<Page>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/login", post(login))
        .route("/texts.js", get(texts))
        .merge(assets::router())
        .merge(api::router())
        .fallback(async || (StatusCode::NOT_FOUND, "There is no such page.\n"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&page), admit))
        .with_state(page)
}

/// The only way in: every request passes here first, and every answer passes out here.
async fn admit(State(page): Shared, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let mut response = match check(&page, &request) {
        Err(response) => *response,
        Ok(()) => match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "This took too long.\n").into_response(),
        },
    };
    if is_for_people(&response, &headers) {
        response = error_page(&page, &headers, response).await;
    }
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
    // The form and the pages of errors look like the page; how it looks is no secret.
    if page.auth.is_known(headers) || assets::is_public(path) {
        return Ok(());
    }
    if page.auth.asks_for_password() {
        return match path {
            "/login" => Ok(()),
            "/" => refused(form(page, headers, StatusCode::OK, "")),
            _ => {
                let text = "The password is asked for at the page's first address.\n";
                refused((StatusCode::FORBIDDEN, text).into_response())
            }
        };
    }
    let text = "This page needs the address that `orientd review` printed, with its token.\n";
    refused((StatusCode::FORBIDDEN, text).into_response())
}

fn refused(response: Response) -> Result<(), Box<Response>> {
    Err(Box::new(response))
}

/// Is it an error in words, for a browser that shows a page? Scripts and pictures get the words alone.
fn is_for_people(response: &Response, asked: &HeaderMap) -> bool {
    let has = |headers: &HeaderMap, name, part: &str| {
        let value = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        value.is_some_and(|value| value.contains(part))
    };
    (response.status().is_client_error() || response.status().is_server_error())
        && has(response.headers(), header::CONTENT_TYPE, "text/plain")
        && has(asked, header::ACCEPT, "text/html")
}

async fn error_page(page: &Page, asked: &HeaderMap, response: Response) -> Response {
    let status = response.status();
    let why = axum::body::to_bytes(response.into_body(), MAX_BODY).await.unwrap_or_default();
    let why = String::from_utf8_lossy(&why);
    let values = [("status", status.as_str()), ("why", why.trim())];
    html(page, asked, status, assets::ERROR, &values)
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
    let headers = request.headers().clone();
    let body = match body(request).await {
        Ok(body) => body,
        Err(response) => return response,
    };
    if password_in(&body).is_some_and(|password| page.auth.is_password(&password)) {
        return welcome(&page);
    }
    // Guessing is slow, however many guess.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let texts = page.languages.of(&headers);
    let wrong = texts.map_or(String::new(), |texts| texts.fill("{{wrong_password}}", &[]));
    form(&page, &headers, StatusCode::FORBIDDEN, &wrong)
}

/// Asks for the password. `error`: why it asks again, or empty.
fn form(page: &Page, headers: &HeaderMap, status: StatusCode, error: &str) -> Response {
    html(page, headers, status, assets::LOGIN, &[("error", error)])
}

/// Of a form with this one field.
fn password_in(body: &[u8]) -> Option<String> {
    let fields = form_urlencoded::parse(body);
    fields.into_iter().find(|(name, _)| name == "password").map(|(_, value)| value.into_owned())
}

async fn index(State(page): Shared, headers: HeaderMap) -> Response {
    let here = if page.auth.is_for_this_machine() { "true" } else { "false" };
    html(&page, &headers, StatusCode::OK, assets::INDEX, &[("here", here)])
}

async fn texts(State(page): Shared, headers: HeaderMap) -> Response {
    let script = page.languages.of(&headers).map(Texts::script).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], script).into_response()
}

fn html(
    page: &Page,
    headers: &HeaderMap,
    status: StatusCode,
    template: &str,
    values: &[(&str, &str)],
) -> Response {
    let texts = page.languages.of(headers);
    let text = texts.map_or_else(String::new, |texts| texts.fill(template, values));
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}
