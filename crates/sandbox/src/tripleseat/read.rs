//! Reads an account's data, with an access token that is valid for that account only. The public key reads locations,
//! sites and lead forms, too.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::accounts::{TripleseatLocation, TripleseatSite, TripleseatState};
use super::create::too_many_requests;
use super::grants::TripleseatTokenError;
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
    LeadForms,
}

impl TripleseatRead {
    /// The name of a record, if the public key may read the list.
    fn record_of_key(self) -> Option<&'static str> {
        match self {
            Self::Sites => Some("site"),
            Self::Locations => Some("location"),
            Self::LeadForms => Some("lead_form"),
            Self::Leads | Self::Search | Self::Lead(_) => None,
        }
    }
}

pub(super) fn answer_read(
    state: &mut TripleseatState,
    limits: TripleseatLimits,
    request: &ReceivedRequest,
    reading: TripleseatRead,
) -> SandboxResponse {
    if let Some(answer) = read_with_key(state, request, reading) {
        return answer;
    }
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
        TripleseatRead::Sites | TripleseatRead::Locations | TripleseatRead::LeadForms => {
            page_response(&account_records(site, reading), request)
        }
    }
}

/// The answer to a request with a public key for a list that it may read: all records at once, each with its name around
/// it. `None` if the request must be judged by its token.
fn read_with_key(
    state: &TripleseatState,
    request: &ReceivedRequest,
    reading: TripleseatRead,
) -> Option<SandboxResponse> {
    let record = reading.record_of_key()?;
    let key = request.query_parameter("public_key").filter(|_| request.header_text("authorization").is_none())?;
    let Some(site) = state.site_of_key(key).and_then(|site_id| state.sites.get(&site_id)) else {
        return Some(unauthorized_response(&json!({ "errors": ["Invalid public key"] })));
    };
    if site.switches.key_reads_refused {
        return Some(unauthorized_response(&json!({ "errors": ["You don't have permission"] })));
    }
    let records: Vec<Value> =
        account_records(site, reading).into_iter().map(|found| json!({ record: found })).collect();
    Some(SandboxResponse::from_json(200, &Value::from(records)))
}

/// The records of a list that isn't of leads.
fn account_records(site: &TripleseatSite, reading: TripleseatRead) -> Vec<Value> {
    let account = &site.account;
    match reading {
        TripleseatRead::Sites => vec![site_json(site)],
        TripleseatRead::Locations => {
            account.locations.iter().map(|location| location_json(account.site_id, location)).collect()
        }
        TripleseatRead::LeadForms => {
            let form = |id: &u64| json!({ "id": id, "name": format!("Lead form {id}") });
            let rules = &site.switches.forms;
            let is_there = |id: &&u64| !rules.get(&Some(**id)).is_some_and(|rules| rules.is_deleted);
            account.lead_form_ids.iter().filter(is_there).map(form).collect()
        }
        TripleseatRead::Leads | TripleseatRead::Search | TripleseatRead::Lead(_) => Vec::new(),
    }
}

pub(super) fn not_found() -> SandboxResponse {
    SandboxResponse::from_json(404, &json!({ "error": "Not found" }))
}

fn authenticate_site(state: &mut TripleseatState, request: &ReceivedRequest) -> Result<u64, SandboxResponse> {
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
    match state.grants.use_access_token(token, request.at) {
        Ok(site_id) if state.sites.get(&site_id).is_some_and(|site| !site.oauth.admin) => {
            Err(SandboxResponse::from_json(403, &json!({ "error": "You don't have permission to do this" })))
        }
        Ok(site_id) => Ok(site_id),
        Err(TripleseatTokenError::NoOwner) => refused("Token resource owner not found"),
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
    let mut record = json!({ "id": account.site_id, "name": account.name, "locations": locations.collect::<Vec<_>>() });
    for (list, sources) in
        [("lead_sources", &site.switches.lead_sources), ("referral_sources", &site.switches.referral_sources)]
    {
        if !sources.is_empty() {
            record[list] = sources.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        }
    }
    record
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
