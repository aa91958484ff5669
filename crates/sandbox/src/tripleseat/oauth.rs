//! Issues access tokens for a client id and a client secret.
//!
//! <https://support.tripleseat.com/hc/en-us/articles/19394408627479-API-Authentication>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::accounts::TripleseatState;
use super::form;
use super::unauthorized_response;
use crate::answer::SandboxResponse;
use crate::front::ReceivedRequest;
use crate::vendors::TRIPLESEAT_TOKEN_SECONDS;

/// `POST /oauth2/token`
pub(super) fn answer_token_request(state: &mut TripleseatState, request: &ReceivedRequest) -> SandboxResponse {
    let Ok(body) = form::parse_body(request) else {
        return oauth_error(400, "invalid_request", "The body can't be read");
    };
    let field = |name: &str| body.get(name).and_then(Value::as_str).or_else(|| request.query_parameter(name));
    if field("grant_type") != Some("client_credentials") {
        return oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported");
    }
    let given = basic_credentials(request)
        .or_else(|| Some((field("client_id")?.to_owned(), field("client_secret")?.to_owned())));
    let Some(site_id) = given.and_then(|(id, secret)| state.site_of_client(&id, &secret)) else {
        let description = "Client authentication failed due to unknown client, or wrong client credentials";
        return unauthorized_response(&json!({ "error": "invalid_client", "error_description": description }));
    };
    let body = json!({
        "access_token": state.issue_token(site_id, request.at),
        "token_type": "Bearer",
        "expires_in": TRIPLESEAT_TOKEN_SECONDS,
        "created_at": request.at.as_second(),
    });
    SandboxResponse::from_json(200, &body)
}

/// The credentials in an `Authorization: Basic` header.
fn basic_credentials(request: &ReceivedRequest) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(request.authorization_credential("Basic")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn oauth_error(status: u16, error: &str, description: &str) -> SandboxResponse {
    SandboxResponse::from_json(status, &json!({ "error": error, "error_description": description }))
}
