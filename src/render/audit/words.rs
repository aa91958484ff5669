//! An audit in words and in the order in which it is shown: what every format says the same.

use std::collections::{BTreeMap, HashMap};

use deployer_core::counted::counted;
use deployer_janitor::audit::{Audit, Edge, EdgeKind, Finding, Inventory, Node, Unread, Usage, Verdict};

/// All verdicts, in the order in which they are shown.
pub(super) const VERDICTS: [Verdict; 6] =
    [Verdict::Suspect, Verdict::Orphaned, Verdict::Stale, Verdict::Unknown, Verdict::Active, Verdict::Managed];

/// A node with what is concluded of it and what hangs on it.
pub(super) struct Entry<'a> {
    pub(super) node: &'a Node,
    pub(super) verdict: Verdict,
    pub(super) evidence: &'a [String],
    /// Edges that lead to it.
    pub(super) incoming: Vec<&'a Edge>,
    /// Edges that lead from it.
    pub(super) outgoing: Vec<&'a Edge>,
    /// What couldn't be read of it.
    pub(super) unread: Vec<&'a Unread>,
}

/// Everything that was found, by verdict, kind and name.
pub(super) fn entries(audit: &Audit) -> Vec<Entry<'_>> {
    let Inventory { nodes, edges, unread, .. } = &audit.inventory;
    let findings: HashMap<&str, &Finding> = audit.findings.iter().map(|finding| (&*finding.id, finding)).collect();
    let mut edges: Vec<&Edge> = edges.iter().collect();
    edges.sort();
    let incoming = grouped(edges.iter().copied(), |edge| Some(&edge.to));
    let outgoing = grouped(edges.iter().copied(), |edge| Some(&edge.from));
    let unread = grouped(unread, |unread| unread.node.as_deref());
    let mut entries: Vec<Entry> = nodes
        .iter()
        .map(|node| {
            // A file may have been cut; what has no verdict is one of which nothing is known.
            let finding = findings.get(&*node.id);
            Entry {
                node,
                verdict: finding.map_or(Verdict::Unknown, |finding| finding.verdict),
                evidence: finding.map_or(&[], |finding| &finding.evidence),
                incoming: incoming.get(&*node.id).cloned().unwrap_or_default(),
                outgoing: outgoing.get(&*node.id).cloned().unwrap_or_default(),
                unread: unread.get(&*node.id).cloned().unwrap_or_default(),
            }
        })
        .collect();
    entries.sort_by_key(|entry| (entry.verdict, entry.node.kind, &entry.node.name, &entry.node.id));
    entries
}

fn grouped<'a, T>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> Option<&'a str>,
) -> HashMap<&'a str, Vec<&'a T>> {
    let mut groups: HashMap<&str, Vec<&T>> = HashMap::new();
    for item in items {
        if let Some(key) = key(item) {
            groups.entry(key).or_default().push(item);
        }
    }
    groups
}

/// The entries of each verdict that there is any of, in the order of verdicts.
pub(super) fn by_verdict<'a, 'b>(entries: &'b [Entry<'a>]) -> impl Iterator<Item = (Verdict, &'b [Entry<'a>])> {
    entries.chunk_by(|one, next| one.verdict == next.verdict).map(|entries| (entries[0].verdict, entries))
}

/// What it comes to, in two parts: what there is to look at, and the rest.
pub(super) fn summary(entries: &[Entry]) -> (String, String) {
    let counts: BTreeMap<Verdict, usize> = by_verdict(entries).map(|(verdict, of)| (verdict, of.len())).collect();
    let list = |verdicts: &[Verdict]| {
        let known = verdicts.iter().filter_map(|verdict| Some(format!("{} {}", counts.get(verdict)?, verdict.word())));
        known.collect::<Vec<_>>().join(", ")
    };
    let (look, calm) = VERDICTS.split_at(4);
    let (look, calm) = (list(look), list(calm));
    let look = if look.is_empty() { "Nothing to look at.".to_owned() } else { format!("{look}.") };
    (look, if calm.is_empty() { calm } else { format!("{calm}.") })
}

/// What a verdict means.
pub(super) fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Suspect => "leads to an endpoint that isn't there or isn't this account's, or feeds another venue",
        Verdict::Orphaned => "nothing reaches it, and it wasn't used",
        Verdict::Stale => "something reaches it, and neither was used",
        Verdict::Unknown => "what would decide it couldn't be read",
        Verdict::Active => "in use, or needed by something that is",
        Verdict::Managed => "a deployment of deployer owns it",
    }
}

/// A verdict as a sign, for who doesn't see its colour.
pub(super) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Suspect => "!",
        Verdict::Orphaned => "\u{f8}",
        Verdict::Stale => "zz",
        Verdict::Unknown => "?",
        Verdict::Active => "\u{2713}",
        Verdict::Managed => "=",
    }
}

/// By what one thing reaches another, with what else is to be said of it.
pub(super) fn edge(edge: &Edge) -> String {
    let kind = match edge.kind {
        EdgeKind::Target => "target",
        EdgeKind::Mapping => "event source mapping",
        EdgeKind::Subscription => "subscription",
        EdgeKind::Integration => "integration",
        EdgeKind::Task => "task",
        EdgeKind::FunctionUrl => "function URL",
        EdgeKind::Webhook => "webhook",
        EdgeKind::Permission => "permission only",
        EdgeKind::DeadLetter => "dead letters",
        EdgeKind::Environment => "environment",
        EdgeKind::Role => "runs as",
        EdgeKind::Log => "log",
        EdgeKind::Watch => "watches",
    };
    let off = if edge.enabled { "" } else { ", doesn't work now" };
    let note = edge.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{kind}{note}{off}")
}

/// How much something was used, without the window.
pub(super) fn usage(usage: &Usage) -> String {
    match usage {
        Usage::Counted { what, count, last: Some(last) } => format!("{count} {what}, last on {last}"),
        Usage::Counted { what, count, last: None } => format!("{count} {what}"),
        Usage::Unread => "couldn't be read".to_owned(),
        Usage::NotCounted => "not counted".to_owned(),
    }
}

/// What couldn't be read, and why.
pub(super) fn unread(unread: &Unread) -> String {
    format!("{}: {} ({})", unread.what, unread.why, unread.call)
}

/// When it was read, how far back, and how many calls it took.
pub(super) fn reading(inventory: &Inventory) -> String {
    format!(
        "Read at {} UTC, use counted over {}, {} made.",
        inventory.taken_at.strftime("%Y-%m-%d %H:%M"),
        counted(inventory.days.into(), "day"),
        counted(inventory.calls.values().sum(), "call"),
    )
}
