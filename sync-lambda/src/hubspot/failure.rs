//! What HubSpot's error responses mean. The function and the deployer judge them here, so that both retry the same
//! statuses and give the same advice.
//!
//! <https://developers.hubspot.com/docs/api-reference/error-handling>

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// How long HubSpot keeps a record locked (423).
const LOCK: Duration = Duration::from_secs(2);
/// The pause if a portal that is being moved (477) doesn't say how long that takes.
const MIGRATION_PAUSE: Duration = Duration::from_secs(10);

/// The meaning of a response other than 2xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubSpotFailure {
    /// 401: the token is wrong or revoked.
    Unauthenticated,
    /// 403: the token may not do this. Carries the scopes that HubSpot names; one of them is enough.
    MissingScopes(Vec<String>),
    /// 404.
    NotFound,
    /// 409: it already exists, or was changed at the same moment.
    Conflict,
    /// 488: the portal is in another data center, which HubSpot names.
    OtherDataCenter(Option<String>),
    /// 429 for the whole day: no retry helps before midnight.
    DailyLimit,
    /// 429 that passes within seconds. Carries HubSpot's name of the limit, such as `TEN_SECONDLY_ROLLING`.
    RateLimit(String),
    /// 408, 423, 477 and 5xx: the same request may succeed later, and not before this pause.
    Temporary(Duration),
    /// Any other 4xx: the request was understood and rejected.
    Rejected,
}

impl HubSpotFailure {
    /// Judges a response with this status and body.
    pub fn judge_response(status: u16, body: &HubSpotErrorBody) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::MissingScopes(body.required_scopes()),
            404 => Self::NotFound,
            408 => Self::Temporary(Duration::ZERO),
            409 => Self::Conflict,
            423 => Self::Temporary(LOCK),
            429 if body.policy_name.eq_ignore_ascii_case("DAILY") => Self::DailyLimit,
            429 => Self::RateLimit(body.policy_name.clone()),
            477 => Self::Temporary(MIGRATION_PAUSE),
            488 => {
                let named = Some(body.correct_hublet.clone()).filter(|named| is_data_center(named));
                Self::OtherDataCenter(named.or_else(|| data_center_in(&body.message)))
            }
            500.. => Self::Temporary(Duration::ZERO),
            _ => Self::Rejected,
        }
    }

    /// What the token lacks, in words; `None` for other failures.
    pub fn missing_scopes_text(&self) -> Option<String> {
        match self {
            Self::MissingScopes(scopes) => Some(match scopes.as_slice() {
                [] => "the token lacks a scope".to_owned(),
                [scope] => format!("the token lacks the scope {scope}"),
                scopes => format!("the token needs one of the scopes {}", scopes.join(", ")),
            }),
            _ => None,
        }
    }

    /// Where the portal is and what to do, in words; `None` for other failures.
    pub fn data_center_text(&self) -> Option<String> {
        match self {
            Self::OtherDataCenter(Some(name)) => Some(format!(
                "the portal is in another data center ({name}). Set `base_uri` in [hubspot] to \
                 \"https://api-{name}.hubapi.com\" and apply, or create a new access token in that portal"
            )),
            Self::OtherDataCenter(None) => Some(
                "the portal is in another data center. Set `base_uri` in [hubspot] to that data center's API \
                 (\"https://api-eu1.hubapi.com\" for the EU) and apply, or create a new access token in that portal"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// The data center in `Hub 1 is unknown to this Hublet, but it appears to exist in Hublet eu1`.
fn data_center_in(message: &str) -> Option<String> {
    let name = message.rsplit("Hublet ").next().filter(|_| message.contains("Hublet "))?;
    let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
    is_data_center(&name).then_some(name)
}

/// Whether a text has the form of a data center's name, such as `eu1`. It becomes part of an advice, and of an address.
fn is_data_center(text: &str) -> bool {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_lowercase());
    text.len() - digits.len() == 2
        && (1..=2).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The first parts of scopes with dots, and the scopes without
/// (<https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes>).
const SCOPE_FAMILIES: [&str; 24] = [
    "account-info",
    "accounting",
    "automation",
    "business_units",
    "business-intelligence",
    "cms",
    "collector",
    "communication_preferences",
    "contacts",
    "content",
    "conversations",
    "crm",
    "ctas",
    "files",
    "forms",
    "marketing",
    "oauth",
    "scheduler",
    "settings",
    "timeline",
    "tickets",
    "e-commerce",
    "social",
    "transactional-email",
];

/// Whether a text is the name of a scope: these become part of an advice, so nothing else that is sent as one may.
fn is_scope_name(text: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
    };
    let family = text.split('.').next().unwrap_or_default();
    text.len() <= 80 && SCOPE_FAMILIES.contains(&family) && text.split('.').all(is_part)
}

/// `{status: "error", message, correlationId, category, policyName, context, errors}`. Also the form of the error of one
/// input of a batch. Every member may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HubSpotErrorBody {
    /// The human-readable message. It may repeat values of a contact, so it must not be logged.
    pub message: String,
    /// The id that HubSpot support asks for. Empty if it doesn't have the form of one.
    #[serde(deserialize_with = "read_correlation_id")]
    pub correlation_id: String,
    /// The machine-readable category. Empty if it doesn't have the form of one.
    #[serde(deserialize_with = "read_code")]
    pub category: String,
    /// The limit behind a 429: `TEN_SECONDLY_ROLLING`, `SECONDLY`, `DAILY`. Empty if it doesn't have the form of one.
    #[serde(deserialize_with = "read_code")]
    pub policy_name: String,
    /// The data center of a portal that is in another one (488).
    pub correct_hublet: String,
    context: Value,
    errors: Value,
}

/// Reads a code, such as `VALIDATION_ERROR`. These are shown as they are, so nothing else that is sent as one may be.
fn read_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let is_code = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    read_text_if(deserializer, is_code)
}

