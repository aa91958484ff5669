//! Evidence, in words.

use super::super::{AuditInventory, Edge, EdgeKind, HISTORY_DAYS, Node, NodeKind, NodeUsage, arn};
use super::graph::InventoryGraph;
use deployer_core::arn::Arn;

/// How many sentences or names of one kind are listed before the rest is counted.
const NAMED: usize = 4;

/// `rule sync-a`; if it isn't a node, whatever its id shows.
pub(super) fn describe_node(graph: &InventoryGraph<'_>, id: &str) -> String {
    if let Some(node) = graph.find_node(id) {
        return match node.kind {
            NodeKind::Caller => node.name.clone(),
            kind => format!("{} {}", kind.display_name(), node.name),
        };
    }
    if let Some(api) = id.strip_prefix("execute-api:") {
        return format!("API {api}");
    }
    if let Some(api) = id.strip_prefix("api-name:") {
        return format!("REST API {api}");
    }
    if let Some(principal) = id.strip_prefix("principal:") {
        return principal.to_owned();
    }
    match Arn::parse_arn(id) {
        Ok(parsed) => {
            let what = arn::arn_node_kind(&parsed).map_or(parsed.service, |kind| kind.display_name());
            format!("{what} {}", arn::short_name(id))
        }
        Err(_) => id.to_owned(),
    }
}

/// `12 invocations in 90 days, the last on 2026-11-20`.
pub(super) fn describe_usage(inventory: &AuditInventory, node: &Node) -> Option<String> {
    match (&node.usage, node.kind) {
        (NodeUsage::Counted { count: 0, .. }, NodeKind::Secret) => Some(match node.attributes.get("last_read") {
            Some(day) => format!("last read {day}"),
            None => "never read, as far as Secrets Manager knows".to_owned(),
        }),
        (NodeUsage::Counted { count: 0, .. }, NodeKind::Role) => Some(match node.attributes.get("last_used") {
            Some(day) => format!("last used {day}, in any region"),
            None => "not used in any region in the 400 days that IAM tracks".to_owned(),
        }),
        (NodeUsage::Counted { last: Some(day), .. }, NodeKind::Secret) => Some(format!("read on {day}")),
        (NodeUsage::Counted { last: Some(day), .. }, NodeKind::Role) => Some(format!("used on {day}")),
        (NodeUsage::Counted { what, count: 0, before: None, .. }, _) => {
            Some(format!("CloudWatch has no {what} of it in the {HISTORY_DAYS} days that it keeps"))
        }
        (NodeUsage::Counted { what, count: 0, before: Some(day), .. }, _) => {
            Some(format!("0 {what} in {} days, the last on {day}", inventory.days))
        }
        (NodeUsage::Counted { what, count, last, .. }, _) => {
            let last = last.as_ref().map(|day| format!(", the last on {day}")).unwrap_or_default();
            Some(format!("{count} {what} in {} days{last}", inventory.days))
        }
        (NodeUsage::Unread, _) => Some("its use could not be read".to_owned()),
        (NodeUsage::NotCounted, _) => None,
    }
}

/// `last changed 2024-03-02`.
pub(super) fn describe_change(node: &Node) -> String {
    let word = match node.kind {
        NodeKind::Role | NodeKind::LogGroup | NodeKind::StateMachine => "created",
        _ => "last changed",
    };
    match node.changed_at {
        // CloudTrail's history goes no further back.
        Some(at) if node.attributes.contains_key("age") => {
            format!("not changed since {}, as far as CloudTrail's history goes back", at.strftime("%Y-%m-%d"))
        }
        Some(at) => format!("{word} {}", at.strftime("%Y-%m-%d")),
        None => "its age is unknown".to_owned(),
    }
}

/// What `edge.from` does with what it points at: `rule sync-a calls it (live)`.
pub(super) fn describe_edge(graph: &InventoryGraph<'_>, edge: &Edge) -> String {
    let from = describe_node(graph, &edge.from);
    let note = edge.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let does = match edge.kind {
        EdgeKind::Mapping => return format!("{from} feeds it{note}"),
        EdgeKind::FunctionUrl => return format!("its URL {} calls it{note}", edge.from),
        EdgeKind::DeadLetter => "sends failed messages to it",
        EdgeKind::Environment if edge.note.as_deref() == Some("its policy names it") => {
            return format!("the policy of {from} names it");
        }
        EdgeKind::Environment => return format!("{from} names it in its environment{note}"),
        EdgeKind::Role => return format!("{from} runs as it"),
        EdgeKind::Log => return format!("{from} writes to it"),
        EdgeKind::Watch => "watches it",
        EdgeKind::Permission => return format!("its policy lets {from} use it"),
        EdgeKind::Configuration => return format!("{from} names it in its configuration{note}"),
        EdgeKind::Subscription => "publishes to it",
        EdgeKind::Target | EdgeKind::Integration | EdgeKind::Task | EdgeKind::Webhook => "calls it",
    };
    format!("{from} {does}{note}")
}

/// Describes who polls a queue: `function push polls it (disabled)`.
pub(super) fn describe_poller(graph: &InventoryGraph<'_>, edge: &Edge) -> String {
    let note = edge.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{} polls it{note}", describe_node(graph, &edge.to))
}

/// The first few of `sentences`, and how many more there are.
pub(super) fn first_few(sentences: Vec<String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(NAMED);
    let mut some: Vec<String> = sentences.into_iter().take(NAMED).collect();
    if more > 0 {
        some.push(format!("and {more} more like these"));
    }
    some
}

/// `a, b and 3 more`.
pub(super) fn first_few_names(names: &[&str]) -> String {
    match names.split_at(NAMED.min(names.len())) {
        (some, []) => some.join(", "),
        (some, rest) => format!("{} and {} more", some.join(", "), rest.len()),
    }
}
