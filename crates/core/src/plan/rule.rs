//! EventBridge rule, without its target.

use super::{Context, Differences, Operation, Verdict};
use crate::resource::{Kind, LiveRule, Map, Observed, RuleSpec};

pub(super) fn compare(context: &Context, rule: &RuleSpec, live: &Observed<LiveRule>) -> Verdict {
    match live {
        Observed::Unreadable(reason) => Verdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => create(context, rule),
        Observed::Present(live) => context
            .check_owner(Kind::Rule, &rule.name, &live.tags)
            .unwrap_or_else(|| context.update(Kind::Rule, &rule.name, differences(rule, live))),
    }
}

fn create(context: &Context, rule: &RuleSpec) -> Verdict {
    let mut attributes = Differences::default();
    attributes.set("schedule", rule.schedule.as_str());
    attributes.set("state", state(rule.enabled));
    attributes.tags(&Map::new(), &rule.tags);
    context.create(Kind::Rule, &rule.name, attributes, vec![Operation::PutRule { rule: rule.clone() }])
}

fn differences(rule: &RuleSpec, live: &LiveRule) -> Differences {
    let mut differences = Differences::default();
    differences.differ("description", live.description.as_str(), rule.description.as_str());
    differences.differ("schedule", live.schedule.as_str(), rule.schedule.as_str());
    differences.differ("state", state(live.enabled), state(rule.enabled));
    differences.put_right_by(|| Operation::PutRule { rule: rule.clone() });
    // PutRule doesn't change an existing rule's tags.
    differences.tags(&live.tags, &rule.tags);
    differences.put_right_by(|| Operation::TagRule { arn: rule.arn.clone(), tags: rule.tags.clone() });
    differences
}

fn state(enabled: bool) -> &'static str {
    if enabled { "ENABLED" } else { "DISABLED" }
}
