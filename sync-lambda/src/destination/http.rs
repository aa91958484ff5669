//! Any JSON API that accepts a lead as one `POST`, for a venue on another platform.

use std::time::Duration;

use pacing::VendorRateLimiter;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    LeadRefusal, LookupResult, ProbeAnswer, RequestTimeLimits, SendResult, id_text, judge_no_answer, judge_status,
    response_excerpt,
};
use crate::credentials::SyncCredentials;
use crate::error::{RunError, Side};
use crate::http::{self, VendorClient, VendorRequest};
use crate::ledger::Attempt;
use sync_config::config::{HttpAuth, HttpDestination, KEY_DESTINATION_CREDENTIAL};
use sync_config::mapping::{LeadFields, LeadValue};

/// Default requests per second, if the manifest doesn't set a rate.
const RATE: u32 = 10;

/// A client for a JSON API.
#[derive(Debug)]
pub struct HttpDestinationClient {
    client: VendorClient,
    settings: HttpDestination,
    credentials: SyncCredentials,
    requests: VendorRateLimiter,
    time: RequestTimeLimits,
}

impl HttpDestinationClient {
    pub(super) fn new(
        client: VendorClient,
        settings: &HttpDestination,
        credentials: &SyncCredentials,
        time: RequestTimeLimits,
    ) -> Result<Self, RunError> {
        for uri in [Some(&settings.url), settings.lookup_url.as_ref()].into_iter().flatten() {
            let bare = uri.replace("{key}", "key").replace("{contact_id}", "1");
            crate::settings::check_url(&bare).map_err(RunError::Settings)?;
        }
        if settings.auth.is_some() && credentials.destination_credential.is_none() {
            return Err(RunError::Settings(format!(
                "{KEY_DESTINATION_CREDENTIAL} is missing, and the destination's `auth` requires it"
            )));
        }
        let requests = VendorRateLimiter::below_rate(f64::from(settings.requests_per_second.unwrap_or(RATE).max(1)));
        Ok(Self { client, settings: settings.clone(), credentials: credentials.clone(), requests, time })
    }

    pub(super) fn leads_per_second(&self) -> f64 {
        f64::from(self.settings.requests_per_second.unwrap_or(RATE).max(1))
    }

    pub(super) async fn wait_until_ready(&self, latest: Instant) -> bool {
        self.requests.wait_for_slot(latest).await
    }

    pub(super) fn pause_sending(&self, pause: Duration) {
        self.requests.pause_requests(pause);
    }

    pub(super) fn can_look_up(&self) -> bool {
        self.settings.lookup_url.is_some()
    }

    pub(super) async fn send_lead(&self, lead: &LeadFields, attempt: &Attempt) -> Result<SendResult, RunError> {
        let request = self.add_credential(self.client.post(&self.settings.url));
        let request = request.header("idempotency-key", attempt.reference_text()).json(&lead_body(lead));
        match http::send_request(request, self.time.time_left()).await {
            Ok(answer) => self.judge_response(&answer),
            Err(error) => Ok(judge_no_answer(error)),
        }
    }

    fn add_credential(&self, request: VendorRequest) -> VendorRequest {
        let (Some(auth), Some(credential)) = (&self.settings.auth, &self.credentials.destination_credential) else {
            return request;
        };
        let credential = credential.expose();
        match auth {
            HttpAuth::Bearer => request.bearer_auth(credential),
            HttpAuth::Basic => {
                let (user, password) = credential.split_once(':').unwrap_or((credential, ""));
                request.basic_auth(user, Some(password))
            }
            HttpAuth::Header { name } => request.header(name, credential),
            HttpAuth::Query { name } => request.query(&[(name, credential)]),
        }
    }

    /// Checks with `OPTIONS` whether the endpoint responds, and returns the status. Any other request could have side
    /// effects on an unknown platform.
    ///
    /// # Errors
    /// No response came.
    pub async fn probe_endpoint(&self) -> Result<u16, RunError> {
        let request = self.add_credential(self.client.request(reqwest::Method::OPTIONS, &self.settings.url));
        let answer = http::send_request(request, self.time.time_left()).await;
        answer
            .map(|answer| answer.status)
            .map_err(|error| RunError::Unavailable { side: Side::Destination, message: error.message })
    }

