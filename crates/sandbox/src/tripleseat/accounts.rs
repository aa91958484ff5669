//! The accounts of Tripleseat's customers, and their credentials.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::lead::{AcceptedLead, TripleseatLead};
use crate::clock::add_clamped;
use crate::limits::RequestWindow;
use crate::vendors::TRIPLESEAT_TOKEN_SECONDS;

/// A customer's account: one site.
#[derive(Debug, Clone)]
pub struct TripleseatAccount {
    pub site_id: u64,
    pub name: String,
    /// Allows creating leads, and reading locations, sites and lead forms.
    pub public_key: String,
    /// Client id and client secret of an OAuth application, which can read leads.
    pub oauth: Option<(String, String)>,
    /// A lead must name one if there are several.
    pub locations: Vec<TripleseatLocation>,
    /// The lead forms that a lead can name.
    pub lead_form_ids: Vec<u64>,
    /// Whether the account's lead form asks for a phone number.
    pub phone_required: bool,
}

/// A room or a building of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TripleseatLocation {
    pub id: u64,
    pub name: String,
}

/// How an account differs from most.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TripleseatSwitches {
    /// The public key may read nothing.
    pub key_reads_refused: bool,
    /// The lead form requires nothing: even an empty lead is accepted.
    pub nothing_required: bool,
    /// A lead that is only to be validated is created.
    pub validate_only_ignored: bool,
    /// The lead sources, by id. If there are none, the site doesn't list any and leads can name any.
    pub lead_sources: BTreeMap<u64, String>,
    /// The referral sources, likewise.
    pub referral_sources: BTreeMap<u64, String>,
}

#[derive(Debug)]
pub(super) struct TripleseatSite {
    pub(super) account: TripleseatAccount,
    pub(super) switches: TripleseatSwitches,
    pub(super) leads: Vec<TripleseatLead>,
    pub(super) requests: RequestWindow,
}

#[derive(Debug, Default)]
pub(super) struct TripleseatState {
    pub(super) sites: BTreeMap<u64, TripleseatSite>,
    /// Access tokens, each with its site and when it expires.
    tokens: BTreeMap<String, (u64, Timestamp)>,
    issued: u64,
    leads: u64,
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TripleseatTokenError {
    Unknown,
    Expired,
}

impl TripleseatState {
    pub(super) fn site_of_key(&self, public_key: &str) -> Option<u64> {
        self.sites.values().find(|site| site.account.public_key == public_key).map(|site| site.account.site_id)
    }

    pub(super) fn site_of_client(&self, id: &str, secret: &str) -> Option<u64> {
        let is_client = |site: &&TripleseatSite| {
            let client = site.account.oauth.as_ref();
            client.is_some_and(|(known_id, known_secret)| known_id == id && known_secret == secret)
        };
        self.sites.values().find(is_client).map(|site| site.account.site_id)
    }

    pub(super) fn site_of_token(&self, token: &str, now: Timestamp) -> Result<u64, TripleseatTokenError> {
        match self.tokens.get(token) {
            None => Err(TripleseatTokenError::Unknown),
            Some((_, until)) if *until <= now => Err(TripleseatTokenError::Expired),
            Some((site_id, _)) => Ok(*site_id),
        }
    }

    /// Issues a new token for an account. Earlier ones stay valid.
    pub(super) fn issue_token(&mut self, site_id: u64, now: Timestamp) -> String {
        self.issued += 1;
        let token = format!("sandbox-{site_id}-{:08x}", self.issued);
        let until = add_clamped(now, jiff::SignedDuration::from_secs(TRIPLESEAT_TOKEN_SECONDS));
        self.tokens.insert(token.clone(), (site_id, until));
        token
    }

    /// Stores a lead. Like Tripleseat, it doesn't look for duplicates.
    pub(super) fn store_lead(
        &mut self,
        site_id: u64,
        accepted: AcceptedLead,
        now: Timestamp,
    ) -> Option<TripleseatLead> {
        let site = self.sites.get_mut(&site_id)?;
        self.leads += 1;
        let AcceptedLead { fields, location_id } = accepted;
        let lead =
            TripleseatLead { id: 5_000 + self.leads, site_id, location_id, fields, created_at: now, updated_at: now };
        site.leads.push(lead.clone());
        Some(lead)
    }
}
