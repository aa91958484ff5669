//! The venue's credentials, read from its secret in AWS, or from the environment outside AWS.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::error::RunError;
use crate::secret::parse_secret_object;
use crate::tokens::{ConsentTokens, TokenPair};
use sync_config::config::{
    ENV_SECRET_ARN, KEY_DESTINATION_CREDENTIAL, KEY_HUBSPOT_TOKEN, KEY_TRIPLESEAT_CLIENT_ID,
    KEY_TRIPLESEAT_CLIENT_SECRET, KEY_TRIPLESEAT_PUBLIC_KEY,
};

/// A value that is never printed, and that is wiped when it is dropped.
#[derive(Clone)]
pub struct CredentialValue(SecretString);

impl CredentialValue {
    /// Wraps a value. Surrounding whitespace, such as an editor's trailing newline, is dropped.
    pub fn new(value: &str) -> Self {
        let value = value.trim();
        secrets::remember_secret(value);
        Self(SecretString::from(value))
    }

    /// The value, for the request that needs it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for CredentialValue {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for CredentialValue {}

impl fmt::Debug for CredentialValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Tripleseat's OAuth 2.0 client, which lead lookups use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// `client_id`
    pub id: CredentialValue,
    /// `client_secret`
    pub secret: CredentialValue,
}

/// The credentials of a venue's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncCredentials {
    /// HubSpot's access token, of a service key or a legacy private app.
    pub hubspot_token: CredentialValue,
    /// The key that creates leads. Absent for an `http` destination.
    pub tripleseat_public_key: Option<CredentialValue>,
    /// Absent if the account has none: then leads can't be looked up.
    pub tripleseat_oauth: Option<OAuthClient>,
    /// The tokens of a consent. Absent if there was none, and not used with the `client_credentials` grant.
    pub tripleseat_tokens: Option<ConsentTokens>,
    /// The credential of an `http` destination.
    pub destination_credential: Option<CredentialValue>,
}

impl SyncCredentials {
    /// Reads the credentials from the secret's JSON object.
    ///
    /// # Errors
    /// It isn't a JSON object, or it has no HubSpot token. The value isn't shown.
    pub fn from_secret(json: &str) -> Result<Self, RunError> {
        let object = parse_secret_object(json)?;
        Self::from_lookup(|key| object.get(key).and_then(Value::as_str).map(ToOwned::to_owned), "the venue's secret")
    }

    /// Reads the credentials from environment variables, for a run outside AWS.
    ///
    /// # Errors
    /// The HubSpot token is missing.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, RunError> {
        Self::from_lookup(variable, &format!("the environment ({ENV_SECRET_ARN} isn't set either)"))
    }

    fn from_lookup(value: impl Fn(&str) -> Option<String>, place: &str) -> Result<Self, RunError> {
        let secret =
            |key: &str| value(key).map(|text| CredentialValue::new(&text)).filter(|secret| !secret.expose().is_empty());
        let hubspot_token = secret(KEY_HUBSPOT_TOKEN)
            .ok_or_else(|| RunError::Settings(format!("{KEY_HUBSPOT_TOKEN} is missing from {place}")))?;
        let tripleseat_oauth = match (secret(KEY_TRIPLESEAT_CLIENT_ID), secret(KEY_TRIPLESEAT_CLIENT_SECRET)) {
            (Some(id), Some(secret)) => Some(OAuthClient { id, secret }),
            _ => None,
        };
        let pair = TokenPair::from_lookup(&value);
        Ok(Self {
            hubspot_token,
            tripleseat_public_key: secret(KEY_TRIPLESEAT_PUBLIC_KEY),
            tripleseat_tokens: tripleseat_oauth
                .clone()
                .zip(pair)
                .map(|(client, pair)| ConsentTokens::new(client, pair)),
            tripleseat_oauth,
            destination_credential: secret(KEY_DESTINATION_CREDENTIAL),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redaction::redact_text;

    #[test]
    fn reads_secrets_without_ever_printing_them() {
        let credentials = SyncCredentials::from_secret(
            r#"{"HUBSPOT_TOKEN":" pat-na1-0000\n","TRIPLESEAT_PUBLIC_KEY":"key-1111","TRIPLESEAT_CLIENT_ID":"only-half"}"#,
        )
        .expect("valid");
        assert_eq!(credentials.hubspot_token.expose(), "pat-na1-0000");
        assert!(credentials.tripleseat_oauth.is_none());
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("0000") && !shown.contains("1111"), "{shown}");
        assert_eq!(redact_text("no key-1111 for jo@example.com here"), "no (secret) for (address) here");
    }

    #[test]
    fn errors_name_missing_keys_without_showing_values() {
        let error = SyncCredentials::from_secret("hunter2").expect_err("not JSON").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let error = SyncCredentials::from_secret(r#"{"HUBSPOT_TOKEN":" "}"#).expect_err("no token").to_string();
        assert!(error.contains("HUBSPOT_TOKEN is missing"), "{error}");
    }
}
