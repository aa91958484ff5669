//! The tokens of a consent: an access token that expires after two hours, and a refresh token that the next pair is
//! exchanged for. `deployer connect` puts the first pair into the venue's secret, and from then on only the function
//! renews it.
//!
//! Tripleseat's token endpoint has the shape of the Doorkeeper library, which revokes a refresh token when the access token
//! that replaces it is first used. So a new pair is in the secret before it is used: a process that dies at any point
//! leaves a pair there that works.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::credentials::{CredentialValue, OAuthClient};
use crate::destination::unauthorized::{PresentedCredential, RejectionCause};
use crate::destination::{IssuedToken, TokenAnswer, oauth_rejection, request_token};
use crate::error::{RunError, Side};
use crate::http::VendorClient;
use crate::report::LogSink;
use crate::secret::{SecretStore, SecretVersion, parse_secret_object};
use sync_config::config::{KEY_TRIPLESEAT_ACCESS_TOKEN, KEY_TRIPLESEAT_REFRESH_TOKEN, KEY_TRIPLESEAT_TOKEN_EXPIRES_AT};

/// How long before its end an access token is renewed. A failure leaves this much time to try again with the old one.
pub const RENEWAL: SignedDuration = SignedDuration::from_mins(15);
/// An access token that is refused although it was issued less than this ago isn't renewed once more: its age isn't why.
const FRESH: Duration = Duration::from_secs(600);

/// A pair of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPair {
    /// The access token.
    pub access: CredentialValue,
    /// The refresh token.
    pub refresh: CredentialValue,
    /// When the access token expires, if known.
    pub expires_at: Option<Timestamp>,
}

impl TokenPair {
    /// The pair that was just issued. A server that doesn't rotate refresh tokens returns none, and `refresh` goes on.
    pub fn from_issued(issued: IssuedToken, refresh: &CredentialValue) -> Self {
        let life = SignedDuration::try_from(issued.life).unwrap_or(SignedDuration::MAX);
        Self {
            access: issued.access,
            refresh: issued.refresh.unwrap_or_else(|| refresh.clone()),
            // By this clock, which is also the one that it is compared with.
            expires_at: Timestamp::now().checked_add(life).ok(),
        }
    }

    /// The pair in a secret, or in the environment; `None` if there is none.
    pub fn from_lookup(value: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let token = |key: &str| {
            let token = CredentialValue::new(&value(key)?);
            (!token.expose().is_empty()).then_some(token)
        };
        Some(Self {
            access: token(KEY_TRIPLESEAT_ACCESS_TOKEN)?,
            refresh: token(KEY_TRIPLESEAT_REFRESH_TOKEN)?,
            expires_at: value(KEY_TRIPLESEAT_TOKEN_EXPIRES_AT).and_then(|text| text.trim().parse().ok()),
        })
    }

    /// The pair in a secret's object.
    pub fn from_object(object: &Map<String, Value>) -> Option<Self> {
        Self::from_lookup(|key| object.get(key).and_then(Value::as_str).map(ToOwned::to_owned))
    }

    /// Puts the pair into a secret's object; everything else in it stays.
    pub fn write_to(&self, object: &mut Map<String, Value>) {
        object.insert(KEY_TRIPLESEAT_ACCESS_TOKEN.to_owned(), Value::from(self.access.expose()));
        object.insert(KEY_TRIPLESEAT_REFRESH_TOKEN.to_owned(), Value::from(self.refresh.expose()));
        match self.expires_at {
            Some(at) => object.insert(KEY_TRIPLESEAT_TOKEN_EXPIRES_AT.to_owned(), Value::from(format!("{at:.0}"))),
            None => object.remove(KEY_TRIPLESEAT_TOKEN_EXPIRES_AT),
        };
    }

    /// Whether the access token is still valid in this much time. One without a known end is, until it is refused.
    pub fn holds_for(&self, time: SignedDuration) -> bool {
        self.expires_at.is_none_or(|at| at.duration_since(Timestamp::now()) > time)
    }
}

