//! Reads the leads of a Tripleseat account page by page, within its rate limit.

use std::time::Duration;

use backon::Retryable;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use pacing::VendorRateLimiter;
use parking_lot::Mutex;
use serde_json::Value;
use sync_lambda::credentials::CredentialValue;
use sync_lambda::destination::unauthorized::PresentedCredential;
use sync_lambda::destination::{OAuthTokenSource, list_records};
use sync_lambda::error::{RunError, Side};
use sync_lambda::http;
use sync_lambda::ledger::Attempt;
use sync_lambda::retry::retry_pauses;
use tokio::time::Instant;

use super::status::LeadStatus;
use super::{AccountLead, LeadOrigin, origin, trim_field};

/// Leads per page, as documented.
pub const PAGE: usize = 50;
/// Requests per second that Tripleseat allows on leads, as documented.
pub const MAX_RATE: u32 = 10;
/// How often a request is tried, including the first time.
const TRIES: usize = 6;
/// Timeout of one request.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The pause before the first retry; it doubles each time. A limit of ten per second has reset by then.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A reader for an account, authorized by an OAuth client or a consent.
#[derive(Debug)]
pub struct LeadReader {
    client: reqwest::Client,
    base_uri: String,
    oauth: OAuthTokenSource,
    requests: VendorRateLimiter,
}

/// A page of leads.
#[derive(Debug)]
pub struct LeadPage {
    /// The leads, each with its location's ID.
    pub leads: Vec<(AccountLead, Option<u64>)>,
    /// The current number of pages, if the response includes it.
    pub total: Option<u64>,
}

/// Why one attempt failed.
enum FailedRead {
    /// The access token has expired; the next attempt gets a new one.
    TokenExpired,
    /// The next attempt may succeed.
    Temporary {
        message: String,
        retry_after: Option<Duration>,
    },
    Final(RunError),
}

impl LeadReader {
    /// A reader that sends at most `rate` requests per second, evenly spaced.
    pub fn new(client: reqwest::Client, base_uri: &str, oauth: OAuthTokenSource, rate: u32) -> Self {
        let requests = VendorRateLimiter::new(Duration::from_secs(1) / rate.clamp(1, MAX_RATE), 1);
        Self { client, base_uri: base_uri.to_owned(), oauth, requests }
    }

    /// The sites that the OAuth client has access to.
    ///
    /// # Errors
    /// No usable response.
    pub async fn read_site_ids(&self) -> Result<Vec<u64>, RunError> {
        let body = self.get_json("/v1/sites.json", &[]).await?;
        Ok(list_records(&body, "sites", "site").iter().filter_map(|site| parse_number(site.get("id"))).collect())
    }

    /// Reads the page with this number, from 1.
    ///
    /// # Errors
    /// No usable response after several tries.
    pub async fn read_page(&self, page: u64) -> Result<LeadPage, RunError> {
        let body = self.get_json("/v1/leads.json", &[("page", page.to_string())]).await?;
        let leads = list_records(&body, "leads", "lead").iter().map(parse_lead).collect::<Option<Vec<_>>>();
        let leads =
            leads.ok_or_else(|| unavailable_error(format!("page {page} of the leads has a lead without an ID")))?;
        Ok(LeadPage { leads, total: body.get("total_pages").and_then(Value::as_u64) })
    }

    async fn get_json(&self, path: &str, query: &[(&str, String)]) -> Result<Value, RunError> {
        let refused = Mutex::new(None);
        let outcome = (|| self.attempt_get(path, query, &refused))
            .retry(retry_pauses(FIRST_PAUSE, TRIES))
            .when(|failed| !matches!(failed, FailedRead::Final(_)))
            .adjust(|failed, pause| {
                pause.map(|pause| match failed {
                    FailedRead::TokenExpired => Duration::ZERO,
                    FailedRead::Temporary { retry_after, .. } => retry_after.unwrap_or(pause),
                    FailedRead::Final(_) => pause,
                })
            })
            .await;
        outcome.map_err(|failed| match failed {
            FailedRead::TokenExpired => unavailable_error(format!("GET {path}: 401")),
            FailedRead::Temporary { message, .. } => unavailable_error(message),
            FailedRead::Final(error) => error,
        })
    }

