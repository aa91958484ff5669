//! What starts a venue's runs, a rule or a schedule, and how a venue changes over from one to the other.
//!
//! A venue that changes over never has both, because its runs would overlap, and both are never gone for longer than one
//! call takes: the new one is made without firing, the old one is disabled, the new one fires, and the old one is deleted.
//! A rule without a target fires nothing, so a new rule fires once its target is put. A change that lets one fire disables
//! the other in the call before, whatever was left by an apply that broke off.
//!
//! Meanwhile the venue's role trusts both. The last call of the deletion takes back the trust in the old one.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{
    Action, Change, EventBridgeOperation, IamOperation, Operation, Plan, ResourceVerdict, SchedulerOperation,
    VenueContext, compare_after, guard_part, is_owner, out_of_reach_reason, rule, schedule, target,
};
use crate::desired::{Desired, DesiredVenue};
use crate::naming::VenueNames;
use crate::resource::{
    DesiredStack, LiveRule, LiveSchedule, LiveStack, Observed, ResourceKind, RoleSpec, RuleSpec, RuleTrigger,
    ScheduleSpec, Trigger,
};
use crate::role_policy::{EVENTS, RunStarter, SCHEDULER, rules_have_roles, trust_policy};
use crate::scope::Scope;
use crate::spread::UTC;

/// Why what a venue had before is deleted.
const BY_SCHEDULE: &str = "its schedule starts the runs now";
const BY_RULE: &str = "its rule starts the runs now";

/// Whether a deletion is that of a trigger that another one of its venue has taken the place of, so that the venue stays.
pub(super) fn is_superseded(change: &Change) -> bool {
    change.action == Action::Delete && [BY_SCHEDULE, BY_RULE].contains(&change.reason.as_str())
}

/// The rule of ours, if there is one.
fn owned_rule<'l>(live: &'l LiveStack, deployment: &str) -> Option<&'l LiveRule> {
    live.rule.as_present().filter(|rule| is_owner(&rule.tags, deployment))
}

/// The schedule of ours, if there is one.
fn owned_schedule<'l>(live: &'l LiveStack, deployment: &str) -> Option<&'l LiveSchedule> {
    live.schedule.as_present().filter(|schedule| schedule.is_owned(deployment))
}

/// The stack with a role that what the venue had before may still take on.
pub(super) fn settle_stack<'s>(
    stack: &'s DesiredStack,
    live: &LiveStack,
    (deployment, venue): (&str, &str),
    scope: &Scope,
) -> Cow<'s, DesiredStack> {
    let by_rule = RunStarter::of_rule(scope, &VenueNames::new(deployment, venue).rule);
    let by_schedule = RunStarter::of_schedules(scope, deployment);
    // What is unreadable may be there, if the role says that it was.
    let trusts = |service: &str| live.role.as_present().is_some_and(|role| role.trust.to_string().contains(service));
    let stays = match &stack.trigger {
        Trigger::Rule(_) => {
            owned_schedule(live, deployment).is_some()
                || (live.schedule.unreadable_reason().is_some() && trusts(SCHEDULER))
        }
        Trigger::Schedule(_) => {
            rules_have_roles(scope)
                && (owned_rule(live, deployment).is_some()
                    || (live.rule.unreadable_reason().is_some() && trusts(EVENTS)))
        }
    };
    if !stays {
        return Cow::Borrowed(stack);
    }
    let mut starters = vec![by_rule, by_schedule];
    starters.retain(|starter| starter.service != EVENTS || rules_have_roles(scope));
    let mut settled = stack.clone();
    settled.role.trust = trust_policy(scope, &starters).into();
    Cow::Owned(settled)
}

/// What a trigger needs before it can be made.
pub(super) struct TriggerNeeds<'a> {
    pub(super) role: &'a ResourceVerdict,
    pub(super) alias: &'a ResourceVerdict,
    /// Why the group of the schedules is out of reach, if it is.
    pub(super) no_group: Option<&'a str>,
    /// The role as it should be once the venue has changed over.
    pub(super) final_role: &'a RoleSpec,
}

