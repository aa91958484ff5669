//! From what was read to a verdict for each node, with evidence. Pure: no clock, no client.
//!
//! # The rules, in order
//!
//! 1. **Managed**: a deployment of `deployer` owns it, by its tags or its mark. Nothing else is said of it.
//! 2. HubSpot's workflows and webhooks: see [`suspect`]. An endpoint elsewhere is **unknown**.
//! 3. **Active** is what stirs by itself:
//!    - it was used in the window;
//!    - a queue in which messages wait;
//!    - a schedule, a rule with one, a workflow or a webhook that is enabled: it acts by itself;
//!    - what an AWS service made for itself (`managed_by`, `owned_by`);
//!    - what was changed within the window: a function that was deployed three days ago has had no time to be used, and
//!      a count of 0 says nothing. `--days 7` asks for less.
//!
//!    And what is managed or stirs, needs: all that is reached from there by enabled edges. A permission is no such edge (it
//!    lets, and may be left over), nor is an alarm's watch.
//! 4. Of the rest nobody seems to have need. It is
//!    - **orphaned** if nothing reaches it: no trigger, URL, policy, environment or, for a rule, a schedule or an API,
//!      if it leads nowhere. What reaches it and certainly isn't there any more doesn't count;
//!    - **stale** otherwise: a function whose only rule is disabled, a role of a function that is stale.
//! 5. But it is **unknown** if anything wasn't read that could say otherwise ([`blind`]), or if what is unknown needs it.
//! 6. A rule or schedule all of whose targets are gone is **stale** however often it fires, and **orphaned** if it never had
//!    one: it does nothing.
//!
//!    A function that CloudFront may run at its edges is **unknown** at best: that is counted in other regions.
//! 7. An alarm is as what it watches; **orphaned** if that is gone.
//!
//! So an additional [`super::Unread`] makes nothing stale or orphaned, and what something used points at is neither.

mod blind;
mod graph;
mod suspect;
mod words;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Edge, EdgeKind, Finding, Inventory, Kind, Node, Usage, Verdict};
use graph::Graph;

/// A verdict for each node, in the nodes' order. See the module for the rules.
pub fn judge(inventory: &Inventory) -> Vec<Finding> {
    let graph = Graph::new(inventory);
    let mut verdicts = own_verdicts(&graph);
    let stirring: Vec<&str> =
        graph.nodes().filter(|node| stirs(inventory, node).is_some()).map(|node| node.id.as_str()).collect();
    for (id, edge) in graph.reached(stirring, |edge| edge.kind.needs()) {
        let Some(node) = graph.node(id) else { continue };
        verdicts.entry(&node.id).or_insert_with(|| {
            let mut evidence = vec![needed(&graph, edge)];
            evidence.extend(words::usage(inventory, node));
            (Verdict::Active, evidence)
        });
    }
    for node in graph.nodes().filter(|node| node.kind != Kind::Alarm) {
        if !verdicts.contains_key(node.id.as_str()) {
            let verdict = unneeded(&graph, node);
            verdicts.insert(&node.id, verdict);
        }
    }
    spread_unknown(&graph, &mut verdicts);
    let alarms: Vec<_> = graph
        .nodes()
        .filter(|node| node.kind == Kind::Alarm && !verdicts.contains_key(node.id.as_str()))
        .map(|node| (node.id.as_str(), alarm(&graph, node, &verdicts)))
        .collect();
    verdicts.extend(alarms);
    let found = inventory.nodes.iter().filter_map(|node| {
        let (verdict, evidence) = verdicts.get(node.id.as_str())?.clone();
        Some(Finding { id: node.id.clone(), verdict, evidence })
    });
    found.collect()
}

type Verdicts<'a> = BTreeMap<&'a str, (Verdict, Vec<String>)>;

/// Of what its own properties decide: rules 1, 2, 6 and the first half of 3.
fn own_verdicts<'a>(graph: &Graph<'a>) -> Verdicts<'a> {
    let mut verdicts = Verdicts::new();
    for node in graph.nodes() {
        let verdict = if node.deployment.is_some() {
            let evidence = stirs(graph.inventory, node).into_iter().collect();
            (Verdict::Managed, evidence)
        } else if matches!(node.kind, Kind::HubspotWorkflow | Kind::HubspotWebhook) {
            suspect::judge(graph, node)
        } else if node.kind == Kind::Endpoint {
            (Verdict::Unknown, vec!["it isn't read here: what it does can't be seen".to_owned()])
        } else if let Some(verdict) = fires_at_nothing(graph, node) {
            verdict
        } else if let Some(evidence) = stirs(graph.inventory, node).filter(|_| node.kind != Kind::Alarm) {
            (Verdict::Active, vec![evidence])
        } else {
            continue;
        };
        verdicts.insert(&node.id, verdict);
    }
    verdicts
}

