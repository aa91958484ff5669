//! Derives a verdict for each node from the inventory, with evidence. Pure: no clock, no client.
//!
//! # The rules, in order
//!
//! 1. **Managed**: a deployment of `deployer` owns it, according to its tags or its mark. No other rule applies to it.
//! 2. HubSpot's workflows and webhooks: see [`suspect`]. An external endpoint is **unknown**.
//! 3. **Active** is what shows activity of its own ([`signs`]):
//!    - it was used in the window, or something polls it;
//!    - it is a queue with waiting messages, a secret that rotates or is a replica;
//!    - it is an enabled rule, schedule, workflow or webhook: it acts on its own, or when something happens;
//!    - an AWS service or another tool manages it (`managed_by`, `owned_by`, tags of CloudFormation, Terraform, …);
//!    - something that isn't judged feeds or names it: a stream, a bucket's notification, a stack;
//!    - it was changed within the window: a function that was deployed three days ago has had no time to be used, so a
//!      count of 0 means nothing. `--days 7` shortens the window.
//!
//!    Active, too, is everything that enabled edges reach from what is managed or has such activity, with the alarms that
//!    watch any of it, and what those notify. A permission is no such edge: it only allows a call.
//! 4. Apparently nobody needs the rest. It is
//!    - **orphaned** if nothing reaches it (no trigger, URL, policy or environment), or if a rule, a schedule or an API
//!      leads nowhere. A source that certainly no longer exists doesn't count;
//!    - **stale** otherwise: a function whose only rule is disabled, a role of a stale function.
//! 5. But it is **unknown** if anything that could reach it wasn't read: a failed read could have shown it ([`blind`]);
//!    a source of the table wasn't read, and AWS requires nothing that is missing here; its policy or an identity's policy
//!    lets something use it whose use no reading shows; anybody may call its address, and the whole history of counts
//!    isn't without a use; its age is unknown ([`reach`]). It is unknown, too, if something unknown needs it, or if the
//!    role of a function that isn't dead may use it.
//! 6. A rule or schedule whose targets are all gone does nothing: it is **stale** however often it fires, and
//!    **orphaned** if it has no targets.
//!
//!    A function that CloudFront may run at its edge locations is at best **unknown**: those runs are counted in other
//!    regions.
//! 7. An alarm that nothing in use needs has the verdict of what it watches, and is **orphaned** if that is gone.
//!
//! So an additional [`super::UnreadCall`] never makes anything stale or orphaned, nor does a reading that was never made,
//! and nothing is stale or orphaned that something used points at.

mod blind;
mod grants;
mod graph;
mod reach;
mod signs;
mod suspect;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::{AuditFinding, AuditInventory, AuditVerdict, Edge, EdgeKind, Node, NodeKind, NodeUsage};
use graph::InventoryGraph;
use reach::Reach;
use signs::own_activity;

/// Returns a verdict for each node, in the order of the nodes. The module's documentation has the rules.
pub fn judge_inventory(inventory: &AuditInventory) -> Vec<AuditFinding> {
    judge_and_count(inventory).0
}

/// As [`judge_inventory`], with how much work it was: how many edges were looked at and patterns compared. It grows with
/// the nodes, the edges and what policies name, and not with their product.
pub fn judge_and_count(inventory: &AuditInventory) -> (Vec<AuditFinding>, u64) {
    let graph = InventoryGraph::new(inventory);
    let reach = Reach::new(&graph);
    let mut verdicts = own_verdicts(&graph);
    let stirring: BTreeSet<&str> =
        graph.all_nodes().filter(|node| own_activity(&graph, node).is_some()).map(|node| node.id.as_str()).collect();
    for (id, edge) in graph.reachable_from(stirring.iter().copied(), |edge| edge.kind.is_need()) {
        let Some(node) = graph.find_node(id) else { continue };
        verdicts.entry(&node.id).or_insert_with(|| {
            let mut evidence = vec![describe_need(&graph, edge, id, stirring.contains(edge.from.as_str()))];
            evidence.extend(words::describe_usage(inventory, node));
            (AuditVerdict::Active, evidence)
        });
    }
    for node in graph.all_nodes() {
        if !verdicts.contains_key(node.id.as_str()) && node.kind != NodeKind::Alarm {
            let verdict = judge_unneeded(&graph, &reach, node);
            verdicts.insert(&node.id, verdict);
        }
    }
    let alarms: Vec<&Node> = graph
        .all_nodes()
        .filter(|node| node.kind == NodeKind::Alarm && !verdicts.contains_key(node.id.as_str()))
        .collect();
    let judged: Vec<_> = alarms.iter().map(|node| (node.id.as_str(), judge_alarm(&graph, node, &verdicts))).collect();
    verdicts.extend(judged);
    spread_unknown(&graph, &reach, &mut verdicts);
    // What they watch may have become unknown.
    for node in alarms {
        let verdict = judge_alarm(&graph, node, &verdicts);
        if is_dead(verdicts[node.id.as_str()].0) {
            verdicts.insert(&node.id, verdict);
        }
    }
    let found = inventory.nodes.iter().filter_map(|node| {
        let (verdict, evidence) = verdicts.get(node.id.as_str())?.clone();
        Some(AuditFinding { id: node.id.clone(), verdict, evidence })
    });
    (found.collect(), graph.followed_edges() + reach.compared_patterns())
}

