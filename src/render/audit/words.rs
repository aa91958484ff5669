//! The words and the order of an audit that all formats share.

use std::collections::{BTreeMap, HashMap};

use deployer_core::counted::count_with_noun;
use deployer_janitor::audit::{
    Audit, AuditFinding, AuditInventory, AuditVerdict, Edge, EdgeKind, Node, NodeUsage, UnreadCall,
};

/// All verdicts, in display order.
pub(super) const VERDICTS: [AuditVerdict; 6] = [
    AuditVerdict::Suspect,
    AuditVerdict::Orphaned,
    AuditVerdict::Stale,
    AuditVerdict::Unknown,
    AuditVerdict::Active,
    AuditVerdict::Managed,
];

/// A node with its verdict, its evidence and its edges.
pub(super) struct AuditEntry<'a> {
    pub(super) node: &'a Node,
    pub(super) verdict: AuditVerdict,
    pub(super) evidence: &'a [String],
    /// Edges that lead to it.
    pub(super) incoming: Vec<&'a Edge>,
    /// Edges that lead from it.
    pub(super) outgoing: Vec<&'a Edge>,
    /// What is unreadable about it.
    pub(super) unread: Vec<&'a UnreadCall>,
}

/// Everything that was found, ordered by verdict, kind and name.
pub(super) fn audit_entries(audit: &Audit) -> Vec<AuditEntry<'_>> {
    let AuditInventory { nodes, edges, unread, .. } = &audit.inventory;
    let findings: HashMap<&str, &AuditFinding> = audit.findings.iter().map(|finding| (&*finding.id, finding)).collect();
    let mut edges: Vec<&Edge> = edges.iter().collect();
    edges.sort();
    let incoming = group_by_key(edges.iter().copied(), |edge| Some(&edge.to));
    let outgoing = group_by_key(edges.iter().copied(), |edge| Some(&edge.from));
    let unread = group_by_key(unread, |unread| unread.node.as_deref());
    let mut entries: Vec<AuditEntry> = nodes
        .iter()
        .map(|node| {
            // The audit may come from a truncated file: a node without a verdict is unknown.
            let finding = findings.get(&*node.id);
            AuditEntry {
                node,
                verdict: finding.map_or(AuditVerdict::Unknown, |finding| finding.verdict),
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

fn group_by_key<'a, T>(
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

/// The entries, grouped by verdict in display order, without empty groups.
pub(super) fn by_verdict<'a, 'b>(
    entries: &'b [AuditEntry<'a>],
) -> impl Iterator<Item = (AuditVerdict, &'b [AuditEntry<'a>])> {
    entries.chunk_by(|one, next| one.verdict == next.verdict).map(|entries| (entries[0].verdict, entries))
}

/// The counts in two parts: what needs attention, and the rest.
pub(super) fn verdict_summary(entries: &[AuditEntry]) -> (String, String) {
    let counts: BTreeMap<AuditVerdict, usize> = by_verdict(entries).map(|(verdict, of)| (verdict, of.len())).collect();
    let list = |verdicts: &[AuditVerdict]| {
        let known =
            verdicts.iter().filter_map(|verdict| Some(format!("{} {}", counts.get(verdict)?, verdict.display_name())));
        known.collect::<Vec<_>>().join(", ")
    };
    let (look, calm) = VERDICTS.split_at(4);
    let (look, calm) = (list(look), list(calm));
    let look = if look.is_empty() { "Nothing needs attention.".to_owned() } else { format!("{look}.") };
    (look, if calm.is_empty() { calm } else { format!("{calm}.") })
}

/// What a verdict means.
pub(super) fn verdict_meaning(verdict: AuditVerdict) -> &'static str {
    match verdict {
        AuditVerdict::Suspect => {
            "leads to an endpoint that doesn't exist or isn't in this account, or feeds another venue"
        }
        AuditVerdict::Orphaned => "nothing reaches it, and it wasn't used",
        AuditVerdict::Stale => "something reaches it, but neither was used",
        AuditVerdict::Unknown => "nothing that was read needs it, but not everything that could was read",
        AuditVerdict::Active => "in use, or needed by something that is",
        AuditVerdict::Managed => "owned by a deployment of deployer",
    }
}

/// A verdict's sign, for people who can't tell its color.
pub(super) fn verdict_sign(verdict: AuditVerdict) -> &'static str {
    match verdict {
        AuditVerdict::Suspect => "!",
        AuditVerdict::Orphaned => "\u{f8}",
        AuditVerdict::Stale => "zz",
        AuditVerdict::Unknown => "?",
        AuditVerdict::Active => "\u{2713}",
        AuditVerdict::Managed => "=",
    }
}

/// How one thing reaches another, with the edge's note and whether it works.
pub(super) fn edge_text(edge: &Edge) -> String {
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
        EdgeKind::Configuration => "configuration",
    };
    let off = if edge.enabled { "" } else { ", disabled or broken" };
    let note = edge.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    format!("{kind}{note}{off}")
}

/// How much something was used, without the period.
pub(super) fn usage_text(usage: &NodeUsage) -> String {
    match usage {
        NodeUsage::Counted { what, count, last: Some(last), .. } => format!("{count} {what}, last on {last}"),
        NodeUsage::Counted { what, count: 0, before: Some(day), .. } => format!("0 {what}, last on {day}"),
        NodeUsage::Counted { what, count: 0, .. } => format!("no {what} recorded"),
        NodeUsage::Counted { what, count, .. } => format!("{count} {what}"),
        NodeUsage::Unread => "unreadable".to_owned(),
        NodeUsage::NotCounted => "not counted".to_owned(),
    }
}

/// Something unreadable, why, and the call that failed.
pub(super) fn unread_text(unread: &UnreadCall) -> String {
    format!("{}: {} ({})", unread.what, unread.why, unread.call)
}

/// When the audit was made, over which period, and how many calls it took.
pub(super) fn reading_line(inventory: &AuditInventory) -> String {
    format!(
        "Read at {} UTC; usage counted over {}; {} made.",
        inventory.taken_at.strftime("%Y-%m-%d %H:%M"),
        count_with_noun(inventory.days.into(), "day"),
        count_with_noun(inventory.calls.values().sum(), "call"),
    )
}
