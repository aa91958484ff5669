//! The order in which resources are deleted and restored.

use std::collections::BTreeMap;

use super::DecommissionTarget;
use super::parts::ResourceParts;

/// When a kind is deleted, earliest first: callers before what they call, and last what others need. A function's
/// mappings and URLs are deleted with it, just before it, and a topic's subscriptions with the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletionStage {
    /// What calls by itself: rules, schedules, topics.
    Caller,
    /// What passes calls on from outside: APIs.
    Api,
    /// Functions, before the queues that they read and write.
    Function,
    /// Queues.
    Queue,
    /// Alarms: until here, they still watch the others.
    Alarm,
    /// Log groups.
    Log,
    /// Secrets.
    Secret,
    /// Roles, which all the others may use.
    Role,
}

/// When a kind is restored, earliest first: a resource comes after everything that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RestoreStage {
    /// Roles, which all the others may use.
    Role,
    /// Secrets.
    Secret,
    /// Log groups.
    Log,
    /// Queues.
    Queue,
    /// APIs come before functions, because functions' policies need the APIs' new ids.
    Api,
    /// Functions.
    Function,
    /// Topics come after functions and queues, because subscriptions refer to them.
    Topic,
    /// Alarms.
    Alarm,
    /// What calls by itself comes last: rules and schedules.
    Caller,
}

/// Sorts targets in the order of deletion.
pub fn sort_for_deletion(targets: &mut [DecommissionTarget]) {
    targets.sort_by_key(|target| {
        (target.kind.kind_facts().deletion_stage, target.kind, target.name.clone(), target.id.clone())
    });
}

/// Sorts targets in the order of restoration.
pub fn sort_for_restore(targets: &mut [DecommissionTarget], parts: &BTreeMap<String, ResourceParts>) {
    targets.sort_by_key(|target| {
        let late = parts.get(&target.id).is_some_and(|parts| target.kind.restores_late(parts));
        (target.kind.kind_facts().restore_stage, target.kind, late, target.name.clone(), target.id.clone())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::NodeKind;

    fn sorted_kinds(sort: impl Fn(&mut [DecommissionTarget])) -> Vec<NodeKind> {
        let target = |kind| DecommissionTarget::new(kind, "id".to_owned(), "name".to_owned()).ok();
        let mut targets: Vec<_> = NodeKind::ALL.into_iter().filter_map(target).collect();
        sort(&mut targets);
        targets.into_iter().map(|target| target.kind.node_kind()).collect()
    }

    #[test]
    fn deletes_callers_first_and_restores_them_last() {
        use NodeKind::{Alarm, Function, HttpApi, LogGroup, Queue, RestApi, Role, Rule, Schedule, Secret, Topic};
        let deleted = sorted_kinds(sort_for_deletion);
        assert_eq!(deleted, [Rule, Schedule, Topic, RestApi, HttpApi, Function, Queue, Alarm, LogGroup, Secret, Role]);
        let restored = sorted_kinds(|targets| sort_for_restore(targets, &BTreeMap::new()));
        assert_eq!(restored, [Role, Secret, LogGroup, Queue, RestApi, HttpApi, Function, Topic, Alarm, Rule, Schedule]);
    }
}
