//! What a Tripleseat account's public key may read: its locations, sites and lead forms. They confirm the ids in the
//! manifest without OAuth, and without sending anything.
//!
//! Seen in public client code that relies on it, not documented: `GET /v1/locations.json`, `/v1/sites.json` and
//! `/v1/lead_forms.json` with `public_key` return everything at once, each record in an object of its name
//! (`[{"location": {…}}]`). Where a server refuses a list or returns an empty one, nothing is concluded from that.

mod settings;

use std::time::Duration;

use serde_json::Value;

use super::response_excerpt;
use super::tripleseat::{TripleseatClient, list_records};
use super::tripleseat_answer::error_messages;
use crate::error::RunError;
use crate::http::VendorResponse;
pub use settings::{CheckedSetting, DestinationIds, DestinationSetting, SettingVerdict};

/// Timeout of reading a list. A run waits for it before its first lead, so it is short.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);
/// The result of reading a list with the public key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum ListReading {
    /// Nothing in the settings depends on it.
    #[default]
    NotNeeded,
    /// Its records.
    Read(Vec<Value>),
    /// A public key may not read it here; carries the server's message.
    Refused(String),
    /// No account has this public key.
    KeyRejected(RunError),
    /// No usable response, for now.
    Unavailable(String),
}

impl ListReading {
    /// The records, or why nothing is known. An empty list counts as unknown: every account has a location, a site and a
    /// lead form, so it more likely means that the key may not see them.
    fn known_records(&self) -> Result<&[Value], String> {
        match self {
            Self::Read(records) if !records.is_empty() => Ok(records),
            Self::Read(_) => Err("the public key reads an empty list".to_owned()),
            Self::NotNeeded => Err("it wasn't read".to_owned()),
            Self::Refused(words) => Err(format!("a public key may not read it here ({words})")),
            Self::KeyRejected(_) => Err("the public key was rejected".to_owned()),
            Self::Unavailable(why) => Err(why.clone()),
        }
    }
}

/// The lists of an account, as far as its public key may read them; by default, none was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountLists {
    locations: ListReading,
    sites: ListReading,
    lead_forms: ListReading,
}

impl AccountLists {
    /// The error that says that no account has the public key, if some list was answered so.
    pub fn key_rejection(&self) -> Option<&RunError> {
        self.each_list().into_iter().find_map(|list| match list {
            ListReading::KeyRejected(error) => Some(error),
            _ => None,
        })
    }

    /// Whether some list was read.
    pub fn is_readable(&self) -> bool {
        self.each_list().into_iter().any(|list| matches!(list, ListReading::Read(_)))
    }

    /// Whether reading again later may tell more.
    pub fn is_temporary(&self) -> bool {
        self.each_list().into_iter().any(|list| matches!(list, ListReading::Unavailable(_)))
    }

    /// Why a list is unknown, if one is.
    pub fn reason_unreadable(&self) -> Option<String> {
        self.each_list().into_iter().find_map(|list| match list {
            ListReading::Refused(why) | ListReading::Unavailable(why) => Some(why.clone()),
            ListReading::Read(_) | ListReading::NotNeeded | ListReading::KeyRejected(_) => None,
        })
    }

    fn each_list(&self) -> [&ListReading; 3] {
        [&self.locations, &self.sites, &self.lead_forms]
    }
}

impl TripleseatClient {
    /// Reads the lists that the venue's settings depend on, all at once. Nothing is sent or created.
    pub async fn read_account_lists(&self) -> AccountLists {
        let ids = self.destination_ids();
        let read = async |needed: bool, plural: &str, singular: &str| match needed {
            true => self.read_list(plural, singular).await,
            false => ListReading::NotNeeded,
        };
        let (locations, sites, lead_forms) = tokio::join!(
            read(true, "locations", "location"),
            read(ids.needs_sites(), "sites", "site"),
            read(ids.lead_form_id.is_some(), "lead_forms", "lead_form"),
        );
        AccountLists { locations, sites, lead_forms }
    }

    async fn read_list(&self, plural: &str, singular: &str) -> ListReading {
        let path = format!("/v1/{plural}.json");
        match self.get_with_key(&path, LIST_TIMEOUT).await {
            Ok(answer) => self.judge_list(&answer, &path, plural, singular),
            Err(no_response) => ListReading::Unavailable(format!("GET {path}: {}", no_response.message)),
        }
    }

