//! The consent to look up leads in a venue's Tripleseat account, as the deployer uses it: it reads the pair of tokens in
//! the venue's secret, and when the access token no longer works, it asks the venue's function for another one. The
//! function is the only one that renews the pair, so no two ever use the same refresh token.

mod request;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::primitives::Blob;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sync_config::config::{KEY_TRIPLESEAT_CLIENT_ID, KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_CONNECTED_AT};
use sync_lambda::credentials::{CredentialValue, OAuthClient};
use sync_lambda::error::RunError;
use sync_lambda::tokens::{AccessToken, AccessTokenSource, ConsentTokens, TokenPair, not_connected, token_fingerprint};

pub use request::{ConsentRequest, RedirectProblem, check_tokens};

use deployer_aws::{Aws, Call, CallError, FailureKind};
use deployer_core::naming::{ALIAS, VenueNames};

/// How often the function is asked while it runs, and the pause in between. Afterwards, it is left to whoever asked.
const BUSY_TRIES: u32 = 6;
const BUSY_PAUSE: Duration = Duration::from_secs(5);
/// An access token isn't used in the last minute before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// What a venue's secret says about its consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConsent {
    /// The application, and the pair of tokens.
    pub tokens: ConsentTokens,
    /// When somebody last consented.
    pub connected_at: Option<Timestamp>,
}

impl StoredConsent {
    /// What is in a secret's object; `None` if nobody has consented yet.
    pub fn from_object(object: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let identity = OAuthClient {
            id: CredentialValue::new(text(KEY_TRIPLESEAT_CLIENT_ID)?),
            secret: CredentialValue::new(text(KEY_TRIPLESEAT_CLIENT_SECRET)?),
        };
        let connected_at = text(KEY_TRIPLESEAT_CONNECTED_AT).and_then(|text| text.parse().ok());
        Some(Self { tokens: ConsentTokens::new(identity, TokenPair::from_object(object)?), connected_at })
    }

    /// When the access token expires, if known.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.tokens.pair().and_then(|pair| pair.expires_at)
    }

    /// Gets further tokens from the venue's function.
    #[must_use]
    pub fn with_function(self, aws: &Aws, names: &VenueNames) -> Self {
        let source = FunctionTokens { aws: aws.clone(), names: names.clone() };
        Self { tokens: self.tokens.with_source(Arc::new(source)), ..self }
    }
}

/// Reads a venue's consent; `None` if nobody has consented yet.
///
/// # Errors
/// The secret can't be read, or it isn't a JSON object.
pub async fn read_consent(aws: &Aws, names: &VenueNames) -> Result<Option<StoredConsent>, CallError> {
    const CALL: &str = "secretsmanager:GetSecretValue";
    let answer = aws.secrets.get_secret_value().secret_id(&names.secret).send().await.call(CALL)?;
    // The parser's own error could quote a value.
    let object: Map<String, Value> = serde_json::from_str(answer.secret_string().unwrap_or("{}"))
        .map_err(|_| CallError::unexpected(CALL, format!("the secret {} isn't a JSON object", names.secret)))?;
    Ok(StoredConsent::from_object(&object))
}

/// The access tokens that a venue's function keeps in its secret.
#[derive(Debug)]
struct FunctionTokens {
    aws: Aws,
    names: VenueNames,
}

/// What the function said when it was asked for a token.
enum FunctionAnswer {
    /// There is one in the secret.
    Stored,
    /// A run is in progress, and runs never overlap.
    Busy,
    /// It has none. The text has its words.
    Temporary(String),
    Final(RunError),
}

impl FunctionTokens {
    async fn find_token(&self, refused: Option<&str>) -> AccessToken {
        for left in (0..BUSY_TRIES).rev() {
            let Some(pair) = self.read_pair().await? else { return Err(not_connected()) };
            let is_refused = refused.is_some_and(|refused| refused == token_fingerprint(&pair.access));
            if !is_refused && pair.holds_for(MARGIN) {
                return Ok(Ok(pair.access));
            }
            match self.ask_function(refused).await {
                FunctionAnswer::Stored => {
                    let pair = self.read_pair().await?;
                    return pair.map_or_else(|| Err(not_connected()), |pair| Ok(Ok(pair.access)));
                }
                FunctionAnswer::Busy if left > 0 => tokio::time::sleep(BUSY_PAUSE).await,
                FunctionAnswer::Busy => break,
                FunctionAnswer::Temporary(message) => return Ok(Err(message)),
                FunctionAnswer::Final(error) => return Err(error),
            }
        }
        Ok(Err(format!(
            "the access token has expired, and {}, which renews it, is busy with a run",
            self.names.function
        )))
    }

    async fn read_pair(&self) -> Result<Option<TokenPair>, RunError> {
        let consent = read_consent(&self.aws, &self.names).await;
        let consent = consent.map_err(|error| {
            RunError::Settings(format!("the tokens in the secret {} are unreadable: {error}", self.names.secret))
        })?;
        Ok(consent.and_then(|consent| consent.tokens.pair().cloned()))
    }

    async fn ask_function(&self, refused: Option<&str>) -> FunctionAnswer {
        let event = json!({ "refresh": true, "refused": refused }).to_string();
        let function = &self.names.function;
        let request = self.aws.lambda.invoke().function_name(function).qualifier(ALIAS).payload(Blob::new(event));
        let answer = match request.send().await.call("lambda:InvokeFunction") {
            Ok(answer) => answer,
            Err(error) => {
                let expired = format!("the access token has expired, and {function}, which renews it,");
                return match error.kind {
                    FailureKind::Throttled => FunctionAnswer::Busy,
                    FailureKind::NotFound => FunctionAnswer::Temporary(format!("{expired} isn't deployed")),
                    FailureKind::NotImplemented => {
                        FunctionAnswer::Temporary(format!("{expired} doesn't run here: this cloud runs no functions"))
                    }
                    _ => FunctionAnswer::Temporary(format!("{expired} couldn't be asked: {error}")),
                };
            }
        };
        if answer.function_error().is_none() {
            return FunctionAnswer::Stored;
        }
        let payload = answer.payload().map(|payload| payload.as_ref()).unwrap_or_default();
        let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
        let text = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or("no message").to_owned();
        match text("errorType").as_str() {
            // The function's errors already say what to do.
            "Credential" | "Settings" => FunctionAnswer::Final(RunError::Settings(text("errorMessage"))),
            _ => FunctionAnswer::Temporary(format!(
                "{function} could not renew the access token: {}",
                text("errorMessage")
            )),
        }
    }
}

impl AccessTokenSource for FunctionTokens {
    fn access_token<'a>(
        &'a self,
        refused: Option<&'a str>,
        _timeout: Duration,
    ) -> Pin<Box<dyn Future<Output = AccessToken> + Send + 'a>> {
        Box::pin(self.find_token(refused))
    }
}
