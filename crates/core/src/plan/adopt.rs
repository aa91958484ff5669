//! Adopts resources that somebody created with the names of a venue's resources.
//!
//! Adoption only adds our tags, and publishes the function's code as a version: it may be the only copy there is. The
//! resources themselves stay as they are until the next apply, whose plan is shown before anything is tagged.

use super::{
    Action, Change, CloudWatchOperation, Differences, EventBridgeOperation, IamOperation, LambdaOperation,
    LogsOperation, Operation, Plan, SecretsManagerOperation, SnsOperation, plan,
};
use crate::desired::Desired;
use crate::naming::{TAG_ADOPTED, TAG_DEPLOYMENT, TAG_VENUE};
use crate::resource::{DesiredStack, LiveStack, Observed, ResourceAddress, ResourceKind, StringMap};
use crate::scope::Scope;
use crate::snapshot::Snapshot;
use crate::tools::find_managing_tool;

/// What an adoption changes, and what the next apply changes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Tags the resources that have no owner.
    pub plan: Plan,
    /// What the next apply would change.
    pub next: Plan,
}

/// Why nothing can be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAdopted {
    /// The venue isn't declared, or is blocked.
    NotDeployed,
    /// Another deployment owns a resource.
    Owned {
        /// Kind and name of the resource.
        resource: String,
        /// The owner, as text.
        owner: String,
    },
    /// One of the venue's resources is unreadable, for this reason.
    Unreadable(String),
}

/// Plans the adoption of `venue`'s resources.
///
/// # Errors
/// The resources can't be adopted.
pub fn plan_adoption(desired: &Desired, snapshot: &Snapshot, venue: &str) -> Result<Adoption, NotAdopted> {
    let stack = desired.venues.iter().find(|wanted| wanted.venue == venue).and_then(|wanted| wanted.stack.as_ref());
    let stack = stack.ok_or(NotAdopted::NotDeployed)?;
    let targets = [venue.to_owned()];
    let before = plan(desired, snapshot, &targets);
    let mut adoption = Plan::empty(&desired.deployment, &desired.scope);
    let mut snapshot = snapshot.clone();
    for conflict in before.conflicts {
        let (address, name) = (conflict.address, conflict.name);
        if let Some(owner) = conflict.owner {
            return Err(NotAdopted::Owned { resource: format!("{} {name}", address.kind), owner });
        }
        if address.kind == ResourceKind::ScheduleGroup {
            adoption.notes.push(group_note(&name));
            continue;
        }
        if address.kind.is_alarm() {
            let tagged = tag_alarms(desired, &mut snapshot, &address)?;
            if let Some(TaggedAlarms { names, operations, before, after }) = tagged {
                adoption.notes.push(alarm_note(address.kind, &names));
                adoption.notes.extend(note_managing_tool(&address, &name, &before));
                let mut attributes = Differences::default();
                attributes.compare_tags(&before, &after);
                adoption.changes.push(adoption_change(address, name, attributes, operations));
            }
            continue;
        }
        let live = snapshot.venues.entry(venue.to_owned()).or_default();
        let version = (address.kind == ResourceKind::Function).then(|| publish_current_code(live)).flatten();
        let Some((operation, before, after)) = tag_resource(address.kind, stack, live, &desired.scope) else {
            continue;
        };
        adoption.notes.extend(note_managing_tool(&address, &name, &before));
        let mut attributes = Differences::default();
        attributes.compare_tags(&before, &after);
        let operations = version.into_iter().chain([operation]).collect();
        adoption.changes.push(adoption_change(address, name, attributes, operations));
    }
    if adoption.changes.is_empty()
        && let Some(unreadable) = before.unreadable.into_iter().find(|unreadable| unreadable.address.is_some())
    {
        return Err(NotAdopted::Unreadable(unreadable.reason));
    }
    if adoption.changes.is_empty() {
        adoption.notes.push(format!(
            "there is nothing to adopt: every existing resource with one of {venue}'s names has an owner"
        ));
    }
    if adoption.changes.iter().any(|change| change.address.kind == ResourceKind::Secret) {
        adoption.notes.push(format!(
            "the secret keeps its value, which must be a JSON object with the venue's credentials. \
             `deployer secret status {venue} --compare` shows what it contains"
        ));
    }
    let next = plan(desired, &snapshot, &targets);
    Ok(Adoption { plan: adoption, next })
}

