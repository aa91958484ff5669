//! In which order things go and come back.

use std::collections::BTreeMap;

use super::DecommissionTarget;
use super::parts::ResourceParts;
use crate::audit::NodeKind;

/// Kinds in the order in which they are deleted: what calls before what is called, what is needed last. A function's
/// mappings and URLs go with it, before it; a topic's subscriptions with the topic.
const DELETION_ORDER: [NodeKind; 11] = [
    NodeKind::Rule,
    NodeKind::Schedule,
    NodeKind::Topic,
    NodeKind::RestApi,
    NodeKind::HttpApi,
    NodeKind::Function,
    NodeKind::Queue,
    NodeKind::Alarm,
    NodeKind::LogGroup,
    NodeKind::Secret,
    NodeKind::Role,
];

/// Kinds in the order in which they are restored. APIs come before functions, whose policies name the APIs' new ids;
/// topics after functions and queues, which their subscriptions name.
const RESTORE_ORDER: [NodeKind; 11] = [
    NodeKind::Role,
    NodeKind::Secret,
    NodeKind::LogGroup,
    NodeKind::Queue,
    NodeKind::RestApi,
    NodeKind::HttpApi,
    NodeKind::Function,
    NodeKind::Topic,
    NodeKind::Alarm,
    NodeKind::Rule,
    NodeKind::Schedule,
];

/// Whether there is a way to archive, delete and restore this kind.
pub fn is_supported(kind: NodeKind) -> bool {
    DELETION_ORDER.contains(&kind)
}

/// Sorts as things are deleted.
pub fn sort_for_deletion(targets: &mut [DecommissionTarget]) {
    targets.sort_by_key(|target| (kind_rank(&DELETION_ORDER, target.kind), target.name.clone(), target.id.clone()));
}

/// Sorts as things are restored. A queue comes after the queue that takes its dead letters: SQS asks for that.
pub fn sort_for_restore(targets: &mut [DecommissionTarget], parts: &BTreeMap<String, ResourceParts>) {
    let redrives = |target: &DecommissionTarget| {
        let attributes = parts.get(&target.id).map(|parts| parts.get("attributes.json"));
        attributes.is_some_and(|attributes| attributes.get("RedrivePolicy").is_some())
    };
    let key = |target: &DecommissionTarget| {
        (kind_rank(&RESTORE_ORDER, target.kind), redrives(target), target.name.clone(), target.id.clone())
    };
    targets.sort_by_key(key);
}

fn kind_rank(order: &[NodeKind], kind: NodeKind) -> usize {
    order.iter().position(|other| *other == kind).unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_deleted_can_be_restored() {
        for kind in DELETION_ORDER {
            assert!(RESTORE_ORDER.contains(&kind), "{kind:?}");
        }
    }
}