/// Reads an id of hexadecimal digits and hyphens.
fn read_correlation_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    read_text_if(deserializer, |byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn read_text_if<'de, D: Deserializer<'de>>(deserializer: D, fits: impl Fn(u8) -> bool) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(if text.len() <= 80 && text.bytes().all(fits) { text } else { String::new() })
}

impl HubSpotErrorBody {
    /// Parses a body; a body that isn't in HubSpot's format yields an empty one.
    pub fn parse_body(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Status, message and correlation id.
    pub fn status_text(&self, status: u16) -> String {
        let message = if self.message.is_empty() { "no message" } else { &self.message };
        match self.correlation_id.as_str() {
            "" => format!("{status}, {message}"),
            id => format!("{status}, {message} (correlation id {id})"),
        }
    }

    /// Why the request was rejected, for logs: the category, and the rejected properties with their error codes. The
    /// message is left out, because it may repeat a contact's values.
    pub fn reason_text(&self) -> String {
        let details: Vec<String> =
            self.rejected_values().into_iter().map(|(property, code)| format!("{property}: {code}")).collect();
        let category = if self.category.is_empty() { "no reason given" } else { &self.category };
        if details.is_empty() { category.to_owned() } else { format!("{category} ({})", details.join(", ")) }
    }

    /// The scopes that the request needs, as HubSpot names them (`requiredGranularScopes`).
    pub fn required_scopes(&self) -> Vec<String> {
        let contexts = self.error_list().map(|error| &error["context"]).chain([&self.context]);
        let mut scopes: Vec<String> = contexts
            .flat_map(|context| ["requiredGranularScopes", "requiredScopes"].map(|name| &context[name]))
            .flat_map(texts)
            .filter(|scope| is_scope_name(scope))
            .collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// The properties whose values were rejected, each with its error code, such as `PROPERTY_DOESNT_EXIST`.
    pub fn rejected_values(&self) -> Vec<(String, String)> {
        let code = |value: &Value| value.as_str().unwrap_or("INVALID").to_owned();
        let mut rejected: Vec<(String, String)> = self
            .error_list()
            .flat_map(|error| {
                let code = code(&error["code"]);
                texts(&error["context"]["propertyName"]).into_iter().map(move |name| (name, code.clone()))
            })
            .collect();
        // `Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION","name":"…"}]`
        let quoted = self.message.find('[').and_then(|at| serde_json::from_str::<Vec<Value>>(&self.message[at..]).ok());
        rejected.extend(quoted.unwrap_or_default().iter().filter_map(|invalid| {
            let name = invalid["name"].as_str()?;
            Some((name.to_owned(), code(&invalid["error"])))
        }));
        rejected.sort_unstable();
        rejected.dedup();
        rejected
    }

    /// Whether the error of a batch is about this contact. HubSpot lists contacts by id or by trace id.
    pub fn is_about_contact(&self, id: &str) -> bool {
        ["objectWriteTraceId", "ids", "id"].iter().any(|key| texts(&self.context[*key]).iter().any(|text| text == id))
    }

    fn error_list(&self) -> impl Iterator<Item = &Value> {
        self.errors.as_array().into_iter().flatten()
    }
}

/// The texts in a value that is a text, a number, or a list of them.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, body: &str) -> HubSpotFailure {
        HubSpotFailure::judge_response(status, &HubSpotErrorBody::parse_body(body))
    }