fn is_dead(verdict: AuditVerdict) -> bool {
    matches!(verdict, AuditVerdict::Stale | AuditVerdict::Orphaned)
}

type VerdictsById<'a> = BTreeMap<&'a str, (AuditVerdict, Vec<String>)>;

/// The verdicts of nodes whose own properties decide: rules 1, 2, 6 and the first half of 3.
fn own_verdicts<'a>(graph: &InventoryGraph<'a>) -> VerdictsById<'a> {
    let mut verdicts = VerdictsById::new();
    for node in graph.all_nodes() {
        let verdict = if node.deployment.is_some() {
            let evidence = own_activity(graph, node).into_iter().collect();
            (AuditVerdict::Managed, evidence)
        } else if matches!(node.kind, NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook) {
            suspect::judge_webhook(graph, node)
        } else if node.kind == NodeKind::Endpoint {
            (AuditVerdict::Unknown, vec!["it is outside of what is read here: what it does is unknown".to_owned()])
        } else if let Some(verdict) = fires_at_nothing(graph, node) {
            verdict
        } else if let Some(evidence) = own_activity(graph, node) {
            (AuditVerdict::Active, vec![evidence])
        } else {
            continue;
        };
        verdicts.insert(&node.id, verdict);
    }
    verdicts
}

/// Rule 6, for rules and schedules.
fn fires_at_nothing(graph: &InventoryGraph<'_>, node: &Node) -> Option<(AuditVerdict, Vec<String>)> {
    if !matches!(node.kind, NodeKind::Rule | NodeKind::Schedule) || node.attributes.contains_key("managed_by") {
        return None;
    }
    let targets: Vec<&&Edge> = graph.edges_from(&node.id).iter().filter(|edge| edge.kind.is_call()).collect();
    let nothing = targets.iter().all(|edge| graph.is_missing(&edge.to));
    // A target may be among what couldn't be read, or still to come: then there is no conclusion.
    if !nothing
        || !graph.blind.reasons_for_doubt(graph, node).is_empty()
        || node.changed_at.is_none()
        || signs::is_new(graph.inventory, node)
    {
        return None;
    }
    let (verdict, mut evidence) = match targets.is_empty() {
        true => (AuditVerdict::Orphaned, vec!["it has no target".to_owned()]),
        false => (AuditVerdict::Stale, words::first_few(targets.iter().map(|edge| gone_target(graph, edge)).collect())),
    };
    evidence.extend(words::describe_usage(graph.inventory, node));
    Some((verdict, evidence))
}

fn gone_target(graph: &InventoryGraph<'_>, edge: &Edge) -> String {
    format!("its target {} doesn't exist", words::describe_node(graph, &edge.to))
}

fn describe_need(graph: &InventoryGraph<'_>, edge: &Edge, id: &str, from_is_in_use: bool) -> String {
    if edge.kind == EdgeKind::Watch && edge.from == id {
        return format!("it watches {}, which is in use or needed", words::describe_node(graph, &edge.to));
    }
    let why = if from_is_in_use { "is in use" } else { "is needed by something in use" };
    format!("{} and {why}", words::describe_edge(graph, edge))
}

