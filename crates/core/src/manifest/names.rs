//! Checks that AWS and HubSpot accept every name derived from a venue's name, with prefixes and suffixes.

use sync_config::config::LedgerProperties;

use super::Deployment;
use super::keys::{DEPLOYMENT, ROOT, RootKeys};
use super::report::ManifestProblem;
use super::shape::ManifestReading;
use super::table::ManifestTable;
use super::venue::ParsedVenue;
use crate::error::ErrorCode;
use crate::naming::{
    MAX_FUNCTION_NAME, MAX_PROPERTY_NAME, MAX_ROLE_NAME, MAX_ROLE_PATH, MAX_RULE_NAME, RolePlace, VenueNames,
};

/// A deployment name that leaves less room than this for the venue's name is useless.
const SHORTEST_VENUE: &str = "v";

pub(super) fn check_name_lengths(
    reading: &mut ManifestReading<'_>,
    deployment: &Deployment,
    root: ManifestTable<'_, '_, RootKeys>,
    venues: &[ParsedVenue],
) {
    let excess = find_longest_name(&deployment.name, SHORTEST_VENUE);
    if excess.over > 0 {
        let Some(span) = root.open_or_empty(&ROOT.deployment).value_span(&DEPLOYMENT.name) else { return };
        let message = format!(
            "this name leaves no room for a venue name: {} is limited to {} characters",
            excess.what, excess.limit
        );
        let help = format!("shorten the deployment name by at least {} characters", excess.over + 8);
        reading.push_problem(ManifestProblem::new(ErrorCode::NameTooLong, span, message, "too long").with_help(help));
        return;
    }
    check_role_path(reading, deployment, root);
    for read in venues {
        let venue = &read.venue;
        let excess = find_longest_name(&deployment.name, &venue.name);
        if excess.over > 0 {
            let message = format!(
                "the venue name is too long: {} would be `{}` ({} characters; the limit is {})",
                excess.what,
                excess.name,
                excess.name.len(),
                excess.limit
            );
            let help = format!("shorten the venue name or the deployment name by {} or more", excess.over);
            reading.push_problem(
                ManifestProblem::new(ErrorCode::NameTooLong, read.places.name.clone(), message, "too long")
                    .with_help(help),
            );
        }
    }
}

/// The path of a role has the names of the deployment and the region after `role_path`.
fn check_role_path(reading: &mut ManifestReading<'_>, deployment: &Deployment, root: ManifestTable<'_, '_, RootKeys>) {
    let path = RolePlace::new(&deployment.name, &deployment.region, &deployment.role_path).role_path();
    let over = path.len().saturating_sub(MAX_ROLE_PATH);
    let Some(span) = root.open_or_empty(&ROOT.deployment).value_span(&DEPLOYMENT.role_path).filter(|_| over > 0) else {
        return;
    };
    let message = format!(
        "the path of the roles would have {} characters, with the names of the deployment and the region; IAM's limit is \
         {MAX_ROLE_PATH}",
        path.len()
    );
    let help = format!("shorten it by {over} or more");
    reading.push_problem(ManifestProblem::new(ErrorCode::NameTooLong, span, message, "too long").with_help(help));
}

struct LongestName {
    what: &'static str,
    name: String,
    limit: usize,
    over: usize,
}

/// The name that exceeds its limit by the most, or else comes closest to it.
fn find_longest_name(deployment: &str, venue: &str) -> LongestName {
    // Secrets and log groups may have names of 512 characters, alarms of 255.
    let VenueNames { function, role, rule, secret: _, log_group: _, alarms: _ } = VenueNames::new(deployment, venue);
    // Its length is the same in every region.
    let second_role = RolePlace::new(deployment, "", "").second_role_name(venue);
    let ledger = LedgerProperties::new(venue, "");
    let all = [
        ("the Lambda function's name", function, MAX_FUNCTION_NAME),
        ("the IAM role's name", role, MAX_ROLE_NAME),
        ("the EventBridge rule's name", rule, MAX_RULE_NAME),
        ("the IAM role's name", second_role, MAX_ROLE_NAME),
        ("a HubSpot property's name", ledger.status, MAX_PROPERTY_NAME),
        ("a HubSpot property's name", sync_config::config::default_flag_property(venue), MAX_PROPERTY_NAME),
    ];
    let room = |(_, name, limit): &(&str, String, usize)| limit.cast_signed() - name.len().cast_signed();
    let [first, ..] = &all;
    let tightest = all.iter().min_by_key(|named| room(named)).unwrap_or(first);
    LongestName {
        what: tightest.0,
        name: tightest.1.clone(),
        limit: tightest.2,
        over: usize::try_from(-room(tightest)).unwrap_or_default(),
    }
}
