//! Reads an account's data, with an access token that is valid for that account only.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::accounts::{TripleseatLocation, TripleseatSite, TripleseatState, TripleseatTokenError};
use super::create::too_many_requests;
use super::lead::{TripleseatLead, parse_date};
use super::{TripleseatLimits, over_limit, unauthorized_response};
use crate::answer::SandboxResponse;
use crate::front::ReceivedRequest;
use crate::vendors::TRIPLESEAT_PAGE;

/// What a request reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TripleseatRead {
    Leads,
    Search,
    Lead(u64),
    Sites,
    Locations,
}

pub(super) fn answer_read(
    state: &mut TripleseatState,
    limits: TripleseatLimits,
    request: &ReceivedRequest,
    reading: TripleseatRead,
) -> SandboxResponse {
    let site_id = match authenticate_site(state, request) {
        Ok(site_id) => site_id,
        Err(refusal) => return refusal,
    };
    let Some(site) = state.sites.get_mut(&site_id) else { return SandboxResponse::without_body(500) };
    if site.switches.refuses_tokens {
        return unauthorized_response(&json!({ "error": "Token resource owner not found" }));
    }
    // The limit applies to leads; none is known for sites and locations.
    let limited = matches!(reading, TripleseatRead::Leads | TripleseatRead::Search | TripleseatRead::Lead(_));
    if limited && over_limit(site, limits, request.at) {
        return too_many_requests();
    }
    match reading {
        TripleseatRead::Leads => {
            page_response(&site.leads.iter().map(TripleseatLead::to_json).collect::<Vec<_>>(), request)
        }
        TripleseatRead::Search => search_leads(site, request),
        TripleseatRead::Lead(id) => match site.leads.iter().find(|lead| lead.id == id) {
            Some(lead) => SandboxResponse::from_json(200, &lead.to_json()),
            None => not_found(),
        },
        TripleseatRead::Sites => page_response(&[site_json(site)], request),
        TripleseatRead::Locations => {
            let locations = site.account.locations.iter().map(|location| location_json(site_id, location));
            page_response(&locations.collect::<Vec<_>>(), request)
        }
    }
}

pub(super) fn not_found() -> SandboxResponse {
    SandboxResponse::from_json(404, &json!({ "error": "Not found" }))
}

fn authenticate_site(state: &TripleseatState, request: &ReceivedRequest) -> Result<u64, SandboxResponse> {
    let refused = |text: &str| {
        let challenge = "Bearer realm=\"Tripleseat\", error=\"invalid_token\"";
        Err(unauthorized_response(&json!({ "error": text })).with_header("www-authenticate", challenge))
    };
    if request.authorization_credential("OAuth").is_some() {
        return refused("OAuth 1.0 has ended on July 1, 2026. Use OAuth 2.0");
    }
    let Some(token) = request.authorization_credential("Bearer") else {
        return refused(if request.query_parameter("public_key").is_some() {
            "OAuth 2.0 is required: a public key can only create leads"
        } else {
            "OAuth 2.0 is required: no access token was sent"
        });
    };
    match state.site_of_token(token, request.at) {
        Ok(site_id) => Ok(site_id),
        Err(TripleseatTokenError::Unknown) => refused("The access token is invalid"),
        Err(TripleseatTokenError::Expired) => refused("The access token expired"),
    }
}

fn search_leads(site: &TripleseatSite, request: &ReceivedRequest) -> SandboxResponse {
    let since = match request.query_parameter("updated_after").filter(|text| !text.is_empty()) {
        None => Timestamp::MIN,
        Some(text) => match parse_time(text) {
            Some(since) => since,
            None => return bad_request("updated_after is not a valid date"),
        },
    };
    let query = request.query_parameter("query").unwrap_or_default();
    let found = site.leads.iter().filter(|lead| lead.updated_at > since && lead.mentions_text(query));
    page_response(&found.map(TripleseatLead::to_json).collect::<Vec<_>>(), request)
}

fn page_response(all: &[Value], request: &ReceivedRequest) -> SandboxResponse {
    let number = request.query_parameter("page").filter(|text| !text.is_empty()).unwrap_or("1");
    let Some(number) = number.parse::<usize>().ok().filter(|number| *number > 0) else {
        return bad_request("page is not a valid number");
    };
    let results: Vec<_> = all.chunks(TRIPLESEAT_PAGE).nth(number - 1).unwrap_or_default().to_vec();
    SandboxResponse::from_json(
        200,
        &json!({ "total_pages": all.len().div_ceil(TRIPLESEAT_PAGE).max(1), "results": results }),
    )
}

fn site_json(site: &TripleseatSite) -> Value {
    let account = &site.account;
    let locations = account.locations.iter().map(|location| location_json(account.site_id, location));
    json!({ "id": account.site_id, "name": account.name, "locations": locations.collect::<Vec<_>>() })
}

fn location_json(site_id: u64, location: &TripleseatLocation) -> Value {
    json!({ "id": location.id, "name": location.name, "site_id": site_id })
}

fn bad_request(error: &str) -> SandboxResponse {
    SandboxResponse::from_json(400, &json!({ "error": error }))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let midnight = || Some(parse_date(text)?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse().ok().or_else(midnight)
}
