//! Webhooks about leads. Tripleseat signs each with HMAC-SHA256 in `X-Signature`, and repeats it up to five times until it
//! is answered with 200.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{SandboxTripleseat, TripleseatLead};

/// How often a webhook is sent before Tripleseat gives up.
pub const WEBHOOK_TRIES: usize = 5;

/// What happened to a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadEvent {
    Created,
    Converted,
    ConvertedToBooking,
    TurnedDown,
}

impl LeadEvent {
    /// The event's name in Tripleseat's settings and in the webhook.
    pub fn event_name(self) -> &'static str {
        match self {
            Self::Created => "CREATE_LEAD",
            Self::Converted => "CONVERT_LEAD",
            Self::ConvertedToBooking => "CONVERT_LEAD_TO_BOOKING",
            Self::TurnedDown => "LEAD_TURNED_DOWN",
        }
    }
}

/// Where an account's webhooks go.
#[derive(Clone)]
pub struct TripleseatWebhook {
    pub url: String,
    /// The key that the receiver checks the signature with.
    pub signing_key: String,
    pub client: reqwest::Client,
}

impl fmt::Debug for TripleseatWebhook {
    /// Omits the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TripleseatWebhook").field("url", &self.url).finish_non_exhaustive()
    }
}

impl TripleseatWebhook {
    /// The signature of a body: HMAC-SHA256 in hexadecimal.
    pub fn sign_body(&self, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(self.signing_key.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(body);
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Sends a webhook until it is answered with 200. Returns how often it was sent.
    async fn deliver_body(&self, body: String) -> usize {
        let signature = self.sign_body(body.as_bytes());
        for number in 1..=WEBHOOK_TRIES {
            let request = self.client.post(&self.url).header("content-type", "application/json");
            let request = request.header("x-signature", &signature).body(body.clone());
            if request.send().await.is_ok_and(|answer| answer.status() == 200) {
                return number;
            }
        }
        WEBHOOK_TRIES
    }
}

impl SandboxTripleseat {
    /// Sends an account's webhooks there; `None` turns them off. Does nothing if there is no such account.
    pub fn set_webhook(&self, site_id: u64, webhook: Option<TripleseatWebhook>) {
        if let Some(site) = self.lock_state().sites.get_mut(&site_id) {
            site.webhook = webhook;
        }
    }

    /// Reports what staff did with a lead. Returns how often the webhook was sent: `None` if the account has none, or no
    /// such lead.
    pub async fn report_lead_event(&self, lead_id: u64, event: LeadEvent) -> Option<usize> {
        let (webhook, body) = self.prepare_webhook(lead_id, event)?;
        Some(webhook.deliver_body(body).await)
    }

    /// Reports the newest lead, without waiting for the receiver.
    pub(super) fn report_created_lead(&self) {
        let newest = self.lock_state().sites.values().flat_map(|site| &site.leads).map(|lead| lead.id).max();
        if let Some((webhook, body)) = newest.and_then(|id| self.prepare_webhook(id, LeadEvent::Created)) {
            tokio::spawn(async move { webhook.deliver_body(body).await });
        }
    }

    fn prepare_webhook(&self, lead_id: u64, event: LeadEvent) -> Option<(TripleseatWebhook, String)> {
        let state = self.lock_state();
        let has_lead = |leads: &[TripleseatLead]| leads.iter().any(|lead| lead.id == lead_id);
        let site = state.sites.values().find(|site| has_lead(&site.leads))?;
        let webhook = site.webhook.clone()?;
        let lead = site.leads.iter().find(|lead| lead.id == lead_id)?;
        Some((webhook, webhook_body(lead, event).to_string()))
    }
}

fn webhook_body(lead: &TripleseatLead, event: LeadEvent) -> Value {
    let mut fields = lead.fields.clone();
    fields.insert("id".to_owned(), json!(lead.id));
    fields.insert("location_id".to_owned(), json!(lead.location_id));
    json!({ "webhook_trigger_type": event.event_name(), "site_id": lead.site_id, "lead": fields })
}
