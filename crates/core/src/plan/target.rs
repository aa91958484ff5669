//! The rule's only target. Any other target is removed, because it would run on the venue's schedule too.

use serde_json::Value;

use super::{Differences, EventBridgeOperation, ResourceVerdict, VenueContext};
use crate::resource::members::AnswerKind;
use crate::resource::{LiveRule, Observed, ResourceKind, RuleTarget, TargetSpec};

pub(super) fn compare_target(
    context: &VenueContext,
    wanted: &TargetSpec,
    live: &Observed<LiveRule>,
) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_target_creation(context, wanted),
        Observed::Present(rule) if rule.targets.is_empty() => plan_target_creation(context, wanted),
        Observed::Present(rule) => {
            context.plan_update(ResourceKind::Target, &wanted.rule, target_differences(wanted, rule))
        }
    }
}

fn plan_target_creation(context: &VenueContext, wanted: &TargetSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("arn", wanted.target.arn.as_str());
    if let Some(role) = &wanted.target.role_arn {
        attributes.add_new("role_arn", role.as_str());
    }
    attributes.add_new("maximum_retry_attempts", wanted.target.maximum_retry_attempts.map_or(Value::Null, Value::from));
    attributes.add_new("maximum_event_age_s", wanted.target.maximum_event_age_s.map_or(Value::Null, Value::from));
    context.plan_creation(ResourceKind::Target, &wanted.rule, attributes, vec![put_target(wanted).into()])
}

fn target_differences(wanted: &TargetSpec, rule: &LiveRule) -> Differences {
    let mut differences = Differences::default();
    let ours = rule.targets.iter().find(|target| target.id == wanted.target.id);
    let unset = RuleTarget {
        id: String::new(),
        arn: String::new(),
        role_arn: None,
        maximum_retry_attempts: None,
        maximum_event_age_s: None,
        unmodeled: Vec::new(),
    };
    let (before, after) = (ours.unwrap_or(&unset), &wanted.target);
    differences.compare_value("arn", before.arn.as_str(), after.arn.as_str());
    match (&before.role_arn, &after.role_arn) {
        (found, Some(role)) => differences.compare_optional("role_arn", found.as_deref(), role.as_str()),
        (Some(found), None) => differences.add_removed("role_arn", found.as_str()),
        (None, None) => {}
    }
    if let Some(attempts) = after.maximum_retry_attempts {
        differences.compare_optional("maximum_retry_attempts", before.maximum_retry_attempts, attempts);
    }
    if let Some(age) = after.maximum_event_age_s {
        differences.compare_optional("maximum_event_age_s", before.maximum_event_age_s, age);
    }
    differences.add_unmodeled(AnswerKind::Target, &before.unmodeled);
    // PutTargets replaces the whole target.
    differences.fix_with(|| put_target(wanted));
    let others: Vec<&RuleTarget> = rule.targets.iter().filter(|target| target.id != wanted.target.id).collect();
    for other in &others {
        differences.add_removed(&format!("targets.{}", other.id), other.arn.as_str());
    }
    differences.fix_with(|| EventBridgeOperation::RemoveTargets {
        rule: wanted.rule.clone(),
        ids: others.iter().map(|target| target.id.clone()).collect(),
    });
    differences
}

fn put_target(wanted: &TargetSpec) -> EventBridgeOperation {
    EventBridgeOperation::PutTargets { rule: wanted.rule.clone(), targets: vec![wanted.target.clone()] }
}
