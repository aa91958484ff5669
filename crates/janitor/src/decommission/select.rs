//! Decides which resources of an audit may be deleted at all. Pure: nothing is read here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::kinds::find_archivable;
use super::{DecommissionTarget, order};
use crate::audit::arn::node_id;
use crate::audit::{Audit, AuditFinding, AuditVerdict, Edge, EdgeKind, Node, NodeKind};

/// What the user asked to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecommissionRequest {
    /// ARNs, or names that belong to only one resource.
    pub ids: Vec<String>,
    /// Everything stale or orphaned. Suspect resources must be named explicitly.
    pub stale: bool,
}

/// A resource that may be deleted according to the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionCandidate {
    /// The resource.
    pub target: DecommissionTarget,
    /// The audit's evidence that it may be deleted.
    pub evidence: Vec<String>,
    /// What a person should know before deleting it.
    pub notes: Vec<String>,
    /// The day of its last use, where AWS counts use by day.
    pub last_used: Option<String>,
}

/// A resource that isn't deleted, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecommissionRefusal {
    /// Its id, or the name that the user gave.
    pub id: String,
    /// Its kind and name: `function push`.
    pub what: String,
    /// Why, and what to do, in words.
    pub why: String,
}

/// The candidates in the order of deletion, and the refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletionSelection {
    /// What may be deleted.
    pub candidates: Vec<DeletionCandidate>,
    /// What may not.
    pub refusals: Vec<DecommissionRefusal>,
}

/// Finds the requested resources, and refuses those that must not be deleted according to the audit.
///
/// A resource is refused if it isn't stale, orphaned or suspect; if a deployment of `deployer` owns it; if something
/// points at it that isn't deleted with it; or if it feeds something that isn't deleted with it. A refusal may leave a
/// caller of another candidate behind, so the selection repeats until nothing changes. `kept` has the resources that
/// were refused because of their current state ([`super::check`]).
pub fn select_candidates(audit: &Audit, request: &DecommissionRequest, kept: &BTreeSet<String>) -> DeletionSelection {
    let graph = SelectionGraph::new(audit, kept);
    let mut selection = DeletionSelection::default();
    let mut chosen: BTreeMap<&str, &Node> = BTreeMap::new();
    if request.stale {
        let gone = |finding: &&AuditFinding| matches!(finding.verdict, AuditVerdict::Stale | AuditVerdict::Orphaned);
        // `--stale` doesn't include what can't be deleted here, such as a HubSpot workflow.
        let nodes = audit.findings.iter().filter(gone).filter_map(|finding| graph.nodes.get(finding.id.as_str()));
        chosen.extend(nodes.filter(|node| find_archivable(node.kind).is_ok()).map(|node| (node.id.as_str(), *node)));
    }
    for asked in &request.ids {
        match graph.find_named_node(asked) {
            Ok(node) => drop(chosen.insert(&node.id, node)),
            Err(why) => {
                selection.refusals.push(DecommissionRefusal { id: asked.clone(), what: format!("\"{asked}\""), why });
            }
        }
    }
    chosen.retain(|id, _| !kept.contains(*id));
    let mut targets = loop {
        let ids: BTreeSet<&str> = chosen.keys().copied().collect();
        let (mut targets, mut refused) = (Vec::new(), Vec::new());
        for node in chosen.values() {
            match graph.judge_node(node, &ids) {
                Ok(target) => targets.push(target),
                Err(refusal) => refused.push(refusal),
            }
        }
        if refused.is_empty() {
            break targets;
        }
        for refusal in refused {
            chosen.remove(refusal.id.as_str());
            selection.refusals.push(refusal);
        }
    };
    order::sort_for_deletion(&mut targets);
    selection.candidates = targets.into_iter().map(|target| graph.build_candidate(target)).collect();
    selection
}

struct SelectionGraph<'a> {
    nodes: BTreeMap<&'a str, &'a Node>,
    findings: BTreeMap<&'a str, &'a AuditFinding>,
    into: BTreeMap<&'a str, Vec<&'a Edge>>,
    out_of: BTreeMap<&'a str, Vec<&'a Edge>>,
    kept: &'a BTreeSet<String>,
}

impl<'a> SelectionGraph<'a> {
    fn new(audit: &'a Audit, kept: &'a BTreeSet<String>) -> Self {
        let mut graph = Self {
            nodes: audit.inventory.nodes.iter().map(|node| (node.id.as_str(), node)).collect(),
            findings: audit.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect(),
            into: BTreeMap::new(),
            out_of: BTreeMap::new(),
            kept,
        };
        for edge in &audit.inventory.edges {
            graph.into.entry(&edge.to).or_default().push(edge);
            graph.out_of.entry(&edge.from).or_default().push(edge);
        }
        graph
    }