    #[test]
    fn retries_what_hubspot_says_is_temporary() {
        for status in [408, 423, 477, 500, 502, 503, 504, 521, 522, 523, 524] {
            assert!(matches!(judge(status, ""), HubSpotFailure::Temporary(_)), "{status}");
        }
        assert_eq!(judge(423, ""), HubSpotFailure::Temporary(LOCK));
        assert_eq!(judge(429, r#"{"policyName":"DAILY"}"#), HubSpotFailure::DailyLimit);
        for policy in ["SECONDLY", "TEN_SECONDLY_ROLLING", ""] {
            let body = format!(r#"{{"policyName":"{policy}"}}"#);
            assert_eq!(judge(429, &body), HubSpotFailure::RateLimit(policy.to_owned()));
        }
        for status in [400, 405, 409, 414, 415, 422] {
            assert!(matches!(judge(status, "<html>"), HubSpotFailure::Rejected | HubSpotFailure::Conflict), "{status}");
        }
    }

    #[test]
    fn names_the_missing_scopes() {
        let body = r#"{"category":"MISSING_SCOPES","errors":[{"message":"one of these","context":
            {"requiredGranularScopes":["crm.objects.contacts.write","crm.objects.contacts.sensitive.write"]}}]}"#;
        let failure = judge(403, body);
        assert_eq!(
            failure.missing_scopes_text().expect("it is about scopes"),
            "the token needs one of the scopes crm.objects.contacts.sensitive.write, crm.objects.contacts.write"
        );
        assert_eq!(judge(403, "<html>"), HubSpotFailure::MissingScopes(Vec::new()));
    }

    #[test]
    fn names_the_data_center() {
        for body in [
            r#"{"message":"Hub 1 is unknown to this Hublet","correctHublet":"eu1"}"#,
            r#"{"message":"Hub 1 is unknown to this Hublet, but it appears to exist in Hublet eu1"}"#,
        ] {
            let failure = judge(488, body);
            assert_eq!(failure, HubSpotFailure::OtherDataCenter(Some("eu1".to_owned())));
            let text = failure.data_center_text().expect("it is about the data center");
            assert!(text.contains("base_uri") && text.contains("https://api-eu1.hubapi.com"), "{text}");
        }
        assert_eq!(judge(488, ""), HubSpotFailure::OtherDataCenter(None));
    }

    #[test]
    fn finds_rejected_properties_and_keeps_their_values_out_of_reasons() {
        let body = HubSpotErrorBody::parse_body(
            r#"{"category":"VALIDATION_ERROR",
                "message":"Property values were not valid: [{\"isValid\":false,\"message\":\"Ana was not valid\",\"error\":\"INVALID_OPTION\",\"name\":\"status\"}]",
                "errors":[{"message":"Ana","code":"INVALID_EMAIL","context":{"propertyName":["email"]}}]}"#,
        );
        let rejected = [("email", "INVALID_EMAIL"), ("status", "INVALID_OPTION")];
        assert_eq!(body.rejected_values(), rejected.map(|(name, code)| (name.to_owned(), code.to_owned())));
        assert_eq!(body.reason_text(), "VALIDATION_ERROR (email: INVALID_EMAIL, status: INVALID_OPTION)");
    }

    #[test]
    fn finds_the_contact_of_an_error() {
        for context in [r#"{"objectWriteTraceId":["7"]}"#, r#"{"ids":["6","7"]}"#, r#"{"id":7}"#] {
            let error: HubSpotErrorBody = serde_json::from_str(&format!(r#"{{"context":{context}}}"#)).expect("valid");
            assert!(error.is_about_contact("7") && !error.is_about_contact("8"), "{context}");
        }
    }
}
