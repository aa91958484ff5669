//! Signs that a node is needed, in the node itself and in what is right beside it: rule 3.

use deployer_core::tools::find_managing_tool;
use jiff::SignedDuration;

use super::super::{AuditInventory, EdgeKind, Node, NodeKind, NodeUsage};
use super::graph::InventoryGraph;
use super::words;

/// The activity of its own that makes a node active, in words.
pub(super) fn own_activity(graph: &InventoryGraph<'_>, node: &Node) -> Option<String> {
    let inventory = graph.inventory;
    if let Some(deployment) = &node.deployment {
        let venue = node.venue.as_ref().map(|venue| format!(", venue {venue}")).unwrap_or_default();
        return Some(format!("deployment {deployment} owns it{venue}"));
    }
    if node.kind == NodeKind::Caller {
        return Some("it isn't judged: whatever it names counts as needed".to_owned());
    }
    if let NodeUsage::Counted { count: 1.., .. } = node.usage {
        return words::describe_usage(inventory, node);
    }
    let attribute = |name: &str| node.attributes.get(name);
    if let (NodeKind::Queue, Some(messages)) = (node.kind, attribute("messages").filter(|messages| *messages != "0")) {
        return Some(format!("{messages} messages are waiting in it"));
    }
    if let Some(day) = attribute("polled") {
        return Some(format!("something polls it, and found nothing, the last time on {day}"));
    }
    if let Some(service) = attribute("managed_by").or_else(|| attribute("owned_by")) {
        return Some(format!("{service} created it for its own use"));
    }
    if let Some((tool, tag)) = find_managing_tool(&node.tags) {
        return Some(format!("{tool} manages it, according to its tag {tag}"));
    }
    if node.kind == NodeKind::Secret {
        if attribute("rotates").is_some() {
            return Some("it rotates".to_owned());
        }
        if let Some(region) = attribute("replica_of") {
            return Some(format!("it is a replica of a secret in {region}"));
        }
    }
    if let Some(what) = attribute("watches").filter(|_| node.kind == NodeKind::Alarm) {
        return Some(format!("it watches {what}"));
    }
    if node.kind == NodeKind::Alarm && attribute("missing_data").is_some() {
        return Some("it alarms when nothing happens".to_owned());
    }
    let by_itself =
        matches!(node.kind, NodeKind::Schedule | NodeKind::Rule | NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook);
    if by_itself && node.enabled {
        return Some(match attribute("pattern") {
            Some(_) => "it is enabled, and acts when something happens".to_owned(),
            None => "it is enabled and acts on its own".to_owned(),
        });
    }
    if let Some(sign) = fed_from_outside(graph, node) {
        return Some(sign);
    }
    let days = inventory.days;
    is_new(inventory, node)
        .then(|| format!("{}, less than {days} days ago: too new to judge", words::describe_change(node)))
}

/// Whether it was changed within the window. An alarm is judged by what it watches.
pub(super) fn is_new(inventory: &AuditInventory, node: &Node) -> bool {
    let window = SignedDuration::from_hours(24 * i64::from(inventory.days));
    node.kind != NodeKind::Alarm && node.changed_at.is_some_and(|at| at > inventory.taken_at - window)
}

/// An enabled edge from something that isn't a node, such as a stream, and isn't known to be gone.
fn fed_from_outside(graph: &InventoryGraph<'_>, node: &Node) -> Option<String> {
    let feeds = |kind: EdgeKind| !matches!(kind, EdgeKind::Permission | EdgeKind::Watch | EdgeKind::FunctionUrl);
    let outside = |id: &str| graph.find_node(id).is_none() && !graph.is_missing(id) && !graph.is_unseen(id);
    let mut edges = graph.edges_to(&node.id).iter();
    let edge = edges.find(|edge| edge.enabled && feeds(edge.kind) && outside(&edge.from))?;
    Some(format!("{}, and what that does was not read", words::describe_edge(graph, edge)))
}
