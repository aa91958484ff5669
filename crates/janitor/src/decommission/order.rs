//! The order in which resources are deleted and restored.

use std::collections::BTreeMap;

use super::DecommissionTarget;
use super::parts::ResourceParts;
use crate::audit::NodeKind;

/// Kinds in the order in which they are deleted: callers before what they call, and last what others need. A function's
/// mappings and URLs are deleted with it, just before it, and a topic's subscriptions with the topic.
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

/// Kinds in the order in which they are restored. APIs come before functions, because functions' policies need the
/// APIs' new ids. Topics come after functions and queues, because subscriptions refer to them.
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

/// Whether this kind can be archived, deleted and restored.
pub fn is_supported(kind: NodeKind) -> bool {
    DELETION_ORDER.contains(&kind)
}

/// Sorts targets in the order of deletion.
pub fn sort_for_deletion(targets: &mut [DecommissionTarget]) {
    targets.sort_by_key(|target| (kind_rank(&DELETION_ORDER, target.kind), target.name.clone(), target.id.clone()));
}

/// Sorts targets in the order of restoration. A queue comes after its dead-letter queue, which SQS requires to exist.
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
    fn restores_every_kind_that_it_deletes() {
        for kind in DELETION_ORDER {
            assert!(RESTORE_ORDER.contains(&kind), "{kind:?}");
        }
    }
}
