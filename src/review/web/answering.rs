//! Answers, taking them back, and what was answered since the page was opened.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::photos::MAX_ON_A_PAGE;
use super::respond::{Shared, failed, json_body};
use crate::files::identity::ContentHash;
use crate::output::human::printable;
use crate::review::answers::{AnswerOutcome, PhotoAnswer, UndoneGroup};
use crate::review::session::Group;
use crate::store::PhotoId;
use orientd_core::orientation::Turn;

#[derive(Deserialize)]
struct Answers {
    items: Vec<AnswerItem>,
    /// The group that these come into, as an earlier answer named it; missing: a new one.
    group: Option<u64>,
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

pub(super) async fn answer(State(page): Shared, request: Request) -> Response {
    let given: Answers = match json_body(request).await {
        Ok(given) => given,
        Err(response) => return response,
    };
    let answers: Option<Vec<PhotoAnswer>> = given.items.iter().map(AnswerItem::read).collect();
    let Some(answers) = answers.filter(|answers| answers.len() <= MAX_ON_A_PAGE) else {
        return (StatusCode::BAD_REQUEST, "an answer names a photo and a turn\n").into_response();
    };
    let answered = page.answers.call(move |writer| {
        let group = given.group.unwrap_or_else(|| writer.begin_group());
        Ok((writer.answer_in(group, &answers)?, group))
    });
    match answered.await {
        Ok((outcomes, group)) => {
            axum::Json(json!({"results": results(&outcomes), "group": group})).into_response()
        }
        Err(err) => failed(&err),
    }
}

#[derive(Deserialize)]
struct Undo {
    ids: Option<Vec<PhotoId>>,
    /// Without either: what was last answered together.
    group: Option<u64>,
}

pub(super) async fn undo(State(page): Shared, request: Request) -> Response {
    let given: Undo = match json_body(request).await {
        Ok(given) => given,
        Err(response) => return response,
    };
    let undone = page.answers.call(move |answers| match given.ids {
        Some(ids) => Ok(UndoneGroup { outcomes: answers.undo(&ids)?, ..UndoneGroup::default() }),
        None => answers.undo_group(given.group, MAX_ON_A_PAGE),
    });
    match undone.await {
        Ok(UndoneGroup { outcomes, group, n_left }) => {
            let said = json!({"results": results(&outcomes), "group": group, "left": n_left});
            axum::Json(said).into_response()
        }
        Err(err) => failed(&err),
    }
}

fn results(outcomes: &[AnswerOutcome]) -> Vec<Value> {
    let outcome = |outcome: &AnswerOutcome| {
        let refused = outcome.refused.as_ref();
        json!({"id": outcome.photo, "ok": refused.is_none(),
               "reason": refused.map(|reason| &reason.code), "detail": refused.map(|reason| &reason.detail)})
    };
    outcomes.iter().map(outcome).collect()
}

/// What was answered since the page was opened and not taken back, latest first.
pub(super) async fn session(State(page): Shared) -> Response {
    let said = page
        .answers
        .call(|answers| Ok(answers.session().groups().rev().map(group_json).collect::<Vec<_>>()));
    match said.await {
        Ok(groups) => axum::Json(json!({ "groups": groups })).into_response(),
        Err(err) => failed(&err),
    }
}

fn group_json(group: &Group) -> Value {
    let n_fine = group.answered.iter().filter(|(_, turn)| *turn == Turn::NONE).count();
    let name = group.first.file_name().unwrap_or_default().to_string_lossy();
    json!({"group": group.id, "at": group.at, "turned": group.answered.len() - n_fine,
           "fine": n_fine, "first": printable(&name)})
}
