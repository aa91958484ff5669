//! Observes a venue from the lists alone.

use super::Inventory;
use super::role::Roles;
use super::{List, unreadable};
use deployer_core::naming::{self, Names};
use deployer_core::resource::{LiveFunction, LiveStack, Map, Observed};

/// Observes `venue` from the lists. Returns `None` if they aren't enough: a function or a rule without the venue's mark
/// may belong to somebody else, and the list of roles may contain only names.
pub(super) fn stack(inventory: &Inventory, names: &Names, deployment: &str, venue: &str) -> Option<LiveStack> {
    let Roles::Whole(roles) = &inventory.roles else { return None };
    let function = found(&inventory.functions, &names.function);
    let rule = found(&inventory.rules, &names.rule);
    let descriptions =
        [function.present().map(|function| &function.description), rule.present().map(|rule| &rule.description)];
    let marked = |description: &String| naming::marked_venue(description, deployment) == Some(venue);
    if !descriptions.into_iter().flatten().all(marked) {
        return None;
    }
    Some(LiveStack {
        role: found(roles, &names.role).map(|role| (*role).clone()),
        secret: match found(&inventory.secrets, &names.secret) {
            Observed::Present(secret) => secret.observed(),
            other => other.map(|secret| secret.live.clone()),
        },
        log_group: found(&inventory.log_groups, &names.log_group).map(|group| (*group).clone()),
        function: function.map(|listed| LiveFunction {
            name: names.function.clone(),
            configuration: listed.configuration.clone(),
            reserved_concurrency: None,
            tags: Map::new(),
        }),
        rule: rule.map(|rule| (*rule).clone()),
        alias: Observed::Unreadable(NOT_READ.to_owned()),
        permission: Observed::Unreadable(NOT_READ.to_owned()),
    })
}

const NOT_READ: &str = "only lists were read";

fn found<'l, T>(list: &'l List<T>, name: &str) -> Observed<&'l T> {
    match list {
        Ok(listed) => listed.get(name).map_or(Observed::Absent, Observed::Present),
        Err(error) => unreadable(error),
    }
}