    /// Reads `path` once. `refused` is an access token that has expired: the attempt gets another one, and leaves there
    /// the one that it used if that has expired.
    async fn attempt_get(
        &self,
        path: &str,
        query: &[(&str, String)],
        refused: &Mutex<Option<CredentialValue>>,
    ) -> Result<Value, FailedRead> {
        let temporary = |message| FailedRead::Temporary { message, retry_after: None };
        let expired = refused.lock().clone();
        let token = self.oauth.bearer_token(expired.as_ref(), TIMEOUT).await;
        let token = token.map_err(FailedRead::Final)?.map_err(temporary)?;
        *refused.lock() = None;
        // Reading has no deadline, so wait as long as the limiter needs.
        self.requests.wait_for_slot(Instant::now() + Duration::from_secs(86_400)).await;
        let request = self.client.get(format!("{}{path}", self.base_uri)).query(query).bearer_auth(token.expose());
        let answer = http::send_request(request, TIMEOUT).await;
        let answer = answer.map_err(|error| temporary(format!("GET {path}: {}", error.message)))?;
        match answer.status {
            200 => serde_json::from_str(&answer.body)
                .map_err(|_| temporary(format!("GET {path}: the response is not JSON"))),
            401 if expired.is_none() => {
                *refused.lock() = Some(token);
                Err(FailedRead::TokenExpired)
            }
            401 | 403 => {
                let error = self.oauth.rejection_error(PresentedCredential::AccessToken, &answer, "GET", path);
                Err(FailedRead::Final(error))
            }
            429 | 500.. => {
                let message = format!("GET {path}: {}", answer.status);
                Err(FailedRead::Temporary { message, retry_after: answer.retry_after })
            }
            _ => {
                let (request, message) = (format!("GET {path}"), answer.status.to_string());
                Err(FailedRead::Final(RunError::Refused { side: Side::Destination, request, message }))
            }
        }
    }
}

fn unavailable_error(message: String) -> RunError {
    RunError::Unavailable { side: Side::Destination, message }
}

/// The stored part of a lead, and its location. Its origin isn't known yet.
fn parse_lead(value: &Value) -> Option<(AccountLead, Option<u64>)> {
    let text = |name: &str| match value.get(name) {
        Some(Value::String(text)) => trim_field(text),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let information = value.get("additional_information").and_then(Value::as_str).unwrap_or_default();
    let attempt = origin::parse_attempt(information);
    let (phone, extension) = (text("phone_number"), text("phone_number_extension"));
    let phone = if extension.is_empty() { phone } else { format!("{phone} ext. {extension}") };
    let lead = AccountLead {
        id: parse_number(value.get("id"))?,
        created_at: value.get("created_at").and_then(Value::as_str).and_then(parse_time),
        name: trim_field(&format!("{} {}", text("first_name"), text("last_name"))),
        email: text("email_address"),
        phone,
        company: text("company"),
        event_date: text("event_date"),
        status: LeadStatus::from_answer(value, parse_time),
        reference: attempt.as_ref().map(Attempt::reference_text),
        contact_id: attempt.as_ref().map(|attempt| attempt.contact_id().to_owned()),
        origin: if attempt.is_some() { LeadOrigin::NotAsked } else { LeadOrigin::Elsewhere },
    };
    let location = value.get("location_id").or_else(|| value.get("location")?.get("id"));
    Some((lead, parse_number(location)))
}

fn parse_number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// Parses ISO 8601, the format seen in practice. Times without an offset, and the American format of Tripleseat's
/// pages, are taken as UTC.
fn parse_time(text: &str) -> Option<Timestamp> {
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let american = || DateTime::strptime("%m/%d/%Y %I:%M %p", text).ok().and_then(utc);
    let date = || Date::strptime("%m/%d/%Y", text).ok().and_then(|date| utc(date.into()));
    text.parse().ok().or_else(|| text.parse::<DateTime>().ok().and_then(utc)).or_else(american).or_else(date)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_leads_in_all_known_shapes() {
        let information = "Hi\n\n[HubSpot contact 501, reference HS-501-19a0b1c2d3e-0badcafe]";
        let (full, location) = parse_lead(&json!({
            "id": 7, "first_name": "Ana", "last_name": "Silva", "email_address": "ana@example.com", "phone_number": 5550100,
            "event_date": null, "additional_information": information, "location": { "id": "12" },
            "created_at": "2026-03-01T12:00:00.000Z",
        }))
        .expect("a lead");
        assert_eq!((full.name.as_str(), full.phone.as_str(), location), ("Ana Silva", "5550100", Some(12)));
        assert_eq!((full.contact_id.as_deref(), full.origin), (Some("501"), LeadOrigin::NotAsked));
        assert_eq!(full.status, LeadStatus::Unknown);
        let (open, _) = parse_lead(&json!({
            "id": 9, "phone_number": "646-555-0123", "phone_number_extension": 12, "converted_at": null,
        }))
        .expect("a lead");
        assert_eq!((open.phone.as_str(), open.status), ("646-555-0123 ext. 12", LeadStatus::Open));
        let (bare, location) = parse_lead(&json!({ "id": "8" })).expect("a lead");
        assert_eq!(
            (bare.created_at, bare.name.as_str(), bare.origin, location),
            (None, "", LeadOrigin::Elsewhere, None)
        );
        assert!(parse_lead(&json!({ "name": "x" })).is_none());
    }

    #[test]
    fn reads_times_in_all_known_formats() {
        let noon: Option<Timestamp> = "2026-03-01T12:00:00Z".parse().ok();
        for text in
            ["2026-03-01T12:00:00.000Z", "2026-03-01T07:00:00-05:00", "2026-03-01T12:00:00", "03/01/2026 12:00 PM"]
        {
            assert_eq!(parse_time(text), noon, "{text}");
        }
        assert_eq!(parse_time("yesterday"), None);
    }
}
