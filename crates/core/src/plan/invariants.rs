//! What no plan may ever do. The program checks every plan that it makes, not only the tests.

use std::collections::{BTreeMap, BTreeSet};

use sync_config::config::SECRET_KEYS;

use super::{
    Action, Change, CloudWatchOperation, HubSpotOperation, LambdaOperation, Operation, Plan, PlanIndex,
    SecretsManagerOperation, ServiceOperation, SnsOperation, is_owner, listed,
};
use crate::concurrency::has_lease;
use crate::desired::Desired;
use crate::manifest::SecretRef;
use crate::naming::{self, RolePlace, SHARED_VENUE, TAG_PINNED, VenueNames, is_role_name};
use crate::property::{PROPERTY_GROUP, PropertyField};
use crate::resource::alarm::LiveAlarm;
use crate::resource::declared::may_remove_tag;
use crate::resource::{DesiredStack, LiveStack, Observed, ResourceAddress, ResourceKind};
use crate::role_owner::RoleOwner;
use crate::snapshot::Snapshot;

/// The rules that `plan` breaks, one sentence each. Empty for every plan that [`super::plan`] makes.
pub fn find_violations(plan: &Plan, desired: &Desired, snapshot: &Snapshot) -> Vec<String> {
    let mut found = Vec::new();
    let nothing = LiveStack::default();
    let place = desired.role_place();
    let index = PlanIndex::new(desired, snapshot);
    let alarms = alarms_by_name(snapshot);
    let is_new_target =
        |change: &&Change| change.address.kind == ResourceKind::Target && change.action != Action::Delete;
    let new_targets: BTreeSet<&str> =
        plan.changes.iter().filter(is_new_target).map(|change| change.address.venue.as_str()).collect();
    for change in &plan.changes {
        let address = &change.address;
        found.extend(change_violations(plan, change));
        let live = snapshot.venues.get(&address.venue).unwrap_or(&nothing);
        let stack = index.find_venue(&address.venue).and_then(|venue| venue.stack.as_ref());
        let live = &*listed::complete_unread(snapshot, &address.venue, live, stack);
        if address.kind.is_alarm() {
            found.extend(alarm_violations(change, desired, snapshot, (&index, &alarms)));
            continue;
        }
        for key in change.operations.iter().flat_map(Operation::removed_tags) {
            if key != TAG_PINNED && !live.find_tags(address.kind).is_some_and(|tags| may_remove_tag(key, tags)) {
                found.push(format!("{address}: would remove the tag {key}, which isn't ours"));
            }
        }
        if address.kind.is_property() {
            found.extend(property_violations(change, desired, snapshot, &index));
            continue;
        }
        if address.kind == ResourceKind::FormerRole {
            found.extend(former_role_violations(change, live, &place));
            continue;
        }
        match (stack, change.action) {
            (None, Action::Delete) => {}
            (None, _) => found.push(format!("{address}: would change a venue that isn't deployed")),
            (Some(stack), Action::Delete) if address.kind == ResourceKind::Permission => {
                let has_target = new_targets.contains(address.venue.as_str());
                found.extend(permission_violation(has_target, stack, live, address));
            }
            (Some(_), Action::Delete) => found.push(format!("{address}: would delete a declared resource")),
            (Some(_), _) => {}
        }
        if is_unreadable(live, address.kind) {
            found.push(format!("{address}: would change an unreadable resource"));
        }
        if change.action != Action::Create && !is_owned(live, address.kind, &place) {
            found.push(format!("{address}: would change a resource that isn't ours"));
        }
        if let Some(parent) = address.kind.parent_kind()
            && (is_unreadable(live, parent) || (parent_exists(live, parent) && !is_owned(live, parent, &place)))
        {
            found.push(format!("{address}: would change a part of a {parent} that may not be ours"));
        }
    }
    found.extend(order_violations(plan));
    found
}

/// What lets a rule invoke its target is only removed if the rule has a role for that by then.
fn permission_violation(
    gets_target: bool,
    stack: &DesiredStack,
    live: &LiveStack,
    address: &ResourceAddress,
) -> Option<String> {
    let rule = live.rule.as_present();
    let mut targets = rule.into_iter().flat_map(|rule| &rule.targets);
    if stack.permission.is_some() {
        return Some(format!("{address}: would delete a declared resource"));
    }
    let has_role = gets_target || targets.any(|target| target.role_arn.is_some());
    (!has_role).then(|| format!("{address}: would leave the rule without a right to invoke the alias"))
}

