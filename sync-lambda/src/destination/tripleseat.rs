//! A Tripleseat account: leads are created with its public key, and looked up with OAuth. What the key may read is in
//! [`super::account_lists`].
//!
//! Sources: <https://support.tripleseat.com/hc/en-us/articles/205162108-API-Overview>, and the behavior that public
//! client code relies on.

use std::time::Duration;

use pacing::VendorRateLimiter;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::account_lists::DestinationIds;
use super::oauth::OAuthTokenSource;
use super::tripleseat_answer::{LeadAnswer, mentions_public_key, read_lead_answer};
use super::unauthorized::{PresentedCredential, RejectionCause, TripleseatRejection, rejection_cause};
use super::{
    AccountCheck, LeadRefusal, LookupResult, ProbeAnswer, RequestTimeLimits, SendResult, id_text, judge_no_answer,
};
use crate::credentials::{CredentialValue, SyncCredentials};
use crate::error::{RunError, Side};
use crate::http::{self, VendorClient};
use crate::ledger::Attempt;
use crate::phone;
use crate::redaction::redact_text;
use sync_config::config::{KEY_TRIPLESEAT_PUBLIC_KEY, OAuthGrant};
use sync_config::mapping::LeadFields;

/// Allowed lead requests per second.
pub(super) const RATE: f64 = 10.0;
/// Where leads are created.
const LEAD_PATH: &str = "/v1/leads/create.js";
/// The field that contains an attempt's reference.
const REFERENCE_FIELD: &str = "additional_information";
/// The field whose text is normalized as a phone number.
const PHONE_FIELD: &str = "phone_number";
/// Leads on one page of a list.
pub(super) const PAGE: usize = 50;
/// Most pages that a lookup reads: 2,000 leads that changed since the attempt.
const MAX_PAGES: usize = 40;
/// How far Tripleseat's clock may be behind ours.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Which account, and which location, form and so on in it.
#[derive(Debug, Clone)]
pub(super) struct TripleseatPlace {
    pub(super) base_uri: String,
    pub(super) ids: DestinationIds,
    pub(super) oauth: OAuthGrant,
}

/// What an OAuth client has access to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthAccess {
    /// Its sites.
    pub site_ids: Vec<u64>,
    /// The locations of those sites.
    pub location_ids: Vec<u64>,
}

/// A Tripleseat account.
#[derive(Debug)]
pub struct TripleseatClient {
    client: VendorClient,
    place: TripleseatPlace,
    public_key: CredentialValue,
    oauth: Option<OAuthTokenSource>,
    credentials: SyncCredentials,
    leads: VendorRateLimiter,
    time: RequestTimeLimits,
}

impl TripleseatClient {
    pub(super) fn new(
        client: VendorClient,
        place: TripleseatPlace,
        credentials: &SyncCredentials,
        time: RequestTimeLimits,
    ) -> Result<Self, RunError> {
        let public_key = credentials.tripleseat_public_key.clone().ok_or_else(|| {
            RunError::Settings(format!("{KEY_TRIPLESEAT_PUBLIC_KEY} is missing; it is required to create leads"))
        })?;
        let oauth = match place.oauth {
            OAuthGrant::ClientCredentials => credentials
                .tripleseat_oauth
                .clone()
                .map(|identity| OAuthTokenSource::new(client.clone(), &place.base_uri, identity)),
            OAuthGrant::AuthorizationCode => credentials
                .tripleseat_tokens
                .clone()
                .map(|tokens| OAuthTokenSource::from_consent(client.clone(), &place.base_uri, tokens)),
        };
        let oauth = oauth.map(|oauth| oauth.with_public_key(&public_key));
        let leads = VendorRateLimiter::below_rate(RATE);
        Ok(Self { client, place, public_key, oauth, credentials: credentials.clone(), leads, time })
    }

    pub(super) async fn wait_until_ready(&self, latest: Instant) -> bool {
        self.leads.wait_for_slot(latest).await
    }

    pub(super) fn pause_sending(&self, pause: Duration) {
        self.leads.pause_requests(pause);
    }

    pub(super) fn oauth_source(&self) -> Option<&OAuthTokenSource> {
        self.oauth.as_ref()
    }

