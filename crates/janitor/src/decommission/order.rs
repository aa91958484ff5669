//! In which order things go and come back.

use std::collections::BTreeMap;

use super::Target;
use super::parts::Parts;
use crate::audit::Kind;

/// Kinds in the order in which they are deleted: what calls before what is called, what is needed last. A function's
/// mappings and URLs go with it, before it; a topic's subscriptions with the topic.
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

/// Kinds in the order in which they are restored. APIs come before functions, whose policies name the APIs' new ids;
/// topics after functions and queues, which their subscriptions name.
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

/// Whether there is a way to archive, delete and restore this kind.
pub fn is_supported(kind: Kind) -> bool {
    DELETION.contains(&kind)
}

/// Sorts as things are deleted.
pub fn deletion(targets: &mut [Target]) {
    targets.sort_by_key(|target| (rank(&DELETION, target.kind), target.name.clone(), target.id.clone()));
}

/// Sorts as things are restored. A queue comes after the queue that takes its dead letters: SQS asks for that.
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
    fn what_can_be_deleted_can_be_restored() {
        for kind in DELETION {
            assert!(RESTORATION.contains(&kind), "{kind:?}");
        }
    }
}