/// Names a token without revealing it: the event that asks the function for another one than a refused one has this.
pub fn token_fingerprint(token: &CredentialValue) -> String {
    Sha256::digest(token.expose()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// An access token, or why there is none. The inner error is temporary.
pub type AccessToken = Result<Result<CredentialValue, String>, RunError>;

/// Where the access tokens of a consent come from: the function renews them, everybody else gets them from it.
pub trait AccessTokenSource: fmt::Debug + Send + Sync {
    /// A token, but not the one with the fingerprint `refused`, which Tripleseat has refused. A request to Tripleseat takes
    /// at most `timeout`.
    fn access_token<'a>(
        &'a self,
        refused: Option<&'a str>,
        timeout: Duration,
    ) -> Pin<Box<dyn Future<Output = AccessToken> + Send + 'a>>;
}

/// The tokens of a consent, as far as they are known here.
#[derive(Debug, Clone)]
pub struct ConsentTokens {
    identity: OAuthClient,
    pair: Option<TokenPair>,
    source: Option<Arc<dyn AccessTokenSource>>,
}

/// Equal if nothing changed in the secret.
impl PartialEq for ConsentTokens {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity && self.pair == other.pair
    }
}

impl Eq for ConsentTokens {}

impl ConsentTokens {
    /// The tokens as they were read. Without a source, they can't be renewed.
    pub fn new(identity: OAuthClient, pair: TokenPair) -> Self {
        Self { identity, pair: Some(pair), source: None }
    }

    /// Tokens that aren't read yet: `source` does that when one is needed.
    pub fn from_source(identity: OAuthClient, source: Arc<dyn AccessTokenSource>) -> Self {
        Self { identity, pair: None, source: Some(source) }
    }

    /// Gets further tokens from `source`.
    #[must_use]
    pub fn with_source(self, source: Arc<dyn AccessTokenSource>) -> Self {
        Self { source: Some(source), ..self }
    }

    /// The application that was consented to.
    pub fn identity(&self) -> &OAuthClient {
        &self.identity
    }

    /// The pair as it was read.
    pub fn pair(&self) -> Option<&TokenPair> {
        self.pair.as_ref()
    }

    /// A bearer token, but not `refused`. The inner error is temporary.
    ///
    /// # Errors
    /// The consent was rejected.
    pub async fn access_token(&self, refused: Option<&CredentialValue>, timeout: Duration) -> AccessToken {
        self.renew_access_token(refused.map(token_fingerprint).as_deref(), timeout).await
    }

    /// Like [`ConsentTokens::access_token`], with the fingerprint of the refused token.
    ///
    /// # Errors
    /// The consent was rejected.
    pub async fn renew_access_token(&self, refused: Option<&str>, timeout: Duration) -> AccessToken {
        match &self.source {
            Some(source) => source.access_token(refused, timeout).await,
            // If it was refused, it is refused again, and whoever asks says why.
            None => {
                Ok(self.pair.as_ref().map(|pair| pair.access.clone()).ok_or_else(|| "no token is known".to_owned()))
            }
        }
    }
}

/// What a process knows about its pair between invocations.
#[derive(Debug, Default)]
pub struct TokenMemory {
    pair: Option<TokenPair>,
    /// A new pair that couldn't be stored yet, so it isn't used, and the refresh token that it replaces.
    unstored: Option<(CredentialValue, TokenPair)>,
    /// The newest access token that this process got, and when.
    newest: Option<(CredentialValue, Instant)>,
}

/// The function's access to its pair: the only one that renews it.
pub struct TokenKeeper {
    client: VendorClient,
    base_uri: String,
    identity: OAuthClient,
    store: SecretStore,
    memory: Arc<Mutex<TokenMemory>>,
    /// The refresh token whose renewal failed in this run, and why. It isn't tried again before the next run.
    failed: parking_lot::Mutex<Option<(CredentialValue, RunError)>>,
    venue: String,
    log: Arc<LogSink>,
}

impl fmt::Debug for TokenKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKeeper").field("store", &self.store).finish_non_exhaustive()
    }
}

/// How a renewal ended.
enum Renewal {
    /// This pair is in the secret: a new one, or one that somebody else put there.
    Stored(TokenPair),
    /// The old pair is still in the secret, and the error says whether the next attempt may succeed.
    Failed(RunError),
}

