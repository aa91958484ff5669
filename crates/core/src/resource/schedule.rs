//! What starts a venue's runs: a rule of EventBridge, or a schedule of EventBridge Scheduler in the deployment's group.

use serde::{Deserialize, Serialize};

use super::members::UnmodeledPart;
use super::{RuleSpec, StringMap, TargetSpec};

/// What should start a venue's runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A rule on the default bus, with its target.
    Rule(Box<RuleTrigger>),
    /// A schedule in the deployment's group.
    Schedule(Box<ScheduleSpec>),
}

/// A rule with its only target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTrigger {
    pub rule: RuleSpec,
    pub target: TargetSpec,
}

impl Trigger {
    /// The rule, if it is one.
    pub fn as_rule(&self) -> Option<&RuleTrigger> {
        match self {
            Self::Rule(trigger) => Some(trigger),
            Self::Schedule(_) => None,
        }
    }

    /// The rule to change, if it is one.
    pub fn as_rule_mut(&mut self) -> Option<&mut RuleTrigger> {
        match self {
            Self::Rule(trigger) => Some(trigger),
            Self::Schedule(_) => None,
        }
    }

    /// The schedule, if it is one.
    pub fn as_schedule(&self) -> Option<&ScheduleSpec> {
        match self {
            Self::Rule(_) => None,
            Self::Schedule(schedule) => Some(schedule),
        }
    }

    /// When it fires, as an expression of EventBridge's.
    pub fn expression(&self) -> &str {
        match self {
            Self::Rule(trigger) => &trigger.rule.schedule,
            Self::Schedule(schedule) => &schedule.expression,
        }
    }

    /// Whether it fires.
    pub fn is_enabled(&self) -> bool {
        match self {
            Self::Rule(trigger) => trigger.rule.enabled,
            Self::Schedule(schedule) => schedule.enabled,
        }
    }

    /// The ARN of the role that it invokes the alias with; unset for a rule that the alias's policy lets.
    pub fn role_arn_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Rule(trigger) => trigger.target.target.role_arn.as_mut(),
            Self::Schedule(schedule) => schedule.target.role_arn.as_mut(),
        }
    }
}

/// The desired group of a deployment's schedules. A schedule has no tags: it is ours because its group's tags say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleGroupSpec {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Tags.
    pub tags: StringMap,
}

/// An observed group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveScheduleGroup {
    /// Name.
    pub name: String,
    /// ARN.
    pub arn: String,
    /// Tags.
    pub tags: StringMap,
    /// Schedules in it whose names no venue's schedule can have, with the ARNs of what they invoke. They aren't ours, and would
    /// be deleted with the group.
    #[serde(default, skip_serializing_if = "StringMap::is_empty")]
    pub others: StringMap,
}

/// The desired schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// The group that it is in.
    pub group: String,
    /// Name, unique in the group.
    pub name: String,
    /// Description, shown in the console, with the owner's mark.
    pub description: String,
    /// Schedule expression.
    pub expression: String,
    /// The IANA time zone that the expression counts in.
    pub timezone: String,
    /// Minutes of its flexible window: from the time on, Scheduler chooses a moment in them. Unset for the time itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_minutes: Option<i64>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// What it invokes.
    pub target: ScheduleTarget,
    /// The key that it is encrypted with, if somebody set one: a change keeps it. Never set by a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

/// An observed schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSchedule {
    /// Name.
    pub name: String,
    /// Description.
    pub description: String,
    /// Schedule expression.
    pub expression: String,
    /// The IANA time zone that the expression counts in.
    pub timezone: String,
    /// Minutes of its flexible window, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_minutes: Option<i64>,
    /// Whether it is enabled.
    pub enabled: bool,
    /// What it invokes.
    pub target: ScheduleTarget,
    /// The deployment that the tags of its group name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What else its answer contains that a schedule of ours doesn't have.
    #[serde(default, skip_serializing_if = "UnmodeledPart::is_empty")]
    pub unmodeled: UnmodeledPart,
}

/// What a schedule invokes, and how often it retries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleTarget {
    /// ARN of what is invoked.
    pub arn: String,
    /// ARN of the role that it is invoked with. Every schedule of AWS's has one.
    pub role_arn: Option<String>,
    /// The event that it gets.
    pub input: Option<String>,
    /// How often Scheduler retries a failed delivery.
    pub maximum_retry_attempts: Option<i64>,
    /// Age in seconds at which Scheduler drops an event that it couldn't deliver.
    pub maximum_event_age_s: Option<i64>,
    /// ARN of the queue that gets an event that couldn't be delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
}

impl LiveSchedule {
    /// Whether `deployment` owns it.
    pub fn is_owned(&self, deployment: &str) -> bool {
        self.owner.as_deref() == Some(deployment)
    }

    /// What AWS has after a schedule is created or updated like this, in a group of `owner`'s.
    pub fn of_spec(schedule: &ScheduleSpec, owner: &str) -> Self {
        Self {
            name: schedule.name.clone(),
            description: schedule.description.clone(),
            expression: schedule.expression.clone(),
            timezone: schedule.timezone.clone(),
            window_minutes: schedule.window_minutes,
            enabled: schedule.enabled,
            target: schedule.target.clone(),
            owner: Some(owner.to_owned()),
            unmodeled: UnmodeledPart::default(),
        }
    }

    /// The key that it is encrypted with, if somebody set one.
    pub fn kms_key(&self) -> Option<String> {
        self.unmodeled.find_member("KmsKeyArn").and_then(|key| key.as_str()).map(ToOwned::to_owned)
    }

    /// The same schedule, disabled. An update replaces a schedule as a whole.
    pub fn disabled_spec(&self, group: &str) -> ScheduleSpec {
        ScheduleSpec {
            group: group.to_owned(),
            name: self.name.clone(),
            description: self.description.clone(),
            expression: self.expression.clone(),
            timezone: self.timezone.clone(),
            window_minutes: self.window_minutes,
            enabled: false,
            target: self.target.clone(),
            kms_key: self.kms_key(),
        }
    }
}
