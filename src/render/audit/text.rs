//! An audit for a terminal: suspects first, then what nobody needs, with the evidence.

use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::words::{VERDICTS, verdict_meaning};
use deployer_janitor::audit::{Audit, AuditFinding, AuditVerdict, Node, NodeKind, UnreadCall};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const GREEN: Style = AnsiColor::Green.on_default();

/// Which part of an audit is shown.
#[derive(Debug, Clone, Default)]
pub struct AuditView {
    /// Also lists what is active or managed, item by item.
    pub all: bool,
    /// Only these kinds; all kinds if empty.
    pub kinds: Vec<NodeKind>,
}

/// An audit. The text has ANSI styles, which are stripped on a stream that isn't a terminal.
pub fn audit_text(audit: &Audit, view: &AuditView) -> String {
    let inventory = &audit.inventory;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{BOLD}account {}, region {}{BOLD:#}, usage over {} days up to {}",
        inventory.account,
        inventory.region,
        inventory.days,
        inventory.taken_at.strftime("%Y-%m-%d %H:%M UTC")
    );
    let nodes: BTreeMap<&str, &Node> = inventory.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let shown = |node: &Node| view.kinds.is_empty() || view.kinds.contains(&node.kind);
    for verdict in VERDICTS {
        let findings = audit.findings.iter().filter(|finding| finding.verdict == verdict);
        let found = findings.filter_map(|finding| Some((*nodes.get(finding.id.as_str())?, finding)));
        let mut found: Vec<(&Node, &AuditFinding)> = found.filter(|(node, _)| shown(node)).collect();
        if found.is_empty() {
            continue;
        }
        found.sort_by_key(|(node, _)| (node.kind, node.name.as_str()));
        let style = verdict_style(verdict);
        let _ = writeln!(out, "\n{style}{}{style:#}  {DIM}{}{DIM:#}", verdict.display_name(), verdict_meaning(verdict));
        if matches!(verdict, AuditVerdict::Active | AuditVerdict::Managed) && !view.all {
            let _ = writeln!(out, "  {}", kind_counts(&found));
            continue;
        }
        for (node, finding) in found {
            let venue = node.venue.as_ref().map(|venue| format!("  {DIM}{venue}{DIM:#}")).unwrap_or_default();
            let _ = writeln!(out, "  {:17}{BOLD}{}{BOLD:#}{venue}", node.kind.display_name(), node.name);
            for evidence in &finding.evidence {
                let _ = writeln!(out, "{:19}{evidence}", "");
            }
        }
    }
    write_unread(&mut out, &inventory.unread);
    out
}

/// The closing line: how many items have each verdict, and how long the audit took.
pub fn audit_summary(audit: &Audit, seconds: u64) -> String {
    let of = |verdict| audit.findings.iter().filter(|finding| finding.verdict == verdict).count();
    let counts = VERDICTS.into_iter().map(|verdict| format!("{} {}", of(verdict), verdict.display_name()));
    let calls: u64 = audit.inventory.calls.values().sum();
    let unread = match audit.inventory.unread.len() {
        0 => String::new(),
        1 => " The audit is incomplete: a read failed, and what depends on it is unknown.".to_owned(),
        unread => format!(" The audit is incomplete: {unread} reads failed, and what depends on them is unknown."),
    };
    format!("{BOLD}Audit:{BOLD:#} {}. {calls} calls, {seconds} s.{unread}", counts.collect::<Vec<_>>().join(", "))
}

fn write_unread(out: &mut String, unread: &[UnreadCall]) {
    if unread.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{YELLOW}unreadable{YELLOW:#}  {DIM}no conclusions were drawn from these{DIM:#}");
    // One missing permission may affect thousands of functions.
    let mut by_cause: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for unread in unread {
        by_cause.entry((&unread.call, &unread.why)).or_default().push(&unread.what);
    }
    for ((call, why), what) in by_cause {
        let more = if what.len() > 1 { format!(", and {} more like it", what.len() - 1) } else { String::new() };
        let _ = writeln!(out, "  {}{more}: {why}", what[0]);
        let _ = writeln!(out, "    {DIM}needs {}{DIM:#}", needed_permission(call));
    }
}

/// The permission that a call needs. API Gateway's actions are HTTP methods
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html>).
fn needed_permission(call: &str) -> String {
    match call.split_once(':') {
        Some(("apigateway", _)) => format!("apigateway:GET ({call})"),
        Some(("lambda", what)) if what.contains(' ') => "lambda:ListFunctions there, or --regions one".to_owned(),
        Some(("hubspot", "webhooks")) => "an access token for the app".to_owned(),
        Some(("hubspot", _)) => "the scope `automation`".to_owned(),
        _ => call.to_owned(),
    }
}

fn kind_counts(found: &[(&Node, &AuditFinding)]) -> String {
    let mut counts: BTreeMap<NodeKind, usize> = BTreeMap::new();
    for (node, _) in found {
        *counts.entry(node.kind).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(kind, count)| format!("{count} {}", plural_kind(kind, count)));
    format!("{}  {DIM}(--all shows them){DIM:#}", counts.collect::<Vec<_>>().join(", "))
}

fn plural_kind(kind: NodeKind, count: usize) -> String {
    match (kind.display_name(), count) {
        (words, 1) => words.to_owned(),
        (words, _) => format!("{words}s"),
    }
}

fn verdict_style(verdict: AuditVerdict) -> Style {
    match verdict {
        AuditVerdict::Suspect => RED.bold(),
        AuditVerdict::Orphaned | AuditVerdict::Stale => YELLOW,
        AuditVerdict::Unknown => BOLD,
        AuditVerdict::Active | AuditVerdict::Managed => GREEN,
    }
}
