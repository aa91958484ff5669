//! Creates leads, with an account's public key and without OAuth.

use serde_json::{Map, Value, json};

use super::accounts::TripleseatState;
use super::form;
use super::lead::{self, LeadErrors};
use super::{TripleseatLimits, over_limit, unauthorized_response};
use crate::answer::SandboxResponse;
use crate::front::ReceivedRequest;

/// The format of the response, which the end of the path determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateFormat {
    /// `create.js`: invalid leads are refused with 200.
    Js,
    /// `create.json`
    Json,
}

/// `POST /v1/leads/create.js` and `create.json`. Also returns whether a lead was created.
pub(super) fn create_lead(
    state: &mut TripleseatState,
    limits: TripleseatLimits,
    request: &ReceivedRequest,
    format: CreateFormat,
) -> (SandboxResponse, bool) {
    let (answer, made) = match form::parse_body(request) {
        Err(error) => (SandboxResponse::from_json(400, &json!({ "errors": [error] })), false),
        Ok(body) => create_from_body(state, limits, request, format, &body),
    };
    (as_script(answer, request, format), made)
}

fn create_from_body(
    state: &mut TripleseatState,
    limits: TripleseatLimits,
    request: &ReceivedRequest,
    format: CreateFormat,
    body: &Map<String, Value>,
) -> (SandboxResponse, bool) {
    // Everything except the lead's own fields may also be in the query.
    let beside = |name: &str| body.get(name).cloned().or_else(|| request.query_parameter(name).map(Value::from));
    let key = beside("public_key");
    let Some(site_id) = key.as_ref().and_then(Value::as_str).and_then(|key| state.site_of_key(key)) else {
        let hint = if request.authorization_credential("Bearer").is_some() {
            "Invalid public key: leads are created with the account's public key, not with OAuth"
        } else {
            "Invalid public key"
        };
        return (unauthorized_response(&json!({ "errors": [hint] })), false);
    };
    let Some(site) = state.sites.get_mut(&site_id) else { return (SandboxResponse::without_body(500), false) };
    if over_limit(site, limits, request.at) {
        return (too_many_requests(), false);
    }
    let Some(Value::Object(lead)) = body.get("lead") else {
        let error = "param is missing or the value is empty: lead";
        return (SandboxResponse::from_json(400, &json!({ "errors": [error] })), false);
    };
    let location_id = lead.get("location_id").cloned().or_else(|| beside("location_id"));
    let lead_form_id = beside("lead_form_id").or_else(|| lead.get("lead_form_id").cloned());
    if site.switches.lacks_permission {
        let error = json!({ "error": "You don't have permission to perform this action" });
        return (SandboxResponse::from_json(403, &error), false);
    }
    let is_set = |name: &str| beside(name).is_some_and(|value| value == json!(true) || value == json!("true"));
    let fails_after_taking = site.switches.fails_after_taking;
    match lead::check_lead(site, lead, location_id.as_ref(), lead_form_id.as_ref()) {
        Err(errors) => (refuse_lead(&errors, is_set("simple_error_messages"), format), false),
        Ok(_) if is_set("validate_only") && !site.switches.validate_only_ignored => {
            (SandboxResponse::from_json(200, &json!({ "success_message": "The lead is valid." })), false)
        }
        Ok(accepted) => match state.store_lead(site_id, accepted, request.at) {
            None => (SandboxResponse::without_body(500), false),
            Some(_) if fails_after_taking.is_some() => {
                let status = fails_after_taking.unwrap_or_default();
                let page = format!("<html><body>{status}</body></html>");
                (SandboxResponse::from_text(status, "text/html", page), true)
            }
            Some(lead) if format == CreateFormat::Js => {
                let message = "Thank you! Your inquiry has been submitted.";
                (SandboxResponse::from_json(200, &json!({ "success_message": message, "lead_id": lead.id })), true)
            }
            Some(lead) => (SandboxResponse::from_json(201, &json!({ "lead": lead.to_json() })), true),
        },
    }
}

fn refuse_lead(errors: &LeadErrors, simple: bool, format: CreateFormat) -> SandboxResponse {
    let status = if format == CreateFormat::Js { 200 } else { 400 };
    let errors = if simple { json!(lead::error_sentences(errors)) } else { lead::errors_by_field(errors) };
    SandboxResponse::from_json(status, &json!({ "errors": errors }))
}

pub(super) fn too_many_requests() -> SandboxResponse {
    SandboxResponse::from_json(429, &json!({ "error": "Rate limit exceeded: at most 10 requests a second" }))
}

/// `create.js` returns a script for browsers: its content type says so, and a `callback` is called with the response.
fn as_script(mut answer: SandboxResponse, request: &ReceivedRequest, format: CreateFormat) -> SandboxResponse {
    if format == CreateFormat::Js {
        answer.headers = vec![("content-type".to_owned(), "text/javascript; charset=utf-8".to_owned())];
        if let Some(callback) = request.query_parameter("callback") {
            answer.body = format!("{callback}({})", answer.body);
        }
    }
    answer
}