/// What is to be done about a venue's triggers.
pub(super) struct TriggerVerdicts {
    /// Of the one that it should have, by kind, in the order of creation.
    pub(super) wanted: Vec<(ResourceKind, ResourceVerdict)>,
    /// Of the other one, which goes.
    pub(super) superseded: Vec<(ResourceKind, ResourceVerdict)>,
}

impl TriggerVerdicts {
    /// The verdict on a part of the trigger that the venue should have.
    pub(super) fn find_wanted(&self, wanted: ResourceKind) -> Option<&ResourceVerdict> {
        self.wanted.iter().find(|(kind, _)| *kind == wanted).map(|(_, verdict)| verdict)
    }

    /// The verdict on what fires: the target of a rule, or the schedule.
    pub(super) fn last_wanted(&self) -> Option<&ResourceVerdict> {
        self.wanted.last().map(|(_, verdict)| verdict)
    }
}

pub(super) fn compare_trigger(
    context: &VenueContext,
    stack: &DesiredStack,
    live: &LiveStack,
    needs: &TriggerNeeds<'_>,
) -> TriggerVerdicts {
    match &stack.trigger {
        Trigger::Rule(trigger) => compare_rule_trigger(context, trigger, live, needs, &stack.role),
        Trigger::Schedule(wanted) => compare_schedule_trigger(context, wanted, live, needs, &stack.role),
    }
}

fn compare_rule_trigger(
    context: &VenueContext,
    RuleTrigger { rule: wanted, target: wanted_target }: &RuleTrigger,
    live: &LiveStack,
    needs: &TriggerNeeds<'_>,
    role: &RoleSpec,
) -> TriggerVerdicts {
    let compare_target = || target::compare_target(context, wanted_target, &live.rule);
    let before = live.rule.as_present();
    let starts_now = wanted.enabled && before.is_some_and(|rule| !rule.enabled && !rule.targets.is_empty());
    let stop = stop_schedule(live, context.deployment);
    let rule = rule::compare_rule(context, wanted, &live.rule);
    let rule = if starts_now { stop_first(rule, &stop) } else { rule };
    let target = match &wanted_target.target.role_arn {
        // Until the role lets it, a rule with a role can't invoke anything.
        Some(_) => guard_part(needs.role, compare_after(&[needs.alias, &rule], &live.rule, compare_target)),
        None => compare_after(&[needs.alias, &rule], &live.rule, compare_target),
    };
    let target = if wanted.enabled && !starts_now { stop_first(target, &stop) } else { target };
    let target = guard_part(&rule, target);
    let superseded = match &live.schedule {
        Observed::Absent | Observed::PendingDeletion(_) => Vec::new(),
        Observed::Unreadable(reason) => vec![(ResourceKind::Schedule, ResourceVerdict::Unreadable(reason.clone()))],
        Observed::Present(schedule) if schedule.is_owned(context.deployment) => {
            let group = crate::naming::schedule_group_name(context.deployment);
            let delete = SchedulerOperation::DeleteSchedule { group, schedule: schedule.name.clone() };
            let change = context.new_change(ResourceKind::Schedule, &schedule.name, Action::Delete, BY_RULE);
            let operations = with_final_trust(vec![delete.into()], role, needs);
            let verdict = ResourceVerdict::Change(Change { operations, ..change });
            vec![(ResourceKind::Schedule, guard_part(&rule, guard_part(&target, verdict)))]
        }
        Observed::Present(_) => Vec::new(),
    };
    TriggerVerdicts { wanted: vec![(ResourceKind::Rule, rule), (ResourceKind::Target, target)], superseded }
}

