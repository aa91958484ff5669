//! EventBridge rule, without its target.

use super::{Change, Differences, EventBridgeOperation, Plan, ResourceVerdict, VenueContext};
use crate::manifest::ScheduleExpression;
use crate::resource::members::AnswerKind;
use crate::resource::{LiveRule, Observed, ResourceKind, RuleSpec, StringMap};
use crate::spread::keeps_schedule;

/// The reason of a change that only moves a rule's firings within their interval.
const MOVED: &str = "fires as often as before, in a minute of its own";

pub(super) fn compare_rule(context: &VenueContext, rule: &RuleSpec, live: &Observed<LiveRule>) -> ResourceVerdict {
    match live {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_rule_creation(context, rule),
        Observed::Present(live) => context
            .check_owner(ResourceKind::Rule, &rule.name, &live.tags)
            .unwrap_or_else(|| plan_rule_update(context, rule, live)),
    }
}

fn plan_rule_update(context: &VenueContext, rule: &RuleSpec, live: &LiveRule) -> ResourceVerdict {
    let mut verdict = context.plan_update(ResourceKind::Rule, &rule.name, rule_differences(rule, live));
    if let ResourceVerdict::Change(change) = &mut verdict
        && matches!(change.attributes.as_slice(), [only] if only.path == "schedule")
        && is_same_rate(live, rule)
    {
        MOVED.clone_into(&mut change.reason);
    }
    verdict
}

/// Whether a rule that was made as a rate fires as often as it should.
fn is_same_rate(live: &LiveRule, rule: &RuleSpec) -> bool {
    ScheduleExpression::parse_expression(&live.schedule).is_ok_and(|live| keeps_schedule(&rule.schedule, &live))
}

/// Says once why rules change that nobody has changed.
pub(super) fn note_moved_rules(plan: &mut Plan) {
    let moved: Vec<&Change> = plan.changes.iter().filter(|change| change.reason == MOVED).collect();
    let Some(first) = moved.first() else { return };
    let shown = |value: &Option<serde_json::Value>| {
        value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    };
    let [before, after] =
        first.attributes.first().map(|change| [shown(&change.before), shown(&change.after)]).unwrap_or_default();
    let rules = crate::counted::count_with_noun(moved.len() as u64, "rule");
    plan.notes.push(format!(
        "{rules} will fire as often as before, but each in a minute of its own ({before} becomes {after}), so that \
         venues don't all search HubSpot at the same moment"
    ));
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
