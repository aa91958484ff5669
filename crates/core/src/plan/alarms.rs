//! Alarms and their topic. They are no part of a venue's stack: a deployment has one topic and one alarm of its own, and a
//! group of alarms is compared and removed as a whole.

use serde_json::Value;

use super::finding::{FindingKind, PlanFinding};
use super::{
    Action, Change, CloudWatchOperation, Conflict, Differences, Operation, Plan, PlanIndex, ResourceVerdict,
    SnsOperation, UnreadableResource, VenueContext, is_owner,
};
use crate::desired::Desired;
use crate::isolation::strangers::{statements_of, strangers_of_statement};
use crate::naming::{SHARED_VENUE, VenueNames, alarm_topic_name};
use crate::resource::alarm::{AlarmGroupSpec, AlarmSpec, LiveAlarm, LiveTopic, TopicSpec};
use crate::resource::{Observed, ResourceKind, StringMap};
use crate::snapshot::Snapshot;

/// Plans the topic and the alarms of all venues, which those of single venues need.
pub(super) fn plan_shared(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot, index: &PlanIndex<'_>) {
    let Some(alarms) = &desired.alarms else {
        if let Some(reason) = snapshot.alarms.alarms.unreadable_reason() {
            plan.notes.push(format!("whether alarms are left from an earlier manifest is unknown: {reason}"));
        }
        return;
    };
    let context = shared_context(&plan.deployment);
    if let Some(topic) = &alarms.topic {
        let verdict = compare_topic(&context, topic, &snapshot.alarms.topic);
        record(plan, ResourceKind::AlarmTopic, SHARED_VENUE, verdict);
        report_topic(plan, topic, snapshot.alarms.topic.as_present());
    }
    // Where a function forwards messages, the group comes after it.
    if index.find_venue(SHARED_VENUE).is_none() {
        plan_group(plan, snapshot, index, SHARED_VENUE);
    }
}

/// Plans the alarms of one venue.
pub(super) fn plan_group(plan: &mut Plan, snapshot: &Snapshot, index: &PlanIndex<'_>, venue: &str) {
    let Some(group) = index.find_group(venue) else { return };
    let live = index.list_live_group(venue);
    plan.notes.extend(group.notes.iter().cloned());
    let topic = snapshot.alarms.topic.as_present();
    let deployment = plan.deployment.clone();
    let context = VenueContext { deployment: &deployment, venue, is_canary: false };
    let verdict = match &snapshot.alarms.alarms {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => compare_group(&context, group, &[], topic),
        Observed::Present(_) => compare_group(&context, group, live, topic),
    };
    record(plan, ResourceKind::Alarms, venue, verdict);
    for alarm in live {
        let unknown = alarm.unmodeled.iter().filter(|member| !member.known);
        plan.notes.extend(unknown.map(|member| {
            format!(
                "this version of deployer doesn't know the member {} of the alarm {}, so it is neither compared nor changed",
                member.path, alarm.name
            )
        }));
    }
}

/// Plans the deletion of the alarms of venues that have none any more.
pub(super) fn plan_deletions(plan: &mut Plan, desired: &Desired, index: &PlanIndex<'_>, wanted: impl Fn(&str) -> bool) {
    for venue in index.venues_with_alarms().filter(|venue| *venue != SHARED_VENUE && wanted(venue)) {
        let reason = match index.find_venue(venue) {
            None => format!("{venue} is not in the manifest"),
            Some(_) if desired.alarms.is_none() => "the manifest declares no alarms".to_owned(),
            Some(declared) if declared.stack.is_none() => format!("{venue} is blocked"),
            Some(_) => format!("{venue} is paused"),
        };
        if index.find_group(venue).is_none() {
            delete_group(plan, venue, index, &reason);
        }
    }
}

