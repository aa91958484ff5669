//! OAuth grants: codes, access tokens and refresh tokens, and what an account does with them.
//!
//! A refresh token is exchanged for a new pair, as in the Doorkeeper library: the old one is revoked when the new access
//! token is first used, so until then it can be exchanged again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::clock::add_clamped;
use crate::vendors::{TRIPLESEAT_CODE_SECONDS, TRIPLESEAT_TOKEN_SECONDS};

/// What an account's OAuth application does. Each member is a switch; the default is what the documents say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxOAuth {
    /// How the grant `client_credentials` is answered.
    pub client_credentials: ClientCredentialsAnswer,
    /// The application's redirect URLs.
    pub redirect_uris: Vec<String>,
    /// What whoever opens the consent page does.
    pub consent: ConsentAnswer,
    /// When an exchanged refresh token is revoked.
    pub rotation: RefreshRotation,
    /// Whether whoever consented is an admin of the account. Reads are refused otherwise.
    pub admin: bool,
}

/// How the grant `client_credentials` is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCredentialsAnswer {
    /// With a token.
    Granted,
    /// `unsupported_grant_type`
    Unsupported,
    /// `unauthorized_client`
    Unauthorized,
    /// With a token that every call refuses, because it belongs to nobody.
    WithoutOwner,
}

/// What whoever opens the consent page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentAnswer {
    /// Nothing yet: the page has a link for each answer.
    Page,
    /// Consents at once.
    Allow,
    /// Refuses at once: `access_denied`.
    Deny,
}

/// When an exchanged refresh token is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshRotation {
    /// When the new access token is first used.
    OnFirstUse,
    /// At once.
    AtOnce,
}

impl Default for SandboxOAuth {
    fn default() -> Self {
        Self {
            client_credentials: ClientCredentialsAnswer::Granted,
            redirect_uris: vec!["http://127.0.0.1:8971/callback".to_owned()],
            consent: ConsentAnswer::Page,
            rotation: RefreshRotation::OnFirstUse,
            admin: true,
        }
    }
}

/// A pair of tokens, as issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxTokenPair {
    pub access: String,
    pub refresh: String,
}

/// An access token.
#[derive(Debug, Clone)]
struct AccessGrant {
    site_id: u64,
    until: Timestamp,
    /// Whose it is; nobody's with `client_credentials`.
    has_owner: bool,
    /// The refresh token that is revoked when this one is first used.
    replaces: Option<String>,
}

/// A code that is exchanged for the first pair.
#[derive(Debug, Clone)]
struct CodeGrant {
    site_id: u64,
    redirect_uri: String,
    until: Timestamp,
}

/// All codes and tokens that are valid or were.
#[derive(Debug, Default)]
pub(super) struct TripleseatGrants {
    access: BTreeMap<String, AccessGrant>,
    /// The refresh tokens that can be exchanged, each with its site.
    refresh: BTreeMap<String, u64>,
    codes: BTreeMap<String, CodeGrant>,
    issued: u64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TripleseatTokenError {
    Unknown,
    Expired,
    NoOwner,
}

impl TripleseatGrants {
    fn next_name(&mut self, kind: &str, site_id: u64) -> String {
        self.issued += 1;
        format!("sandbox-{kind}-{site_id}-{:08x}", self.issued)
    }

    /// The site that a token reads. Its first use revokes the refresh token that it replaces.
    pub(super) fn use_access_token(&mut self, token: &str, now: Timestamp) -> Result<u64, TripleseatTokenError> {
        let grant = self.access.get_mut(token).ok_or(TripleseatTokenError::Unknown)?;
        if grant.until <= now {
            return Err(TripleseatTokenError::Expired);
        }
        if let Some(replaced) = grant.replaces.take() {
            self.refresh.remove(&replaced);
        }
        if grant.has_owner { Ok(grant.site_id) } else { Err(TripleseatTokenError::NoOwner) }
    }

    /// Issues an access token. Earlier ones stay valid.
    pub(super) fn issue_access(
        &mut self,
        site_id: u64,
        has_owner: bool,
        replaces: Option<String>,
        now: Timestamp,
    ) -> String {
        let token = self.next_name("access", site_id);
        let until = add_clamped(now, SignedDuration::from_secs(TRIPLESEAT_TOKEN_SECONDS));
        self.access.insert(token.clone(), AccessGrant { site_id, until, has_owner, replaces });
        token
    }

    /// Issues a pair.
    pub(super) fn issue_pair(&mut self, site_id: u64, replaces: Option<String>, now: Timestamp) -> SandboxTokenPair {
        let access = self.issue_access(site_id, true, replaces, now);
        let refresh = self.next_name("refresh", site_id);
        self.refresh.insert(refresh.clone(), site_id);
        SandboxTokenPair { access, refresh }
    }

    /// Exchanges a refresh token of this site.
    pub(super) fn exchange_refresh(
        &mut self,
        site_id: u64,
        refresh: &str,
        rotation: RefreshRotation,
        now: Timestamp,
    ) -> Option<SandboxTokenPair> {
        self.refresh.get(refresh).filter(|site| **site == site_id)?;
        let replaces = match rotation {
            RefreshRotation::OnFirstUse => Some(refresh.to_owned()),
            RefreshRotation::AtOnce => {
                self.refresh.remove(refresh);
                None
            }
        };
        Some(self.issue_pair(site_id, replaces, now))
    }

    /// Issues a code.
    pub(super) fn issue_code(&mut self, site_id: u64, redirect_uri: &str, now: Timestamp) -> String {
        let code = self.next_name("code", site_id);
        let until = add_clamped(now, SignedDuration::from_secs(TRIPLESEAT_CODE_SECONDS));
        self.codes.insert(code.clone(), CodeGrant { site_id, redirect_uri: redirect_uri.to_owned(), until });
        code
    }

    /// Exchanges a code of this site, which works once.
    pub(super) fn exchange_code(
        &mut self,
        site_id: u64,
        code: &str,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Option<SandboxTokenPair> {
        let grant = self.codes.get(code)?;
        if grant.site_id != site_id || grant.redirect_uri != redirect_uri || grant.until <= now {
            return None;
        }
        self.codes.remove(code);
        Some(self.issue_pair(site_id, None, now))
    }

    /// Revokes everything of a site.
    pub(super) fn revoke_site(&mut self, site_id: u64) {
        self.access.retain(|_, grant| grant.site_id != site_id);
        self.refresh.retain(|_, site| *site != site_id);
        self.codes.retain(|_, grant| grant.site_id != site_id);
    }

    /// Whether a refresh token can be exchanged.
    pub(super) fn is_exchangeable(&self, refresh: &str) -> bool {
        self.refresh.contains_key(refresh)
    }
}
