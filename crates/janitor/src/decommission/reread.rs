//! Reads the whole account once more right before anything is deleted: what names a resource now, what couldn't be read,
//! and what was used in the window for which the audit found no use.

use std::collections::BTreeSet;

use super::plan::{DecommissionAction, DecommissionPlan};
use crate::audit::{Audit, AuditInventory, EdgeKind, NodeUsage};

/// Why a plan must not be carried out, one sentence each, according to a new reading of the account. `audit` is what the
/// plan was made from; without one, only what was in quarantine is deleted.
pub fn find_new_needs(plan: &DecommissionPlan, audit: Option<&Audit>, now: &AuditInventory) -> Vec<String> {
    let leaves = |action: &DecommissionAction| {
        matches!(
            action,
            DecommissionAction::Delete | DecommissionAction::DeleteQuiet | DecommissionAction::Quarantine { .. }
        )
    };
    let chosen: BTreeSet<&str> = plan
        .items
        .iter()
        .filter(|item| !matches!(item.action, DecommissionAction::Wait { .. } | DecommissionAction::Release { .. }))
        .map(|item| item.target.id.as_str())
        .collect();
    let known = audit.map(|audit| &audit.inventory);
    let mut found = Vec::new();
    for item in plan.items.iter().filter(|item| leaves(&item.action)) {
        let (id, what) = (item.target.id.as_str(), item.target.kind_and_name());
        for edge in now.edges.iter().filter(|edge| edge.to == id && edge.enabled && calls(edge.kind)) {
            let before = known.is_some_and(|known| known.edges.contains(edge));
            let there = now.nodes.iter().find(|node| node.id == edge.from);
            if let Some(caller) = there.filter(|_| !before && !chosen.contains(edge.from.as_str())) {
                found.push(format!("{what}: {} names it now", caller.name));
            }
        }
        let unused = known.and_then(|known| known.nodes.iter().find(|node| node.id == id));
        let unused = unused.is_some_and(|node| matches!(node.usage, NodeUsage::Counted { count: 0, .. }));
        let current = now.nodes.iter().find(|node| node.id == id);
        if let (true, Some(NodeUsage::Counted { what: uses, count: count @ 1.., .. })) =
            (unused, current.map(|node| &node.usage))
        {
            found.push(format!("{what}: {count} {uses} in {} days, and the audit found none", now.days));
        }
        if let (true, Some(day)) = (unused, current.and_then(|node| node.attributes.get("polled"))) {
            let before = known.is_some_and(|known| {
                known.nodes.iter().any(|node| node.id == id && node.attributes.contains_key("polled"))
            });
            if !before {
                found.push(format!("{what}: something polls it, the last time on {day}"));
            }
        }
    }
    let unread = |inventory: &AuditInventory| -> BTreeSet<String> {
        inventory.unread.iter().map(|unread| unread.call.clone()).collect()
    };
    let could_be_read = known.map(unread).unwrap_or_default();
    let more = unread(now).into_iter().filter(|call| known.is_some() && !could_be_read.contains(call));
    found.extend(more.map(|call| format!("{call} could be read for the audit, and can't be read now")));
    found
}

/// The kinds of edges that the checks of single resources don't read.
fn calls(kind: EdgeKind) -> bool {
    matches!(kind, EdgeKind::Configuration | EdgeKind::Integration | EdgeKind::Task)
}