/// Plans the deletion of the topic and of the alarms of all venues, after everything that needs them.
pub(super) fn plan_shared_deletions(plan: &mut Plan, desired: &Desired, snapshot: &Snapshot, index: &PlanIndex<'_>) {
    if desired.alarms.is_none() {
        delete_group(plan, SHARED_VENUE, index, "the manifest declares no alarms");
    }
    let declared = desired.alarms.as_ref().is_some_and(|alarms| alarms.topic.is_some());
    if declared {
        return;
    }
    match &snapshot.alarms.topic {
        Observed::Present(topic) if owns(topic.tags.as_ref(), &plan.deployment) => {
            let context = shared_context(&plan.deployment);
            let name = alarm_topic_name(&plan.deployment);
            let reason = match desired.alarms {
                Some(_) => "the manifest names another topic",
                None => "the manifest declares no alarms",
            };
            let change = context.new_change(ResourceKind::AlarmTopic, &name, Action::Delete, reason);
            let operation = SnsOperation::DeleteTopic { arn: topic.arn.clone() }.into();
            plan.changes.push(Change { operations: vec![operation], ..change });
        }
        Observed::Unreadable(reason) => {
            plan.notes.push(format!("whether a topic is left from an earlier manifest is unknown: {reason}"));
        }
        Observed::Present(_) | Observed::PendingDeletion(_) | Observed::Absent => {}
    }
}

fn shared_context(deployment: &str) -> VenueContext<'_> {
    VenueContext { deployment, venue: SHARED_VENUE, is_canary: false }
}

fn record(plan: &mut Plan, kind: ResourceKind, venue: &str, verdict: ResourceVerdict) {
    match verdict {
        ResourceVerdict::Unchanged => plan.unchanged += 1,
        ResourceVerdict::Change(change) => plan.changes.push(change),
        ResourceVerdict::Conflict(conflict) => plan.conflicts.push(conflict),
        ResourceVerdict::Unreadable(reason) => {
            let deployment = plan.deployment.clone();
            let context = VenueContext { deployment: &deployment, venue, is_canary: false };
            plan.unreadable.push(UnreadableResource { address: Some(context.resource_address(kind)), reason });
        }
    }
}

/// The venue of an alarm of the deployment, by its name.
pub(super) fn alarm_venue<'n>(deployment: &str, name: &'n str) -> Option<&'n str> {
    name.strip_prefix(VenueNames::alarm_prefix(deployment).as_str())?.split('/').next()
}

/// Whether the tags name this deployment. Those of a list, which has none, are assumed to be as declared.
fn owns(tags: Option<&StringMap>, deployment: &str) -> bool {
    tags.is_none_or(|tags| is_owner(tags, deployment))
}

/// What an attribute of an alarm is shown as: the end of its name.
fn shown_name<'n>(group: &str, name: &'n str) -> &'n str {
    name.strip_prefix(group).map_or(name, |rest| rest.strip_prefix('/').unwrap_or("message"))
}

fn put_alarm(group: &AlarmGroupSpec, alarm: &AlarmSpec) -> CloudWatchOperation {
    let (alarm, tags) = (alarm.clone(), group.tags.clone());
    match alarm.name == group.name {
        true => CloudWatchOperation::PutCompositeAlarm { alarm, tags },
        false => CloudWatchOperation::PutMetricAlarm { alarm, tags },
    }
}