    pub(super) fn can_look_up(&self) -> bool {
        self.oauth.is_some()
    }

    pub(super) async fn send_lead(&self, lead: &LeadFields, attempt: &Attempt) -> Result<SendResult, RunError> {
        let request = self
            .client
            .post(format!("{}{LEAD_PATH}", self.place.base_uri))
            .query(&[("public_key", self.public_key.expose()), ("simple_error_messages", "true")])
            .json(&self.lead_body(lead, attempt));
        match http::send_request(request, self.time.time_left()).await {
            Ok(answer) => self.judge_response(&answer),
            Err(error) => Ok(judge_no_answer(error)),
        }
    }

    /// The ids in the venue's settings.
    pub fn destination_ids(&self) -> &DestinationIds {
        &self.place.ids
    }

    /// A `GET` with the public key. It doesn't wait for the rate limit, which is for leads and events.
    pub(super) async fn get_with_key(
        &self,
        path: &str,
        timeout: Duration,
    ) -> Result<http::VendorResponse, http::NoResponse> {
        let request = self
            .client
            .get(format!("{}{path}", self.place.base_uri))
            .query(&[("public_key", self.public_key.expose())]);
        http::send_request(request, timeout.min(self.time.time_left())).await
    }

    /// The error for a response that says that the public key itself is wrong, rather than not allowed to do this.
    pub(super) fn key_rejection(&self, status: u16, words: &str) -> Option<RunError> {
        let cause = self.rejection_cause_of_key(status, words);
        let wrong = match cause {
            RejectionCause::ClientAsPublicKey => true,
            RejectionCause::WrongPublicKey => mentions_public_key(words),
            _ => false,
        };
        wrong.then(|| self.public_key_rejected(status, words))
    }

    /// A text without the credentials that a response may repeat.
    pub(super) fn redact_words(&self, text: &str) -> String {
        secrets::redact_secrets(text).into_owned()
    }

    /// Has Tripleseat validate an obviously artificial lead, to find out what the lists that the public key reads don't
    /// tell. The lead can't be mistaken for a guest's, and its email address is none: should Tripleseat ignore
    /// `validate_only`, it is still refused. Returns the refusal, if there is one; `Err` inside is the id of a lead that
    /// was created nevertheless.
    ///
    /// # Errors
    /// The key is rejected, or the response says nothing about it.
    pub async fn validate_artificial_lead(&self) -> Result<Result<Option<LeadRefusal>, String>, RunError> {
        if !self.wait_until_ready(self.time.deadline).await {
            return Err(destination_unavailable("no time was left to test the public key".to_owned()));
        }
        let request = self
            .client
            .post(format!("{}{LEAD_PATH}", self.place.base_uri))
            .query(&[
                ("public_key", self.public_key.expose()),
                ("simple_error_messages", "true"),
                ("validate_only", "true"),
            ])
            .json(&self.lead_at_venue(artificial_lead()));
        let answer = http::send_request(request, self.time.time_left())
            .await
            .map_err(|error| destination_unavailable(error.message))?;
        match self.judge_response(&answer)? {
            SendResult::Refused(refusal) => Ok(Ok(Some(refusal))),
            SendResult::Accepted(None) => Ok(Ok(None)),
            SendResult::Accepted(Some(id)) => Ok(Err(id)),
            SendResult::Unclear { elsewhere: Some(status), .. } => {
                let (request, hint) = self.lead_address();
                Err(RunError::Refused { side: Side::Destination, request, message: format!("{status}{hint}") })
            }
            SendResult::NotTaken { why, .. } | SendResult::Blocked(why) | SendResult::Unclear { why, .. } => {
                Err(destination_unavailable(why))
            }
        }
    }

    pub(super) fn lead_body(&self, lead: &LeadFields, attempt: &Attempt) -> Value {
        let mut fields: Map<String, Value> = lead.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let reference = format!("[HubSpot contact {}, reference {}]", attempt.contact_id(), attempt.reference_text());
        if let Some(phone) = lead.get(PHONE_FIELD).map(|phone| phone::normalize_phone(&phone.to_text())) {
            fields.insert(PHONE_FIELD.to_owned(), Value::String(phone));
        }
        let text = match lead.get(REFERENCE_FIELD) {
            Some(text) => format!("{text}\n\n{reference}"),
            None => reference,
        };
        fields.insert(REFERENCE_FIELD.to_owned(), Value::String(text));
        self.lead_at_venue(fields)
    }

