//! What a 401 or 403 from Tripleseat means. The same status covers several mistakes, each with a different fix.
//!
//! Leads are created with the account's public key, everything else requires OAuth 2.0, and OAuth 1.0 ended on
//! 2026-07-01: <https://support.tripleseat.com/hc/en-us/articles/19394408627479-API-Authentication>. The error messages
//! aren't documented, so the credential that was presented decides first, and the message only refines the result.

use crate::credentials::{CredentialValue, OAuthClient};

/// The credential that was presented to Tripleseat.
#[derive(Debug, Clone, Copy)]
pub enum PresentedCredential<'a> {
    /// The public key, when creating a lead.
    PublicKey(&'a CredentialValue),
    /// The OAuth client, when requesting a token.
    Client(&'a OAuthClient),
    /// A token that was issued to the client.
    AccessToken,
    /// The code of a consent, when it is exchanged for the first pair of tokens.
    ConsentCode(&'a OAuthClient),
    /// The refresh token of a consent, when it is exchanged for the next pair.
    RefreshToken(&'a OAuthClient),
    /// The access token of a consent.
    ConsentedToken,
}

/// A rejection: the credential that was presented, and the response.
#[derive(Debug, Clone, Copy)]
pub struct TripleseatRejection<'a> {
    /// The credential that was presented.
    pub shown: PresentedCredential<'a>,
    /// 400 (from the token endpoint), 401 or 403.
    pub status: u16,
    /// Tripleseat's message; may be empty.
    pub words: &'a str,
    /// The venue's public key, to recognize it where it doesn't belong.
    pub public_key: Option<&'a CredentialValue>,
    /// The venue's OAuth client, for the same reason.
    pub client: Option<&'a OAuthClient>,
}

/// Why Tripleseat rejected a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionCause {
    /// No account has this public key.
    WrongPublicKey,
    /// The OAuth client's id or secret was set as the public key.
    ClientAsPublicKey,
    /// The public key was used where OAuth 2.0 is required.
    OAuthOnly,
    /// A consumer key of OAuth 1.0, which no longer works.
    OAuth1,
    /// No OAuth client has this id and secret.
    WrongClient,
    /// The OAuth client can't get a token for itself, only for a user who signs in.
    GrantNotAllowed,
    /// The OAuth client lacks a scope.
    MissingScope,
    /// A token that was issued is rejected.
    TokenRefused,
    /// The credential belongs to another account.
    OtherAccount,
    /// The venue is to be connected by consent, and nobody has done that yet.
    NotConnected,
    /// The code of a consent was used before, has expired, or belongs to another redirect URL.
    CodeSpent,
    /// The consent was revoked, or its refresh token was replaced by another one.
    ConsentRevoked,
    /// The consent is valid, but whoever gave it may not read this.
    RightsLost,
}

/// Determines why Tripleseat rejected a credential.
pub fn rejection_cause(refusal: &TripleseatRejection<'_>) -> RejectionCause {
    let words = refusal.words.to_lowercase();
    let mentions = |any: &[&str]| any.iter().any(|word| words.contains(word));
    if mentions(&["oauth 1", "oauth1", "oauth_consumer", "consumer key", "consumer_key", "oauth_signature"]) {
        return RejectionCause::OAuth1;
    }
    match refusal.shown {
        PresentedCredential::PublicKey(key) => {
            if refusal.client.is_some_and(|client| client.id == *key || client.secret == *key) {
                RejectionCause::ClientAsPublicKey
            } else if mentions(&["public key", "public_key"]) && !mentions(&["can only", "oauth 2.0 is required"]) {
                RejectionCause::WrongPublicKey
            } else if mentions(&["oauth", "access token", "bearer"]) {
                RejectionCause::OAuthOnly
            } else if mentions(&["location", "site"]) {
                RejectionCause::OtherAccount
            } else {
                RejectionCause::WrongPublicKey
            }
        }
        PresentedCredential::ConsentCode(_) if mentions(&["invalid_grant"]) => RejectionCause::CodeSpent,
        PresentedCredential::RefreshToken(_) if mentions(&["invalid_grant"]) => RejectionCause::ConsentRevoked,
        PresentedCredential::ConsentedToken => {
            if mentions(&["scope"]) {
                RejectionCause::MissingScope
            } else if mentions(&["location", "site"]) {
                RejectionCause::OtherAccount
            } else {
                RejectionCause::RightsLost
            }
        }
        PresentedCredential::Client(client)
        | PresentedCredential::ConsentCode(client)
        | PresentedCredential::RefreshToken(client) => {
            if refusal.public_key.is_some_and(|key| client.id == *key || client.secret == *key)
                || is_public_key(&client.id)
            {
                RejectionCause::OAuthOnly
            } else if mentions(&["unauthorized_client", "unsupported_grant_type"]) {
                RejectionCause::GrantNotAllowed
            } else if mentions(&["invalid_scope"]) {
                RejectionCause::MissingScope
            } else if is_consumer_key(&client.id) {
                RejectionCause::OAuth1
            } else {
                RejectionCause::WrongClient
            }
        }
        PresentedCredential::AccessToken => {
            if mentions(&["scope"]) {
                RejectionCause::MissingScope
            } else if mentions(&["location", "site"]) {
                RejectionCause::OtherAccount
            } else if refusal.status == 403 {
                RejectionCause::MissingScope
            } else {
                RejectionCause::TokenRefused
            }
        }
    }
}

impl RejectionCause {
    /// What to do about it.
    pub fn advice_text(self) -> &'static str {
        match self {
            Self::WrongPublicKey => {
                "Creating leads requires the public key of this venue's Tripleseat account (Settings, Tripleseat API & \
                 Webhooks). Set it with `deployer secret set VENUE tripleseat_public_key`"
            }
            Self::ClientAsPublicKey => {
                "This value belongs to the OAuth client, but creating leads requires the account's public key \
                 (Settings, Tripleseat API & Webhooks). Set the key with `deployer secret set VENUE \
                 tripleseat_public_key`"
            }
            Self::OAuthOnly => {
                "A public key can only create leads; this request requires an OAuth 2.0 application of the account \
                 (UID and Secret in Settings, Tripleseat API & Webhooks). Set them as tripleseat_client_id and \
                 tripleseat_client_secret, and check that `base_uri` doesn't end in a path"
            }
            Self::OAuth1 => {
                "OAuth 1.0 ended on 2026-07-01, and its consumer keys and secrets no longer work. Create an OAuth 2.0 \
                 application in the account (Settings, Tripleseat API & Webhooks), and set its UID and Secret with \
                 `deployer secret set VENUE tripleseat_client_id` and `deployer secret set VENUE \
                 tripleseat_client_secret`"
            }
            Self::WrongClient => {
                "No OAuth 2.0 application has this id and secret. Copy UID and Secret from this venue's account \
                 (Settings, Tripleseat API & Webhooks), and set them with `deployer secret set VENUE \
                 tripleseat_client_id` and `deployer secret set VENUE tripleseat_client_secret`"
            }
            Self::GrantNotAllowed => {
                "The application may not use the client_credentials grant: it only gets tokens for users who sign in. Write \
                 `oauth = \"authorization_code\"` into the venue's destination, run `deployer apply`, and let an admin of \
                 the account consent with `deployer connect VENUE`"
            }
            Self::MissingScope => {
                "The OAuth 2.0 application lacks a scope: reading leads requires leads:read. Add it to the application \
                 in this venue's account"
            }
            Self::TokenRefused => {
                "Tripleseat issued this token but rejects it. Check that `base_uri` is right for the account, and that \
                 the OAuth 2.0 application still exists"
            }
            Self::NotConnected => {
                "Let an admin of the venue's Tripleseat account consent with `deployer connect VENUE`; until then, leads are \
                 sent but can't be looked up"
            }
            Self::CodeSpent => {
                "The code of a consent works once, for a few minutes, and with the redirect URL that the application has in \
                 Tripleseat. Run `deployer connect VENUE` again, and check `redirect_uri` in the venue's destination"
            }
            Self::ConsentRevoked => {
                "The consent was revoked in Tripleseat, or its tokens were renewed by somebody else. Let an admin of the \
                 account consent again with `deployer connect VENUE`; until then, leads are sent but can't be looked up"
            }
            Self::RightsLost => {
                "Whoever consented may no longer be an admin of the account, or the consent was revoked. Let an admin of the \
                 account consent again with `deployer connect VENUE`; until then, leads are sent but can't be looked up"
            }
            Self::OtherAccount => {
                "The credential belongs to a different Tripleseat account than the venue's location or site. Take both \
                 from the same account"
            }
        }
    }
}

