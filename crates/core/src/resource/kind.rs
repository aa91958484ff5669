//! The kinds of resource, and the words for them in addresses, JSON and saved plans.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::property::PropertyField;

/// A kind of resource, in the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// IAM role with its inline policy.
    Role,
    /// IAM role that another one of the venue has superseded.
    FormerRole,
    /// Secrets Manager secret.
    Secret,
    /// CloudWatch log group.
    LogGroup,
    /// SNS topic that the alarms of all venues publish to, with its policy and subscriptions.
    AlarmTopic,
    /// Group of EventBridge Scheduler that the schedules of all venues are in.
    ScheduleGroup,
    /// Contact property in HubSpot.
    Property(PropertyField),
    /// Lambda function.
    Function,
    /// The function's alias `live`, with its published version and its asynchronous invocation settings.
    Alias,
    /// EventBridge rule.
    Rule,
    /// The statement that lets the rule invoke the alias.
    Permission,
    /// The rule's target.
    Target,
    /// Schedule of EventBridge Scheduler, instead of a rule with its target.
    Schedule,
    /// The CloudWatch alarms of a venue, or those of the whole deployment.
    Alarms,
}

/// Writes the words and the list of all kinds from one table, so that a new kind can't be missing from either: the
/// `match` doesn't compile until the table has it.
macro_rules! kind_words {
    ($($kind:ident $(($field:ident))? => $word:literal),+ $(,)?) => {
        impl ResourceKind {
            /// All kinds, in the order of creation.
            pub const ALL: &'static [Self] = &[$(Self::$kind $((PropertyField::$field))?),+];

            /// The kind as it appears in an address.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind $((PropertyField::$field))? => $word,)+
                }
            }
        }
    };
}

kind_words! {
    Role => "role",
    FormerRole => "former-role",
    Secret => "secret",
    LogGroup => "log-group",
    AlarmTopic => "alarm-topic",
    ScheduleGroup => "schedule-group",
    Property(Flag) => "flag-property",
    Property(Status) => "status-property",
    Property(LeadId) => "lead-id-property",
    Property(Error) => "error-property",
    Property(SyncedAt) => "synced-at-property",
    Function => "function",
    Alias => "alias",
    Rule => "rule",
    Permission => "permission",
    Target => "target",
    Schedule => "schedule",
    Alarms => "alarms",
}

impl ResourceKind {
    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Which contact property in HubSpot this is, if it is one.
    pub fn as_property(self) -> Option<PropertyField> {
        match self {
            Self::Property(field) => Some(field),
            Self::Role
            | Self::FormerRole
            | Self::Secret
            | Self::LogGroup
            | Self::AlarmTopic
            | Self::ScheduleGroup
            | Self::Function
            | Self::Alias
            | Self::Rule
            | Self::Permission
            | Self::Target
            | Self::Schedule
            | Self::Alarms => None,
        }
    }

    /// Whether this is a contact property in HubSpot.
    pub fn is_property(self) -> bool {
        self.as_property().is_some()
    }

    /// Resources of one stage don't depend on each other; each stage depends on the ones before it.
    pub fn creation_stage(self) -> u8 {
        match self {
            // The properties come first because the function's dry run checks them.
            Self::Role
            | Self::FormerRole
            | Self::Secret
            | Self::LogGroup
            | Self::AlarmTopic
            | Self::ScheduleGroup
            | Self::Property(_) => 0,
            Self::Function => 1,
            Self::Alias | Self::Rule => 2,
            Self::Permission => 3,
            // Either starts the runs.
            Self::Target | Self::Schedule => 4,
            // What runs is watched once it runs.
            Self::Alarms => 5,
        }
    }

    /// Whether this is about alarms: it belongs to no venue's stack, and a venue works the same without it.
    pub fn is_alarm(self) -> bool {
        matches!(self, Self::AlarmTopic | Self::Alarms)
    }

    /// The resource that this one is part of, and whose owner is therefore its owner.
    pub fn parent_kind(self) -> Option<Self> {
        match self {
            Self::Alias | Self::Permission => Some(Self::Function),
            Self::Target => Some(Self::Rule),
            Self::Role
            | Self::FormerRole
            | Self::Secret
            | Self::LogGroup
            | Self::AlarmTopic
            // The group of a schedule belongs to all venues, and what it says of its owner is in the schedule.
            | Self::ScheduleGroup
            | Self::Schedule
            | Self::Property(_)
            | Self::Function
            | Self::Rule
            | Self::Alarms => None,
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ResourceKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ResourceKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::from_word(&word).ok_or_else(|| D::Error::custom(format!("unknown kind of resource `{word}`")))
    }
}

/// A venue's resource: `venue-a/function`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceAddress {
    /// The venue.
    pub venue: String,
    /// The kind.
    pub kind: ResourceKind,
}

impl fmt::Display for ResourceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.venue, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_all_kinds_in_the_order_of_creation() {
        assert!(ResourceKind::ALL.is_sorted());
        let stages: Vec<u8> = ResourceKind::ALL.iter().map(|kind| kind.creation_stage()).collect();
        assert!(stages.is_sorted(), "{stages:?}");
    }

    #[test]
    fn serializes_each_kind_as_its_word() {
        let words = serde_json::to_value(ResourceKind::ALL).expect("words are JSON");
        assert_eq!(
            words,
            serde_json::json!([
                "role",
                "former-role",
                "secret",
                "log-group",
                "alarm-topic",
                "schedule-group",
                "flag-property",
                "status-property",
                "lead-id-property",
                "error-property",
                "synced-at-property",
                "function",
                "alias",
                "rule",
                "permission",
                "target",
                "schedule",
                "alarms",
            ])
        );
        let read: Vec<ResourceKind> = serde_json::from_value(words).expect("each word is a kind");
        assert_eq!(read, ResourceKind::ALL);
        assert!(serde_json::from_str::<ResourceKind>("\"property\"").is_err());
    }
}
