//! Whether every name that a venue leads to is one that AWS and HubSpot take, prefix and suffix counted.

use sync_config::config::LedgerProperties;
use toml::de::DeTable;

use super::Deployment;
use super::read::table;
use super::report::Problem;
use super::shape::Reading;
use super::venue::Read;
use crate::naming::{MAX_FUNCTION_NAME, MAX_PROPERTY_NAME, MAX_ROLE_NAME, MAX_RULE_NAME, Names};

/// A name with less room than this for the venue's part is of no use.
const SHORTEST_VENUE: &str = "v";

pub(super) fn check(reading: &mut Reading<'_>, deployment: &Deployment, root: &DeTable<'_>, venues: &[Read]) {
    let excess = longest(&deployment.name, SHORTEST_VENUE);
    if excess.over > 0 {
        let Some(value) = table(root, "deployment").and_then(|table| table.get("name")) else { return };
        let message = format!(
            "this name leaves no room for a venue's: the name of {} has {} characters at most",
            excess.what, excess.limit
        );
        let help = format!("make the deployment's name shorter by {}", excess.over + 8);
        reading.push(Problem::new("name_too_long", value.span(), message, "too long").help(help));
        return;
    }
    for read in venues {
        let venue = &read.venue;
        let excess = longest(&deployment.name, &venue.name);
        if excess.over > 0 {
            let message = format!(
                "the venue's name is too long: {} would be `{}`, {} characters, and {} at most are allowed",
                excess.what,
                excess.name,
                excess.name.len(),
                excess.limit
            );
            let help = format!("make the venue's name (or the deployment's) shorter by {}", excess.over);
            reading.push(Problem::new("name_too_long", read.places.name.clone(), message, "too long").help(help));
        }
    }
}

struct Longest {
    what: &'static str,
    name: String,
    limit: usize,
    over: usize,
}

/// The name that is furthest over its limit, or nearest to it.
fn longest(deployment: &str, venue: &str) -> Longest {
    let names = Names::new(deployment, venue);
    let ledger = LedgerProperties::new(venue, "");
    let all = [
        ("its Lambda function", names.function, MAX_FUNCTION_NAME),
        ("its IAM role", names.role, MAX_ROLE_NAME),
        ("its EventBridge rule", names.rule, MAX_RULE_NAME),
        ("a HubSpot property", ledger.status, MAX_PROPERTY_NAME),
        ("a HubSpot property", sync_config::config::default_flag_property(venue), MAX_PROPERTY_NAME),
    ];
    let room = |(_, name, limit): &(&str, String, usize)| limit.cast_signed() - name.len().cast_signed();
    let [first, ..] = &all;
    let tightest = all.iter().min_by_key(|named| room(named)).unwrap_or(first);
    Longest {
        what: tightest.0,
        name: tightest.1.clone(),
        limit: tightest.2,
        over: usize::try_from(-room(tightest)).unwrap_or_default(),
    }
}