fn compare_group(
    context: &VenueContext,
    group: &AlarmGroupSpec,
    live: &[&LiveAlarm],
    topic: Option<&LiveTopic>,
) -> ResourceVerdict {
    let specs = || group.alarms.iter().chain(&group.composite);
    let find = |name: &str| live.iter().find(|alarm| alarm.name == name);
    let named = live.iter().filter(|alarm| specs().any(|spec| spec.name == alarm.name));
    for alarm in named {
        if let Some(tags) = &alarm.tags
            && let Some(conflict) = context.check_owner(ResourceKind::Alarms, &alarm.name, tags)
        {
            return conflict;
        }
    }
    let mut differences = Differences::default();
    // Its time begins before the alarm that watches it exists.
    let begins = |spec: &&AlarmSpec| find(&spec.name).is_none() && spec.settings["TreatMissingData"] == "breaching";
    let metric = group.watched.as_ref().filter(|_| specs().any(|spec| begins(&spec)));
    let mut first: Vec<Operation> =
        metric.map(|metric| CloudWatchOperation::PutMetricData { metric: metric.clone() }.into()).into_iter().collect();
    for spec in specs() {
        let path = shown_name(&group.name, &spec.name);
        match find(&spec.name) {
            None => {
                differences.compare_document(path, &Value::Object(serde_json::Map::new()), &spec.settings);
                differences.fix_with(|| put_alarm(group, spec));
            }
            Some(alarm) => {
                differences.compare_document(path, &alarm.settings, &spec.settings);
                differences.fix_with(|| put_alarm(group, spec));
                if let Some(tags) = &alarm.tags {
                    let undeclared = differences.remove_tags(tags, &group.tags);
                    differences
                        .fix_with(|| CloudWatchOperation::UntagAlarm { arn: alarm.arn.clone(), keys: undeclared });
                    differences.compare_tags(tags, &group.tags);
                    let tags = group.tags.clone();
                    differences.fix_with(|| CloudWatchOperation::TagAlarm { arn: alarm.arn.clone(), tags });
                }
            }
        }
    }
    let others = live.iter().filter(|alarm| !specs().any(|spec| spec.name == alarm.name));
    let others: Vec<&&LiveAlarm> = others.filter(|alarm| owns(alarm.tags.as_ref(), context.deployment)).collect();
    for alarm in &others {
        differences.add_removed(shown_name(&group.name, &alarm.name), alarm.settings.clone());
    }
    for operation in deletions(&group.name, others.iter().map(|alarm| **alarm)) {
        differences.add_fix(operation);
    }
    compare_subscriber(context, group, topic, &mut differences);
    if live.is_empty() {
        let (attributes, operations) = differences.into_parts();
        first.extend(operations);
        let change = context.new_change(ResourceKind::Alarms, &group.name, Action::Create, "not created yet");
        return ResourceVerdict::Change(Change { attributes, operations: first, ..change });
    }
    match context.plan_update(ResourceKind::Alarms, &group.name, differences) {
        ResourceVerdict::Change(mut change) => {
            first.append(&mut change.operations);
            ResourceVerdict::Change(Change { operations: first, ..change })
        }
        other => other,
    }
}

/// The function of the deployment that forwards messages to chats, by the ARN of its alias.
fn is_own_subscriber(deployment: &str, endpoint: &str) -> bool {
    let function = VenueNames::new(deployment, SHARED_VENUE).function;
    let mut parts = endpoint.split(':').skip(5);
    parts.next() == Some("function") && parts.next() == Some(function.as_str())
}

/// Compares who gets the messages besides those who get mail. What others have subscribed is left alone.
fn compare_subscriber(
    context: &VenueContext,
    group: &AlarmGroupSpec,
    topic: Option<&LiveTopic>,
    differences: &mut Differences,
) {
    if group.venue != SHARED_VENUE {
        return;
    }
    let live = topic.filter(|topic| owns(topic.tags.as_ref(), context.deployment));
    let by_function = live.into_iter().flat_map(|topic| &topic.subscriptions);
    let own: Vec<_> = by_function
        .filter(|known| known.protocol == "lambda" && is_own_subscriber(context.deployment, &known.endpoint))
        .collect();
    if let Some(wanted) =
        group.subscriber.as_ref().filter(|wanted| !own.iter().any(|it| it.endpoint == wanted.endpoint))
    {
        differences.add_new("subscriber", wanted.endpoint.as_str());
        let (arn, function) = (wanted.topic.clone(), wanted.endpoint.clone());
        differences.fix_with(|| SnsOperation::SubscribeFunction { arn, function });
    }
    let wanted = group.subscriber.as_ref().map(|wanted| wanted.endpoint.as_str());
    for known in own.into_iter().filter(|known| Some(known.endpoint.as_str()) != wanted) {
        if let Some(subscription) = known.arn.clone() {
            differences.add_removed("subscriber", known.endpoint.as_str());
            differences.fix_with(|| SnsOperation::Unsubscribe { subscription });
        }
    }
}