    fn judge_list(&self, answer: &VendorResponse, path: &str, plural: &str, singular: &str) -> ListReading {
        let body: Option<Value> = serde_json::from_str(&answer.body).ok();
        let messages = body.as_ref().map(error_messages).unwrap_or_default();
        let words = messages.into_iter().map(|message| message.text).collect::<Vec<_>>().join("; ");
        let refused = || {
            let words = if words.is_empty() { response_excerpt(&answer.body) } else { words.clone() };
            let colon = if words.is_empty() { "" } else { ": " };
            ListReading::Refused(self.redact_words(&format!("GET {path}: {}{colon}{words}", answer.status)))
        };
        match answer.status {
            200..300 if words.is_empty() => match body {
                Some(body) if body.is_array() || body.get("results").is_some() || body.get(plural).is_some() => {
                    ListReading::Read(list_records(&body, plural, singular))
                }
                _ => ListReading::Unavailable(format!("GET {path}: the response isn't a list")),
            },
            200..300 | 400 | 401 | 403 => match self.key_rejection(answer.status, &words) {
                Some(error) => ListReading::KeyRejected(error),
                None => refused(),
            },
            408 | 423 | 429 | 500.. => ListReading::Unavailable(format!("GET {path}: {}", answer.status)),
            _ => refused(),
        }
    }

    /// Checks the venue's ids before the first lead.
    ///
    /// Returns whether the result is final: `false` if a list couldn't be read for now.
    ///
    /// # Errors
    /// A setting is wrong, or no account has the public key. Every lead would be refused, or go to the wrong place.
    pub(super) async fn verify_settings(&self) -> Result<bool, RunError> {
        let lists = self.read_account_lists().await;
        if let Some(error) = lists.key_rejection() {
            return Err(error.clone());
        }
        let wrong: Vec<String> = lists
            .check_settings(self.destination_ids())
            .into_iter()
            .filter_map(|checked| match checked.verdict {
                SettingVerdict::Wrong { why, advice } => Some(format!("{why}. {advice}")),
                SettingVerdict::Right(_) | SettingVerdict::Unknown(_) => None,
            })
            .collect();
        if wrong.is_empty() {
            return Ok(!lists.is_temporary());
        }
        Err(RunError::Settings(format!(
            "{}; then run `deployer apply`. No lead was sent, and all flags stay",
            wrong.join(". ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tripleseat::tests::account_with_ids;
    use super::*;

    #[test]
    fn tells_a_rejected_key_from_a_list_that_a_key_may_not_read() {
        let account = account_with_ids(DestinationIds::default());
        let judge = |status: u16, body: &str| {
            let answer = VendorResponse { status, retry_after: None, body: body.to_owned() };
            account.judge_list(&answer, "/v1/sites.json", "sites", "site")
        };
        let read = ListReading::Read(vec![json!({ "id": 1 })]);
        for body in [r#"[{"site":{"id":1}}]"#, r#"{"results":[{"id":1}]}"#, r#"{"sites":[{"id":1}]}"#] {
            assert_eq!(judge(200, body), read, "{body}");
        }
        for (status, body) in
            [(401, r#"{"errors":["Invalid public key"]}"#), (200, r#"{"error":"Invalid public_key"}"#)]
        {
            let ListReading::KeyRejected(error) = judge(status, body) else { panic!("{status} {body}") };
            assert!(error.to_string().contains("TRIPLESEAT_PUBLIC_KEY"), "{error}");
        }
        for (status, body) in [
            (401, r#"{"error":"OAuth 2.0 is required: a public key can only create leads"}"#),
            (401, r#"{"errors":["You don't have permission"]}"#),
            (401, ""),
            (403, "<html>firewall</html>"),
            (404, ""),
            (302, ""),
        ] {
            assert!(matches!(judge(status, body), ListReading::Refused(_)), "{status} {body}");
        }
        for (status, body) in [(200, "<html>"), (200, "{}"), (429, ""), (500, r#"{"error":"oops"}"#), (503, "")] {
            assert!(matches!(judge(status, body), ListReading::Unavailable(_)), "{status} {body}");
        }
        let ListReading::Refused(words) = judge(403, r#"{"error":"not with key-1111"}"#) else { panic!("refused") };
        assert!(!words.contains("1111"), "{words}");
    }
}
