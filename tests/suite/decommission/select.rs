//! Which resources an audit allows to delete, without a cloud.

use std::collections::BTreeSet;

use deployer_core::scope::Scope;
use deployer_janitor::audit::{Audit, AuditVerdict, Edge, EdgeKind, NodeKind};
use deployer_janitor::decommission::select::{DecommissionRequest, DeletionSelection, select_candidates};
use proptest::prelude::*;

use super::{audit_of, stale_node};
use crate::assertions::assert_contains;

fn test_scope() -> Scope {
    Scope::new("123456789012", "us-east-1")
}

fn enabled_edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    Edge { from: from.to_owned(), to: to.to_owned(), kind, enabled: true, note: None }
}

fn audit_with(verdicts: &[(&str, NodeKind, AuditVerdict)], edges: &[Edge]) -> Audit {
    let nodes: Vec<_> = verdicts.iter().map(|(id, kind, _)| stale_node(*kind, id, &format!("name-of-{id}"))).collect();
    let mut audit = audit_of(&test_scope(), &nodes, edges);
    for (finding, (_, _, verdict)) in audit.findings.iter_mut().zip(verdicts) {
        finding.verdict = *verdict;
    }
    audit
}

fn select_ids(audit: &Audit, ids: &[&str]) -> DeletionSelection {
    let request = DecommissionRequest { ids: ids.iter().map(|id| (*id).to_owned()).collect(), stale: false };
    select_candidates(audit, &request, &BTreeSet::new())
}

fn chosen_ids(selection: &DeletionSelection) -> Vec<&str> {
    selection.candidates.iter().map(|candidate| candidate.target.id.as_str()).collect()
}

fn refusal_reasons(selection: &DeletionSelection) -> Vec<&str> {
    selection.refusals.iter().map(|refusal| refusal.why.as_str()).collect()
}

#[test]
fn selects_only_what_nobody_needs() {
    let audit = audit_with(
        &[
            ("stale", NodeKind::Function, AuditVerdict::Stale),
            ("orphaned", NodeKind::Function, AuditVerdict::Orphaned),
            ("suspect", NodeKind::Function, AuditVerdict::Suspect),
            ("active", NodeKind::Function, AuditVerdict::Active),
            ("managed", NodeKind::Function, AuditVerdict::Managed),
            ("unknown", NodeKind::Function, AuditVerdict::Unknown),
        ],
        &[],
    );
    let all = select_candidates(&audit, &DecommissionRequest { ids: Vec::new(), stale: true }, &BTreeSet::new());
    assert_eq!(chosen_ids(&all), ["orphaned", "stale"], "suspect resources must be named");
    let named = select_ids(&audit, &["stale", "name-of-suspect", "active", "managed", "unknown", "nothing"]);
    assert_eq!(chosen_ids(&named), ["stale", "suspect"]);
    assert_eq!(named.refusals.len(), 4);
    assert!(refusal_reasons(&named).iter().any(|why| why.contains("venues.toml")), "{named:?}");
    assert!(refusal_reasons(&named).iter().any(|why| why.contains("it is in use (0 uses in 90 days)")), "{named:?}");
}

#[test]
fn refuses_to_leave_a_caller_behind() {
    let verdicts = [
        ("rule", NodeKind::Rule, AuditVerdict::Stale),
        ("function", NodeKind::Function, AuditVerdict::Stale),
        ("role", NodeKind::Role, AuditVerdict::Stale),
    ];
    let edges = [enabled_edge("rule", "function", EdgeKind::Target), enabled_edge("function", "role", EdgeKind::Role)];
    let audit = audit_with(&verdicts, &edges);
    assert_eq!(
        chosen_ids(&select_ids(&audit, &["rule", "function", "role"])),
        ["rule", "function", "role"],
        "callers are deleted first"
    );
    // Without the rule, the function stays, and so does its role.
    let without = select_ids(&audit, &["function", "role"]);
    assert_eq!(chosen_ids(&without), Vec::<&str>::new());
    assert!(
        refusal_reasons(&without)[0].contains("rule name-of-rule calls it and would be left behind: name that too"),
        "{without:?}"
    );
    assert!(refusal_reasons(&without)[1].contains("function name-of-function runs as it"), "{without:?}");
    let kept = select_candidates(
        &audit,
        &DecommissionRequest { ids: Vec::new(), stale: true },
        &BTreeSet::from(["rule".to_owned()]),
    );
    assert_eq!(chosen_ids(&kept), Vec::<&str>::new());
}

