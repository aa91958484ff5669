//! The rule's only target. Any other target is removed, because it would run on the venue's schedule too.

use serde_json::Value;

use super::{Context, Differences, Operation, Verdict};
use crate::resource::{Kind, LiveRule, Observed, Target, TargetSpec};

pub(super) fn compare(context: &Context, wanted: &TargetSpec, live: &Observed<LiveRule>) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => create(context, wanted),
        Observed::Present(rule) if rule.targets.is_empty() => create(context, wanted),
        Observed::Present(rule) => context.update(Kind::Target, &wanted.rule, differences(wanted, rule)),
    }
}

fn create(context: &Context, wanted: &TargetSpec) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("arn", wanted.target.arn.as_str());
    attributes.set("maximum_retry_attempts", wanted.target.maximum_retry_attempts.map_or(Value::Null, Value::from));
    attributes.set("maximum_event_age_s", wanted.target.maximum_event_age_s.map_or(Value::Null, Value::from));
    context.create(Kind::Target, &wanted.rule, attributes, vec![put(wanted)])
}

fn differences(wanted: &TargetSpec, rule: &LiveRule) -> Differences {
    let mut differences = Differences::default();
    let ours = rule.targets.iter().find(|target| target.id == wanted.target.id);
    let unset =
        Target { id: String::new(), arn: String::new(), maximum_retry_attempts: None, maximum_event_age_s: None };
    let (before, after) = (ours.unwrap_or(&unset), &wanted.target);
    differences.differ("arn", before.arn.as_str(), after.arn.as_str());
    if let Some(attempts) = after.maximum_retry_attempts {
        differences.differ_optional("maximum_retry_attempts", before.maximum_retry_attempts, attempts);
    }
    if let Some(age) = after.maximum_event_age_s {
        differences.differ_optional("maximum_event_age_s", before.maximum_event_age_s, age);
    }
    differences.put_right_by(|| put(wanted));
    let others: Vec<&Target> = rule.targets.iter().filter(|target| target.id != wanted.target.id).collect();
    for other in &others {
        differences.remove(&format!("targets.{}", other.id), other.arn.as_str());
    }
    differences.put_right_by(|| Operation::RemoveTargets {
        rule: wanted.rule.clone(),
        ids: others.iter().map(|target| target.id.clone()).collect(),
    });
    differences
}

fn put(wanted: &TargetSpec) -> Operation {
    Operation::PutTargets { rule: wanted.rule.clone(), targets: vec![wanted.target.clone()] }
}
