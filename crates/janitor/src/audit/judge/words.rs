//! Evidence, in words.

use super::super::{Edge, EdgeKind, Inventory, Kind, Node, Usage, arn};
use super::graph::Graph;

/// How many sentences or names of one kind are listed before the rest is counted.
const NAMED: usize = 4;

/// `rule sync-a`; if it isn't a node, whatever its id shows.
pub(super) fn name(graph: &Graph<'_>, id: &str) -> String {
    if let Some(node) = graph.node(id) {
        return format!("{} {}", node.kind.words(), node.name);
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
    match arn::Arn::parse(id) {
        Some(parsed) => {
            let what = parsed.kind().map_or(parsed.service, |kind| kind.words());
            format!("{what} {}", arn::short(id))
        }
        None => id.to_owned(),
    }
}

/// `12 invocations in 90 days, the last on 2026-11-20`.
pub(super) fn usage(inventory: &Inventory, node: &Node) -> Option<String> {
    match (&node.usage, node.kind) {
        (Usage::Counted { count: 0, .. }, Kind::Secret) => Some(match node.attributes.get("last_read") {
            Some(day) => format!("last read {day}"),
            None => "never read, as far as Secrets Manager knows".to_owned(),
        }),
        (Usage::Counted { count: 0, .. }, Kind::Role) => Some(match node.attributes.get("last_used") {
            Some(day) => format!("last used {day}, in any region"),
            None => "not used in any region in the 400 days that IAM tracks".to_owned(),
        }),
        (Usage::Counted { last: Some(day), .. }, Kind::Secret) => Some(format!("read on {day}")),
        (Usage::Counted { last: Some(day), .. }, Kind::Role) => Some(format!("used on {day}")),
        (Usage::Counted { what, count, last }, _) => {
            let last = last.as_ref().map(|day| format!(", the last on {day}")).unwrap_or_default();
            Some(format!("{count} {what} in {} days{last}", inventory.days))
        }
        (Usage::Unread, _) => Some("its use could not be read".to_owned()),
        (Usage::NotCounted, _) => None,
    }
}

/// `last changed 2024-03-02`. AWS doesn't return a time for rules and topics.
pub(super) fn changed(node: &Node) -> String {
    let word = match node.kind {
        Kind::Role | Kind::LogGroup | Kind::StateMachine => "created",
        _ => "last changed",
    };
    match node.changed_at {
        Some(at) => format!("{word} {}", at.strftime("%Y-%m-%d")),
        None => "its age is unknown".to_owned(),
    }
}

/// What `edge.from` does with what it points at: `rule sync-a calls it (live)`.
pub(super) fn reaches(graph: &Graph<'_>, edge: &Edge) -> String {
    let from = name(graph, &edge.from);
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
        EdgeKind::Permission => return format!("its policy lets {from} call it"),
        EdgeKind::Subscription => "publishes to it",
        EdgeKind::Target | EdgeKind::Integration | EdgeKind::Task | EdgeKind::Webhook => "calls it",
    };
    format!("{from} {does}{note}")
}

/// Describes who polls a queue: `function push polls it (disabled)`.
pub(super) fn polls(graph: &Graph<'_>, edge: &Edge) -> String {
    let note = edge.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{} polls it{note}", name(graph, &edge.to))
}

/// The first few of `sentences`, and how many more there are.
pub(super) fn some(sentences: Vec<String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(NAMED);
    let mut some: Vec<String> = sentences.into_iter().take(NAMED).collect();
    if more > 0 {
        some.push(format!("and {more} more like these"));
    }
    some
}

/// `a, b and 3 more`.
pub(super) fn some_names(names: &[&str]) -> String {
    match names.split_at(NAMED.min(names.len())) {
        (some, []) => some.join(", "),
        (some, rest) => format!("{} and {} more", some.join(", "), rest.len()),
    }
}
