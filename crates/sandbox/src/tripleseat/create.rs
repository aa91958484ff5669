//! Creates leads, with an account's public key and without OAuth.

use serde_json::{Map, Value, json};

use super::accounts::State;
use super::form;
use super::lead::{self, Errors};
use super::{Limits, over_limit, unauthorised};
use crate::answer::Answer;
use crate::front::Received;

/// The format of the response, which the end of the path determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `create.js`: invalid leads are refused with 200.
    Js,
    /// `create.json`
    Json,
}

/// `POST /v1/leads/create.js` and `create.json`. Also returns whether a lead was created.
pub(super) fn create(state: &mut State, limits: Limits, request: &Received, format: Format) -> (Answer, bool) {
    let (answer, made) = match form::body(request) {
        Err(error) => (Answer::json(400, &json!({ "errors": [error] })), false),
        Ok(body) => answered(state, limits, request, format, &body),
    };
    (as_script(answer, request, format), made)
}

fn answered(
    state: &mut State,
    limits: Limits,
    request: &Received,
    format: Format,
    body: &Map<String, Value>,
) -> (Answer, bool) {
    // Everything except the lead's own fields may also be in the query.
    let beside = |name: &str| body.get(name).cloned().or_else(|| request.parameter(name).map(Value::from));
    let key = beside("public_key");
    let Some(site_id) = key.as_ref().and_then(Value::as_str).and_then(|key| state.site_of_key(key)) else {
        let hint = if request.authorization("Bearer").is_some() {
            "Invalid public key: leads are created with the account's public key, not with OAuth"
        } else {
            "Invalid public key"
        };
        return (unauthorised(&json!({ "errors": [hint] })), false);
    };
    let Some(site) = state.sites.get_mut(&site_id) else { return (Answer::empty(500), false) };
    if over_limit(site, limits, request.at) {
        return (too_many(), false);
    }
    let Some(Value::Object(lead)) = body.get("lead") else {
        let error = "param is missing or the value is empty: lead";
        return (Answer::json(400, &json!({ "errors": [error] })), false);
    };
    let location_id = lead.get("location_id").cloned().or_else(|| beside("location_id"));
    let lead_form_id = beside("lead_form_id").or_else(|| lead.get("lead_form_id").cloned());
    match lead::check(&site.account, lead, location_id.as_ref(), lead_form_id.as_ref()) {
        Err(errors) => {
            let simple = beside("simple_error_messages");
            let simple = simple.is_some_and(|value| value == json!(true) || value == json!("true"));
            (refusal(&errors, simple, format), false)
        }
        Ok(accepted) => match state.keep(site_id, accepted, request.at) {
            None => (Answer::empty(500), false),
            Some(lead) if format == Format::Js => {
                let message = "Thank you! Your inquiry has been submitted.";
                (Answer::json(200, &json!({ "success_message": message, "lead_id": lead.id })), true)
            }
            Some(lead) => (Answer::json(201, &json!({ "lead": lead.json() })), true),
        },
    }
}

fn refusal(errors: &Errors, simple: bool, format: Format) -> Answer {
    let status = if format == Format::Js { 200 } else { 400 };
    let errors = if simple { json!(lead::sentences(errors)) } else { lead::by_field(errors) };
    Answer::json(status, &json!({ "errors": errors }))
}

pub(super) fn too_many() -> Answer {
    Answer::json(429, &json!({ "error": "Rate limit exceeded: at most 10 requests a second" }))
}

/// `create.js` returns a script for browsers: its content type says so, and a `callback` is called with the response.
fn as_script(mut answer: Answer, request: &Received, format: Format) -> Answer {
    if format == Format::Js {
        answer.headers = vec![("content-type".to_owned(), "text/javascript; charset=utf-8".to_owned())];
        if let Some(callback) = request.parameter("callback") {
            answer.body = format!("{callback}({})", answer.body);
        }
    }
    answer
}
