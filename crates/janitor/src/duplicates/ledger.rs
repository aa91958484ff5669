//! Finds out from HubSpot which venue the leads created by this system belong to.

use std::collections::{BTreeMap, BTreeSet};

use sync_config::mapping::ContactProperties;
use sync_lambda::error::RunError;
use sync_lambda::hubspot::{BATCH, SyncHubSpotClient};
use sync_lambda::ledger::Attempt;

use super::origin::{VenueLedger, determine_origin};
use super::{AccountLead, LeadOrigin};

/// Sets the origin of each lead that has a reference. `ledgers` are those of all venues, the venue's own first.
///
/// # Errors
/// HubSpot returns no usable response.
pub async fn set_origins(
    hubspot: &SyncHubSpotClient,
    ledgers: &[VenueLedger],
    leads: &mut [AccountLead],
) -> Result<(), RunError> {
    let ids: BTreeSet<&String> = leads.iter().filter_map(|lead| lead.contact_id.as_ref()).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let names = ledgers.iter().map(|ledger| &ledger.properties);
    let names = names.flat_map(|names| [&names.lead_id, &names.status, &names.synced_at]).map(String::as_str);
    let names: Vec<&str> = names.collect();
    let mut contacts: BTreeMap<String, ContactProperties> = BTreeMap::new();
    for ids in ids.chunks(BATCH) {
        let found = hubspot.read_contacts(ids, &names).await?;
        contacts.extend(found.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())));
    }
    for lead in leads.iter_mut() {
        let attempt = lead.reference.as_deref().and_then(Attempt::parse_reference);
        lead.origin = match attempt {
            Some(attempt) => determine_origin(lead.id, &attempt, contacts.get(attempt.contact_id()), ledgers),
            None => LeadOrigin::Elsewhere,
        };
    }
    Ok(())
}