impl TokenKeeper {
    /// The pair in `store`, for one run. `memory` is kept between runs.
    pub fn new(
        client: VendorClient,
        base_uri: &str,
        identity: OAuthClient,
        store: SecretStore,
        memory: Arc<Mutex<TokenMemory>>,
        (venue, log): (&str, Arc<LogSink>),
    ) -> Self {
        let (base_uri, venue, failed) = (base_uri.to_owned(), venue.to_owned(), parking_lot::Mutex::default());
        Self { client, base_uri, identity, store, memory, failed, venue, log }
    }

    async fn find_token(&self, refused: Option<&str>, timeout: Duration) -> AccessToken {
        // Held over the renewal: all lookups of a run wait for one.
        let mut memory = self.memory.lock().await;
        let is_refused = |pair: &TokenPair| refused.is_some_and(|refused| refused == token_fingerprint(&pair.access));
        let usable = |pair: &&TokenPair| !is_refused(pair) && pair.holds_for(RENEWAL);
        if let Some(pair) = memory.pair.as_ref().filter(usable) {
            return Ok(Ok(pair.access.clone()));
        }
        let holds = |pair: &&TokenPair| !is_refused(pair) && pair.holds_for(SignedDuration::ZERO);
        let still_held = |pair: Option<&TokenPair>| pair.filter(holds).map(|pair| Ok(Ok(pair.access.clone())));
        let stored = match self.store.read_secret().await {
            Ok(stored) => stored,
            Err(error) => return still_held(memory.pair.as_ref()).unwrap_or_else(|| no_token(error)),
        };
        let Some(pair) = TokenPair::from_object(&parse_secret_object(&stored.text)?) else {
            return Err(not_connected());
        };
        memory.pair = Some(pair.clone());
        if usable(&&pair) {
            return Ok(Ok(pair.access));
        }
        let just_issued = |(token, at): &(CredentialValue, Instant)| *token == pair.access && at.elapsed() < FRESH;
        if memory.newest.as_ref().is_some_and(just_issued) && pair.holds_for(SignedDuration::ZERO) {
            // Whoever asks tries it once more, and reports why it is refused.
            return Ok(Ok(pair.access));
        }
        let failed = self.failed.lock().clone().filter(|(token, _)| *token == pair.refresh);
        if let Some((_, error)) = failed {
            return still_held(Some(&pair)).unwrap_or_else(|| no_token(error));
        }
        match self.renew_pair(&mut memory, stored, &pair, timeout).await {
            Renewal::Stored(new) => {
                let until = new.expires_at.map_or_else(String::new, |at| format!("; it is valid until {at:.0}"));
                self.log_line("info", &format!("the Tripleseat access token was renewed{until}"));
                memory.newest = Some((new.access.clone(), Instant::now()));
                memory.pair = Some(new.clone());
                Ok(Ok(new.access))
            }
            Renewal::Failed(error) => {
                let level = if matches!(error, RunError::Credential { .. }) { "error" } else { "warn" };
                self.log_line(level, &format!("the Tripleseat access token was not renewed: {error}"));
                *self.failed.lock() = Some((pair.refresh.clone(), error.clone()));
                still_held(Some(&pair)).unwrap_or_else(|| no_token(error))
            }
        }
    }

