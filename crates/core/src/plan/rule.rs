//! EventBridge rule, without its target.

use super::{Differences, EventBridgeOperation, ResourceVerdict, VenueContext};
use crate::resource::members::AnswerKind;
use crate::resource::{LiveRule, Observed, ResourceKind, RuleSpec, StringMap};

pub(super) fn compare_rule(context: &VenueContext, rule: &RuleSpec, live: &Observed<LiveRule>) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_rule_creation(context, rule),
        Observed::Present(live) => context
            .check_owner(ResourceKind::Rule, &rule.name, &live.tags)
            .unwrap_or_else(|| context.plan_update(ResourceKind::Rule, &rule.name, rule_differences(rule, live))),
    }
}

fn plan_rule_creation(context: &VenueContext, rule: &RuleSpec) -> ResourceVerdict {
    let mut attributes = Differences::default();
    attributes.add_new("schedule", rule.schedule.as_str());
    attributes.add_new("state", rule_state(rule.enabled));
    attributes.compare_tags(&StringMap::new(), &rule.tags);
    context.plan_creation(
        ResourceKind::Rule,
        &rule.name,
        attributes,
        vec![EventBridgeOperation::PutRule { rule: rule.clone() }.into()],
    )
}

fn rule_differences(rule: &RuleSpec, live: &LiveRule) -> Differences {
    let mut differences = Differences::default();
    differences.compare_value("description", live.description.as_str(), rule.description.as_str());
    differences.compare_value("schedule", live.schedule.as_str(), rule.schedule.as_str());
    differences.compare_value("state", rule_state(live.enabled), rule_state(rule.enabled));
    differences.add_unmodeled(AnswerKind::Rule, &live.unmodeled.members);
    // PutRule removes what it doesn't say.
    differences.fix_with(|| EventBridgeOperation::PutRule { rule: rule.clone() });
    // PutRule doesn't change an existing rule's tags.
    let undeclared = differences.remove_tags(&live.tags, &rule.tags);
    differences.fix_with(|| EventBridgeOperation::UntagRule { arn: rule.arn.clone(), keys: undeclared });
    differences.compare_tags(&live.tags, &rule.tags);
    differences.fix_with(|| EventBridgeOperation::TagRule { arn: rule.arn.clone(), tags: rule.tags.clone() });
    differences
}

fn rule_state(enabled: bool) -> &'static str {
    if enabled { "ENABLED" } else { "DISABLED" }
}
