//! Who a token belongs to, and what it may do.

use serde_json::json;

use super::error::HubSpotRefusal;
use super::json::HubSpotBody;
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use super::state::PortalState;
use crate::front::ReceivedRequest;

/// The request's token, if it is valid for this portal.
pub(super) fn require_token(state: &PortalState, request: &ReceivedRequest) -> Result<String, HubSpotRefusal> {
    let Some(token) = request.authorization_credential("Bearer") else {
        return Err(HubSpotRefusal::new(
            401,
            "INVALID_AUTHENTICATION",
            "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
             details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        ));
    };
    if state.apps.contains_key(token) { Ok(token.to_owned()) } else { Err(invalid_token()) }
}

pub(super) fn check_scope(state: &PortalState, token: &str, scope: Option<&'static str>) -> Result<(), HubSpotRefusal> {
    let Some(scope) = scope else { return Ok(()) };
    if state.apps.get(token).is_some_and(|app| app.scopes.iter().any(|granted| granted == scope)) {
        return Ok(());
    }
    let mut refusal = HubSpotRefusal::new(
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

/// `GET /account-info/{version}/details`
pub(super) fn account_details(call: &mut HubSpotCall<'_>) -> CallResult {
    Ok(CallAnswer::from_read(json!({
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
pub(super) fn token_info(call: &mut HubSpotCall<'_>) -> CallResult {
    let body = HubSpotBody::from_request(call.request)?;
    if let Some(status) = call.state.behavior.unlisted_scopes {
        return Err(HubSpotRefusal::new(status, "INVALID_AUTHENTICATION", "This token is not one of a private app"));
    }
    let app = call.state.apps.get(body.required_text("tokenKey")?).ok_or_else(invalid_token)?;
    Ok(CallAnswer::from_read(json!({
        "userId": 1,
        "hubId": call.state.portal_id,
        "appId": app.id,
        "scopes": app.scopes,
    })))
}

fn invalid_token() -> HubSpotRefusal {
    HubSpotRefusal::new(
        401,
        "INVALID_AUTHENTICATION",
        "The OAuth token used to make this call is invalid: it was deactivated, or belongs to no service key or app.",
    )
}
