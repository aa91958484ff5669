//! Derives a verdict for each node from the inventory, with evidence. Pure: no clock, no client.
//!
//! # The rules, in order
//!
//! 1. **Managed**: a deployment of `deployer` owns it, according to its tags or its mark. No other rule applies to it.
//! 2. HubSpot's workflows and webhooks: see [`suspect`]. An external endpoint is **unknown**.
//! 3. **Active** is what shows activity of its own:
//!    - it was used in the window;
//!    - it is a queue with waiting messages;
//!    - it is an enabled schedule, rule with a schedule, workflow or webhook: it acts on its own;
//!    - an AWS service created it for its own use (`managed_by`, `owned_by`);
//!    - it was changed within the window: a function that was deployed three days ago has had no time to be used, so a
//!      count of 0 means nothing. `--days 7` shortens the window.
//!
//!    Active, too, is everything that enabled edges reach from what is managed or has such activity. A permission is no
//!    such edge (it only allows a call, and may be left over), nor is an alarm's watch.
//! 4. Apparently nobody needs the rest. It is
//!    - **orphaned** if nothing reaches it (no trigger, URL, policy or environment), or if a rule, a schedule or an API
//!      leads nowhere. A source that certainly no longer exists doesn't count;
//!    - **stale** otherwise: a function whose only rule is disabled, a role of a stale function.
//! 5. But it is **unknown** if something unreadable could change the verdict ([`blind`]), or if something unknown needs
//!    it.
//! 6. A rule or schedule whose targets are all gone does nothing: it is **stale** however often it fires, and
//!    **orphaned** if it has no targets.
//!
//!    A function that CloudFront may run at its edge locations is at best **unknown**: those runs are counted in other
//!    regions.
//! 7. An alarm has the verdict of what it watches, and is **orphaned** if that is gone.
//!
//! So an additional [`super::Unread`] never makes anything stale or orphaned, and nothing is stale or orphaned that
//! something used points at.

mod blind;
mod graph;
mod suspect;
mod words;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{Edge, EdgeKind, Finding, Inventory, Kind, Node, Usage, Verdict};
use graph::Graph;

/// Returns a verdict for each node, in the order of the nodes. The module's documentation has the rules.
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

/// The verdicts of nodes whose own properties decide: rules 1, 2, 6 and the first half of 3.
fn own_verdicts<'a>(graph: &Graph<'a>) -> Verdicts<'a> {
    let mut verdicts = Verdicts::new();
    for node in graph.nodes() {
        let verdict = if node.deployment.is_some() {
            let evidence = stirs(graph.inventory, node).into_iter().collect();
            (Verdict::Managed, evidence)
        } else if matches!(node.kind, Kind::HubspotWorkflow | Kind::HubspotWebhook) {
            suspect::judge(graph, node)
        } else if node.kind == Kind::Endpoint {
            (Verdict::Unknown, vec!["it is outside of what is read here: what it does is unknown".to_owned()])
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

/// The activity of its own that makes a node active, in words.
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
        return Some(format!("{} messages are waiting in it", number("messages")));
    }
    if let Some(service) = node.attributes.get("managed_by").or_else(|| node.attributes.get("owned_by")) {
        return Some(format!("{service} created it for its own use"));
    }
    let by_itself = matches!(node.kind, Kind::Schedule | Kind::HubspotWorkflow | Kind::HubspotWebhook)
        || node.kind == Kind::Rule && node.attributes.contains_key("schedule");
    if by_itself && node.enabled {
        return Some("it is enabled and acts on its own".to_owned());
    }
    let window = SignedDuration::from_hours(24 * i64::from(inventory.days));
    let recent = node.kind != Kind::Alarm && node.changed_at.is_some_and(|at| at > inventory.taken_at - window);
    let days = inventory.days;
    recent.then(|| format!("{}, less than {days} days ago: too new to judge", words::changed(node)))
}

/// Rule 6, for rules and schedules.
fn fires_at_nothing(graph: &Graph<'_>, node: &Node) -> Option<(Verdict, Vec<String>)> {
    if !matches!(node.kind, Kind::Rule | Kind::Schedule) || node.attributes.contains_key("managed_by") {
        return None;
    }
    let targets: Vec<&&Edge> = graph.from(&node.id).iter().filter(|edge| edge.kind.calls()).collect();
    let nothing = targets.iter().all(|edge| graph.is_missing(&edge.to));
    // A target may be among what couldn't be read: then there is no conclusion.
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
    let why = if from.is_some() { "is in use" } else { "is needed by something in use" };
    format!("{} and {why}", words::reaches(graph, edge))
}