/// Says why a group of schedules isn't taken over: with it, all that is in it would count as this deployment's.
fn group_note(name: &str) -> String {
    format!(
        "the {} {name} has no owner and isn't taken over, because all schedules in it would be this deployment's then. Move them \
         to another group, then delete it with `aws scheduler delete-schedule-group --name {name}`: the next apply creates ours",
        ResourceKind::ScheduleGroup
    )
}

/// The call that keeps the code that the next apply overwrites, so that a rollback can go back to it. Lambda returns the
/// last version if that has the same code and configuration.
fn publish_current_code(live: &LiveStack) -> Option<Operation> {
    let function = live.function.as_present()?;
    let code_sha256 = function.configuration.code_sha256.clone();
    Some(LambdaOperation::PublishVersion { function: function.name.clone(), code_sha256 }.into())
}

/// What of the alarms of a venue, or of the topic, is taken over.
struct TaggedAlarms {
    names: Vec<String>,
    operations: Vec<Operation>,
    /// The tags of the first one.
    before: StringMap,
    after: StringMap,
}

/// The calls that tag what has no owner of a group of alarms, or the topic. Also adds our tags to the snapshot, as the calls will.
/// `None` if all of it has an owner.
///
/// # Errors
/// Another deployment owns a part of it.
fn tag_alarms(
    desired: &Desired,
    snapshot: &mut Snapshot,
    address: &ResourceAddress,
) -> Result<Option<TaggedAlarms>, NotAdopted> {
    let Some(alarms) = &desired.alarms else { return Ok(None) };
    let mut found: Vec<(String, Operation, &mut StringMap)> = Vec::new();
    let after = match (address.kind, alarms.groups.iter().find(|group| group.venue == address.venue), &alarms.topic) {
        (ResourceKind::AlarmTopic, _, Some(topic)) => {
            if let Observed::Present(live) = &mut snapshot.alarms.topic {
                let operation = SnsOperation::TagTopic { arn: topic.arn.clone(), tags: topic.tags.clone() };
                found.extend(live.tags.as_mut().map(|tags| (topic.name.clone(), operation.into(), tags)));
            }
            &topic.tags
        }
        (ResourceKind::Alarms, Some(group), _) => {
            if let Observed::Present(live) = &mut snapshot.alarms.alarms {
                let declared = |name: &str| group.alarms.iter().chain(&group.composite).any(|spec| spec.name == name);
                for alarm in live.iter_mut().filter(|alarm| declared(&alarm.name)) {
                    let operation = CloudWatchOperation::TagAlarm { arn: alarm.arn.clone(), tags: group.tags.clone() };
                    let name = alarm.name.clone();
                    found.extend(alarm.tags.as_mut().map(|tags| (name, operation.into(), tags)));
                }
            }
            &group.tags
        }
        _ => return Ok(None),
    };
    let mut tagged: Option<TaggedAlarms> = None;
    for (name, operation, tags) in found {
        match tags.get(TAG_DEPLOYMENT) {
            Some(owner) if *owner == desired.deployment => continue,
            Some(owner) => {
                let (resource, owner) = (format!("{} {name}", address.kind), format!("deployment {owner}"));
                return Err(NotAdopted::Owned { resource, owner });
            }
            None => {}
        }
        let all = tagged.get_or_insert_with(|| TaggedAlarms {
            names: Vec::new(),
            operations: Vec::new(),
            before: tags.clone(),
            after: after.clone(),
        });
        all.names.push(name);
        all.operations.push(operation);
        tags.extend(after.clone());
    }
    Ok(tagged)
}

/// Says what becomes of an alarm or its topic: the next apply replaces an alarm as a whole.
fn alarm_note(kind: ResourceKind, names: &[String]) -> String {
    let names = names.join(", ");
    match kind {
        ResourceKind::AlarmTopic => {
            format!("the topic {names} keeps its subscriptions by mail only where the manifest declares them")
        }
        _ => format!("the next apply replaces all settings of {names}: note before whom it notifies"),
    }
}

