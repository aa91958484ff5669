//! Issues access tokens for a client id and a client secret.
//!
//! <https://support.tripleseat.com/hc/en-us/articles/19394408627479-API-Authentication>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::accounts::State;
use super::form;
use super::unauthorised;
use crate::answer::Answer;
use crate::front::Received;
use crate::vendors::TRIPLESEAT_TOKEN_SECONDS;

/// `POST /oauth2/token`
pub(super) fn token(state: &mut State, request: &Received) -> Answer {
    let Ok(body) = form::body(request) else { return error(400, "invalid_request", "The body can't be read") };
    let field = |name: &str| body.get(name).and_then(Value::as_str).or_else(|| request.parameter(name));
    if field("grant_type") != Some("client_credentials") {
        return error(400, "unsupported_grant_type", "The authorization grant type is not supported");
    }
    let given = basic(request).or_else(|| Some((field("client_id")?.to_owned(), field("client_secret")?.to_owned())));
    let Some(site_id) = given.and_then(|(id, secret)| state.site_of_client(&id, &secret)) else {
        let description = "Client authentication failed due to unknown client, or wrong client credentials";
        return unauthorised(&json!({ "error": "invalid_client", "error_description": description }));
    };
    let body = json!({
        "access_token": state.issue_token(site_id, request.at),
        "token_type": "Bearer",
        "expires_in": TRIPLESEAT_TOKEN_SECONDS,
        "created_at": request.at.as_second(),
    });
    Answer::json(200, &body)
}

/// The credentials in an `Authorization: Basic` header.
fn basic(request: &Received) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(request.authorization("Basic")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn error(status: u16, error: &str, description: &str) -> Answer {
    Answer::json(status, &json!({ "error": error, "error_description": description }))
}
