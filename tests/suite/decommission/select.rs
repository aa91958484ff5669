//! Which resources an audit allows to delete, without a cloud.

use std::collections::BTreeSet;

use deployer_core::desired::Scope;
use deployer_janitor::audit::{Audit, Edge, EdgeKind, Kind, Verdict};
use deployer_janitor::decommission::select::{Request, Selection, select};
use proptest::prelude::*;

use super::{audit, node};

fn scope() -> Scope {
    Scope { account: "123456789012".to_owned(), region: "us-east-1".to_owned() }
}

fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    Edge { from: from.to_owned(), to: to.to_owned(), kind, enabled: true, note: None }
}

fn with(verdicts: &[(&str, Kind, Verdict)], edges: &[Edge]) -> Audit {
    let nodes: Vec<_> = verdicts.iter().map(|(id, kind, _)| node(*kind, id, &format!("name-of-{id}"))).collect();
    let mut audit = audit(&scope(), &nodes, edges);
    for (finding, (_, _, verdict)) in audit.findings.iter_mut().zip(verdicts) {
        finding.verdict = *verdict;
    }
    audit
}

fn ask(audit: &Audit, ids: &[&str]) -> Selection {
    let request = Request { ids: ids.iter().map(|id| (*id).to_owned()).collect(), stale: false };
    select(audit, &request, &BTreeSet::new())
}

fn chosen(selection: &Selection) -> Vec<&str> {
    selection.candidates.iter().map(|candidate| candidate.target.id.as_str()).collect()
}

fn why(selection: &Selection) -> Vec<&str> {
    selection.refusals.iter().map(|refusal| refusal.why.as_str()).collect()
}

#[test]
fn selects_only_what_nobody_needs() {
    let audit = with(
        &[
            ("stale", Kind::Function, Verdict::Stale),
            ("orphaned", Kind::Function, Verdict::Orphaned),
            ("suspect", Kind::Function, Verdict::Suspect),
            ("active", Kind::Function, Verdict::Active),
            ("managed", Kind::Function, Verdict::Managed),
            ("unknown", Kind::Function, Verdict::Unknown),
        ],
        &[],
    );
    let all = select(&audit, &Request { ids: Vec::new(), stale: true }, &BTreeSet::new());
    assert_eq!(chosen(&all), ["orphaned", "stale"], "suspect resources must be named");
    let named = ask(&audit, &["stale", "name-of-suspect", "active", "managed", "unknown", "nothing"]);
    assert_eq!(chosen(&named), ["stale", "suspect"]);
    assert_eq!(named.refusals.len(), 4);
    assert!(why(&named).iter().any(|why| why.contains("venues.toml")), "{named:?}");
    assert!(why(&named).iter().any(|why| why.contains("it is in use (0 uses in 90 days)")), "{named:?}");
}

#[test]
fn refuses_to_leave_a_caller_behind() {
    let verdicts = [
        ("rule", Kind::Rule, Verdict::Stale),
        ("function", Kind::Function, Verdict::Stale),
        ("role", Kind::Role, Verdict::Stale),
    ];
    let edges = [edge("rule", "function", EdgeKind::Target), edge("function", "role", EdgeKind::Role)];
    let audit = with(&verdicts, &edges);
    assert_eq!(
        chosen(&ask(&audit, &["rule", "function", "role"])),
        ["rule", "function", "role"],
        "callers are deleted first"
    );
    // Without the rule, the function stays, and so does its role.
    let without = ask(&audit, &["function", "role"]);
    assert_eq!(chosen(&without), Vec::<&str>::new());
    assert!(
        why(&without)[0].contains("rule name-of-rule calls it and would be left behind: name that too"),
        "{without:?}"
    );
    assert!(why(&without)[1].contains("function name-of-function runs as it"), "{without:?}");
    let kept = select(&audit, &Request { ids: Vec::new(), stale: true }, &BTreeSet::from(["rule".to_owned()]));
    assert_eq!(chosen(&kept), Vec::<&str>::new());
}