#[test]
fn refuses_what_an_enabled_hubspot_workflow_calls() {
    let verdicts = [
        ("flow", NodeKind::HubspotWorkflow, AuditVerdict::Suspect),
        ("url", NodeKind::Endpoint, AuditVerdict::Stale),
        ("function", NodeKind::Function, AuditVerdict::Stale),
    ];
    let edges =
        [enabled_edge("flow", "url", EdgeKind::Webhook), enabled_edge("url", "function", EdgeKind::FunctionUrl)];
    let mut audit = audit_with(&verdicts, &edges);
    let refused = select_ids(&audit, &["function"]);
    assert!(refusal_reasons(&refused)[0].contains("turn that off in HubSpot"), "{refused:?}");
    audit.inventory.nodes[0].enabled = false;
    let off = select_ids(&audit, &["function"]);
    assert_eq!(chosen_ids(&off), ["function"]);
    assert!(off.candidates[0].notes[0].contains("is off but still has its address"), "{off:?}");
    assert_contains(refusal_reasons(&select_ids(&audit, &["flow"]))[0], "turn it off there");
}

#[test]
fn deletes_a_queue_only_with_the_function_that_it_feeds() {
    let verdicts = [
        ("queue", NodeKind::Queue, AuditVerdict::Stale),
        ("arn:aws:lambda:us-east-1:1:function:f", NodeKind::Function, AuditVerdict::Stale),
    ];
    let audit = audit_with(
        &verdicts,
        &[enabled_edge("queue", "arn:aws:lambda:us-east-1:1:function:f:live", EdgeKind::Mapping)],
    );
    assert_contains(refusal_reasons(&select_ids(&audit, &["queue"]))[0], "it feeds function");
    assert_eq!(chosen_ids(&select_ids(&audit, &["queue", "arn:aws:lambda:us-east-1:1:function:f"])).len(), 2);
}

#[test]
fn refuses_an_ambiguous_name() {
    let mut audit =
        audit_with(&[("a", NodeKind::Role, AuditVerdict::Stale), ("b", NodeKind::Function, AuditVerdict::Stale)], &[]);
    for node in &mut audit.inventory.nodes {
        "push".clone_into(&mut node.name);
    }
    let refused = select_ids(&audit, &["push"]);
    assert!(
        refusal_reasons(&refused)[0].contains("several resources have this name; give the id: a or b"),
        "{refused:?}"
    );
}

fn any_verdict() -> impl Strategy<Value = AuditVerdict> {
    prop::sample::select(vec![
        AuditVerdict::Suspect,
        AuditVerdict::Orphaned,
        AuditVerdict::Stale,
        AuditVerdict::Unknown,
        AuditVerdict::Active,
        AuditVerdict::Managed,
    ])
}

fn any_calling_kind() -> impl Strategy<Value = EdgeKind> {
    prop::sample::select(vec![
        EdgeKind::Target,
        EdgeKind::Mapping,
        EdgeKind::Role,
        EdgeKind::Environment,
        EdgeKind::DeadLetter,
    ])
}

proptest! {
    /// Whatever is requested, nothing that stays calls or needs what is deleted, and only what nobody needs is deleted.
    #[test]
    fn nothing_that_stays_needs_what_is_deleted(
        verdicts in prop::collection::vec(any_verdict(), 1..12),
        edges in prop::collection::vec((0..12_usize, 0..12_usize, any_calling_kind()), 0..30),
        asked in prop::collection::vec(0..12_usize, 0..12),
        stale in any::<bool>(),
    ) {
        let ids: Vec<String> = (0..verdicts.len()).map(|number| format!("n{number}")).collect();
        let nodes: Vec<_> = ids.iter().zip(&verdicts).map(|(id, verdict)| (id.as_str(), NodeKind::Function, *verdict)).collect();
        let within = |at: &usize| *at < verdicts.len();
        let edges: Vec<Edge> = edges.iter().filter(|(from, to, _)| within(from) && within(to))
            .map(|(from, to, kind)| enabled_edge(&ids[*from], &ids[*to], *kind)).collect();
        let audit = audit_with(&nodes, &edges);
        let request = DecommissionRequest { ids: asked.iter().filter(|at| within(at)).map(|at| ids[*at].clone()).collect(), stale };
        let selection = select_candidates(&audit, &request, &BTreeSet::new());
        let chosen = chosen_ids(&selection);
        for (id, verdict) in ids.iter().zip(&verdicts) {
            if chosen.contains(&id.as_str()) {
                prop_assert!(matches!(verdict, AuditVerdict::Suspect | AuditVerdict::Orphaned | AuditVerdict::Stale));
                prop_assert!(*verdict != AuditVerdict::Suspect || request.ids.contains(id));
            }
        }
        for edge in &edges {
            prop_assert!(!chosen.contains(&edge.to.as_str()) || chosen.contains(&edge.from.as_str()), "{edge:?}");
        }
    }
}