fn compare_schedule_trigger(
    context: &VenueContext,
    wanted: &ScheduleSpec,
    live: &LiveStack,
    needs: &TriggerNeeds<'_>,
    role: &RoleSpec,
) -> TriggerVerdicts {
    let stop = stop_rule(live, context.deployment, wanted);
    let compare = || match &live.schedule {
        Observed::Unreadable(reason) => ResourceVerdict::Unreadable(reason.clone()),
        Observed::Absent | Observed::PendingDeletion(_) => plan_schedule_creation(context, wanted, &stop),
        Observed::Present(found) if found.is_owned(context.deployment) => {
            let updated = ScheduleSpec { kms_key: found.kms_key(), ..wanted.clone() };
            let mut differences = schedule::schedule_differences(wanted, found);
            differences.fix_with(|| SchedulerOperation::UpdateSchedule { schedule: updated });
            let verdict = context.plan_update(ResourceKind::Schedule, &wanted.name, differences);
            if wanted.enabled && !found.enabled { stop_first(verdict, &stop) } else { verdict }
        }
        // The conflict is that of its group.
        Observed::Present(_) => ResourceVerdict::Unreadable("its group is not ours".to_owned()),
    };
    let schedule = compare_after(&[needs.role, needs.alias], &live.schedule, compare);
    // Until the role lets it, a schedule can't even be created.
    let schedule = guard_part(needs.role, schedule);
    let schedule = match (needs.no_group, schedule) {
        (Some(reason), ResourceVerdict::Change(_)) => ResourceVerdict::Unreadable(reason.to_owned()),
        (_, schedule) => schedule,
    };
    let superseded = match &live.rule {
        Observed::Absent | Observed::PendingDeletion(_) => Vec::new(),
        Observed::Unreadable(reason) => vec![(ResourceKind::Rule, ResourceVerdict::Unreadable(reason.clone()))],
        Observed::Present(rule) if is_owner(&rule.tags, context.deployment) => {
            let delete = |kind, operations| {
                let change = context.new_change(kind, &rule.name, Action::Delete, BY_SCHEDULE);
                (kind, guard_part(&schedule, ResourceVerdict::Change(Change { operations, ..change })))
            };
            let ids: Vec<String> = rule.targets.iter().map(|target| target.id.clone()).collect();
            let remove = EventBridgeOperation::RemoveTargets { rule: rule.name.clone(), ids };
            let target = (!rule.targets.is_empty()).then(|| delete(ResourceKind::Target, vec![remove.into()]));
            let delete_rule = EventBridgeOperation::DeleteRule { rule: rule.name.clone() };
            let operations = with_final_trust(vec![delete_rule.into()], role, needs);
            target.into_iter().chain([delete(ResourceKind::Rule, operations)]).collect()
        }
        // A rule with the venue's name that may invoke its function, and mustn't be disabled.
        Observed::Present(rule) => {
            let conflict = context.check_owner(ResourceKind::Rule, &rule.name, &rule.tags);
            conflict.into_iter().map(|conflict| (ResourceKind::Rule, conflict)).collect()
        }
    };
    let schedule = superseded.iter().fold(schedule, |schedule, (_, other)| match other {
        ResourceVerdict::Conflict(_) => guard_part(other, schedule),
        _ => schedule,
    });
    TriggerVerdicts { wanted: vec![(ResourceKind::Schedule, schedule)], superseded }
}

/// A schedule that follows a rule that fires is created disabled, and enabled once the rule is disabled.
fn plan_schedule_creation(context: &VenueContext, wanted: &ScheduleSpec, stop: &StopOther) -> ResourceVerdict {
    let create = |enabled| -> Operation {
        SchedulerOperation::CreateSchedule { schedule: ScheduleSpec { enabled, ..wanted.clone() } }.into()
    };
    let operations = match stop {
        StopOther::Unknown(reason) if wanted.enabled => return ResourceVerdict::Unreadable(reason.clone()),
        StopOther::Call(stop) if wanted.enabled => {
            let start = SchedulerOperation::UpdateSchedule { schedule: wanted.clone() };
            vec![create(false), (**stop).clone(), start.into()]
        }
        StopOther::Call(_) | StopOther::Unknown(_) | StopOther::Nothing => vec![create(wanted.enabled)],
    };
    let attributes = schedule::new_schedule_attributes(wanted);
    context.plan_creation(ResourceKind::Schedule, &wanted.name, attributes, operations)
}

/// What must be done before a trigger may fire.
enum StopOther {
    /// The other one doesn't fire.
    Nothing,
    /// This call disables it.
    Call(Box<Operation>),
    /// It is unknown whether it fires, for this reason.
    Unknown(String),
}

