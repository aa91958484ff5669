//! An audit file is evidence, not authority: its verdicts are derived again from its own inventory, and AWS is asked again
//! for what the inventory says ([`super::reread`]).

use std::collections::BTreeMap;

use crate::audit::{Audit, AuditVerdict, judge_inventory};

/// Replaces an audit's verdicts and evidence by what the judge concludes from its inventory. Returns the audit, and a
/// sentence for each verdict that the file has otherwise.
pub fn judge_again(audit: Audit) -> (Audit, Vec<String>) {
    let findings = judge_inventory(&audit.inventory);
    let said: BTreeMap<&str, AuditVerdict> =
        audit.findings.iter().map(|finding| (finding.id.as_str(), finding.verdict)).collect();
    let nodes = audit.inventory.nodes.iter().zip(&findings);
    let differing = nodes.filter_map(|(node, finding)| {
        let said = said.get(node.id.as_str()).copied();
        let said_word = said.map_or("nothing", AuditVerdict::display_name);
        (said != Some(finding.verdict)).then(|| {
            format!(
                "{} {}: the file says {said_word}, its own inventory says {}",
                node.kind.display_name(),
                node.name,
                finding.verdict.display_name()
            )
        })
    });
    let differing = differing.collect();
    (Audit { findings, ..audit }, differing)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::{AUDIT_VERSION, AuditFinding, AuditInventory, Node, NodeKind, NodeUsage};

    fn used_function() -> Audit {
        let mut node = Node::new(NodeKind::Function, "arn:aws:lambda:us-east-1:1:function:push", "push");
        node.changed_at = Some("2024-03-02T00:00:00Z".parse().expect("a time"));
        let (what, last) = ("invocations".to_owned(), Some("2026-11-26".to_owned()));
        node.usage = NodeUsage::Counted { what, count: 7, last, before: None };
        let inventory = AuditInventory {
            account: "1".to_owned(),
            region: "us-east-1".to_owned(),
            taken_at: "2026-11-27T00:00:00Z".parse().expect("a time"),
            days: 90,
            nodes: vec![node],
            edges: Vec::new(),
            grants: Vec::new(),
            unread: Vec::new(),
            calls: BTreeMap::new(),
        };
        Audit { version: AUDIT_VERSION, findings: judge_inventory(&inventory), inventory }
    }

    #[test]
    fn an_edited_verdict_counts_for_nothing() {
        let honest = used_function();
        assert_eq!(judge_again(honest.clone()), (honest.clone(), Vec::new()));
        let mut edited = honest.clone();
        edited.findings[0].verdict = AuditVerdict::Stale;
        edited.findings[0].evidence = vec!["0 invocations in 90 days".to_owned()];
        let (judged, differing) = judge_again(edited);
        assert_eq!(judged, honest);
        assert_eq!(differing, ["function push: the file says stale, its own inventory says active"]);
    }

    #[test]
    fn a_removed_or_invented_verdict_counts_for_nothing() {
        let honest = used_function();
        let mut edited = honest.clone();
        edited.findings = vec![AuditFinding {
            id: "arn:aws:lambda:us-east-1:1:function:other".to_owned(),
            verdict: AuditVerdict::Orphaned,
            evidence: Vec::new(),
        }];
        let (judged, differing) = judge_again(edited);
        assert_eq!(judged, honest);
        assert_eq!(differing, ["function push: the file says nothing, its own inventory says active"]);
    }
}