    /// Asks with `OPTIONS` whether the platform is up.
    pub(super) async fn probe_destination(&self) -> ProbeAnswer {
        let request = self.add_credential(self.client.request(reqwest::Method::OPTIONS, &self.settings.url));
        ProbeAnswer::from_response("OPTIONS", http::send_request(request, self.time.time_left()).await)
    }

    /// Where leads are sent, and what to check if nothing is there.
    pub(super) fn lead_address(&self) -> (String, String) {
        let hint = ": `url` of the destination must be the final address; a redirect isn't followed".to_owned();
        (format!("POST {}", self.settings.url), hint)
    }

    fn judge_response(&self, answer: &http::VendorResponse) -> Result<SendResult, RunError> {
        if let 401 | 403 = answer.status {
            return Err(self.credential_rejected(answer.status));
        }
        let text = secrets::redact_secrets(&response_excerpt(&answer.body)).into_owned();
        if let Some(sent) = judge_status(answer.status, answer.retry_after, &text) {
            return Ok(sent);
        }
        let body: Option<Value> = serde_json::from_str(&answer.body).ok();
        let at = |pointer: &Option<String>| pointer.as_ref().and_then(|pointer| body.as_ref()?.pointer(pointer));
        let expects_json = self.settings.success_pointer.is_some() || self.settings.id_pointer.is_some();
        if expects_json && body.is_none() {
            return Ok(SendResult::unclear(format!(
                "The destination responded with {}, but not with JSON.",
                answer.status
            )));
        }
        let failed = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || *value == false);
        if self.settings.success_pointer.is_some() && failed(at(&self.settings.success_pointer)) {
            let why = format!("The destination responded with {}: {text}", answer.status);
            return Ok(SendResult::Refused(LeadRefusal::from_text(why)));
        }
        Ok(SendResult::Accepted(at(&self.settings.id_pointer).and_then(id_text)))
    }

    fn credential_rejected(&self, status: u16) -> RunError {
        RunError::Credential {
            side: Side::Destination,
            credential: KEY_DESTINATION_CREDENTIAL,
            message: status.to_string(),
            advice: "Set the platform's current credential with `deployer secret set VENUE destination_credential`"
                .to_owned(),
        }
    }

    pub(super) async fn look_up_attempt(&self, attempt: &Attempt) -> LookupResult {
        let Some(template) = &self.settings.lookup_url else {
            return LookupResult::Unknown("no lookup_url is configured".to_owned());
        };
        // A reference contains no characters that need escaping in a URL.
        let uri = template.replace("{key}", &attempt.reference_text()).replace("{contact_id}", attempt.contact_id());
        if !self.wait_until_ready(self.time.deadline).await {
            return LookupResult::Unknown("no time was left for the lookup".to_owned());
        }
        let answer = match http::send_request(self.add_credential(self.client.get(uri)), self.time.time_left()).await {
            Ok(answer) => answer,
            Err(error) => return LookupResult::Unknown(format!("the lookup failed: {}", error.message)),
        };
        match answer.status {
            401 | 403 => return LookupResult::Refused(self.credential_rejected(answer.status)),
            404 => return LookupResult::NotThere,
            200..300 => {}
            status => return LookupResult::Unknown(format!("the lookup returned {status}")),
        }
        let Ok(body) = serde_json::from_str::<Value>(&answer.body) else {
            return LookupResult::Unknown("the lookup response isn't JSON".to_owned());
        };
        let found = match &self.settings.lookup_id_pointer {
            Some(pointer) => body.pointer(pointer),
            None => Some(&body),
        };
        match found {
            None | Some(Value::Null) => LookupResult::NotThere,
            Some(Value::Array(list)) if list.is_empty() => LookupResult::NotThere,
            Some(value) => LookupResult::Found(id_text(value)),
        }
    }
}

/// Builds the body from field names that are members (`name`) or JSON pointers (`/lead/name`).
pub(super) fn lead_body(lead: &LeadFields) -> Value {
    let mut body = Map::new();
    for (field, value) in lead {
        let path: Vec<String> = match field.strip_prefix('/') {
            // RFC 6901: `~1` is a slash, `~0` a tilde.
            Some(pointer) => pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect(),
            None => vec![field.clone()],
        };
        insert_value(&mut body, &path, value);
    }
    Value::Object(body)
}