fn delete_group(plan: &mut Plan, venue: &str, index: &PlanIndex<'_>, reason: &str) {
    let deployment = plan.deployment.clone();
    let group = VenueNames::new(&deployment, venue).alarms;
    let mut ours = index.list_live_group(venue).to_vec();
    ours.retain(|alarm| owns(alarm.tags.as_ref(), &deployment));
    if ours.is_empty() {
        return;
    }
    let context = VenueContext { deployment: &deployment, venue, is_canary: false };
    let change = context.new_change(ResourceKind::Alarms, &group, Action::Delete, reason);
    let operations = deletions(&group, ours.into_iter()).into_iter().map(Operation::from).collect();
    plan.changes.push(Change { operations, ..change });
}

/// The calls that delete alarms. CloudWatch deletes none on which a composite one depends, so that one goes first.
fn deletions<'l>(group: &str, alarms: impl Iterator<Item = &'l LiveAlarm>) -> Vec<CloudWatchOperation> {
    let (composite, others): (Vec<&LiveAlarm>, Vec<&LiveAlarm>) = alarms.partition(|alarm| alarm.composite);
    let delete = |alarms: Vec<&LiveAlarm>| {
        let names: Vec<String> = alarms.into_iter().map(|alarm| alarm.name.clone()).collect();
        (!names.is_empty()).then(|| CloudWatchOperation::DeleteAlarms { group: group.to_owned(), names })
    };
    [delete(composite), delete(others)].into_iter().flatten().collect()
}

fn compare_topic(context: &VenueContext, topic: &TopicSpec, live: &Observed<LiveTopic>) -> ResourceVerdict {
    let live = match live {
        Observed::Unreadable(reason) => return ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => return plan_topic_creation(context, topic),
        Observed::Present(live) => live,
    };
    if !owns(live.tags.as_ref(), context.deployment) {
        let owner = live.tags.as_ref().and_then(|tags| tags.get(crate::naming::TAG_DEPLOYMENT));
        return ResourceVerdict::Conflict(Conflict {
            address: context.resource_address(ResourceKind::AlarmTopic),
            name: topic.name.clone(),
            owner: owner.map(|deployment| format!("deployment {deployment}")),
            mismatch: None,
        });
    }
    let mut differences = Differences::default();
    differences.compare_policy("policy", &live.policy, &topic.policy);
    differences.fix_with(|| SnsOperation::SetTopicPolicy { arn: topic.arn.clone(), policy: topic.policy.clone() });
    if let Some(tags) = &live.tags {
        let undeclared = differences.remove_tags(tags, &topic.tags);
        differences.fix_with(|| SnsOperation::UntagTopic { arn: topic.arn.clone(), keys: undeclared });
        differences.compare_tags(tags, &topic.tags);
        differences.fix_with(|| SnsOperation::TagTopic { arn: topic.arn.clone(), tags: topic.tags.clone() });
    }
    let by_mail = || live.subscriptions.iter().filter(|subscription| subscription.protocol == "email");
    for email in topic.emails.iter().filter(|email| !by_mail().any(|known| known.endpoint == **email)) {
        differences.add_new(&format!("email.{email}"), "asked to confirm");
        differences.fix_with(|| SnsOperation::Subscribe { arn: topic.arn.clone(), email: email.clone() });
    }
    // SNS drops a subscription that nobody confirms by itself, and has no way to delete it before.
    for known in by_mail().filter(|known| !topic.emails.contains(&known.endpoint)) {
        if let Some(subscription) = known.arn.clone() {
            differences.add_removed(&format!("email.{}", known.endpoint), "subscribed");
            differences.fix_with(|| SnsOperation::Unsubscribe { subscription });
        }
    }
    context.plan_update(ResourceKind::AlarmTopic, &topic.name, differences)
}