#[test]
fn refuses_what_an_enabled_hubspot_workflow_calls() {
    let verdicts = [
        ("flow", Kind::HubspotWorkflow, Verdict::Suspect),
        ("url", Kind::Endpoint, Verdict::Stale),
        ("function", Kind::Function, Verdict::Stale),
    ];
    let edges = [edge("flow", "url", EdgeKind::Webhook), edge("url", "function", EdgeKind::FunctionUrl)];
    let mut audit = with(&verdicts, &edges);
    let refused = ask(&audit, &["function"]);
    assert!(why(&refused)[0].contains("turn that off in HubSpot"), "{refused:?}");
    audit.inventory.nodes[0].enabled = false;
    let off = ask(&audit, &["function"]);
    assert_eq!(chosen(&off), ["function"]);
    assert!(off.candidates[0].notes[0].contains("is off but still has its address"), "{off:?}");
    assert!(why(&ask(&audit, &["flow"]))[0].contains("turn it off there"));
}

#[test]
fn deletes_a_queue_only_with_the_function_that_it_feeds() {
    let verdicts = [
        ("queue", Kind::Queue, Verdict::Stale),
        ("arn:aws:lambda:us-east-1:1:function:f", Kind::Function, Verdict::Stale),
    ];
    let audit = with(&verdicts, &[edge("queue", "arn:aws:lambda:us-east-1:1:function:f:live", EdgeKind::Mapping)]);
    assert!(why(&ask(&audit, &["queue"]))[0].contains("it feeds function"));
    assert_eq!(chosen(&ask(&audit, &["queue", "arn:aws:lambda:us-east-1:1:function:f"])).len(), 2);
}

#[test]
fn refuses_an_ambiguous_name() {
    let mut audit = with(&[("a", Kind::Role, Verdict::Stale), ("b", Kind::Function, Verdict::Stale)], &[]);
    for node in &mut audit.inventory.nodes {
        "push".clone_into(&mut node.name);
    }
    let refused = ask(&audit, &["push"]);
    assert!(why(&refused)[0].contains("several resources have this name; give the id: a or b"), "{refused:?}");
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(vec![
        Verdict::Suspect,
        Verdict::Orphaned,
        Verdict::Stale,
        Verdict::Unknown,
        Verdict::Active,
        Verdict::Managed,
    ])
}

fn calling() -> impl Strategy<Value = EdgeKind> {
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
        verdicts in prop::collection::vec(verdict(), 1..12),
        edges in prop::collection::vec((0..12_usize, 0..12_usize, calling()), 0..30),
        asked in prop::collection::vec(0..12_usize, 0..12),
        stale in any::<bool>(),
    ) {
        let ids: Vec<String> = (0..verdicts.len()).map(|number| format!("n{number}")).collect();
        let nodes: Vec<_> = ids.iter().zip(&verdicts).map(|(id, verdict)| (id.as_str(), Kind::Function, *verdict)).collect();
        let within = |at: &usize| *at < verdicts.len();
        let edges: Vec<Edge> = edges.iter().filter(|(from, to, _)| within(from) && within(to))
            .map(|(from, to, kind)| edge(&ids[*from], &ids[*to], *kind)).collect();
        let audit = with(&nodes, &edges);
        let request = Request { ids: asked.iter().filter(|at| within(at)).map(|at| ids[*at].clone()).collect(), stale };
        let selection = select(&audit, &request, &BTreeSet::new());
        let chosen = chosen(&selection);
        for (id, verdict) in ids.iter().zip(&verdicts) {
            if chosen.contains(&id.as_str()) {
                prop_assert!(matches!(verdict, Verdict::Suspect | Verdict::Orphaned | Verdict::Stale));
                prop_assert!(*verdict != Verdict::Suspect || request.ids.contains(id));
            }
        }
        for edge in &edges {
            prop_assert!(!chosen.contains(&edge.to.as_str()) || chosen.contains(&edge.from.as_str()), "{edge:?}");
        }
    }
}
