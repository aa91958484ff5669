//! The accounts of Tripleseat's customers, and their credentials.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::grants::{SandboxOAuth, TripleseatGrants};
use super::lead::{AcceptedLead, TripleseatLead};
use super::webhooks::TripleseatWebhook;
use crate::front::ReceivedRequest;
use crate::limits::RequestWindow;

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

/// How Tripleseat treats an account, where that differs from most.
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
    /// The rules of lead forms. `None` is the form of leads that name none.
    pub forms: BTreeMap<Option<u64>, LeadFormRules>,
    /// The public key may not create leads.
    pub lacks_permission: bool,
    /// A firewall blocks requests that contain one of these texts, in the body or in the URL.
    pub firewall: Vec<String>,
    /// Every read with an access token is refused, although the token was issued.
    pub refuses_tokens: bool,
    /// Leads are taken, and answered with this status and a page.
    pub fails_after_taking: Option<u16>,
}

/// The rules of a lead form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFormRules {
    /// The form was deleted.
    pub is_deleted: bool,
    /// It has a captcha, which no lead that comes by API passes.
    pub has_captcha: bool,
    /// `gdpr_consent_granted` must be true.
    pub requires_consent: bool,
    /// Further fields that it has and requires, such as custom fields.
    pub required_fields: Vec<String>,
}

#[derive(Debug)]
pub(super) struct TripleseatSite {
    pub(super) account: TripleseatAccount,
    pub(super) switches: TripleseatSwitches,
    pub(super) leads: Vec<TripleseatLead>,
    pub(super) requests: RequestWindow,
    pub(super) oauth: SandboxOAuth,
    pub(super) webhook: Option<TripleseatWebhook>,
}

#[derive(Debug, Default)]
pub(super) struct TripleseatState {
    pub(super) sites: BTreeMap<u64, TripleseatSite>,
    pub(super) grants: TripleseatGrants,
    leads: u64,
}

impl TripleseatState {
    /// Whether an account's firewall blocks a request.
    pub(super) fn is_blocked(&self, request: &ReceivedRequest) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        let contains = |text: &String| {
            body.contains(text.as_str()) || request.query.iter().any(|(_, value)| value.contains(text.as_str()))
        };
        let site = request.query_parameter("public_key").and_then(|key| self.site_of_key(key));
        site.and_then(|id| self.sites.get(&id)).is_some_and(|site| site.switches.firewall.iter().any(contains))
    }

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

    /// The site of an application's id.
    pub(super) fn site_of_application(&self, id: &str) -> Option<u64> {
        let is_client = |site: &&TripleseatSite| site.account.oauth.as_ref().is_some_and(|(known, _)| known == id);
        self.sites.values().find(is_client).map(|site| site.account.site_id)
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
        let (id, outcome) = (5_000 + self.leads, serde_json::Map::new());
        let lead = TripleseatLead { id, site_id, location_id, fields, outcome, created_at: now, updated_at: now };
        site.leads.push(lead.clone());
        Some(lead)
    }
}
