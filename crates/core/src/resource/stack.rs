//! All resources of one venue: as they should be, and as they were found. Whatever must decide about every kind names every
//! field of these two.

use serde::{Deserialize, Serialize};

use super::members::{AnswerKind, UnmodeledMember};
use super::{
    AliasSpec, FunctionSpec, LiveAlias, LiveFunction, LiveLogGroup, LivePermission, LiveRole, LiveRule, LiveSchedule,
    LiveSecret, LogGroupSpec, Observed, PermissionSpec, RoleSpec, SecretSpec, StringMap, Trigger,
};
use crate::property::{ContactProperty, PropertyField};
use crate::role_owner::OtherRoles;

/// Everything that an active or paused venue should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredStack {
    pub role: RoleSpec,
    /// `None` if it has no credentials, so that there is nothing to store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretSpec>,
    pub log_group: LogGroupSpec,
    pub function: FunctionSpec,
    pub alias: AliasSpec,
    /// What starts its runs.
    pub trigger: Trigger,
    /// `None` where the trigger has a role instead: see [`RuleTarget::role_arn`](super::RuleTarget::role_arn).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission: Option<PermissionSpec>,
    /// The five contact properties in HubSpot; empty if people create them by hand.
    pub properties: Vec<(PropertyField, ContactProperty)>,
}

/// Everything that was observed of a venue. The target is part of the rule. While a venue changes over from a rule to a
/// schedule, or back, it has both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveStack {
    pub role: Observed<LiveRole>,
    /// The venue's roles besides that one.
    #[serde(default, skip_serializing_if = "OtherRoles::is_empty")]
    pub other_roles: OtherRoles,
    pub secret: Observed<LiveSecret>,
    pub log_group: Observed<LiveLogGroup>,
    pub function: Observed<LiveFunction>,
    pub alias: Observed<LiveAlias>,
    pub rule: Observed<LiveRule>,
    pub permission: Observed<LivePermission>,
    #[serde(default, skip_serializing_if = "is_absent")]
    pub schedule: Observed<LiveSchedule>,
}

pub(crate) fn is_absent<T>(observed: &Observed<T>) -> bool {
    matches!(observed, Observed::Absent)
}

/// A part of what was observed, with the kind of answer that it comes from.
pub type UnmodeledAnswer<'l> = (AnswerKind, &'l [UnmodeledMember], &'l [String]);

impl LiveStack {
    /// What no attribute models, by answer. Every field by name, so that no kind can be forgotten.
    pub fn unmodeled_answers(&self) -> Vec<UnmodeledAnswer<'_>> {
        // A permission is a statement of the alias's policy, whose other statements are the alias's. Former roles are deleted.
        let Self { role, other_roles: _, secret, log_group, function, alias, rule, permission: _, schedule } = self;
        let parts = [
            (AnswerKind::Role, role.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::Secret, secret.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::LogGroup, log_group.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::Function, function.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::Alias, alias.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::Rule, rule.as_present().map(|live| &live.unmodeled)),
            (AnswerKind::Schedule, schedule.as_present().map(|live| &live.unmodeled)),
        ];
        let mut all: Vec<UnmodeledAnswer<'_>> = Vec::new();
        for (answer, part) in parts {
            all.extend(part.map(|part| (answer, part.members.as_slice(), part.unread.as_slice())));
        }
        if let Some(function) = function.as_present() {
            all.push((AnswerKind::Configuration, &function.configuration.unmodeled, &[]));
        }
        for target in rule.as_present().map(|rule| &rule.targets).into_iter().flatten() {
            all.push((AnswerKind::Target, &target.unmodeled, &[]));
        }
        all
    }

    /// Why resources are unreadable.
    pub fn unreadable_reasons(&self) -> Vec<&str> {
        let Self { role, other_roles: _, secret, log_group, function, alias, rule, permission, schedule } = self;
        [
            role.unreadable_reason(),
            secret.unreadable_reason(),
            log_group.unreadable_reason(),
            function.unreadable_reason(),
            alias.unreadable_reason(),
            rule.unreadable_reason(),
            permission.unreadable_reason(),
            schedule.unreadable_reason(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The tags of each existing resource that has tags of its own.
    pub fn resource_tags(&self) -> impl Iterator<Item = &StringMap> {
        // An alias, a permission and a schedule have no tags.
        let Self { role, other_roles, secret, log_group, function, alias: _, rule, permission: _, schedule: _ } = self;
        let former = other_roles.former.iter().map(|role| &role.tags);
        [
            role.as_present().map(|live| &live.tags),
            secret.as_present().map(|live| &live.tags),
            log_group.as_present().map(|live| &live.tags),
            function.as_present().map(|live| &live.tags),
            rule.as_present().map(|live| &live.tags),
        ]
        .into_iter()
        .flatten()
        .chain(former)
    }

    /// Whether any of the venue's resources exists.
    pub fn any_exists(&self) -> bool {
        self.resource_tags().next().is_some() || self.schedule.as_present().is_some()
    }
}

impl Default for LiveStack {
    fn default() -> Self {
        Self {
            role: Observed::Absent,
            other_roles: OtherRoles::default(),
            secret: Observed::Absent,
            log_group: Observed::Absent,
            function: Observed::Absent,
            alias: Observed::Absent,
            rule: Observed::Absent,
            permission: Observed::Absent,
            schedule: Observed::Absent,
        }
    }
}
