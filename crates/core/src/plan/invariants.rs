//! What no plan may ever do. The program checks every plan that it makes, not only the tests.

use std::collections::BTreeMap;

use sync_config::config::SECRET_KEYS;

use super::{Action, Change, Operation, Plan, is_owner, listed, role};
use crate::desired::Desired;
use crate::manifest::SecretRef;
use crate::naming::{self, Names, role_path};
use crate::property::GROUP;
use crate::resource::{Kind, LiveStack, Observed, Stack};
use crate::snapshot::Snapshot;

/// The rules that `plan` breaks, one sentence each. Empty for every plan that [`super::plan`] makes.
pub fn violations(plan: &Plan, desired: &Desired, snapshot: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    let nothing = LiveStack::default();
    let stacks: BTreeMap<&str, Option<&Stack>> =
        desired.venues.iter().map(|venue| (venue.venue.as_str(), venue.stack.as_ref())).collect();
    for change in &plan.changes {
        let address = &change.address;
        found.extend(of_one_change(plan, change));
        let live = snapshot.venues.get(&address.venue).unwrap_or(&nothing);
        let stack = stacks.get(address.venue.as_str()).copied().flatten();
        let live = &*listed::completed(snapshot, &address.venue, live, stack);
        if address.kind.is_property() {
            found.extend(of_one_property(change, desired, snapshot));
            continue;
        }
        match (stack, change.action) {
            (None, Action::Delete) => {}
            (None, _) => found.push(format!("{address}: would change a venue that isn't deployed")),
            (Some(_), Action::Delete) => found.push(format!("{address}: would delete a declared resource")),
            (Some(_), _) => {}
        }
        if is_unreadable(live, address.kind) {
            found.push(format!("{address}: would change an unreadable resource"));
        }
        if change.action != Action::Create && !is_owned(live, address.kind, &plan.deployment) {
            found.push(format!("{address}: would change a resource that isn't ours"));
        }
        if let Some(parent) = address.kind.parent()
            && (is_unreadable(live, parent) || (exists(live, parent) && !is_owned(live, parent, &plan.deployment)))
        {
            found.push(format!("{address}: would change a part of a {parent} that may not be ours"));
        }
    }
    found.extend(out_of_order(plan));
    found
}

/// A contact property is only changed if HubSpot was read, and only for the venue that declares it. It is archived only
/// on request, and only if no venue declares it.
fn of_one_property(change: &Change, desired: &Desired, snapshot: &Snapshot) -> Vec<String> {
    let address = &change.address;
    let Some(portal) = snapshot.portal.read() else {
        return vec![format!("{address}: would change HubSpot, which wasn't read")];
    };
    let mut found = Vec::new();
    let live = portal.properties.get(&change.name);
    let owner = live.and_then(|live| naming::marked_owner(&live.description));
    let ours = live.and_then(|live| live.venue(&desired.deployment));
    let declared = desired.venues.iter().any(|venue| venue.venue == address.venue);
    let stacks = desired.venues.iter().filter_map(|venue| Some((&venue.venue, venue.stack.as_ref()?)));
    let wanted: Vec<&str> = stacks
        .flat_map(|(venue, stack)| stack.properties.iter().map(move |(kind, property)| (venue, kind, property)))
        .filter(|(_, _, property)| property.name == change.name)
        .map(|(venue, kind, _)| if (venue, *kind) == (&address.venue, address.kind) { "here" } else { "elsewhere" })
        .collect();
    if change.action == Action::Delete {
        if !desired.archive_properties {
            found.push(format!("{address}: would archive a property without being asked to"));
        }
        if declared || !wanted.is_empty() {
            found.push(format!("{address}: would archive a declared property"));
        }
        if ours != Some(address.venue.as_str()) {
            found.push(format!("{address}: would archive a property that isn't ours"));
        }
        return found;
    }
    if wanted != ["here"] {
        found.push(format!("{address}: would change a property of another venue"));
    }
    if owner.is_some() && ours.is_none() {
        found.push(format!("{address}: would change a resource that isn't ours"));
    }
    if (change.action == Action::Create) == live.is_some() {
        found.push(format!("{address}: would create a property that exists, or update one that doesn't"));
    }
    found
}

/// The rules that a rollback or an adoption breaks. These plans don't come from the manifest, and check the owners of
/// their resources themselves.
pub fn violations_of_calls(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().flat_map(|change| of_one_change(plan, change));
    changes.chain(out_of_order(plan)).collect()
}

