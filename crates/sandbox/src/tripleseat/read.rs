//! Reads an account's data, with an access token that is valid for that account only.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::accounts::{Location, Site, State, TokenError};
use super::create::too_many;
use super::lead::{Lead, parse_date};
use super::{Limits, over_limit, unauthorised};
use crate::answer::Answer;
use crate::front::Received;
use crate::vendors::TRIPLESEAT_PAGE;

/// What a request reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Leads,
    Search,
    Lead(u64),
    Sites,
    Locations,
}

pub(super) fn read(state: &mut State, limits: Limits, request: &Received, reading: Reading) -> Answer {
    let site_id = match account(state, request) {
        Ok(site_id) => site_id,
        Err(refusal) => return refusal,
    };
    let Some(site) = state.sites.get_mut(&site_id) else { return Answer::empty(500) };
    // The limit applies to leads; none is known for sites and locations.
    let limited = matches!(reading, Reading::Leads | Reading::Search | Reading::Lead(_));
    if limited && over_limit(site, limits, request.at) {
        return too_many();
    }
    match reading {
        Reading::Leads => page(&site.leads.iter().map(Lead::json).collect::<Vec<_>>(), request),
        Reading::Search => search(site, request),
        Reading::Lead(id) => match site.leads.iter().find(|lead| lead.id == id) {
            Some(lead) => Answer::json(200, &lead.json()),
            None => not_found(),
        },
        Reading::Sites => page(&[site_json(site)], request),
        Reading::Locations => {
            let locations = site.account.locations.iter().map(|location| location_json(site_id, location));
            page(&locations.collect::<Vec<_>>(), request)
        }
    }
}

pub(super) fn not_found() -> Answer {
    Answer::json(404, &json!({ "error": "Not found" }))
}

fn account(state: &State, request: &Received) -> Result<u64, Answer> {
    let refused = |text: &str| {
        let challenge = "Bearer realm=\"Tripleseat\", error=\"invalid_token\"";
        Err(unauthorised(&json!({ "error": text })).header("www-authenticate", challenge))
    };
    if request.authorization("OAuth").is_some() {
        return refused("OAuth 1.0 has ended on July 1, 2026. Use OAuth 2.0");
    }
    let Some(token) = request.authorization("Bearer") else {
        return refused(if request.parameter("public_key").is_some() {
            "OAuth 2.0 is required: a public key can only create leads"
        } else {
            "OAuth 2.0 is required: no access token was sent"
        });
    };
    match state.site_of_token(token, request.at) {
        Ok(site_id) => Ok(site_id),
        Err(TokenError::Unknown) => refused("The access token is invalid"),
        Err(TokenError::Expired) => refused("The access token expired"),
    }
}

fn search(site: &Site, request: &Received) -> Answer {
    let since = match request.parameter("updated_after").filter(|text| !text.is_empty()) {
        None => Timestamp::MIN,
        Some(text) => match parse_time(text) {
            Some(since) => since,
            None => return bad_request("updated_after is not a valid date"),
        },
    };
    let query = request.parameter("query").unwrap_or_default();
    let found = site.leads.iter().filter(|lead| lead.updated_at > since && lead.mentions(query));
    page(&found.map(Lead::json).collect::<Vec<_>>(), request)
}

fn page(all: &[Value], request: &Received) -> Answer {
    let number = request.parameter("page").filter(|text| !text.is_empty()).unwrap_or("1");
    let Some(number) = number.parse::<usize>().ok().filter(|number| *number > 0) else {
        return bad_request("page is not a valid number");
    };
    let results: Vec<_> = all.chunks(TRIPLESEAT_PAGE).nth(number - 1).unwrap_or_default().to_vec();
    Answer::json(200, &json!({ "total_pages": all.len().div_ceil(TRIPLESEAT_PAGE).max(1), "results": results }))
}

fn site_json(site: &Site) -> Value {
    let account = &site.account;
    let locations = account.locations.iter().map(|location| location_json(account.site_id, location));
    json!({ "id": account.site_id, "name": account.name, "locations": locations.collect::<Vec<_>>() })
}

fn location_json(site_id: u64, location: &Location) -> Value {
    json!({ "id": location.id, "name": location.name, "site_id": site_id })
}

fn bad_request(error: &str) -> Answer {
    Answer::json(400, &json!({ "error": error }))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    let midnight = || Some(parse_date(text)?.to_zoned(TimeZone::UTC).ok()?.timestamp());
    text.parse().ok().or_else(midnight)
}