    /// A lead with these fields, at the venue's location and with its form.
    fn lead_at_venue(&self, mut fields: Map<String, Value>) -> Value {
        let ids = &self.place.ids;
        if let Some(location_id) = ids.location_id {
            fields.insert("location_id".to_owned(), json!(location_id));
        }
        for (field, id) in [("lead_source_id", ids.lead_source_id), ("referral_source_id", ids.referral_source_id)] {
            if let Some(id) = id {
                fields.entry(field).or_insert(json!(id));
            }
        }
        let mut body = Map::from_iter([("lead".to_owned(), Value::Object(fields))]);
        if let Some(lead_form_id) = ids.lead_form_id {
            body.insert("lead_form_id".to_owned(), json!(lead_form_id));
        }
        Value::Object(body)
    }

    fn judge_response(&self, answer: &http::VendorResponse) -> Result<SendResult, RunError> {
        // A response may repeat what it was sent.
        let answer = http::VendorResponse { body: self.redact_words(&answer.body), ..*answer };
        match read_lead_answer(&answer) {
            LeadAnswer::Lead(result) => Ok(result),
            LeadAnswer::KeyRejected(words) => Err(self.public_key_rejected(answer.status, &words)),
        }
    }

    /// Reads the account's locations with the public key. Whatever the response says about the key, it comes from a
    /// Tripleseat that is up.
    pub(super) async fn probe_account(&self) -> ProbeAnswer {
        let path = "/v1/locations.json";
        ProbeAnswer::from_response(&format!("GET {path}"), self.get_with_key(path, self.time.timeout).await)
    }

    /// Where leads are sent, and what to check if nothing is there.
    pub(super) fn lead_address(&self) -> (String, String) {
        (format!("POST {LEAD_PATH}"), format!(" at {}; is `base_uri` of the destination right?", self.place.base_uri))
    }

    fn rejection_cause_of_key(&self, status: u16, words: &str) -> RejectionCause {
        rejection_cause(&TripleseatRejection {
            shown: PresentedCredential::PublicKey(&self.public_key),
            status,
            words,
            public_key: Some(&self.public_key),
            client: self.credentials.tripleseat_oauth.as_ref(),
        })
    }

    fn public_key_rejected(&self, status: u16, words: &str) -> RunError {
        let cause = self.rejection_cause_of_key(status, words);
        RunError::Credential {
            side: Side::Destination,
            credential: KEY_TRIPLESEAT_PUBLIC_KEY,
            message: redact_text(&format!("{status}, {words}")),
            advice: cause.advice_text().to_owned(),
        }
    }

    /// What the OAuth client has access to; `None` if there is no client.
    ///
    /// # Errors
    /// The client is rejected, or there is no usable response.
    pub async fn oauth_access(&self) -> Result<Option<OAuthAccess>, RunError> {
        let Some(oauth) = &self.oauth else { return Ok(None) };
        let ids = async |path: &str, plural: &str, singular: &str| {
            let body = self.get_json(oauth, path, &[]).await?.map_err(destination_unavailable)?;
            let number = |record: &Value| record.get("id").and_then(id_text)?.parse().ok();
            Ok::<Vec<u64>, RunError>(list_records(&body, plural, singular).iter().filter_map(number).collect())
        };
        Ok(Some(OAuthAccess {
            site_ids: ids("/v1/sites.json", "sites", "site").await?,
            location_ids: ids("/v1/locations.json", "locations", "location").await?,
        }))
    }