/// Calls only touch the venue's own resources, and contain no credential.
fn of_one_change(plan: &Plan, change: &Change) -> Vec<String> {
    let (address, names) = (&change.address, Names::new(&plan.deployment, &change.address.venue));
    let mut found = Vec::new();
    for operation in &change.operations {
        let is_of = match operation {
            Operation::CreatePropertyGroup { group, .. } => address.kind.is_property() && group == GROUP,
            Operation::CreateProperty { property } | Operation::UpdateProperty { property } => {
                address.kind.is_property() && property.name == change.name && property.group_name == GROUP
            }
            Operation::ArchiveProperty { property } => address.kind.is_property() && *property == change.name,
            _ => is_of(&names, operation.resource()),
        };
        if !is_of {
            found.push(format!("{address}: {} would touch {}", operation.call(), operation.resource()));
        }
        if change.action == Action::Create && operation.is_delete() {
            found.push(format!("{address}: {} would delete something during a creation", operation.call()));
        }
        if has_secret_text(operation) {
            found.push(format!("{address}: {} would contain a credential", operation.call()));
        }
    }
    found
}

/// Whether the operation has a credential in place of a reference to one, or in an environment variable, which is not
/// secret.
fn has_secret_text(operation: &Operation) -> bool {
    let variables = match operation {
        Operation::CreateSecret { secret } => {
            return secret.references.values().any(|reference| SecretRef::parse(reference).is_err());
        }
        Operation::CreateFunction { function } => &function.configuration.environment,
        Operation::UpdateFunctionConfiguration { configuration, .. } => &configuration.environment,
        _ => return false,
    };
    variables.keys().any(|name| SECRET_KEYS.contains(&name.as_str()))
}

/// Deletions come after everything else, in reverse order. Within a venue, a resource comes after what it depends on.
fn out_of_order(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for pair in plan.changes.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let deletes = (first.action == Action::Delete, second.action == Action::Delete);
        let same_venue = first.address.venue == second.address.venue;
        let (before, after) = (first.address.kind.stage(), second.address.kind.stage());
        if deletes == (true, false)
            || (same_venue && deletes == (false, false) && before > after)
            || (same_venue && deletes == (true, true) && before < after)
        {
            found.push(format!("{}: comes after {}", second.address, first.address));
        }
    }
    found
}

fn is_unreadable(live: &LiveStack, kind: Kind) -> bool {
    match kind {
        Kind::Role => matches!(live.role, Observed::Unreadable(_)),
        Kind::Secret => matches!(live.secret, Observed::Unreadable(_)),
        Kind::LogGroup => matches!(live.log_group, Observed::Unreadable(_)),
        Kind::Function => matches!(live.function, Observed::Unreadable(_)),
        Kind::Alias => matches!(live.alias, Observed::Unreadable(_)),
        Kind::Rule | Kind::Target => matches!(live.rule, Observed::Unreadable(_)),
        Kind::Permission => matches!(live.permission, Observed::Unreadable(_)),
        // A live stack has no properties.
        Kind::FlagProperty
        | Kind::StatusProperty
        | Kind::LeadIdProperty
        | Kind::ErrorProperty
        | Kind::SyncedAtProperty => false,
    }
}

/// Whether a resource with parts exists: the function or the rule.
fn exists(live: &LiveStack, kind: Kind) -> bool {
    match kind {
        Kind::Function => live.function.present().is_some(),
        Kind::Rule => live.rule.present().is_some(),
        _ => false,
    }
}

fn is_owned(live: &LiveStack, kind: Kind, deployment: &str) -> bool {
    let owned = |tags| is_owner(tags, deployment);
    match kind {
        Kind::Role => live
            .role
            .present()
            .is_some_and(|role| role.path == role_path(deployment) || role::is_adopted(role, deployment)),
        Kind::Secret => match &live.secret {
            Observed::Present(secret) | Observed::PendingDeletion(secret) => owned(&secret.tags),
            _ => false,
        },
        Kind::LogGroup => live.log_group.present().is_some_and(|group| owned(&group.tags)),
        Kind::Function | Kind::Alias | Kind::Permission => {
            live.function.present().is_some_and(|function| owned(&function.tags))
        }
        Kind::Rule | Kind::Target => live.rule.present().is_some_and(|rule| owned(&rule.tags)),
        Kind::FlagProperty
        | Kind::StatusProperty
        | Kind::LeadIdProperty
        | Kind::ErrorProperty
        | Kind::SyncedAtProperty => false,
    }
}

/// Whether a name or an ARN belongs to the venue.
fn is_of(names: &Names, resource: &str) -> bool {
    let last = |separator| resource.rsplit(separator).next().unwrap_or_default();
    [&names.function, &names.role, &names.rule, &names.secret, &names.log_group]
        .into_iter()
        .any(|name| resource == name)
        || (resource.starts_with("arn:")
            && (last(':') == names.function || last('/') == names.rule || last(':') == names.log_group))
}
