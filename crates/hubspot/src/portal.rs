//! HubSpot's contact properties: one list has everything that a plan needs.

use crate::{HubSpot, VendorError};
use deployer_core::property::{GROUP, Legacy, LivePortal, Portal, is_legacy};

/// Reads which portal the token opens and which properties it has, and counts the contacts that still have a shared
/// flag of an earlier integration ticked.
pub async fn portal(hubspot: &HubSpot) -> Portal {
    match read(hubspot).await {
        Ok(live) => Portal::Read(live),
        Err(error) => Portal::Unreadable(format!("HubSpot's contact properties: {error}")),
    }
}

async fn read(hubspot: &HubSpot) -> Result<LivePortal, VendorError> {
    let (portal_id, properties, has_group) =
        tokio::try_join!(hubspot.portal_id(), hubspot.properties(), hubspot.has_property_group(GROUP))?;
    let mut legacy = Vec::new();
    for property in properties.iter().filter(|property| is_legacy(property)) {
        let contacts = hubspot.carriers(&property.name).await.map_err(|error| error.to_string());
        legacy.push(Legacy { name: property.name.clone(), label: property.label.clone(), contacts });
    }
    let properties = properties.into_iter().map(|property| (property.name.clone(), property)).collect();
    Ok(LivePortal { portal_id, has_group, properties, legacy })
}