    fn find_named_node(&self, asked: &str) -> Result<&'a Node, String> {
        if let Some(node) = self.nodes.get(asked) {
            return Ok(node);
        }
        let mut named = self.nodes.values().filter(|node| node.name == asked);
        match (named.next(), named.next()) {
            (Some(node), None) => Ok(node),
            (Some(one), Some(other)) => {
                Err(format!("several resources have this name; give the id: {} or {}", one.id, other.id))
            }
            (None, _) => Err("the audit has no resource with this id or name; check the audit file".to_owned()),
        }
    }

    fn judge_node(&self, node: &Node, chosen: &BTreeSet<&str>) -> Result<DecommissionTarget, DecommissionRefusal> {
        self.check_node(node, chosen).map_err(|why| DecommissionRefusal {
            id: node.id.clone(),
            what: kind_and_name(node),
            why,
        })
    }

    /// Makes a node a target, unless something speaks against its deletion.
    fn check_node(&self, node: &Node, chosen: &BTreeSet<&str>) -> Result<DecommissionTarget, String> {
        if let Some(deployment) = &node.deployment {
            return Err(format!(
                "deployment {deployment} owns it: remove the venue from venues.toml, then run `deployer apply`"
            ));
        }
        let finding = self.findings.get(node.id.as_str());
        let evidence = finding.and_then(|finding| finding.evidence.first()).map(|text| format!(" ({text})"));
        let evidence = evidence.unwrap_or_default();
        match finding.map_or(AuditVerdict::Unknown, |finding| finding.verdict) {
            AuditVerdict::Managed => {
                return Err(
                    "a deployment of deployer owns it: remove the venue from venues.toml, then run `deployer apply`"
                        .to_owned(),
                );
            }
            AuditVerdict::Active => return Err(format!("it is in use{evidence}")),
            AuditVerdict::Unknown => {
                return Err(format!(
                    "it is unknown whether it is in use{evidence}: fix what the audit could not read, then audit again"
                ));
            }
            AuditVerdict::Stale | AuditVerdict::Orphaned | AuditVerdict::Suspect => {}
        }
        let target = DecommissionTarget::from_node(node)?;
        if let Some(why) =
            self.incoming_edges(&node.id).into_iter().find_map(|edge| self.caller_left_behind(node, edge, chosen))
        {
            return Err(why);
        }
        let mut mappings =
            self.out_of.get(node.id.as_str()).into_iter().flatten().filter(|edge| edge.kind == EdgeKind::Mapping);
        match mappings.find(|edge| !chosen.contains(node_id(&edge.to).0.as_str())) {
            Some(mapping) => Err(format!(
                "it feeds {}: name that too, or remove its event source mapping",
                self.describe_id(&mapping.to)
            )),
            None => Ok(target),
        }
    }

    /// The incoming edges. For a function with a URL, those of the URL too.
    fn incoming_edges(&self, id: &str) -> Vec<&'a Edge> {
        let mut callers = Vec::new();
        for edge in self.into.get(id).into_iter().flatten() {
            match edge.kind {
                EdgeKind::FunctionUrl => {
                    callers.extend(self.into.get(edge.from.as_str()).into_iter().flatten().copied())
                }
                // A policy only allows a call, and an alarm only watches: neither needs what it refers to.
                EdgeKind::Permission | EdgeKind::Watch => {}
                _ => callers.push(*edge),
            }
        }
        callers
    }

    fn caller_left_behind(&self, node: &Node, edge: &Edge, chosen: &BTreeSet<&str>) -> Option<String> {
        if chosen.contains(edge.from.as_str()) || edge.from == node.id {
            return None;
        }
        // A caller that doesn't exist calls nothing.
        let caller = self.nodes.get(edge.from.as_str())?;
        let verdict = self.findings.get(edge.from.as_str()).map_or(AuditVerdict::Unknown, |finding| finding.verdict);
        let called = self.describe_id(&edge.from);
        let verb = edge_verb(edge.kind);
        match caller.kind {
            NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook if !(caller.enabled && edge.enabled) => None,
            NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook => {
                Some(format!("{called} {verb} it: turn that off in HubSpot, then audit again"))
            }
            _ if verdict == AuditVerdict::Managed || caller.deployment.is_some() => {
                Some(format!("{called}, which a deployment of deployer owns, {verb} it"))
            }
            _ if matches!(verdict, AuditVerdict::Active | AuditVerdict::Unknown) => {
                let state = if verdict == AuditVerdict::Active { "is in use" } else { "may be in use" };
                Some(format!("{called} {verb} it and {state}"))
            }
            _ if self.kept.contains(edge.from.as_str()) => Some(format!("{called} {verb} it and isn't being deleted")),
            _ => Some(format!("{called} {verb} it and would be left behind: name that too")),
        }
    }

    fn describe_id(&self, id: &str) -> String {
        self.nodes.get(node_id(id).0.as_str()).map_or_else(|| id.to_owned(), |node| kind_and_name(node))
    }

    fn build_candidate(&self, target: DecommissionTarget) -> DeletionCandidate {
        let finding = self.findings.get(target.id.as_str());
        let mut notes = Vec::new();
        let edges = self.into.get(target.id.as_str()).into_iter().flatten();
        for edge in edges.filter(|edge| edge.kind == EdgeKind::Watch) {
            notes.push(format!("{} watches it and stays", self.describe_id(&edge.from)));
        }
        for edge in self.incoming_edges(&target.id) {
            let kind = self.nodes.get(edge.from.as_str()).map(|node| node.kind);
            if matches!(kind, Some(NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook)) {
                notes.push(format!("{} is off but still has its address", self.describe_id(&edge.from)));
            }
        }
        let last_used = self.nodes.get(target.id.as_str()).and_then(|node| match &node.usage {
            crate::audit::NodeUsage::Counted { last, .. } => last.clone(),
            _ => None,
        });
        let evidence = finding.map(|finding| finding.evidence.clone()).unwrap_or_default();
        DeletionCandidate { target, evidence, notes, last_used }
    }
}

/// `function push`.
fn kind_and_name(node: &Node) -> String {
    format!("{} {}", node.kind.display_name(), node.name)
}

fn edge_verb(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::DeadLetter => "sends dead letters to",
        EdgeKind::Environment => "names",
        EdgeKind::Role => "runs as",
        EdgeKind::Log => "logs to",
        EdgeKind::Configuration => "has in its configuration",
        _ => "calls",
    }
}
