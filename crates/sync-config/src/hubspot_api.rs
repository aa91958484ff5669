//! The version of HubSpot's API that the function, the deployer and the sandbox speak, and the marks in a portal.

/// The date-versioned API in use: the part of a path that names it (`/crm/objects/2026-09/…`).
///
/// <https://developers.hubspot.com/docs/developer-tooling/platform/versioning>
pub const HUBSPOT_API_VERSION: &str = "2026-09";
/// The day on which HubSpot's support for [`HUBSPOT_API_VERSION`] ends, as `YYYY-MM-DD`: 18 months after its release
/// on 2026-09-09.
pub const HUBSPOT_API_SUPPORT_ENDS: &str = "2028-03-09";

/// Prefix of the mark in the description of what a deployment owns.
pub const MARK: &str = "Managed by deployer: deployment ";

/// The mark of a venue of a deployment.
pub fn mark_description(deployment: &str, venue: &str) -> String {
    format!("{MARK}{deployment}, venue {venue}")
}

/// The deployment and the venue that a description names, if it has the mark of any deployment.
pub fn parse_mark(description: &str) -> Option<(&str, &str)> {
    description.strip_prefix(MARK)?.split_once(", venue ")
}
