//! What keeps a plan from being applied, in words: shown with the plan, and nowhere else.

use std::collections::BTreeMap;

use super::{Conflict, Plan};
use crate::naming::SHARED_VENUE;
use crate::rival::{Rival, SharedPart};

/// An error in a plan, and what to do about it.
pub struct PlanProblem {
    pub message: String,
    pub hint: String,
}

/// The errors that keep a plan from being applied.
pub fn plan_problems(plan: &Plan) -> impl Iterator<Item = PlanProblem> {
    plan.conflicts
        .iter()
        .map(|found| conflict_problem(plan, found))
        .chain(rival_problems(plan))
        .chain(plan.protected.iter().map(|venue| protection_problem(venue)))
}

fn conflict_problem(plan: &Plan, conflict: &Conflict) -> PlanProblem {
    if let Some(mismatch) = &conflict.mismatch {
        return PlanProblem {
            message: format!("{} {} {mismatch}", conflict.address.kind, conflict.name),
            hint: format!(
                "nothing was changed, because the contacts' values would be lost. Archive it in HubSpot (Settings, \
                 Properties); the next apply creates it again. To apply without {}, use `--target`",
                conflict.address.venue
            ),
        };
    }
    if let Some(owner) = conflict.owner.as_deref().filter(|_| conflict.address.kind.is_property()) {
        return PlanProblem {
            message: format!(
                "{} {} in HubSpot belongs to {owner}, so two deployments would take the same contacts",
                conflict.address.kind, conflict.name
            ),
            hint: format!(
                "nothing was changed. If this deployment was renamed, set `name` to its former one again. Otherwise give {} a \
                 name and a `flag_property` of its own. If the other deployment is gone for good, remove the description of \
                 the property in HubSpot (Settings, Properties), and the next apply takes it over",
                conflict.address.venue
            ),
        };
    }
    let owner = conflict.owner.as_deref().unwrap_or("none in its tags");
    if conflict.address.kind.is_alarm() {
        return PlanProblem {
            message: format!(
                "{} {} already exists and isn't owned by deployment {} (owner: {owner})",
                conflict.address.kind, conflict.name, plan.deployment
            ),
            hint: alarm_hint(conflict),
        };
    }
    PlanProblem {
        message: format!(
            "{} {} already exists and isn't owned by deployment {} (owner: {owner})",
            conflict.address.kind, conflict.name, plan.deployment
        ),
        hint: format!(
            "nothing was changed. Rename the venue or the deployment, delete the resource yourself, or take it over with \
             `deployer adopt {}`",
            conflict.address.venue
        ),
    }
}

/// What to do about an alarm or a topic of another owner. What has none is taken over; what belongs to all venues, with any of
/// them.
fn alarm_hint(conflict: &Conflict) -> String {
    const DELETE: &str = "nothing was changed. Delete it yourself, if nobody needs it,";
    let venue = match conflict.address.venue.as_str() {
        SHARED_VENUE => "VENUE",
        venue => venue,
    };
    match conflict.owner {
        Some(_) => format!("{DELETE} or rename the deployment"),
        None => format!("{DELETE} rename the deployment, or take it over with `deployer adopt {venue}`"),
    }
}

/// One problem for each other deployment.
fn rival_problems(plan: &Plan) -> Vec<PlanProblem> {
    let mut others = BTreeMap::<_, Vec<&Rival>>::new();
    for rival in &plan.rivals {
        others.entry((&rival.deployment, &rival.region, &rival.account)).or_default().push(rival);
    }
    others.into_values().filter_map(|rivals| rival_problem(plan, &rivals)).collect()
}

fn rival_problem(plan: &Plan, rivals: &[&Rival]) -> Option<PlanProblem> {
    let first = rivals.first()?;
    let Rival { deployment, region, account, function, shared, .. } = first;
    let owner = match (deployment, account) {
        (Some(name), Some(account)) => format!("deployment {name} in account {account}, {region}"),
        (Some(name), None) => format!("deployment {name} in {region}"),
        (None, _) => format!("a function that no deployment owns, in {region}"),
    };
    let by = function.as_ref().map_or_else(String::new, |function| format!(" (function {function})"));
    let what = match shared {
        SharedPart::Flag(flag) => format!("takes the same flag, {flag}"),
        SharedPart::Ledger => "records in the same contact properties".to_owned(),
        SharedPart::Destination(place) => format!("sends to the same destination, {place}"),
    };
    let venues: Vec<&str> = rivals.iter().map(|rival| rival.venue.as_str()).collect();
    let message = format!("{owner} already does the work of {}: it {what}{by}", venues.join(", "));
    let (ours, here) = (&plan.deployment, &plan.scope.region);
    let remedy = match deployment {
        Some(name) if name == ours && account.is_none() => format!(
            "If the region was edited, set `region = \"{region}\"` again and run `deployer move --to-region {here}`, which loses and \
             repeats nothing. To start anew here instead, set `region = \"{region}\"` again, run `deployer destroy`, and then \
             apply with `region = \"{here}\"`"
        ),
        Some(name) if name == ours => {
            "To move it here, run `deployer move --to-profile NAME` with the other account's credentials, NAME being this account's \
             profile. To start anew here instead, run `deployer destroy` with the other account's credentials first"
                .to_owned()
        }
        Some(name) => format!(
            "If this deployment was renamed, set `name = \"{name}\"` again; or remove the other one with its own manifest \
             (`name = \"{name}\"`): `deployer destroy`. Other portals are told apart by `[hubspot] portal_id`"
        ),
        None => format!("Delete that function, if nobody needs it (`aws lambda delete-function --region {region}`)"),
    };
    let both = match deployment {
        Some(name) => format!(
            ". If both are meant, or the other one no longer runs: `may_share_with = \"{name}@{region}\"` in [deployment]"
        ),
        None => String::new(),
    };
    Some(PlanProblem { message, hint: format!("nothing was changed. {remedy}{both}") })
}

fn protection_problem(venue: &str) -> PlanProblem {
    PlanProblem {
        message: format!("{venue} is protected, but this plan would remove it"),
        hint: "nothing was changed. Declare it with `protect = false`, apply that, and then remove it".to_owned(),
    }
}