/// Rules 4 and 5, for what nothing in use needs.
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
    let mut unread: Vec<String> =
        unread.map(|what| format!("unreadable, and could change the verdict: {what}")).collect();
    let ends = graph.to(&node.id).iter().map(|edge| &edge.from).chain(graph.from(&node.id).iter().map(|edge| &edge.to));
    let unseen = ends.filter(|id| graph.is_unseen(id));
    unread.extend(unseen.map(|id| format!("unreadable, and connected with it: {}", words::name(graph, id))));
    let roles = graph.from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Role);
    if roles.filter_map(|edge| graph.node(&edge.to)).any(|role| role.attributes.contains_key("edge")) {
        unread.push("CloudFront may run it at its edge locations, and counts those runs in other regions".to_owned());
    }
    if unread.is_empty() && node.usage != Usage::Unread {
        return (if reached { Verdict::Stale } else { Verdict::Orphaned }, evidence);
    }
    let mut reasons = words::some(unread);
    reasons.extend(evidence);
    (Verdict::Unknown, reasons)
}

/// Whether something reaches the node, with evidence for each edge.
fn reached(graph: &Graph<'_>, node: &Node) -> (bool, Vec<String>) {
    let edges = graph.to(&node.id).iter().filter(|edge| edge.kind != EdgeKind::Watch);
    let (gone, there): (Vec<&Edge>, Vec<&Edge>) = edges.copied().partition(|edge| graph.is_missing(&edge.from));
    let mut evidence = Vec::new();
    if there.is_empty() {
        evidence.push(nothing_reaches(node.kind).to_owned());
    }
    evidence.extend(words::some(there.iter().map(|edge| idle(graph, edge)).collect()));
    let gone = gone.iter().map(|edge| format!("{}, which no longer exists", words::reaches(graph, edge)));
    evidence.extend(words::some(gone.collect()));
    let polled = graph.from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Mapping);
    evidence.extend(words::some(polled.map(|edge| words::polls(graph, edge)).collect()));
    (!there.is_empty(), evidence)
}

/// Describes an edge that reaches a node although nothing uses it.
fn idle(graph: &Graph<'_>, edge: &Edge) -> String {
    let reaches = words::reaches(graph, edge);
    let from = graph.node(&edge.from);
    let calls = || graph.from(&edge.from).iter().any(|other| other.to == edge.to && other.kind.calls());
    match (edge.kind, from) {
        (EdgeKind::Permission, Some(_)) if !calls() => format!("{reaches}, which it does not do"),
        (EdgeKind::Permission, _) => reaches,
        (_, Some(from)) if !from.enabled => format!("{reaches} but is disabled"),
        (_, Some(_)) if edge.enabled => format!("{reaches} but is not used itself"),
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
        Kind::Role => "no function in this region runs as it",
        Kind::LogGroup => "no function writes to it",
        _ => "nothing reaches it",
    }
}

/// Whether a trigger leads somewhere, with evidence for each target.
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
            evidence.insert(0, format!("{}, and whether that is in use is unknown", words::reaches(graph, edge)));
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
            Some((Verdict::Unknown, _)) => (Verdict::Unknown, format!("it watches {name}, which is unknown")),
            Some(_) => (Verdict::Active, format!("it watches {name}")),
            None if graph.is_missing(&edge.to) => {
                (Verdict::Orphaned, format!("it watches {name}, which doesn't exist"))
            }
            None => (Verdict::Unknown, format!("it watches {name}, which was not read")),
        }
    });
    let found: Vec<(Verdict, String)> = found.collect();
    if found.is_empty() {
        return (Verdict::Unknown, vec!["what it watches was not read".to_owned()]);
    }
    let any = |wanted| found.iter().any(|(verdict, _)| *verdict == wanted);
    let verdict = [Verdict::Active, Verdict::Unknown, Verdict::Stale].into_iter().find(|verdict| any(*verdict));
    let mut evidence = words::some(found.iter().map(|(_, sentence)| sentence.clone()).collect());
    let hidden = graph.blind.hides(graph, node);
    match (verdict.unwrap_or(Verdict::Orphaned), hidden.first()) {
        (Verdict::Stale | Verdict::Orphaned, Some(what)) => {
            evidence.insert(0, format!("unreadable, and could change the verdict: {what}"));
            (Verdict::Unknown, evidence)
        }
        (verdict, _) => (verdict, evidence),
    }
}