    /// Checks that the OAuth credentials belong to the manifest's site.
    pub(super) async fn verify_site(&self) -> Result<AccountCheck, RunError> {
        let (Some(site_id), Some(oauth)) = (self.place.ids.site_id, &self.oauth) else {
            return Ok(AccountCheck::Confirmed);
        };
        let sites = match self.get_json(oauth, "/v1/sites.json", &[]).await {
            Ok(Ok(body)) => list_records(&body, "sites", "site"),
            Ok(Err(message)) => return Err(RunError::Unavailable { side: Side::Destination, message }),
            // Leads are created with the public key, which these credentials say nothing about.
            Err(error @ RunError::Credential { .. }) => {
                return Ok(AccountCheck::Unknown(format!(
                    "whether the credentials belong to site {site_id} is unknown: {error}"
                )));
            }
            Err(error) => return Err(error),
        };
        let ids: Vec<String> = sites.iter().filter_map(|site| site.get("id").and_then(id_text)).collect();
        if ids.contains(&site_id.to_string()) {
            return Ok(AccountCheck::Confirmed);
        }
        Err(RunError::WrongAccount(format!(
            "the Tripleseat credentials belong to site {}, but the manifest says site {site_id}; nothing was sent",
            ids.join(", ")
        )))
    }

    pub(super) async fn look_up_attempt(&self, attempt: &Attempt) -> LookupResult {
        let (Some(oauth), Some(begun)) = (&self.oauth, attempt.begun_at()) else {
            return LookupResult::Unknown("there are no OAuth credentials for a lookup".to_owned());
        };
        let since = begun.saturating_sub(CLOCK_SKEW).unwrap_or(begun).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        for page in 1..=MAX_PAGES {
            let number = page.to_string();
            let query = [("updated_after", since.as_str()), ("page", number.as_str())];
            let body = match self.get_json(oauth, "/v1/leads/search.json", &query).await {
                Ok(Ok(body)) => body,
                Ok(Err(message)) => return LookupResult::Unknown(message),
                Err(error @ RunError::Credential { .. }) => return LookupResult::Refused(error),
                Err(error) => return LookupResult::Unknown(error.to_string()),
            };
            let leads = list_records(&body, "leads", "lead");
            if let Some(lead) = leads.iter().find(|lead| has_reference(lead, attempt)) {
                return LookupResult::Found(lead.get("id").and_then(id_text));
            }
            let pages = body.get("total_pages").and_then(Value::as_u64);
            let last = pages.map_or(leads.len() < PAGE, |pages| page as u64 >= pages);
            if last {
                return LookupResult::NotThere;
            }
        }
        LookupResult::Unknown(format!("more than {} leads have changed since the attempt", MAX_PAGES * PAGE))
    }

    /// A `GET` with the bearer token. The inner error is temporary.
    pub(super) async fn get_json(
        &self,
        oauth: &OAuthTokenSource,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Result<Value, String>, RunError> {
        let mut refused = None;
        for renewed in [false, true] {
            let token = match oauth.bearer_token(refused.as_ref(), self.time.time_left()).await? {
                Ok(token) => token,
                Err(message) => return Ok(Err(message)),
            };
            if !self.wait_until_ready(self.time.deadline).await {
                return Ok(Err(format!("GET {path}: no time was left for the request")));
            }
            let request =
                self.client.get(format!("{}{path}", self.place.base_uri)).query(query).bearer_auth(token.expose());
            let answer = match http::send_request(request, self.time.time_left()).await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(format!("GET {path}: {}", error.message))),
            };
            match answer.status {
                401 if !renewed => refused = Some(token),
                401 | 403 => return Err(oauth.rejection_error(PresentedCredential::AccessToken, &answer, "GET", path)),
                200 => {
                    let body = serde_json::from_str(&answer.body);
                    return Ok(body.map_err(|_| format!("GET {path}: the response isn't JSON")));
                }
                status => return Ok(Err(format!("GET {path}: {status}"))),
            }
        }
        Err(destination_unavailable(format!("GET {path}: 401")))
    }
}

fn destination_unavailable(message: String) -> RunError {
    RunError::Unavailable { side: Side::Destination, message }
}