fn stop_schedule(live: &LiveStack, deployment: &str) -> StopOther {
    if let Some(reason) = live.schedule.unreadable_reason() {
        return StopOther::Unknown(format!("whether its schedule fires is unknown: {reason}"));
    }
    match owned_schedule(live, deployment).filter(|schedule| schedule.enabled) {
        Some(schedule) => {
            let schedule = schedule.disabled_spec(&crate::naming::schedule_group_name(deployment));
            StopOther::Call(Box::new(SchedulerOperation::UpdateSchedule { schedule }.into()))
        }
        None => StopOther::Nothing,
    }
}

/// A rule without targets fires nothing. Its expression is one that EventBridge certainly accepts, whatever the rule has.
fn stop_rule(live: &LiveStack, deployment: &str, wanted: &ScheduleSpec) -> StopOther {
    if let Some(reason) = live.rule.unreadable_reason() {
        return StopOther::Unknown(format!("whether its rule fires is unknown: {reason}"));
    }
    match owned_rule(live, deployment).filter(|rule| rule.enabled && !rule.targets.is_empty()) {
        Some(rule) => {
            let rule = RuleSpec {
                name: rule.name.clone(),
                arn: String::new(),
                description: wanted.description.clone(),
                schedule: wanted.expression.clone(),
                enabled: false,
                tags: rule.tags.clone(),
            };
            StopOther::Call(Box::new(EventBridgeOperation::PutRule { rule }.into()))
        }
        None => StopOther::Nothing,
    }
}

/// Disables the other trigger right before the call that lets this one fire, which is the last but removals.
fn stop_first(verdict: ResourceVerdict, stop: &StopOther) -> ResourceVerdict {
    let mut change = match verdict {
        ResourceVerdict::Change(change) => change,
        other => return other,
    };
    match stop {
        StopOther::Nothing => {}
        StopOther::Call(stop) => change.operations.insert(0, (**stop).clone()),
        StopOther::Unknown(reason) => return ResourceVerdict::Unreadable(reason.clone()),
    }
    ResourceVerdict::Change(change)
}

/// Adds the call that takes back the role's trust in a trigger that is deleted, unless the role isn't ours.
fn with_final_trust(mut operations: Vec<Operation>, role: &RoleSpec, needs: &TriggerNeeds<'_>) -> Vec<Operation> {
    if role.trust != needs.final_role.trust && out_of_reach_reason(needs.role).is_none() {
        let document = needs.final_role.trust.clone();
        operations.push(IamOperation::UpdateAssumeRolePolicy { role: role.name.clone(), document }.into());
    }
    operations
}

/// Says once what changes for venues that get a schedule: from what a rule doesn't have.
pub(super) fn note_changeovers(plan: &mut Plan, desired: &Desired) {
    let creates = |change: &&Change| change.action == Action::Create && change.address.kind == ResourceKind::Schedule;
    let created: BTreeSet<&str> =
        plan.changes.iter().filter(creates).map(|change| change.address.venue.as_str()).collect();
    if created.is_empty() {
        return;
    }
    let schedule_of = |venue| -> Option<(&DesiredVenue, &ScheduleSpec)> {
        let venue: &DesiredVenue = venue;
        Some((venue, venue.stack.as_ref()?.trigger.as_schedule()?))
    };
    let new = desired.venues.iter().filter(|venue| created.contains(venue.venue.as_str()));
    let new: Vec<(&DesiredVenue, &ScheduleSpec)> = new.filter_map(schedule_of).collect();
    let mut notes = Vec::new();
    let zoned: Vec<String> = new
        .iter()
        .filter(|(_, schedule)| schedule.timezone != UTC)
        .map(|(venue, schedule)| format!("{} ({} in {})", venue.venue, schedule.expression, schedule.timezone))
        .collect();
    if !zoned.is_empty() {
        notes.push(format!("their schedules count in their time zones, and no longer in UTC: {}", zoned.join(", ")));
    }
    let bounded: Vec<&str> = new
        .iter()
        .filter(|(venue, _)| venue.stack.as_ref().is_some_and(|stack| stack.role.permissions_boundary.is_some()))
        .map(|(venue, _)| venue.venue.as_str())
        .collect();
    if !bounded.is_empty() {
        notes.push(format!(
            "a schedule starts runs with the venue's role alone, so the permissions boundary must allow lambda:InvokeFunction on \
             the functions' aliases ({})",
            bounded.join(", ")
        ));
    }
    plan.notes.extend(notes);
}
