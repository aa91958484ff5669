//! Tripleseat's OAuth 2.0: where a bearer token comes from. It is exchanged for client credentials and cached until it
//! expires, or it belongs to a consent ([`crate::tokens`]).

use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use super::response_excerpt;
use super::unauthorized::{PresentedCredential, TripleseatRejection, rejection_cause};
use crate::clock;
use crate::credentials::{CredentialValue, OAuthClient};
use crate::error::{RunError, Side};
use crate::http::{self, VendorClient};
use crate::redaction::redact_text;
use crate::tokens::ConsentTokens;
use sync_config::config::{
    KEY_TRIPLESEAT_ACCESS_TOKEN, KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_REFRESH_TOKEN,
};

/// The current path, and the previous one.
const PATHS: [&str; 2] = ["/oauth2/token", "/oauth/token"];
/// A token isn't used in the last minute before it expires.
const MARGIN: Duration = Duration::from_secs(60);
/// A token's lifetime if the response doesn't state one.
const LIFE: Duration = Duration::from_secs(7200);

/// A token that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The access token.
    pub access: CredentialValue,
    /// What the next one is exchanged for, unless the application gets tokens with its own id and secret.
    pub refresh: Option<CredentialValue>,
    /// How long the access token is valid.
    pub life: Duration,
}

/// What the token endpoint answered.
#[derive(Debug)]
pub enum TokenAnswer {
    /// A token.
    Issued(IssuedToken),
    /// 400, 401 or 403 at this path.
    Refused {
        /// The response.
        answer: http::VendorResponse,
        /// Where.
        path: &'static str,
    },
    /// Nothing usable. It may be different next time.
    Failed(String),
}

/// Requests a token. `grant` is what is exchanged for it: `grant_type`, and the fields that belong to it.
pub async fn request_token(
    client: &VendorClient,
    base_uri: &str,
    identity: &OAuthClient,
    grant: &[(&str, &str)],
    timeout: Duration,
) -> TokenAnswer {
    let mut form = grant.to_vec();
    form.extend([("client_id", identity.id.expose()), ("client_secret", identity.secret.expose())]);
    let mut failed = String::new();
    for path in PATHS {
        let request = client.post(format!("{base_uri}{path}")).form(&form);
        let answer = match http::send_request(request, timeout).await {
            Ok(answer) => answer,
            Err(error) => return TokenAnswer::Failed(format!("POST {path}: {}", error.message)),
        };
        match answer.status {
            404 => failed = format!("POST {path}: 404"),
            // RFC 6749, section 5.2: 400 for `invalid_grant` and the like, 401 for `invalid_client`.
            400 | 401 | 403 => return TokenAnswer::Refused { answer, path },
            200..300 => {
                let issued = parse_issued_token(&answer.body);
                return issued
                    .map_or_else(|| TokenAnswer::Failed(format!("POST {path}: no access_token")), TokenAnswer::Issued);
            }
            status => return TokenAnswer::Failed(format!("POST {path}: {status}")),
        }
    }
    TokenAnswer::Failed(failed)
}

fn parse_issued_token(body: &str) -> Option<IssuedToken> {
    let body: Value = serde_json::from_str(body).ok()?;
    let token = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).map(CredentialValue::new);
        text.filter(|token| !token.expose().is_empty())
    };
    Some(IssuedToken {
        access: token("access_token")?,
        refresh: token("refresh_token"),
        life: body.get("expires_in").and_then(Value::as_u64).map_or(LIFE, Duration::from_secs),
    })
}

/// What bearer tokens are exchanged for.
#[derive(Debug)]
enum TokenOrigin {
    /// The application's own id and secret, and the current token.
    Client { identity: OAuthClient, token: Mutex<Option<(CredentialValue, Instant)>> },
    /// The consent of an admin of the account.
    Consent(ConsentTokens),
}

/// Where bearer tokens come from.
#[derive(Debug)]
pub struct OAuthTokenSource {
    client: VendorClient,
    base_uri: String,
    origin: TokenOrigin,
    /// The account's public key, to recognize it if it was set as a client credential.
    public_key: Option<CredentialValue>,
}

impl OAuthTokenSource {
    /// Tokens for an application's id and secret. `base_uri` has no trailing slash.
    pub fn new(client: impl Into<VendorClient>, base_uri: &str, identity: OAuthClient) -> Self {
        let origin = TokenOrigin::Client { identity, token: Mutex::new(None) };
        Self { client: client.into(), base_uri: base_uri.to_owned(), origin, public_key: None }
    }

