//! Observes a venue from the lists alone.

use super::LiveInventory;
use super::{ResourceList, to_unreadable};
use deployer_core::naming::{self, RolePlace, VenueNames};
use deployer_core::resource::members::UnmodeledPart;
use deployer_core::resource::{FunctionConfiguration, FunctionState, LiveFunction, LiveStack, Observed, StringMap};

/// Observes `venue` from the lists. Returns `None` if they aren't enough: a function or a rule without the venue's mark
/// may belong to somebody else, and the list of roles may contain only names.
pub(super) fn observe_listed_stack(
    inventory: &LiveInventory,
    names: &VenueNames,
    place: &RolePlace,
    (venue, by_schedule): (&str, bool),
) -> Option<LiveStack> {
    let (role, other_roles) = inventory.roles.find_roles(place, (venue, names))?;
    let function = find_listed(&inventory.functions, &names.function);
    let rule = find_listed(&inventory.rules, &names.rule);
    let schedule = inventory.schedules.find_listed(&names.rule);
    // A venue that changes over from one to the other is read in full: what is disabled, and how, needs all of it.
    let (has_rule, has_schedule) = (rule.as_present().is_some(), schedule.as_present().is_some());
    if has_schedule != by_schedule || (has_rule && has_schedule) {
        return None;
    }
    let descriptions =
        [function.as_present().map(|function| &function.description), rule.as_present().map(|rule| &rule.description)];
    let marked = |description: &String| naming::marked_venue(description, &place.deployment) == Some(venue);
    if !descriptions.into_iter().flatten().all(marked) {
        return None;
    }
    Some(LiveStack {
        role,
        other_roles,
        secret: match find_listed(&inventory.secrets, &names.secret) {
            Observed::Present(secret) => secret.clone().into_observed(),
            other => other.map(|secret| secret.live.clone()),
        },
        log_group: find_listed(&inventory.log_groups, &names.log_group).map(|group| (*group).clone()),
        function: match function {
            Observed::Present(listed) => match &listed.configuration {
                Some(Ok(configuration)) => Observed::Present(LiveFunction {
                    name: names.function.clone(),
                    configuration: FunctionConfiguration::clone(configuration),
                    reserved_concurrency: None,
                    tags: StringMap::new(),
                    // A list has neither states nor policies.
                    state: FunctionState::default(),
                    role_recreated: false,
                    unmodeled: UnmodeledPart::default(),
                }),
                Some(Err(error)) => to_unreadable(error),
                None => Observed::Unreadable(NOT_READ.to_owned()),
            },
            Observed::Unreadable(reason) => Observed::Unreadable(reason),
            Observed::Absent | Observed::PendingDeletion(_) => Observed::Absent,
        },
        rule: rule.map(|rule| (*rule).clone()),
        alias: Observed::Unreadable(NOT_READ.to_owned()),
        permission: Observed::Unreadable(NOT_READ.to_owned()),
        schedule,
    })
}

const NOT_READ: &str = "only lists were read";

fn find_listed<'l, T>(list: &'l ResourceList<T>, name: &str) -> Observed<&'l T> {
    match list {
        Ok(listed) => listed.get(name).map_or(Observed::Absent, Observed::Present),
        Err(error) => to_unreadable(error),
    }
}
