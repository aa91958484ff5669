//! The order in which resources are deleted and restored.

use std::collections::BTreeMap;

use super::Target;
use super::parts::Parts;
use crate::audit::Kind;

/// Kinds in the order in which they are deleted: callers before what they call, and last what others need. A function's
/// mappings and URLs are deleted with it, just before it, and a topic's subscriptions with the topic.
const DELETION: [Kind; 11] = [
    Kind::Rule,
    Kind::Schedule,
    Kind::Topic,
    Kind::RestApi,
    Kind::HttpApi,
    Kind::Function,
    Kind::Queue,
    Kind::Alarm,
    Kind::LogGroup,
    Kind::Secret,
    Kind::Role,
];

/// Kinds in the order in which they are restored. APIs come before functions, because functions' policies need the
/// APIs' new ids. Topics come after functions and queues, because subscriptions refer to them.
const RESTORATION: [Kind; 11] = [
    Kind::Role,
    Kind::Secret,
    Kind::LogGroup,
    Kind::Queue,
    Kind::RestApi,
    Kind::HttpApi,
    Kind::Function,
    Kind::Topic,
    Kind::Alarm,
    Kind::Rule,
    Kind::Schedule,
];

/// Whether this kind can be archived, deleted and restored.
pub fn is_supported(kind: Kind) -> bool {
    DELETION.contains(&kind)
}

/// Sorts targets in the order of deletion.
pub fn deletion(targets: &mut [Target]) {
    targets.sort_by_key(|target| (rank(&DELETION, target.kind), target.name.clone(), target.id.clone()));
}

/// Sorts targets in the order of restoration. A queue comes after its dead-letter queue, which SQS requires to exist.
pub fn restoration(targets: &mut [Target], parts: &BTreeMap<String, Parts>) {
    let redrives = |target: &Target| {
        let attributes = parts.get(&target.id).map(|parts| parts.get("attributes.json"));
        attributes.is_some_and(|attributes| attributes.get("RedrivePolicy").is_some())
    };
    let key =
        |target: &Target| (rank(&RESTORATION, target.kind), redrives(target), target.name.clone(), target.id.clone());
    targets.sort_by_key(key);
}

fn rank(order: &[Kind], kind: Kind) -> usize {
    order.iter().position(|other| *other == kind).unwrap_or(order.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restores_every_kind_that_it_deletes() {
        for kind in DELETION {
            assert!(RESTORATION.contains(&kind), "{kind:?}");
        }
    }
}