/// Why a node is in use by itself.
fn stirs(inventory: &Inventory, node: &Node) -> Option<String> {
    if let Some(deployment) = &node.deployment {
        let venue = node.venue.as_ref().map(|venue| format!(", venue {venue}")).unwrap_or_default();
        return Some(format!("deployment {deployment} owns it{venue}"));
    }
    if let Usage::Counted { count: 1.., .. } = node.usage {
        return words::usage(inventory, node);
    }
    let number = |key: &str| node.attributes.get(key).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    if node.kind == Kind::Queue && number("messages") > 0 {
        return Some(format!("{} messages wait in it", number("messages")));
    }
    if let Some(service) = node.attributes.get("managed_by").or_else(|| node.attributes.get("owned_by")) {
        return Some(format!("{service} made it for itself"));
    }
    let by_itself = matches!(node.kind, Kind::Schedule | Kind::HubspotWorkflow | Kind::HubspotWebhook)
        || node.kind == Kind::Rule && node.attributes.contains_key("schedule");
    if by_itself && node.enabled {
        return Some("it is enabled, and acts by itself".to_owned());
    }
    let window = SignedDuration::from_hours(24 * i64::from(inventory.days));
    let recent = node.kind != Kind::Alarm && node.changed_at.is_some_and(|at| at > inventory.taken_at - window);
    let days = inventory.days;
    recent.then(|| format!("{}, less than {days} days ago: too new for a conclusion", words::changed(node)))
}

/// Rule 6, of rules and schedules.
fn fires_at_nothing(graph: &Graph<'_>, node: &Node) -> Option<(Verdict, Vec<String>)> {
    if !matches!(node.kind, Kind::Rule | Kind::Schedule) || node.attributes.contains_key("managed_by") {
        return None;
    }
    let targets: Vec<&&Edge> = graph.from(&node.id).iter().filter(|edge| edge.kind.calls()).collect();
    let nothing = targets.iter().all(|edge| graph.is_missing(&edge.to));
    // Nothing is concluded of a target that may be in what wasn't read.
    if !nothing || !graph.blind.hides(graph, node).is_empty() {
        return None;
    }
    let (verdict, mut evidence) = match targets.is_empty() {
        true => (Verdict::Orphaned, vec!["it has no target".to_owned()]),
        false => (Verdict::Stale, words::some(targets.iter().map(|edge| gone_target(graph, edge)).collect())),
    };
    evidence.extend(words::usage(graph.inventory, node));
    Some((verdict, evidence))
}

fn gone_target(graph: &Graph<'_>, edge: &Edge) -> String {
    format!("its target {} doesn't exist", words::name(graph, &edge.to))
}

fn needed(graph: &Graph<'_>, edge: &Edge) -> String {
    let from = graph.node(&edge.from).and_then(|node| stirs(graph.inventory, node));
    let why = if from.is_some() { "which is in use" } else { "which is needed by what is in use" };
    format!("{}, {why}", words::reaches(graph, edge))
}

/// Rules 4 and 5, of what nothing in use needs.
fn unneeded(graph: &Graph<'_>, node: &Node) -> (Verdict, Vec<String>) {
    let (reached, mut evidence) = match node.kind {
        Kind::Rule | Kind::Schedule | Kind::RestApi | Kind::HttpApi => leads(graph, node),
        _ => reached(graph, node),
    };
    if !node.enabled {
        let disabled = if node.kind == Kind::Function { "its reserved concurrency is 0" } else { "it is disabled" };
        evidence.insert(0, disabled.to_owned());
    }
    evidence.extend(words::usage(graph.inventory, node));
    evidence.push(words::changed(node));
    let unread = graph.blind.hides(graph, node).into_iter();
    let mut unread: Vec<String> = unread.map(|what| format!("not read, and could say otherwise: {what}")).collect();
    let ends = graph.to(&node.id).iter().map(|edge| &edge.from).chain(graph.from(&node.id).iter().map(|edge| &edge.to));
    let unseen = ends.filter(|id| graph.is_unseen(id));
    unread.extend(unseen.map(|id| format!("not read, and bound up with it: {}", words::name(graph, id))));
    let roles = graph.from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Role);
    if roles.filter_map(|edge| graph.node(&edge.to)).any(|role| role.attributes.contains_key("edge")) {
        unread.push("CloudFront may run it at its edges, and counts that in the regions there".to_owned());
    }
    if unread.is_empty() && node.usage != Usage::Unread {
        return (if reached { Verdict::Stale } else { Verdict::Orphaned }, evidence);
    }
    let mut reasons = words::some(unread);
    reasons.extend(evidence);
    (Verdict::Unknown, reasons)
}

/// Whether something reaches the node, and what there is to say of all that does or did.
fn reached(graph: &Graph<'_>, node: &Node) -> (bool, Vec<String>) {
    let edges = graph.to(&node.id).iter().filter(|edge| edge.kind != EdgeKind::Watch);
    let (gone, there): (Vec<&Edge>, Vec<&Edge>) = edges.copied().partition(|edge| graph.is_missing(&edge.from));
    let mut evidence = Vec::new();
    if there.is_empty() {
        evidence.push(nothing_reaches(node.kind).to_owned());
    }
    evidence.extend(words::some(there.iter().map(|edge| idle(graph, edge)).collect()));
    let gone = gone.iter().map(|edge| format!("{}, which doesn't exist any more", words::reaches(graph, edge)));
    evidence.extend(words::some(gone.collect()));
    let polled = graph.from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Mapping);
    evidence.extend(words::some(polled.map(|edge| words::polls(graph, edge)).collect()));
    (!there.is_empty(), evidence)
}