/// Rules 4 and 5, for what nothing in use needs.
fn judge_unneeded<'a>(graph: &InventoryGraph<'a>, reach: &Reach<'a>, node: &Node) -> (AuditVerdict, Vec<String>) {
    let (reached, mut evidence) = match node.kind {
        NodeKind::Rule | NodeKind::Schedule | NodeKind::RestApi | NodeKind::HttpApi => describe_targets(graph, node),
        _ => describe_callers(graph, node),
    };
    if !node.enabled {
        let disabled = if node.kind == NodeKind::Function { "its reserved concurrency is 0" } else { "it is disabled" };
        evidence.insert(0, disabled.to_owned());
    }
    evidence.extend(words::describe_usage(graph.inventory, node));
    evidence.push(words::describe_change(node));
    let unread = graph.blind.reasons_for_doubt(graph, node).into_iter();
    let mut unread: Vec<String> =
        unread.map(|what| format!("unreadable, and could change the verdict: {what}")).collect();
    let ends = graph
        .edges_to(&node.id)
        .iter()
        .map(|edge| &edge.from)
        .chain(graph.edges_from(&node.id).iter().map(|edge| &edge.to));
    let unseen = ends.filter(|id| graph.is_unseen(id));
    unread.extend(unseen.map(|id| format!("unreadable, and connected with it: {}", words::describe_node(graph, id))));
    let roles = graph.edges_from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Role);
    if roles.filter_map(|edge| graph.find_node(&edge.to)).any(|role| role.attributes.contains_key("edge")) {
        unread.push("CloudFront may run it at its edge locations, and counts those runs in other regions".to_owned());
    }
    unread.extend(reach.reasons_for_doubt(graph, node));
    if unread.is_empty() && node.usage != NodeUsage::Unread {
        return (if reached { AuditVerdict::Stale } else { AuditVerdict::Orphaned }, evidence);
    }
    let mut reasons = words::first_few(unread);
    reasons.extend(evidence);
    (AuditVerdict::Unknown, reasons)
}

/// Whether something reaches the node, with evidence for each edge.
fn describe_callers(graph: &InventoryGraph<'_>, node: &Node) -> (bool, Vec<String>) {
    let edges = graph.edges_to(&node.id).iter().filter(|edge| edge.kind != EdgeKind::Watch);
    let (gone, there): (Vec<&Edge>, Vec<&Edge>) = edges.copied().partition(|edge| graph.is_missing(&edge.from));
    let mut evidence = Vec::new();
    if there.is_empty() {
        evidence.push(nothing_reaches(node.kind).to_owned());
    }
    evidence.extend(words::first_few(there.iter().map(|edge| describe_idle_edge(graph, edge)).collect()));
    let gone = gone.iter().map(|edge| format!("{}, which no longer exists", words::describe_edge(graph, edge)));
    evidence.extend(words::first_few(gone.collect()));
    let polled = graph.edges_from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Mapping);
    evidence.extend(words::first_few(polled.map(|edge| words::describe_poller(graph, edge)).collect()));
    (!there.is_empty(), evidence)
}

/// Describes an edge that reaches a node although nothing uses it.
fn describe_idle_edge(graph: &InventoryGraph<'_>, edge: &Edge) -> String {
    let reaches = words::describe_edge(graph, edge);
    let from = graph.find_node(&edge.from);
    match (edge.kind, from) {
        (EdgeKind::Permission, Some(_)) if !graph.has_call(&edge.from, &edge.to) => {
            format!("{reaches}, but nothing that was read of that does")
        }
        (EdgeKind::Permission, _) => reaches,
        (_, Some(from)) if !from.enabled => format!("{reaches} but is disabled"),
        (_, Some(_)) if edge.enabled => format!("{reaches} but is not used itself"),
        _ => reaches,
    }
}

fn nothing_reaches(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Function => "no rule, schedule, mapping, subscription, URL, policy, API or state machine reaches it",
        NodeKind::Queue => "nothing that was read sends to it or names it",
        NodeKind::Topic => "nothing that was read publishes to it or names it",
        NodeKind::StateMachine => "nothing that was read starts it or names it",
        NodeKind::Secret => "no function's environment and no role's policy names it",
        NodeKind::Role => "no function in this region runs as it",
        NodeKind::LogGroup => "no function writes to it",
        _ => "nothing reaches it",
    }
}

/// Whether a trigger leads somewhere, with evidence for each target.
fn describe_targets(graph: &InventoryGraph<'_>, node: &Node) -> (bool, Vec<String>) {
    let targets: Vec<&&Edge> = graph.edges_from(&node.id).iter().filter(|edge| edge.kind.is_call()).collect();
    let (gone, there): (Vec<&&&Edge>, Vec<&&&Edge>) = targets.iter().partition(|edge| graph.is_missing(&edge.to));
    let mut evidence = Vec::new();
    if targets.is_empty() {
        evidence.push("it has no target".to_owned());
    }
    let mut names: Vec<String> = there.iter().map(|edge| words::describe_node(graph, &edge.to)).collect();
    names.dedup();
    if !names.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        evidence.push(format!("it leads to {}", words::first_few_names(&names)));
    }
    evidence.extend(words::first_few(gone.iter().map(|edge| gone_target(graph, edge)).collect()));
    (!there.is_empty(), evidence)
}

