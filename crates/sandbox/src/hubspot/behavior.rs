//! How a portal can differ from one where everything works: each a switch, all off by default.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::error::HubSpotRefusal;
use super::state::PropertyValues;
use super::validate::InvalidValue;

/// The switches of a portal.
#[derive(Debug, Clone, Default)]
pub struct PortalBehavior {
    /// Requests fail with a status that passes.
    pub outage: Option<PortalOutage>,
    /// The portal lives in this data center, and the server that is asked is in another one: 488.
    pub data_center: Option<String>,
    /// How many more requests the account may make today; then 429 with the policy `DAILY`.
    pub daily_requests_left: Option<u64>,
    /// How many custom properties contacts may have, if not as many as usual.
    pub custom_properties: Option<u64>,
    /// The scopes of a token aren't listed; the request for them is answered with this status, as for a service key.
    pub unlisted_scopes: Option<u16>,
    /// Workflows are also found in the current version of the API, not only below `/automation/v4`.
    pub dated_workflows: bool,
    /// One rejected input of a batch fails the whole batch with its own status, with or without trace ids.
    pub rejects_whole_batches: bool,
    /// Contacts of which every write is rejected.
    pub rejected_contacts: BTreeSet<u64>,
    /// Contacts that something else writes to until this time: 423.
    pub locked_contacts: BTreeMap<u64, Timestamp>,
    /// Rules that an admin set. The current version of the API enforces them on every write, older ones don't.
    pub validation_rules: Vec<ValidationRule>,
}

/// A time in which requests fail.
#[derive(Debug, Clone)]
pub struct PortalOutage {
    /// The status: 408, 477, 502, 503, 504, 521 to 524.
    pub status: u16,
    /// When it ends.
    pub until: Timestamp,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// Only requests whose path contains this fail.
    pub path: &'static str,
}

/// A rule for the values of a property.
#[derive(Debug, Clone)]
pub struct ValidationRule {
    /// The property.
    pub property: &'static str,
    /// The most characters that a value may have.
    pub most_characters: usize,
}

impl PortalBehavior {
    /// The refusal of a request that no portal with these switches answers, with its `Retry-After`.
    pub(super) fn refuse_request(&self, path: &str, now: Timestamp) -> Option<(HubSpotRefusal, Option<u64>)> {
        if let Some(data_center) = &self.data_center {
            let message = format!("Hub is unknown to this Hublet, but it appears to exist in Hublet {data_center}");
            let refusal = HubSpotRefusal::new(488, "", message);
            return Some((refusal.with_context("correctHublet", vec![data_center.clone()]), None));
        }
        let outage = self.outage.as_ref().filter(|outage| now < outage.until && path.contains(outage.path))?;
        let (category, message) = match outage.status {
            477 => ("MIGRATION_IN_PROGRESS", "This account is being migrated to another data center"),
            408 => ("REQUEST_TIMEOUT", "The request timed out"),
            _ => ("SERVICE_UNAVAILABLE", "The service is temporarily unavailable"),
        };
        Some((HubSpotRefusal::new(outage.status, category, message), outage.retry_after))
    }

    /// Counts a request against the daily limit.
    pub(super) fn take_daily_request(&mut self) -> Result<(), HubSpotRefusal> {
        match &mut self.daily_requests_left {
            Some(0) => {
                let message = "You have reached your daily limit.";
                Err(HubSpotRefusal { policy: Some("DAILY"), ..HubSpotRefusal::new(429, "RATE_LIMITS", message) })
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Refuses a write to a contact that is locked.
    pub(super) fn check_lock(&self, id: u64, now: Timestamp) -> Result<(), HubSpotRefusal> {
        match self.locked_contacts.get(&id) {
            Some(until) if now < *until => Err(HubSpotRefusal::new(423, "LOCKED", "The object is locked")),
            _ => Ok(()),
        }
    }

    /// What is wrong with a write, beyond the types of its values.
    pub(super) fn invalid_values(
        &self,
        id: Option<u64>,
        changes: &PropertyValues,
        enforced: bool,
    ) -> Vec<InvalidValue> {
        let mut invalid = Vec::new();
        if id.is_some_and(|id| self.rejected_contacts.contains(&id)) {
            let message = "A value is required before this contact can be changed".to_owned();
            invalid.push(InvalidValue { property: "company".to_owned(), error: "REQUIRED_PROPERTY_MISSING", message });
        }
        let broken = |rule: &&ValidationRule| {
            changes.get(rule.property).is_some_and(|value| value.chars().count() > rule.most_characters)
        };
        invalid.extend(self.validation_rules.iter().filter(|_| enforced).filter(broken).map(|rule| InvalidValue {
            property: rule.property.to_owned(),
            error: "VALIDATION_RULE_VIOLATED",
            message: format!("At most {} characters are allowed", rule.most_characters),
        }));
        invalid
    }
}