/// The alarms that exist, each by its name and by its ARN.
fn alarms_by_name(snapshot: &Snapshot) -> BTreeMap<&str, &LiveAlarm> {
    let alarms = snapshot.alarms.list_alarms().iter();
    alarms.flat_map(|alarm| [(alarm.name.as_str(), alarm), (alarm.arn.as_str(), alarm)]).collect()
}

/// Alarms and their topic are only changed if they were read and are ours, and only deleted if they aren't declared.
fn alarm_violations(
    change: &Change,
    desired: &Desired,
    snapshot: &Snapshot,
    (index, by_name): (&PlanIndex<'_>, &BTreeMap<&str, &LiveAlarm>),
) -> Vec<String> {
    let address = &change.address;
    let mut found = Vec::new();
    let alarms = desired.alarms.as_ref();
    let live = &snapshot.alarms;
    let (declared, unreadable) = match address.kind {
        ResourceKind::AlarmTopic => {
            (alarms.is_some_and(|alarms| alarms.topic.is_some()), live.topic.unreadable_reason().is_some())
        }
        _ => (index.find_group(&address.venue).is_some(), live.alarms.unreadable_reason().is_some()),
    };
    match (change.action, declared) {
        (Action::Delete, true) => found.push(format!("{address}: would delete a declared resource")),
        (Action::Delete, false) | (_, true) => {}
        (_, false) => found.push(format!("{address}: would change a venue that has no alarms")),
    }
    if unreadable {
        found.push(format!("{address}: would change an unreadable resource"));
    }
    let ours = |tags: Option<&crate::resource::StringMap>| tags.is_none_or(|tags| is_owner(tags, &desired.deployment));
    let topic = live.topic.as_present();
    for operation in &change.operations {
        let named: Vec<&str> = match operation {
            Operation::CloudWatch(CloudWatchOperation::DeleteAlarms { names, .. }) => {
                names.iter().map(String::as_str).collect()
            }
            operation => vec![operation.resource_name()],
        };
        for name in named {
            let alarm = by_name.get(name);
            if alarm.is_some_and(|alarm| !ours(alarm.tags.as_ref())) {
                found.push(format!("{address}: would change a resource that isn't ours"));
            }
            for key in operation.removed_tags() {
                let of_topic = topic.filter(|topic| topic.arn == name).and_then(|topic| topic.tags.as_ref());
                let tags = alarm.and_then(|alarm| alarm.tags.as_ref()).or(of_topic);
                if !tags.is_some_and(|tags| may_remove_tag(key, tags)) {
                    found.push(format!("{address}: would remove the tag {key}, which isn't ours"));
                }
            }
        }
        if matches!(operation, Operation::Sns(_)) && topic.is_some_and(|topic| !ours(topic.tags.as_ref())) {
            found.push(format!("{address}: would change a resource that isn't ours"));
        }
    }
    found
}

/// A former role is only ever deleted, and only if it is ours and isn't the one that the function has.
fn former_role_violations(change: &Change, live: &LiveStack, place: &RolePlace) -> Vec<String> {
    let address = &change.address;
    let mut found = Vec::new();
    if change.action != Action::Delete {
        found.push(format!("{address}: would change a role that is to be deleted"));
    }
    let role = live.other_roles.former.iter().find(|role| role.name == change.name);
    if !role.is_some_and(|role| RoleOwner::of_role(place, role).is_ours()) {
        found.push(format!("{address}: would change a resource that isn't ours"));
    }
    if live.role.as_present().is_some_and(|role| role.name == change.name) {
        found.push(format!("{address}: would delete a declared resource"));
    }
    found
}

/// A contact property is only changed if HubSpot was read, and only for the venue that declares it. It is archived only
/// on request, and only if no venue declares it.
fn property_violations(change: &Change, desired: &Desired, snapshot: &Snapshot, index: &PlanIndex<'_>) -> Vec<String> {
    let address = &change.address;
    let Some(portal) = snapshot.portal.as_read() else {
        return vec![format!("{address}: would change HubSpot, which wasn't read")];
    };
    let mut found = Vec::new();
    let live = portal.properties.get(&change.name);
    let owner = live.and_then(|live| naming::marked_owner(&live.description));
    let ours = live.and_then(|live| live.owner_venue(&desired.deployment));
    let declared = index.find_venue(&address.venue).is_some();
    let wanted = index.find_property(&change.name);
    let is_here = |(venue, field): &(&str, PropertyField)| {
        *venue == address.venue && ResourceKind::Property(*field) == address.kind
    };
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
    if !matches!(wanted, [only] if is_here(only)) {
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
pub fn find_call_violations(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().flat_map(|change| change_violations(plan, change));
    changes.chain(order_violations(plan)).collect()
}

/// Calls only touch the venue's own resources, and contain no credential.
fn change_violations(plan: &Plan, change: &Change) -> Vec<String> {
    let (address, names) = (&change.address, VenueNames::new(&plan.deployment, &change.address.venue));
    let mut found = Vec::new();
    for operation in &change.operations {
        let is_of = match operation {
            Operation::HubSpot(operation) => address.kind.is_property() && is_changed_property(change, operation),
            Operation::Iam(_)
            | Operation::SecretsManager(_)
            | Operation::Logs(_)
            | Operation::Lambda(_)
            | Operation::EventBridge(_)
            | Operation::CloudWatch(_) => is_venue_resource(&names, operation.resource_name()),
            Operation::Sns(operation) => {
                // The function that forwards messages is subscribed with the alarms of all venues, after both exist.
                let of_group = address.venue == SHARED_VENUE
                    && address.kind == ResourceKind::Alarms
                    && matches!(operation, SnsOperation::SubscribeFunction { .. } | SnsOperation::Unsubscribe { .. });
                (of_group || address.kind == ResourceKind::AlarmTopic)
                    && is_alarm_topic(&plan.deployment, operation.resource_name())
            }
        };
        if !is_of {
            found.push(format!("{address}: {} would touch {}", operation.call_name(), operation.resource_name()));
        }
        if change.action == Action::Create && operation.deletes_resource() {
            found.push(format!("{address}: {} would delete something during a creation", operation.call_name()));
        }
        // Nothing keeps two messages apart.
        if address.venue != SHARED_VENUE
            && let Operation::Lambda(LambdaOperation::CreateFunction { function }) = operation
            && function.reserved_concurrency.is_some() == has_lease(&function.configuration.environment)
        {
            found.push(format!("{address}: runs could overlap, or need both a lease and a reservation"));
        }
        if has_credential(operation) {
            found.push(format!("{address}: {} would contain a credential", operation.call_name()));
        }
    }
    let calls: Vec<&LambdaOperation> = change.operations.iter().filter_map(Operation::as_lambda).collect();
    let position = |is: fn(&LambdaOperation) -> bool| calls.iter().position(|call| is(call));
    let gives_up = position(|call| matches!(call, LambdaOperation::DeleteFunctionConcurrency { .. }));
    let waits = position(|call| matches!(call, LambdaOperation::AwaitEarlierRuns { .. }));
    if gives_up.is_some_and(|gives_up| waits.is_none_or(|waits| waits > gives_up)) {
        found.push(format!("{address}: would give up a reservation while a run without a lease may be in progress"));
    }
    found
}

/// Whether the operation has a credential instead of a reference to one, or in an environment variable, which is not
/// secret.
fn has_credential(operation: &Operation) -> bool {
    match operation {
        Operation::SecretsManager(operation) => match operation {
            SecretsManagerOperation::CreateSecret { secret } => {
                secret.references.values().any(|reference| SecretRef::parse_reference(reference).is_err())
            }
            SecretsManagerOperation::RestoreSecret { .. }
            | SecretsManagerOperation::UpdateSecretDescription { .. }
            | SecretsManagerOperation::UpdateSecretKey { .. }
            | SecretsManagerOperation::TagSecret { .. }
            | SecretsManagerOperation::UntagSecret { .. }
            | SecretsManagerOperation::DeleteResourcePolicy { .. }
            | SecretsManagerOperation::DeleteSecret { .. } => false,
        },
        Operation::Lambda(operation) => {
            let mut variables = operation.environment().into_iter().flatten();
            variables.any(|(name, _)| SECRET_KEYS.contains(&name.as_str()))
        }
        Operation::Iam(_)
        | Operation::Logs(_)
        | Operation::EventBridge(_)
        | Operation::CloudWatch(_)
        | Operation::Sns(_)
        | Operation::HubSpot(_) => false,
    }
}

/// Whether a call to HubSpot is about the property that changes, or creates its group.
fn is_changed_property(change: &Change, operation: &HubSpotOperation) -> bool {
    match operation {
        HubSpotOperation::CreatePropertyGroup { group, .. } => group == PROPERTY_GROUP,
        HubSpotOperation::CreateProperty { property } | HubSpotOperation::UpdateProperty { property } => {
            property.name == change.name && property.group_name == PROPERTY_GROUP
        }
        HubSpotOperation::ArchiveProperty { property } => *property == change.name,
    }
}

/// Deletions come after everything else, in reverse order. Within a venue, a resource comes after what it depends on.
fn order_violations(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for pair in plan.changes.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let deletes = (first.action == Action::Delete, second.action == Action::Delete);
        let same_venue = first.address.venue == second.address.venue;
        let (before, after) = (first.address.kind.creation_stage(), second.address.kind.creation_stage());
        if deletes == (true, false)
            || (same_venue && deletes == (false, false) && before > after)
            || (same_venue && deletes == (true, true) && before < after)
        {
            found.push(format!("{}: comes after {}", second.address, first.address));
        }
    }
    found
}

fn is_unreadable(live: &LiveStack, kind: ResourceKind) -> bool {
    match kind {
        ResourceKind::Role => matches!(live.role, Observed::Unreadable(_)),
        ResourceKind::Secret => matches!(live.secret, Observed::Unreadable(_)),
        ResourceKind::LogGroup => matches!(live.log_group, Observed::Unreadable(_)),
        ResourceKind::Function => matches!(live.function, Observed::Unreadable(_)),
        ResourceKind::Alias => matches!(live.alias, Observed::Unreadable(_)),
        ResourceKind::Rule | ResourceKind::Target => matches!(live.rule, Observed::Unreadable(_)),
        ResourceKind::Permission => matches!(live.permission, Observed::Unreadable(_)),
        // A live stack has neither properties nor alarms, and former roles have been read.
        ResourceKind::Property(_) | ResourceKind::FormerRole | ResourceKind::AlarmTopic | ResourceKind::Alarms => false,
    }
}

/// Whether a resource exists that others may be part of. It answers for every kind, so that any of them can be a parent.
fn parent_exists(live: &LiveStack, kind: ResourceKind) -> bool {
    match kind {
        ResourceKind::Role => live.role.as_present().is_some(),
        ResourceKind::Secret => live.secret.as_present().is_some(),
        ResourceKind::LogGroup => live.log_group.as_present().is_some(),
        ResourceKind::Function => live.function.as_present().is_some(),
        ResourceKind::Alias => live.alias.as_present().is_some(),
        ResourceKind::Rule => live.rule.as_present().is_some(),
        ResourceKind::Permission => live.permission.as_present().is_some(),
        ResourceKind::Target => live.rule.as_present().is_some_and(|rule| !rule.targets.is_empty()),
        ResourceKind::FormerRole => !live.other_roles.former.is_empty(),
        // A live stack has neither properties nor alarms.
        ResourceKind::Property(_) | ResourceKind::AlarmTopic | ResourceKind::Alarms => false,
    }
}

fn is_owned(live: &LiveStack, kind: ResourceKind, place: &RolePlace) -> bool {
    let owned = |tags| is_owner(tags, &place.deployment);
    match kind {
        ResourceKind::Role => live.role.as_present().is_some_and(|role| RoleOwner::of_role(place, role).is_ours()),
        ResourceKind::FormerRole => false,
        ResourceKind::Secret => match &live.secret {
            Observed::Present(secret) | Observed::PendingDeletion(secret) => owned(&secret.tags),
            Observed::Absent | Observed::Unreadable(_) => false,
        },
        ResourceKind::LogGroup => live.log_group.as_present().is_some_and(|group| owned(&group.tags)),
        ResourceKind::Function | ResourceKind::Alias | ResourceKind::Permission => {
            live.function.as_present().is_some_and(|function| owned(&function.tags))
        }
        ResourceKind::Rule | ResourceKind::Target => live.rule.as_present().is_some_and(|rule| owned(&rule.tags)),
        ResourceKind::Property(_) | ResourceKind::AlarmTopic | ResourceKind::Alarms => false,
    }
}

/// Whether a name or an ARN is that of the deployment's topic, or of one of its subscriptions.
fn is_alarm_topic(deployment: &str, resource: &str) -> bool {
    let name = naming::alarm_topic_name(deployment);
    let mut parts = resource.split(':').skip(5);
    resource == name || (resource.starts_with("arn:") && parts.next() == Some(name.as_str()) && parts.count() <= 1)
}

/// Whether a name or an ARN belongs to the venue.
fn is_venue_resource(names: &VenueNames, resource: &str) -> bool {
    // A role has one of several names.
    let VenueNames { function, role: _, rule, secret, log_group, alarms } = names;
    let is_alarm = |name: &str| name.strip_prefix(alarms).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let last = |separator| resource.rsplit(separator).next().unwrap_or_default();
    [function, rule, secret, log_group].into_iter().any(|name| resource == name)
        || is_role_name(names, resource)
        || is_alarm(resource.rsplit_once(":alarm:").map_or(resource, |(_, name)| name))
        || (resource.starts_with("arn:") && (last(':') == function || last('/') == rule || last(':') == log_group))
}