/// Rule 5: what something unknown needs is unknown too, and so is what the role of a function that isn't dead may use.
fn spread_unknown<'a>(graph: &InventoryGraph<'a>, reach: &Reach<'a>, verdicts: &mut VerdictsById<'a>) {
    let dead = |verdicts: &VerdictsById<'a>, id: &str| verdicts.get(id).is_some_and(|(now, _)| is_dead(*now));
    // The nodes that a role may use.
    let mut used_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in graph.all_nodes().filter(|node| reach::is_called(node.kind) && dead(verdicts, &node.id)) {
        for role in reach.roles_that_may_use(graph, node) {
            used_by.entry(role).or_default().push(&node.id);
        }
    }
    // All roles that are alive first, and then those that turn out not to be dead.
    let mut alive: Vec<&str> =
        used_by.keys().filter(|role| verdicts.contains_key(**role) && !dead(verdicts, role)).copied().collect();
    let mut unknown: Vec<&str> =
        verdicts.iter().filter(|(_, (verdict, _))| *verdict == AuditVerdict::Unknown).map(|(id, _)| *id).collect();
    while !alive.is_empty() || !unknown.is_empty() {
        let mut doubted = Vec::new();
        for (id, edge) in graph.reachable_from(std::mem::take(&mut unknown), |edge| edge.kind.is_need()) {
            let what = match edge.kind == EdgeKind::Watch && edge.from == id {
                true => format!("it watches {}", words::describe_node(graph, &edge.to)),
                false => words::describe_edge(graph, edge),
            };
            if doubt(verdicts, id, format!("{what}, and whether that is in use is unknown")) {
                doubted.push(id);
            }
        }
        alive.extend(doubted.into_iter().filter(|id| used_by.contains_key(id)));
        for role in std::mem::take(&mut alive) {
            let name = words::describe_node(graph, role);
            for id in used_by.get(role).into_iter().flatten() {
                if doubt(verdicts, id, format!("{name}, which isn't unused, may use it")) {
                    unknown.push(id);
                }
            }
        }
    }
}

/// Makes a dead node unknown. Returns whether it was dead.
fn doubt(verdicts: &mut VerdictsById<'_>, id: &str, why: String) -> bool {
    match verdicts.get_mut(id) {
        Some((verdict, evidence)) if is_dead(*verdict) => {
            *verdict = AuditVerdict::Unknown;
            evidence.insert(0, why);
            true
        }
        _ => false,
    }
}

/// Rule 7.
fn judge_alarm(graph: &InventoryGraph<'_>, node: &Node, verdicts: &VerdictsById<'_>) -> (AuditVerdict, Vec<String>) {
    let watched = graph.edges_from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Watch);
    let found = watched.map(|edge| {
        let name = words::describe_node(graph, &edge.to);
        match verdicts.get(edge.to.as_str()) {
            Some((verdict @ (AuditVerdict::Stale | AuditVerdict::Orphaned), _)) => {
                (AuditVerdict::Stale, format!("it watches {name}, which is {}", verdict.display_name()))
            }
            Some((AuditVerdict::Unknown, _)) => (AuditVerdict::Unknown, format!("it watches {name}, which is unknown")),
            Some(_) => (AuditVerdict::Active, format!("it watches {name}")),
            None if graph.is_missing(&edge.to) => {
                (AuditVerdict::Orphaned, format!("it watches {name}, which doesn't exist"))
            }
            None => (AuditVerdict::Unknown, format!("it watches {name}, which was not read")),
        }
    });
    let found: Vec<(AuditVerdict, String)> = found.collect();
    if found.is_empty() {
        return (AuditVerdict::Unknown, vec!["what it watches was not read".to_owned()]);
    }
    let any = |wanted| found.iter().any(|(verdict, _)| *verdict == wanted);
    let verdict =
        [AuditVerdict::Active, AuditVerdict::Unknown, AuditVerdict::Stale].into_iter().find(|verdict| any(*verdict));
    let mut evidence = words::first_few(found.iter().map(|(_, sentence)| sentence.clone()).collect());
    let hidden = graph.blind.reasons_for_doubt(graph, node);
    match (verdict.unwrap_or(AuditVerdict::Orphaned), hidden.first()) {
        (AuditVerdict::Stale | AuditVerdict::Orphaned, Some(what)) => {
            evidence.insert(0, format!("unreadable, and could change the verdict: {what}"));
            (AuditVerdict::Unknown, evidence)
        }
        (verdict, _) => (verdict, evidence),
    }
}