fn plan_topic_creation(context: &VenueContext, topic: &TopicSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.compare_policy("policy", &Value::Null, &topic.policy);
    attributes.compare_tags(&StringMap::new(), &topic.tags);
    let arn = &topic.arn;
    let mut operations: Vec<Operation> = vec![
        SnsOperation::CreateTopic { topic: topic.name.clone(), tags: topic.tags.clone() }.into(),
        SnsOperation::SetTopicPolicy { arn: arn.clone(), policy: topic.policy.clone() }.into(),
    ];
    for email in &topic.emails {
        attributes.add_new(&format!("email.{email}"), "asked to confirm");
        operations.push(SnsOperation::Subscribe { arn: arn.clone(), email: email.clone() }.into());
    }
    context.plan_creation(ResourceKind::AlarmTopic, &topic.name, attributes, operations)
}

/// Says who else can publish or gets the messages, and who hasn't confirmed yet.
fn report_topic(plan: &mut Plan, topic: &TopicSpec, live: Option<&LiveTopic>) {
    let Some(live) = live.filter(|live| owns(live.tags.as_ref(), &plan.deployment)) else { return };
    let deployment = plan.deployment.clone();
    let context = shared_context(&deployment);
    let finding = |kind: FindingKind, text: String, hint: String| PlanFinding {
        address: context.resource_address(ResourceKind::AlarmTopic),
        name: topic.name.clone(),
        kind,
        text,
        hint: Some(hint),
    };
    let account = plan.scope.account.clone();
    for statement in statements_of(&live.policy) {
        // The statement of ours names a service, for this account alone.
        let is_ours = statements_of(&topic.policy).contains(statement);
        let strangers = strangers_of_statement(&topic.name, statement, &account);
        for text in strangers.into_iter().filter(|_| !is_ours) {
            plan.findings.push(finding(FindingKind::Stranger, text, "`deployer apply` removes it".to_owned()));
        }
    }
    // A chat, for example. Who confirmed it has access to the topic, unless it is in another account.
    let others = live.subscriptions.iter().filter(|subscription| {
        let own = subscription.protocol == "lambda" && is_own_subscriber(&deployment, &subscription.endpoint);
        subscription.protocol != "email" && !own
    });
    for (subscription, arn) in others.filter_map(|subscription| Some((subscription, subscription.arn.as_ref()?))) {
        let text = format!("{} {} gets the messages, too", subscription.protocol, subscription.endpoint);
        let remove = format!("`aws sns unsubscribe --subscription-arn {arn}` removes it");
        let owner = subscription.endpoint.split(':').nth(4).filter(|_| subscription.endpoint.starts_with("arn:"));
        match owner.is_some_and(|owner| !owner.is_empty() && owner != account) {
            true => plan.findings.push(finding(FindingKind::Stranger, text, remove)),
            false => plan.notes.push(format!("{}: {text}, and an apply leaves that alone; {remove}", topic.name)),
        }
    }
    let waiting = live.subscriptions.iter().filter(|subscription| subscription.arn.is_none());
    let waiting: Vec<&str> = waiting.map(|subscription| subscription.endpoint.as_str()).collect();
    let (wanted, others): (Vec<&str>, Vec<&str>) =
        waiting.into_iter().partition(|endpoint| topic.emails.iter().any(|email| email == endpoint));
    if !wanted.is_empty() {
        plan.notes.push(format!(
            "{} hasn't confirmed yet and gets no messages of alarms: the mail from AWS Notifications has the link. To send it \
             again: `aws sns subscribe --topic-arn {} --protocol email --notification-endpoint ADDRESS`",
            wanted.join(", "),
            topic.arn
        ));
    }
    if !others.is_empty() {
        plan.notes.push(format!("{} never confirmed; SNS drops that by itself", others.join(", ")));
    }
}