/// What reaches a node and yet doesn't use it.
fn idle(graph: &Graph<'_>, edge: &Edge) -> String {
    let reaches = words::reaches(graph, edge);
    let from = graph.node(&edge.from);
    let calls = || graph.from(&edge.from).iter().any(|other| other.to == edge.to && other.kind.calls());
    match (edge.kind, from) {
        (EdgeKind::Permission, Some(_)) if !calls() => format!("{reaches}, which doesn't"),
        (EdgeKind::Permission, _) => reaches,
        (_, Some(from)) if !from.enabled => format!("{reaches}, and is disabled"),
        (_, Some(_)) if edge.enabled => format!("{reaches}, and isn't used itself"),
        _ => reaches,
    }
}

fn nothing_reaches(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => "no rule, schedule, mapping, subscription, URL, policy, API or state machine reaches it",
        Kind::Queue => "nothing that was read sends to it or names it",
        Kind::Topic => "nothing that was read publishes to it or names it",
        Kind::StateMachine => "nothing that was read starts it or names it",
        Kind::Secret => "no function's environment and no role's policy names it",
        Kind::Role => "no function of this region runs as it",
        Kind::LogGroup => "no function writes to it",
        _ => "nothing reaches it",
    }
}

/// Whether a trigger leads somewhere, and where.
fn leads(graph: &Graph<'_>, node: &Node) -> (bool, Vec<String>) {
    let targets: Vec<&&Edge> = graph.from(&node.id).iter().filter(|edge| edge.kind.calls()).collect();
    let (gone, there): (Vec<&&&Edge>, Vec<&&&Edge>) = targets.iter().partition(|edge| graph.is_missing(&edge.to));
    let mut evidence = Vec::new();
    if targets.is_empty() {
        evidence.push("it has no target".to_owned());
    }
    let mut names: Vec<String> = there.iter().map(|edge| words::name(graph, &edge.to)).collect();
    names.dedup();
    if !names.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        evidence.push(format!("it leads to {}", words::some_names(&names)));
    }
    evidence.extend(words::some(gone.iter().map(|edge| gone_target(graph, edge)).collect()));
    (!there.is_empty(), evidence)
}

/// Rule 5: what something unknown needs is unknown too.
fn spread_unknown<'a>(graph: &Graph<'a>, verdicts: &mut Verdicts<'a>) {
    let unknown: Vec<&str> =
        verdicts.iter().filter(|(_, (verdict, _))| *verdict == Verdict::Unknown).map(|(id, _)| *id).collect();
    for (id, edge) in graph.reached(unknown, |edge| edge.kind.needs()) {
        if let Some((verdict, evidence)) = verdicts.get_mut(id)
            && matches!(verdict, Verdict::Stale | Verdict::Orphaned)
        {
            *verdict = Verdict::Unknown;
            evidence.insert(0, format!("{}, of which it isn't known whether it is used", words::reaches(graph, edge)));
        }
    }
}

/// Rule 7.
fn alarm(graph: &Graph<'_>, node: &Node, verdicts: &Verdicts<'_>) -> (Verdict, Vec<String>) {
    let watched = graph.from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Watch);
    let found = watched.map(|edge| {
        let name = words::name(graph, &edge.to);
        match verdicts.get(edge.to.as_str()) {
            Some((verdict @ (Verdict::Stale | Verdict::Orphaned), _)) => {
                (Verdict::Stale, format!("it watches {name}, which is {}", verdict.word()))
            }
            Some((Verdict::Unknown, _)) => {
                (Verdict::Unknown, format!("it watches {name}, of which too little is known"))
            }
            Some(_) => (Verdict::Active, format!("it watches {name}")),
            None if graph.is_missing(&edge.to) => {
                (Verdict::Orphaned, format!("it watches {name}, which doesn't exist"))
            }
            None => (Verdict::Unknown, format!("it watches {name}, which wasn't read")),
        }
    });
    let found: Vec<(Verdict, String)> = found.collect();
    if found.is_empty() {
        return (Verdict::Unknown, vec!["what it watches isn't read".to_owned()]);
    }
    let any = |wanted| found.iter().any(|(verdict, _)| *verdict == wanted);
    let verdict = [Verdict::Active, Verdict::Unknown, Verdict::Stale].into_iter().find(|verdict| any(*verdict));
    let mut evidence = words::some(found.iter().map(|(_, sentence)| sentence.clone()).collect());
    let hidden = graph.blind.hides(graph, node);
    match (verdict.unwrap_or(Verdict::Orphaned), hidden.first()) {
        (Verdict::Stale | Verdict::Orphaned, Some(what)) => {
            evidence.insert(0, format!("not read, and could say otherwise: {what}"));
            (Verdict::Unknown, evidence)
        }
        (verdict, _) => (verdict, evidence),
    }
}
