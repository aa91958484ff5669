//! Finds out from HubSpot which venue the leads created by this system belong to.

use std::collections::{BTreeMap, BTreeSet};

use sync_config::mapping::Properties;
use sync_lambda::error::RunError;
use sync_lambda::hubspot::{BATCH, HubSpot};
use sync_lambda::ledger::Attempt;

use super::origin::{VenueLedger, origin};
use super::{Lead, Origin};

/// Sets the origin of each lead that has a reference. `ledgers` are those of all venues, the venue's own first.
///
/// # Errors
/// HubSpot returns no usable response.
pub async fn tell(hubspot: &HubSpot, ledgers: &[VenueLedger], leads: &mut [Lead]) -> Result<(), RunError> {
    let ids: BTreeSet<&String> = leads.iter().filter_map(|lead| lead.contact_id.as_ref()).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let names = ledgers.iter().map(|ledger| &ledger.properties);
    let names = names.flat_map(|names| [&names.lead_id, &names.status, &names.synced_at]).map(String::as_str);
    let names: Vec<&str> = names.collect();
    let mut contacts: BTreeMap<String, Properties> = BTreeMap::new();
    for ids in ids.chunks(BATCH) {
        let found = hubspot.read(ids, &names).await?;
        contacts.extend(found.into_iter().map(|contact| (contact.id.clone(), contact.into_properties())));
    }
    for lead in leads.iter_mut() {
        let attempt = lead.reference.as_deref().and_then(Attempt::parse);
        lead.origin = match attempt {
            Some(attempt) => origin(lead.id, &attempt, contacts.get(attempt.contact_id()), ledgers),
            None => Origin::Elsewhere,
        };
    }
    Ok(())
}