/// Says who else changes the resource, because that tool would take it back.
fn note_managing_tool(address: &ResourceAddress, name: &str, tags: &StringMap) -> Option<String> {
    let kind = address.kind;
    if let Some(stack) = tags.get("aws:cloudformation:stack-name") {
        return Some(format!(
            "the {kind} {name} is in the CloudFormation stack {stack}, whose next update or deletion would change or \
             delete it. First take it out of the stack, with `DeletionPolicy: Retain`"
        ));
    }
    let (tool, tag) = find_managing_tool(tags)?;
    Some(format!(
        "the {kind} {name} is managed by {tool}, according to its tag {tag}, whose next run would change or delete it. \
         First make that tool forget it (in Terraform: `terraform state rm`)"
    ))
}

fn adoption_change(
    address: ResourceAddress,
    name: String,
    attributes: Differences,
    operations: Vec<Operation>,
) -> Change {
    let published = if address.kind == ResourceKind::Function && operations.len() > 1 {
        "; its current code is kept as a version"
    } else {
        ""
    };
    Change {
        address,
        name,
        action: Action::Update,
        reason: format!("no owner; deployer will manage it from now on{published}"),
        attributes: attributes.into_parts().0,
        operations,
    }
}

/// The call that tags a resource, its current tags, and ours. Also adds ours to `live`, as the call will.
fn tag_resource(
    kind: ResourceKind,
    stack: &DesiredStack,
    live: &mut LiveStack,
    scope: &Scope,
) -> Option<(Operation, StringMap, StringMap)> {
    let (found, wanted, operation) = match kind {
        ResourceKind::Role => {
            let name = live.role.as_present()?.name.clone();
            let mut tags = stack.role.tags.clone();
            tags.insert(TAG_ADOPTED.to_owned(), "true".to_owned());
            (
                tags_mut(&mut live.role, |live| &mut live.tags)?,
                tags.clone(),
                IamOperation::TagRole { role: name, tags }.into(),
            )
        }
        ResourceKind::Secret => {
            let secret = stack.secret.as_ref()?;
            let tags = secret.tags.clone();
            let operation = SecretsManagerOperation::TagSecret { secret: secret.name.clone(), tags: tags.clone() };
            (tags_mut(&mut live.secret, |live| &mut live.tags)?, tags, operation.into())
        }
        ResourceKind::LogGroup => {
            let tags = stack.log_group.tags.clone();
            let arn = scope.regional_arn("logs", &format!("log-group:{}", stack.log_group.name));
            (
                tags_mut(&mut live.log_group, |live| &mut live.tags)?,
                tags.clone(),
                LogsOperation::TagLogGroup { arn, tags }.into(),
            )
        }
        ResourceKind::Function => {
            let tags = stack.function.tags.clone();
            let operation = LambdaOperation::TagFunction { arn: stack.function.arn.clone(), tags: tags.clone() };
            (tags_mut(&mut live.function, |live| &mut live.tags)?, tags, operation.into())
        }
        ResourceKind::Rule => {
            // One that a schedule supersedes only has to be ours.
            let needed = [TAG_DEPLOYMENT, TAG_VENUE];
            let owner = stack.role.tags.iter().filter(|(key, _)| needed.contains(&key.as_str()));
            let owner = || owner.map(|(key, value)| (key.clone(), value.clone())).collect();
            let tags = stack.trigger.as_rule().map_or_else(owner, |trigger| trigger.rule.tags.clone());
            let name = &live.rule.as_present()?.name;
            let arn = scope.regional_arn("events", &format!("rule/{name}"));
            let operation = EventBridgeOperation::TagRule { arn, tags: tags.clone() };
            (tags_mut(&mut live.rule, |live| &mut live.tags)?, tags, operation.into())
        }
        // These have no tags: they belong to their function or their rule.
        ResourceKind::Alias | ResourceKind::Permission | ResourceKind::Target => return None,
        // An apply adopts properties by itself, and former roles are ours.
        ResourceKind::Property(_) | ResourceKind::FormerRole => return None,
        // They belong to no stack: see `tag_alarms` and `group_note`. A schedule belongs to its group.
        ResourceKind::AlarmTopic | ResourceKind::Alarms | ResourceKind::ScheduleGroup | ResourceKind::Schedule => {
            return None;
        }
    };
    let before = found.clone();
    found.extend(wanted.clone());
    Some((operation, before, wanted))
}

fn tags_mut<T>(observed: &mut Observed<T>, tags: impl FnOnce(&mut T) -> &mut StringMap) -> Option<&mut StringMap> {
    match observed {
        Observed::Present(live) | Observed::PendingDeletion(live) => Some(tags(live)),
        Observed::Absent | Observed::Unreadable(_) => None,
    }
}