/// A lead that nobody takes for a guest's and that can't be valid: it has no email address.
fn artificial_lead() -> Map<String, Value> {
    let fields = [
        ("first_name", "Deployer"),
        ("last_name", "Check (no guest)"),
        ("email_address", "no-address"),
        ("email_opt_in", "false"),
        (REFERENCE_FIELD, "Sent by `deployer doctor` to be validated, not saved. Delete it if it is here."),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// The records of a list: `[…]`, `{"results": […]}` or `{"leads": […]}`, where each record may be wrapped as
/// `{"lead": {…}}`.
pub fn list_records(body: &Value, plural: &str, singular: &str) -> Vec<Value> {
    let list = body.as_array().or_else(|| body.get("results")?.as_array()).or_else(|| body.get(plural)?.as_array());
    let unwrap = |record: &Value| record.get(singular).cloned().unwrap_or_else(|| record.clone());
    list.map(|list| list.iter().map(unwrap).collect()).unwrap_or_default()
}

fn has_reference(lead: &Value, attempt: &Attempt) -> bool {
    let text = lead.get(REFERENCE_FIELD).and_then(Value::as_str).unwrap_or_default();
    text.contains(&attempt.reference_text())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn tripleseat_account() -> TripleseatClient {
        account_with_ids(DestinationIds { location_id: Some(7), lead_form_id: Some(8), ..DestinationIds::default() })
    }

    pub(in super::super) fn account_with_ids(ids: DestinationIds) -> TripleseatClient {
        let place =
            TripleseatPlace { base_uri: "https://api.example.com".to_owned(), ids, oauth: OAuthGrant::default() };
        let credentials =
            SyncCredentials::from_secret(r#"{"HUBSPOT_TOKEN":"pat-0000","TRIPLESEAT_PUBLIC_KEY":"key-1111"}"#)
                .expect("valid");
        let timeout = Duration::from_secs(1);
        let time = RequestTimeLimits { deadline: Instant::now() + timeout, timeout };
        TripleseatClient::new(crate::http::build_client().expect("TLS").into(), place, &credentials, time)
            .expect("valid")
    }

    fn judge_response(status: u16, body: &str) -> Result<SendResult, RunError> {
        tripleseat_account().judge_response(&http::VendorResponse { status, retry_after: None, body: body.to_owned() })
    }

    #[test]
    fn rejected_keys_end_the_run_and_are_not_shown() {
        for (status, body) in [(401, "no key-1111"), (403, ""), (200, r#"{"errors":["Invalid public key key-1111"]}"#)]
        {
            let error = judge_response(status, body).expect_err("every lead would fail the same way").to_string();
            assert!(error.contains("TRIPLESEAT_PUBLIC_KEY") && !error.contains("1111"), "{error}");
        }
        let firewall = judge_response(403, "<html>key-1111</html>").expect("it isn't the key");
        assert!(matches!(firewall, SendResult::Blocked(_)));
    }

    #[test]
    fn appends_the_reference_to_the_leads_own_text() {
        let attempt = Attempt::new("501", jiff::Timestamp::now());
        let lead = LeadFields::from([("additional_information".to_owned(), "two\nlines".into())]);
        let body = tripleseat_account().lead_body(&lead, &attempt);
        let text = body["lead"]["additional_information"].as_str().expect("text");
        assert!(text.starts_with("two\nlines\n\n") && text.contains(&attempt.reference_text()), "{text}");
        assert!(has_reference(&body["lead"], &attempt));
        assert!(!has_reference(&body["lead"], &Attempt::new("501", jiff::Timestamp::now())));
        assert_eq!((&body["lead"]["location_id"], &body["lead_form_id"]), (&json!(7), &json!(8)));
    }

    #[test]
    fn a_mapped_source_takes_precedence_over_the_destinations() {
        let ids = DestinationIds { lead_source_id: Some(1), referral_source_id: Some(2), ..DestinationIds::default() };
        let lead = LeadFields::from([("lead_source_id".to_owned(), "9".into())]);
        let attempt = Attempt::new("501", jiff::Timestamp::now());
        let body = account_with_ids(ids).lead_body(&lead, &attempt);
        assert_eq!((&body["lead"]["lead_source_id"], &body["lead"]["referral_source_id"]), (&json!("9"), &json!(2)));
    }

    #[test]
    fn reads_all_known_list_shapes() {
        for body in [r#"[{"id":1}]"#, r#"{"results":[{"lead":{"id":1}}]}"#, r#"{"leads":[{"id":1}]}"#] {
            let body: Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(list_records(&body, "leads", "lead"), [json!({ "id": 1 })], "{body}");
        }
    }
}
