//! Tripleseat's OAuth 2.0: exchanges client credentials for a bearer token, which is cached until it expires.

use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::response_excerpt;
use super::unauthorized::{PresentedCredential, TripleseatRejection, rejection_cause};
use crate::credentials::{CredentialValue, OAuthClient};
use crate::error::{RunError, Side};
use crate::http;
use sync_config::config::{KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET};

/// The current path, and the previous one.
const PATHS: [&str; 2] = ["/oauth2/token", "/oauth/token"];
/// A token isn't used in the last minute before it expires.
const MARGIN: Duration = Duration::from_secs(60);
/// A token's lifetime if the response doesn't state one.
const LIFE: Duration = Duration::from_secs(7200);

/// An OAuth client and its current token.
#[derive(Debug)]
pub struct OAuthTokenSource {
    client: reqwest::Client,
    base_uri: String,
    identity: OAuthClient,
    /// The account's public key, to recognize it if it was set as a client credential.
    public_key: Option<CredentialValue>,
    token: Mutex<Option<(CredentialValue, Instant)>>,
}

impl OAuthTokenSource {
    /// A client without a token yet. `base_uri` has no trailing slash.
    pub fn new(client: reqwest::Client, base_uri: &str, identity: OAuthClient) -> Self {
        Self { client, base_uri: base_uri.to_owned(), identity, public_key: None, token: Mutex::new(None) }
    }

    /// Adds the account's public key, so that a rejection can say that it was set instead of the client credentials.
    #[must_use]
    pub fn with_public_key(self, public_key: &CredentialValue) -> Self {
        Self { public_key: Some(public_key.clone()), ..self }
    }

    /// A bearer token; a new one if `renew`. The inner error is temporary.
    ///
    /// # Errors
    /// The client was rejected.
    pub async fn bearer_token(
        &self,
        renew: bool,
        timeout: Duration,
    ) -> Result<Result<CredentialValue, String>, RunError> {
        let kept = self.token.lock().clone();
        if let Some((token, _)) = kept.filter(|(_, ends)| !renew && *ends > Instant::now()) {
            return Ok(Ok(token));
        }
        let mut failed = String::new();
        for path in PATHS {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", self.identity.id.expose()),
                ("client_secret", self.identity.secret.expose()),
            ];
            let request = self.client.post(format!("{}{path}", self.base_uri)).form(&form);
            let answer = match http::send_request(request, timeout).await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(format!("POST {path}: {}", error.message))),
            };
            match answer.status {
                404 => failed = format!("POST {path}: 404"),
                // RFC 6749, section 5.2: 400 for `invalid_grant` and the like, 401 for `invalid_client`.
                400 | 401 | 403 => {
                    return Err(self.rejection_error(
                        PresentedCredential::Client(&self.identity),
                        &answer,
                        "POST",
                        path,
                    ));
                }
                200..300 => {
                    return Ok(self.cache_token(&answer.body).ok_or_else(|| format!("POST {path}: no access_token")));
                }
                status => return Ok(Err(format!("POST {path}: {status}"))),
            }
        }
        Ok(Err(failed))
    }

    /// The error for a client, or a token of it, that was rejected at `path`.
    pub fn rejection_error(
        &self,
        shown: PresentedCredential<'_>,
        answer: &http::VendorResponse,
        method: &str,
        path: &str,
    ) -> RunError {
        let mut words = rejection_message(&answer.body);
        let known = [Some(&self.identity.id), Some(&self.identity.secret), self.public_key.as_ref()];
        for secret in known.into_iter().flatten().map(CredentialValue::expose).filter(|secret| !secret.is_empty()) {
            words = words.replace(secret, "(secret)");
        }
        let cause = rejection_cause(&TripleseatRejection {
            shown,
            status: answer.status,
            words: &words,
            public_key: self.public_key.as_ref(),
            client: Some(&self.identity),
        });
        let colon = if words.is_empty() { "" } else { ": " };
        RunError::Credential {
            side: Side::Destination,
            credential: if answer.status == 403 { KEY_TRIPLESEAT_CLIENT_ID } else { KEY_TRIPLESEAT_CLIENT_SECRET },
            message: format!("{} at {method} {path}{colon}{words}", answer.status),
            advice: cause.advice_text().to_owned(),
        }
    }

    fn cache_token(&self, body: &str) -> Option<CredentialValue> {
        let body: Value = serde_json::from_str(body).ok()?;
        let token = CredentialValue::new(body.get("access_token")?.as_str()?);
        let life = body.get("expires_in").and_then(Value::as_u64).map_or(LIFE, Duration::from_secs);
        let ends = Instant::now() + life.saturating_sub(MARGIN);
        *self.token.lock() = Some((token.clone(), ends));
        Some(token)
    }
}

/// A rejection's message: `error` and `error_description` (RFC 6749, section 5.2), or else the beginning of the body.
fn rejection_message(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<Value>(body) else { return response_excerpt(body) };
    let texts = ["error", "error_description"].map(|name| json.get(name).and_then(Value::as_str));
    let texts: Vec<&str> = texts.into_iter().flatten().collect();
    if texts.is_empty() { response_excerpt(body) } else { texts.join(": ") }
}