/// Observed length of public keys and of OAuth 1.0 consumer keys. The ids of OAuth 2.0 applications have 43 or 64
/// characters.
const KEY_LENGTH: usize = 40;

/// All observed public keys are lowercase hexadecimal.
fn is_public_key(value: &CredentialValue) -> bool {
    let value = value.expose();
    value.len() == KEY_LENGTH && value.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// All observed consumer keys have letters of both cases.
fn is_consumer_key(value: &CredentialValue) -> bool {
    let value = value.expose();
    value.len() == KEY_LENGTH
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && value.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "9abe42f759038eab352976e0ba0ad15120000000";
    const CONSUMER_KEY: &str = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dE3fG5hJ7k";
    const UID: &str = "uid-of-an-application-0123456789_abcdefghijk";

    fn oauth_client(id: &str, secret: &str) -> OAuthClient {
        OAuthClient { id: CredentialValue::new(id), secret: CredentialValue::new(secret) }
    }

    #[test]
    fn finds_the_cause_from_the_credential_and_the_message() {
        let key = CredentialValue::new(KEY);
        let other_key = CredentialValue::new("another-key");
        let own = oauth_client(UID, "secret");
        let consumer = oauth_client(CONSUMER_KEY, "secret");
        let shape = oauth_client("0123456789abcdef0123456789abcdef01234567", "x");
        let (key_as_id, key_as_secret) = (oauth_client(KEY, "x"), oauth_client(UID, KEY));
        let secret_as_key = CredentialValue::new("secret");
        let invalid_client = "invalid_client: Client authentication failed due to unknown client";
        use PresentedCredential::{AccessToken, Client, ConsentCode, ConsentedToken, PublicKey, RefreshToken};
        for (shown, status, words, wanted) in [
            (PublicKey(&key), 401, "Invalid public key", RejectionCause::WrongPublicKey),
            (PublicKey(&key), 401, "", RejectionCause::WrongPublicKey),
            (PublicKey(&key), 403, "Forbidden", RejectionCause::WrongPublicKey),
            (PublicKey(&key), 401, "Invalid public key: not with OAuth", RejectionCause::WrongPublicKey),
            (PublicKey(&secret_as_key), 401, "Invalid public key", RejectionCause::ClientAsPublicKey),
            (
                PublicKey(&key),
                401,
                "OAuth 2.0 is required: a public key can only create leads",
                RejectionCause::OAuthOnly,
            ),
            (PublicKey(&key), 401, "The access token is invalid", RejectionCause::OAuthOnly),
            (PublicKey(&key), 401, "OAuth 1.0 has ended on July 1, 2026. Use OAuth 2.0", RejectionCause::OAuth1),
            (PublicKey(&key), 401, "Not authorized for this location", RejectionCause::OtherAccount),
            (Client(&own), 401, invalid_client, RejectionCause::WrongClient),
            (Client(&own), 400, "invalid_grant", RejectionCause::WrongClient),
            (Client(&own), 401, "unauthorized_client", RejectionCause::GrantNotAllowed),
            (Client(&own), 400, "invalid_scope", RejectionCause::MissingScope),
            (Client(&consumer), 401, invalid_client, RejectionCause::OAuth1),
            (Client(&own), 401, "Invalid consumer key", RejectionCause::OAuth1),
            (Client(&key_as_id), 401, invalid_client, RejectionCause::OAuthOnly),
            (Client(&key_as_secret), 401, invalid_client, RejectionCause::OAuthOnly),
            (Client(&shape), 401, invalid_client, RejectionCause::OAuthOnly),
            (AccessToken, 403, "", RejectionCause::MissingScope),
            (AccessToken, 401, "insufficient_scope", RejectionCause::MissingScope),
            (AccessToken, 403, "No access to this site", RejectionCause::OtherAccount),
            (AccessToken, 401, "The access token is invalid", RejectionCause::TokenRefused),
            (ConsentCode(&own), 400, "invalid_grant: expired", RejectionCause::CodeSpent),
            (ConsentCode(&own), 401, invalid_client, RejectionCause::WrongClient),
            (RefreshToken(&own), 400, "invalid_grant", RejectionCause::ConsentRevoked),
            (RefreshToken(&own), 401, invalid_client, RejectionCause::WrongClient),
            (ConsentedToken, 401, "Token resource owner not found", RejectionCause::RightsLost),
            (ConsentedToken, 403, "You don't have permission", RejectionCause::RightsLost),
            (ConsentedToken, 403, "insufficient_scope", RejectionCause::MissingScope),
        ] {
            let refusal = TripleseatRejection { shown, status, words, public_key: Some(&key), client: Some(&own) };
            assert_eq!(rejection_cause(&refusal), wanted, "{shown:?} {status} {words}");
        }
        let unknown = TripleseatRejection {
            shown: Client(&key_as_id),
            status: 401,
            words: invalid_client,
            public_key: Some(&other_key),
            client: None,
        };
        assert_eq!(rejection_cause(&unknown), RejectionCause::OAuthOnly, "recognized by its shape");
    }
}
