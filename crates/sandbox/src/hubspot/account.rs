//! Who a token belongs to, and what it may do.

use serde_json::json;

use super::error::Refusal;
use super::json::Body;
use super::routes::{Call, Done, Outcome};
use super::state::State;
use crate::front::Received;

/// The request's token, if it is valid for this portal.
pub(super) fn token(state: &State, request: &Received) -> Result<String, Refusal> {
    let Some(token) = request.authorization("Bearer") else {
        return Err(Refusal::new(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
             details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        ));
    };
    if state.apps.contains_key(token) { Ok(token.to_owned()) } else { Err(invalid_token()) }
}

pub(super) fn check_scope(state: &State, token: &str, scope: Option<&'static str>) -> Result<(), Refusal> {
    let Some(scope) = scope else { return Ok(()) };
    if state.apps.get(token).is_some_and(|app| app.scopes.iter().any(|granted| granted == scope)) {
        return Ok(());
    }
    let mut refusal = Refusal::new(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: \
         https://developers.hubspot.com/scopes.",
    );
    refusal.errors = vec![json!({
        "message": "One or more of the following scopes are required.",
        "context": { "requiredGranularScopes": [scope] },
    })];
    Err(refusal)
}

/// `GET /account-info/2026-03/details`
pub(super) fn details(call: &mut Call<'_>) -> Outcome {
    Ok(Done::read(json!({
        "portalId": call.state.portal_id,
        "accountType": "STANDARD",
        "timeZone": "US/Eastern",
        "companyCurrency": "USD",
        "additionalCurrencies": [],
        "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18_000_000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    })))
}

/// `POST /oauth/v2/private-apps/get/access-token-info`
pub(super) fn token_info(call: &mut Call<'_>) -> Outcome {
    let body = Body::of(call.request)?;
    let app = call.state.apps.get(body.text("tokenKey")?).ok_or_else(invalid_token)?;
    Ok(Done::read(json!({
        "userId": 1,
        "hubId": call.state.portal_id,
        "appId": app.id,
        "scopes": app.scopes,
    })))
}

fn invalid_token() -> Refusal {
    Refusal::new(
        401,
        "INVALID_AUTHENTICATION",
        "The OAuth token used to make this call is invalid: it was deactivated, or is of no private app.",
    )
}
