//! The consent page, and the endpoint that exchanges a code, a refresh token, or the client's id and secret for an access
//! token.
//!
//! - <https://support.tripleseat.com/hc/en-us/articles/40652011678231-OAuth-2-0-Implementation>
//! - <https://support.tripleseat.com/hc/en-us/articles/19394408627479-API-Authentication>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::accounts::TripleseatState;
use super::form;
use super::grants::{ClientCredentialsAnswer, ConsentAnswer, SandboxOAuth, SandboxTokenPair};
use super::unauthorized_response;
use crate::answer::SandboxResponse;
use crate::front::ReceivedRequest;
use crate::vendors::TRIPLESEAT_TOKEN_SECONDS;

/// `GET /oauth2/authorize`: asks for consent, and redirects with a code or an error. A request that isn't the
/// application's is answered with a page: nothing may be sent to a redirect URL that isn't registered.
pub(super) fn answer_authorization(state: &mut TripleseatState, request: &ReceivedRequest) -> SandboxResponse {
    let field = |name: &str| request.query_parameter(name).unwrap_or_default();
    let site_id = state.site_of_application(field("client_id"));
    let Some((site_id, site)) = site_id.and_then(|id| Some((id, state.sites.get(&id)?))) else {
        return page(401, "Client authentication failed due to unknown client");
    };
    let redirect_uri = field("redirect_uri");
    if !site.oauth.redirect_uris.iter().any(|known| known == redirect_uri) {
        return page(400, "The redirect uri included is not valid");
    }
    let answer = match (site.oauth.consent, field("consent")) {
        (ConsentAnswer::Page, "allow") | (ConsentAnswer::Allow, _) => Ok(()),
        (ConsentAnswer::Page, "deny") | (ConsentAnswer::Deny, _) => Err("access_denied"),
        (ConsentAnswer::Page, _) => {
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&request.query).finish();
            let link = |answer: &str| format!("<a href=\"?{query}&amp;consent={answer}\">{answer}</a>");
            return page(200, &format!("Authorize? {} {}", link("allow"), link("deny")));
        }
    };
    let answer = answer.and_then(|()| match field("response_type") {
        "code" => Ok(()),
        _ => Err("unsupported_response_type"),
    });
    let (name, value) = match answer {
        Ok(()) => ("code", state.grants.issue_code(site_id, redirect_uri, request.at)),
        Err(error) => ("error", error.to_owned()),
    };
    let query = [(name, value.as_str()), ("state", field("state"))];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let mark = if redirect_uri.contains('?') { '&' } else { '?' };
    SandboxResponse::without_body(302).with_header("location", format!("{redirect_uri}{mark}{query}"))
}

fn page(status: u16, text: &str) -> SandboxResponse {
    SandboxResponse::from_text(status, "text/html; charset=utf-8", format!("<html><body>{text}</body></html>"))
}

/// `POST /oauth2/token`
pub(super) fn answer_token_request(state: &mut TripleseatState, request: &ReceivedRequest) -> SandboxResponse {
    let Ok(body) = form::parse_body(request) else {
        return oauth_error(400, "invalid_request", "The body can't be read");
    };
    let field = |name: &str| body.get(name).and_then(Value::as_str).or_else(|| request.query_parameter(name));
    let text = |name: &str| field(name).unwrap_or_default();
    let grant_type = text("grant_type");
    if !["client_credentials", "authorization_code", "refresh_token"].contains(&grant_type) {
        return unsupported_grant();
    }
    let given = basic_credentials(request)
        .or_else(|| Some((field("client_id")?.to_owned(), field("client_secret")?.to_owned())));
    let site_id = given.and_then(|(id, secret)| state.site_of_client(&id, &secret));
    let Some((site_id, site)) = site_id.and_then(|id| Some((id, state.sites.get(&id)?))) else {
        let description = "Client authentication failed due to unknown client, or wrong client credentials";
        return unauthorized_response(&json!({ "error": "invalid_client", "error_description": description }));
    };
    let SandboxOAuth { client_credentials, rotation, .. } = site.oauth;
    let (grants, now) = (&mut state.grants, request.at);
    let pair = match grant_type {
        "client_credentials" => {
            let has_owner = match client_credentials {
                ClientCredentialsAnswer::Granted => true,
                ClientCredentialsAnswer::WithoutOwner => false,
                ClientCredentialsAnswer::Unsupported => return unsupported_grant(),
                ClientCredentialsAnswer::Unauthorized => {
                    let description = "The client is not authorized to perform this request using this method";
                    return oauth_error(401, "unauthorized_client", description);
                }
            };
            let access = grants.issue_access(site_id, has_owner, None, now);
            return token_response(&access, None, request);
        }
        "authorization_code" => grants.exchange_code(site_id, text("code"), text("redirect_uri"), now),
        _ => grants.exchange_refresh(site_id, text("refresh_token"), rotation, now),
    };
    match pair {
        Some(SandboxTokenPair { access, refresh }) => token_response(&access, Some(&refresh), request),
        None => {
            let description = "The provided authorization grant is invalid, expired, revoked, does not match the \
                               redirection URI used in the authorization request, or was issued to another client";
            oauth_error(400, "invalid_grant", description)
        }
    }
}

fn token_response(access: &str, refresh: Option<&str>, request: &ReceivedRequest) -> SandboxResponse {
    let mut body = json!({
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": TRIPLESEAT_TOKEN_SECONDS,
        "created_at": request.at.as_second(),
    });
    if let Some(refresh) = refresh {
        body["refresh_token"] = json!(refresh);
        body["scope"] = json!("leads:read");
    }
    SandboxResponse::from_json(200, &body)
}

/// The credentials in an `Authorization: Basic` header.
fn basic_credentials(request: &ReceivedRequest) -> Option<(String, String)> {
    let decoded = BASE64_STANDARD.decode(request.authorization_credential("Basic")?).ok()?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn unsupported_grant() -> SandboxResponse {
    oauth_error(400, "unsupported_grant_type", "The authorization grant type is not supported")
}

fn oauth_error(status: u16, error: &str, description: &str) -> SandboxResponse {
    SandboxResponse::from_json(status, &json!({ "error": error, "error_description": description }))
}