    /// Tokens of a consent.
    pub fn from_consent(client: impl Into<VendorClient>, base_uri: &str, tokens: ConsentTokens) -> Self {
        let origin = TokenOrigin::Consent(tokens);
        Self { client: client.into(), base_uri: base_uri.to_owned(), origin, public_key: None }
    }

    /// Adds the account's public key, so that a rejection can say that it was set instead of the client credentials.
    #[must_use]
    pub fn with_public_key(self, public_key: &CredentialValue) -> Self {
        Self { public_key: Some(public_key.clone()), ..self }
    }

    /// A bearer token, but not `refused`, which Tripleseat has just refused. The inner error is temporary.
    ///
    /// # Errors
    /// The client or the consent was rejected.
    pub async fn bearer_token(
        &self,
        refused: Option<&CredentialValue>,
        timeout: Duration,
    ) -> Result<Result<CredentialValue, String>, RunError> {
        let (identity, kept) = match &self.origin {
            TokenOrigin::Consent(tokens) => return tokens.access_token(refused, timeout).await,
            TokenOrigin::Client { identity, token } => (identity, token),
        };
        let current = kept.lock().clone();
        if let Some((token, _)) = current.filter(|(token, ends)| refused != Some(token) && *ends > clock::now()) {
            return Ok(Ok(token));
        }
        let grant = [("grant_type", "client_credentials")];
        match request_token(&self.client, &self.base_uri, identity, &grant, timeout).await {
            TokenAnswer::Issued(IssuedToken { access, life, .. }) => {
                *kept.lock() = Some((access.clone(), clock::now() + life.saturating_sub(MARGIN)));
                Ok(Ok(access))
            }
            TokenAnswer::Refused { answer, path } => {
                Err(self.rejection_error(PresentedCredential::Client(identity), &answer, "POST", path))
            }
            TokenAnswer::Failed(message) => Ok(Err(message)),
        }
    }

    /// The error for a client, or a token of it, that was rejected at `path`.
    pub fn rejection_error(
        &self,
        shown: PresentedCredential<'_>,
        answer: &http::VendorResponse,
        method: &str,
        path: &str,
    ) -> RunError {
        match &self.origin {
            TokenOrigin::Client { identity, .. } => {
                oauth_rejection(shown, identity, self.public_key.as_ref(), answer, &format!("{method} {path}"))
            }
            TokenOrigin::Consent(tokens) => {
                let shown = match shown {
                    PresentedCredential::AccessToken => PresentedCredential::ConsentedToken,
                    shown => shown,
                };
                let identity = tokens.identity();
                oauth_rejection(shown, identity, self.public_key.as_ref(), answer, &format!("{method} {path}"))
            }
        }
    }
}

/// The error for an OAuth credential that was rejected at `request`. No credential is shown.
pub fn oauth_rejection(
    shown: PresentedCredential<'_>,
    identity: &OAuthClient,
    public_key: Option<&CredentialValue>,
    answer: &http::VendorResponse,
    request: &str,
) -> RunError {
    let words = redact_text(&rejection_message(&answer.body));
    let client = Some(identity);
    let rejection = TripleseatRejection { shown, status: answer.status, words: &words, public_key, client };
    let cause = rejection_cause(&rejection);
    let colon = if words.is_empty() { "" } else { ": " };
    let credential = match shown {
        PresentedCredential::RefreshToken(_) => KEY_TRIPLESEAT_REFRESH_TOKEN,
        PresentedCredential::ConsentedToken => KEY_TRIPLESEAT_ACCESS_TOKEN,
        _ if answer.status == 403 => KEY_TRIPLESEAT_CLIENT_ID,
        _ => KEY_TRIPLESEAT_CLIENT_SECRET,
    };
    RunError::Credential {
        side: Side::Destination,
        credential,
        message: format!("{} at {request}{colon}{words}", answer.status),
        advice: cause.advice_text().to_owned(),
    }
}

/// A rejection's message: `error` and `error_description` (RFC 6749, section 5.2), or else the beginning of the body.
fn rejection_message(body: &str) -> String {
    let Ok(json) = serde_json::from_str::<Value>(body) else { return response_excerpt(body) };
    let texts = ["error", "error_description"].map(|name| json.get(name).and_then(Value::as_str));
    let texts: Vec<&str> = texts.into_iter().flatten().collect();
    if texts.is_empty() { response_excerpt(body) } else { texts.join(": ") }
}