fn insert_value(object: &mut Map<String, Value>, path: &[String], value: &LeadValue) {
    match path {
        [] => {}
        [name] => {
            object.insert(name.clone(), json!(value));
        }
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                insert_value(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges a response of an API with these pointers.
    fn judge_response(
        success: Option<&str>,
        id: Option<&str>,
        status: u16,
        body: &str,
    ) -> Result<SendResult, RunError> {
        let settings = HttpDestination {
            url: "https://platform.example.com/leads".to_owned(),
            auth: None,
            success_pointer: success.map(ToOwned::to_owned),
            id_pointer: id.map(ToOwned::to_owned),
            lookup_url: None,
            lookup_id_pointer: None,
            requests_per_second: None,
        };
        let credentials = SyncCredentials::from_secret(r#"{"HUBSPOT_TOKEN":"pat-0000"}"#).expect("valid");
        let timeout = Duration::from_secs(1);
        let time = RequestTimeLimits { deadline: Instant::now() + timeout, timeout };
        let http =
            HttpDestinationClient::new(crate::http::build_client().expect("TLS").into(), &settings, &credentials, time)
                .expect("valid");
        http.judge_response(&http::VendorResponse { status, retry_after: None, body: body.to_owned() })
    }

    #[test]
    fn judges_success_by_status_and_pointers() {
        let accepted = |id: Option<&str>| Ok(SendResult::Accepted(id.map(ToOwned::to_owned)));
        assert_eq!(judge_response(None, None, 204, ""), accepted(None));
        assert_eq!(judge_response(None, None, 200, "<html>"), accepted(None));
        assert_eq!(judge_response(None, Some("/id"), 201, r#"{"id":7}"#), accepted(Some("7")));
        assert_eq!(judge_response(None, Some("/data/0/id"), 200, r#"{"data":[{"id":"a7"}]}"#), accepted(Some("a7")));
        assert_eq!(judge_response(None, Some("/a~1b"), 200, r#"{"a/b":7}"#), accepted(Some("7")));
        assert_eq!(judge_response(None, Some("/id"), 200, r#"{"id":null}"#), accepted(None));
        assert_eq!(judge_response(Some("/ok"), Some("/id"), 200, r#"{"ok":true,"id":7}"#), accepted(Some("7")));
        assert_eq!(judge_response(Some("/ok"), None, 200, r#"{"ok":0}"#), accepted(None));
        for body in ["{}", r#"{"ok":false}"#, r#"{"ok":null}"#, "[]"] {
            assert!(matches!(judge_response(Some("/ok"), None, 200, body), Ok(SendResult::Refused(_))), "{body}");
        }
        for (success, id) in [(Some("/ok"), None), (None, Some("/id"))] {
            assert!(
                matches!(judge_response(success, id, 200, "<html>"), Ok(SendResult::Unclear { .. })),
                "an HTML page isn't a usable response"
            );
        }
        assert!(matches!(judge_response(None, None, 422, r#"{"error":"no email"}"#), Ok(SendResult::Refused(_))));
        for status in [301, 302, 304, 404, 405, 410] {
            let judged = judge_response(None, None, status, "");
            assert!(matches!(judged, Ok(SendResult::Unclear { elsewhere: Some(_), .. })), "{status}");
        }
        for status in [500, 502, 503, 504] {
            let judged = judge_response(Some("/ok"), None, status, r#"{"ok":false}"#);
            assert!(matches!(judged, Ok(SendResult::Unclear { elsewhere: None, .. })), "{status}");
        }
        for status in [401, 403] {
            assert!(judge_response(None, None, status, "").is_err(), "{status}: every record would fail the same way");
        }
    }

    #[test]
    fn builds_nested_bodies_from_pointers() {
        let lead = ["/lead/name", "/lead/e~1mail", "phone"]
            .map(|field| (field.to_owned(), LeadValue::Text(field.to_uppercase())))
            .into_iter()
            .collect();
        assert_eq!(
            lead_body(&lead),
            json!({ "lead": { "name": "/LEAD/NAME", "e/mail": "/LEAD/E~1MAIL" }, "phone": "PHONE" })
        );
    }
}
