//! HubSpot's contact properties: one list has everything that a plan needs.

use crate::{HubSpotClient, VendorError};
use deployer_core::property::{LegacyFlag, LivePortal, ObservedPortal, PROPERTY_GROUP, is_legacy_flag};

/// Reads which portal the token opens and which properties it has, and counts the contacts that still have a shared
/// flag of an earlier integration ticked.
pub async fn observe_portal(hubspot: &HubSpotClient) -> ObservedPortal {
    match read_portal(hubspot).await {
        Ok(live) => ObservedPortal::Read(live),
        Err(error) => ObservedPortal::Unreadable(format!("HubSpot's contact properties: {error}")),
    }
}

async fn read_portal(hubspot: &HubSpotClient) -> Result<LivePortal, VendorError> {
    let (portal_id, properties, has_group) =
        tokio::try_join!(hubspot.portal_id(), hubspot.list_properties(), hubspot.has_property_group(PROPERTY_GROUP))?;
    let mut legacy = Vec::new();
    for property in properties.iter().filter(|property| is_legacy_flag(property)) {
        let contacts = hubspot.count_flagged(&property.name).await.map_err(|error| error.to_string());
        legacy.push(LegacyFlag { name: property.name.clone(), label: property.label.clone(), contacts });
    }
    let properties = properties.into_iter().map(|property| (property.name.clone(), property)).collect();
    Ok(LivePortal { portal_id, has_group, properties, legacy })
}
