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
/// What follows the venue in a mark that says where it is deployed.
const PLACE: &str = ", account ";

/// The mark of a venue of a deployment.
pub fn mark_description(deployment: &str, venue: &str) -> String {
    format!("{MARK}{deployment}, venue {venue}")
}

/// The mark of a venue of a deployment in an account's region: in a portal, which accounts and regions may share.
pub fn mark_place(deployment: &str, venue: &str, account: &str, region: &str) -> String {
    format!("{}, account {account}, region {region}", mark_description(deployment, venue))
}

/// The deployment and the venue that a description names, if it has the mark of any deployment.
pub fn parse_mark(description: &str) -> Option<(&str, &str)> {
    let (deployment, rest) = description.strip_prefix(MARK)?.split_once(", venue ")?;
    Some((deployment, rest.split_once(PLACE).map_or(rest, |(venue, _)| venue)))
}

/// Where a marked venue is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkedPlace<'d> {
    /// The account's id.
    pub account: &'d str,
    /// The region.
    pub region: &'d str,
}

/// The deployment that a description names, and where the venue is deployed, if it says so.
pub fn parse_marked_place(description: &str) -> Option<(&str, MarkedPlace<'_>)> {
    let (deployment, rest) = description.strip_prefix(MARK)?.split_once(", venue ")?;
    let (account, region) = rest.split_once(PLACE)?.1.split_once(", region ")?;
    Some((deployment, MarkedPlace { account, region }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_marks_with_and_without_a_place() {
        let plain = mark_description("sync", "venue-a");
        assert_eq!((parse_mark(&plain), parse_marked_place(&plain)), (Some(("sync", "venue-a")), None));
        let placed = mark_place("sync", "venue-a", "123456789012", "eu-west-1");
        assert_eq!(parse_mark(&placed), Some(("sync", "venue-a")));
        let place = MarkedPlace { account: "123456789012", region: "eu-west-1" };
        assert_eq!(parse_marked_place(&placed), Some(("sync", place)));
        assert_eq!(parse_mark("Managed by hand"), None);
    }
}