    async fn renew_pair(
        &self,
        memory: &mut TokenMemory,
        stored: SecretVersion,
        old: &TokenPair,
        timeout: Duration,
    ) -> Renewal {
        let unstored = memory.unstored.take().filter(|(replaces, _)| *replaces == old.refresh);
        let new = match unstored {
            Some((_, new)) => new,
            None => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", old.refresh.expose())];
                match request_token(&self.client, &self.base_uri, &self.identity, &grant, timeout).await {
                    TokenAnswer::Issued(issued) => TokenPair::from_issued(issued, &old.refresh),
                    TokenAnswer::Failed(message) => {
                        return Renewal::Failed(RunError::Unavailable { side: Side::Destination, message });
                    }
                    TokenAnswer::Refused { answer, path } => {
                        // Another process or a new consent may have replaced it in the meantime.
                        let now = self.store.read_secret().await.and_then(|now| parse_secret_object(&now.text));
                        let now = now.ok().as_ref().and_then(TokenPair::from_object);
                        if let Some(newer) = now.filter(|now| now.refresh != old.refresh) {
                            return Renewal::Stored(newer);
                        }
                        let shown = PresentedCredential::RefreshToken(&self.identity);
                        let request = format!("POST {path}");
                        return Renewal::Failed(oauth_rejection(shown, &self.identity, None, &answer, &request));
                    }
                }
            }
        };
        // From here to the end, a process that dies leaves the old pair in the secret. It works, because the new one
        // hasn't been used.
        let mut newer = None;
        let written = self.store.change_secret(stored, |object| {
            newer = TokenPair::from_object(object).filter(|now| now.refresh != old.refresh);
            newer.is_none().then(|| new.write_to(object))
        });
        match written.await {
            Ok(_) => Renewal::Stored(newer.unwrap_or(new)),
            Err(error) => {
                // Not used: the old pair works until this one is stored.
                memory.unstored = Some((old.refresh.clone(), new));
                Renewal::Failed(error)
            }
        }
    }

    fn log_line(&self, level: &str, message: &str) {
        (self.log)(&json!({ "level": level, "event": "oauth", "venue": self.venue, "message": message }));
    }
}

impl AccessTokenSource for TokenKeeper {
    fn access_token<'a>(
        &'a self,
        refused: Option<&'a str>,
        timeout: Duration,
    ) -> Pin<Box<dyn Future<Output = AccessToken> + Send + 'a>> {
        Box::pin(self.find_token(refused, timeout))
    }
}

/// Why there is no token. Only what may be different next time is temporary.
fn no_token(error: RunError) -> AccessToken {
    match error {
        RunError::Unavailable { .. } => Ok(Err(error.to_string())),
        error => Err(error),
    }
}

/// The error of a venue that nobody has connected yet.
pub fn not_connected() -> RunError {
    RunError::Credential {
        side: Side::Destination,
        credential: KEY_TRIPLESEAT_REFRESH_TOKEN,
        message: "the venue's secret has no tokens".to_owned(),
        advice: RejectionCause::NotConnected.advice_text().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(expires_in: Option<SignedDuration>) -> TokenPair {
        let expires_at = expires_in.map(|time| Timestamp::now().checked_add(time).expect("in range"));
        TokenPair { access: CredentialValue::new("access"), refresh: CredentialValue::new("refresh"), expires_at }
    }

    #[test]
    fn a_pair_in_a_secret_leaves_everything_else_as_it_is() {
        let mut object = Map::from_iter([("HUBSPOT_TOKEN".to_owned(), json!("pat"))]);
        assert_eq!(TokenPair::from_object(&object), None);
        let written = TokenPair { expires_at: "2026-11-29T12:00:00Z".parse().ok(), ..pair(None) };
        written.write_to(&mut object);
        assert_eq!(TokenPair::from_object(&object), Some(written));
        assert_eq!(object["HUBSPOT_TOKEN"], "pat");
        object.insert(KEY_TRIPLESEAT_REFRESH_TOKEN.to_owned(), json!(" "));
        assert_eq!(TokenPair::from_object(&object), None, "half a pair is none");
    }

    #[test]
    fn a_token_holds_until_its_end() {
        assert!(pair(Some(SignedDuration::from_hours(2))).holds_for(RENEWAL));
        assert!(!pair(Some(SignedDuration::from_mins(14))).holds_for(RENEWAL));
        assert!(pair(Some(SignedDuration::from_mins(14))).holds_for(SignedDuration::ZERO));
        assert!(!pair(Some(SignedDuration::from_secs(-1))).holds_for(SignedDuration::ZERO));
        assert!(pair(None).holds_for(RENEWAL), "unknown, so it is tried");
    }

    #[test]
    fn never_prints_tokens() {
        let tokens = ConsentTokens::new(
            OAuthClient { id: CredentialValue::new("id-1"), secret: CredentialValue::new("secret-1") },
            pair(None),
        );
        let shown = format!("{tokens:?}");
        assert!(!shown.contains("access\"") && !shown.contains("secret-1") && !shown.contains("id-1"), "{shown}");
        assert_eq!(token_fingerprint(&CredentialValue::new("a")).len(), 16);
    }
}
