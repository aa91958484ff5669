//! Signs that a node is needed, in the node itself and in what is right beside it: rule 3.

use jiff::SignedDuration;

use super::super::{AuditInventory, EdgeKind, Node, NodeKind, NodeUsage};
use super::graph::InventoryGraph;
use super::words;

/// Tags by which other tools mark what they manage: a key or the beginning of one, in lower case.
const TOOL_TAGS: [(&str, &str); 11] = [
    ("aws:cloudformation:", "CloudFormation"),
    ("lambda:createdby", "SAM"),
    ("serverlessrepo:", "the Serverless Application Repository"),
    ("terraform", "Terraform"),
    ("tf:", "Terraform"),
    ("sam:", "SAM"),
    ("cdk", "the CDK"),
    ("aws-cdk:", "the CDK"),
    ("serverless", "the Serverless Framework"),
    ("pulumi", "Pulumi"),
    ("aws:servicecatalog:", "Service Catalog"),
];

/// Tags whose value names the tool: `ManagedBy = terraform`.
const TOOL_KEYS: [&str; 6] = ["managedby", "managed-by", "managed_by", "createdby", "provisioner", "deployedby"];
const TOOLS: [&str; 9] =
    ["terraform", "cloudformation", "cdk", "sam", "serverless", "pulumi", "opentofu", "ansible", "crossplane"];

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
    if let Some((tool, tag)) = managing_tool(node) {
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

/// The tool that manages a node, and the tag that says so.
fn managing_tool(node: &Node) -> Option<(&str, String)> {
    node.tags.iter().find_map(|(key, value)| {
        let (lower, named) = (key.to_lowercase(), value.to_lowercase());
        if let Some((_, tool)) = TOOL_TAGS.iter().find(|(tag, _)| lower.starts_with(tag)) {
            return Some((*tool, key.clone()));
        }
        let says = TOOL_KEYS.contains(&lower.as_str()) && TOOLS.iter().any(|tool| named.contains(tool));
        says.then(|| (value.as_str(), key.clone()))
    })
}

/// An enabled edge from something that isn't a node, such as a stream, and isn't known to be gone.
fn fed_from_outside(graph: &InventoryGraph<'_>, node: &Node) -> Option<String> {
    let feeds = |kind: EdgeKind| !matches!(kind, EdgeKind::Permission | EdgeKind::Watch | EdgeKind::FunctionUrl);
    let outside = |id: &str| graph.find_node(id).is_none() && !graph.is_missing(id) && !graph.is_unseen(id);
    let mut edges = graph.edges_to(&node.id).iter();
    let edge = edges.find(|edge| edge.enabled && feeds(edge.kind) && outside(&edge.from))?;
    Some(format!("{}, and what that does was not read", words::describe_edge(graph, edge)))
}
