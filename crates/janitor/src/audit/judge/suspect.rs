//! Judges HubSpot's workflows and webhooks: where their URLs lead, and whether that is right.
//!
//! An enabled one is [`AuditVerdict::Suspect`] if
//!
//! 1. its URL leads to an API, a function URL, a stage, a route or a function that doesn't exist;
//! 2. its URL isn't an API, a function URL or a custom domain of this account and region (other regions aren't read, so
//!    there is no conclusion about them);
//! 3. it is about one venue, but a function that it leads to serves another. It is about the venue whose flag property
//!    it uses or, if it uses none, whose name is in its title. A function serves the venues that its tags and its
//!    environment name.
//!
//! It is [`AuditVerdict::Unknown`] if it couldn't be read completely where the URL leads.

use std::collections::BTreeSet;

use super::super::address::route_matches;
use super::super::{AuditVerdict, Edge, EdgeKind, Node, NodeKind};
use super::graph::InventoryGraph;
use super::words;

/// What was found about the URL of a webhook.
enum WebhookFinding {
    Wrong(String),
    Unseen(String),
    Right(String),
}

pub(super) fn judge_webhook(graph: &InventoryGraph<'_>, node: &Node) -> (AuditVerdict, Vec<String>) {
    let webhooks = graph.edges_from(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Webhook);
    let (mut wrong, mut unseen, mut right) = (Vec::new(), Vec::new(), Vec::new());
    for found in webhooks.flat_map(|edge| follow_edge(graph, node, edge)) {
        match found {
            WebhookFinding::Wrong(why) => wrong.push(why),
            WebhookFinding::Unseen(why) => unseen.push(why),
            WebhookFinding::Right(what) => right.push(what),
        }
    }
    if !node.enabled {
        let mut evidence = vec!["it is disabled".to_owned()];
        evidence.extend(wrong.into_iter().chain(unseen).chain(right));
        return (AuditVerdict::Stale, evidence);
    }
    if wrong.is_empty() && unseen.is_empty() && right.is_empty() {
        unseen.push("where it leads was not read".to_owned());
    }
    let verdict = match (wrong.is_empty(), unseen.is_empty()) {
        (false, _) => AuditVerdict::Suspect,
        (true, false) => AuditVerdict::Unknown,
        (true, true) => AuditVerdict::Active,
    };
    (verdict, wrong.into_iter().chain(unseen).chain(right).collect())
}

fn follow_edge(graph: &InventoryGraph<'_>, node: &Node, edge: &Edge) -> Vec<WebhookFinding> {
    let Some(target) = graph.find_node(&edge.to) else {
        return vec![WebhookFinding::Unseen(format!(
            "it calls {}, which was not read",
            words::describe_node(graph, &edge.to)
        ))];
    };
    match target.kind {
        NodeKind::Endpoint => vec![judge_endpoint(graph, target)],
        NodeKind::RestApi | NodeKind::HttpApi => judge_api_call(graph, node, target, edge),
        _ => judge_venues(graph, node, target, &[target.id.as_str()]),
    }
}

fn judge_endpoint(graph: &InventoryGraph<'_>, endpoint: &Node) -> WebhookFinding {
    let (url, inventory) = (&endpoint.id, graph.inventory);
    let here = format!("account {}, region {}", inventory.account, inventory.region);
    let reason = endpoint.attributes.get("reason").map(String::as_str).unwrap_or_default();
    let (unread, wrong): (&[&str], String) = match reason {
        "no_such_api" => {
            (&["apigateway:GetRestApis", "apigateway:GetApis"], format!("it calls {url}, but {here} has no such API"))
        }
        "no_such_url" => (
            &["lambda:ListFunctions", "lambda:ListFunctionUrlConfigs"],
            format!("it calls {url}, but {here} has no such function URL"),
        ),
        "other_region" => {
            return WebhookFinding::Unseen(format!("it calls {url}, in a region that was not read"));
        }
        "no_such_path" => (
            &["apigateway:GetBasePathMappings", "apigateway:GetApiMappings"],
            format!("it calls {url}, but that domain has nothing at this path"),
        ),
        "no_address" => (&[], "what it calls is not a web address".to_owned()),
        _ => (
            &[
                "apigateway:GetDomainNames",
                "apigateway:GetHttpDomainNames",
                "apigateway:GetApis",
                "apigateway:GetRestApis",
            ],
            format!("it calls {url}, which is not an API, function URL or custom domain of {here}"),
        ),
    };
    if unread.iter().any(|call| graph.blind.has_failed(call)) {
        return WebhookFinding::Unseen(format!("it calls {url}, but whether {here} has that could not be read"));
    }
    WebhookFinding::Wrong(wrong)
}

fn judge_api_call(graph: &InventoryGraph<'_>, node: &Node, target: &Node, edge: &Edge) -> Vec<WebhookFinding> {
    let called = edge.note.as_deref().unwrap_or_default();
    let (method, path) = called.split_once(' ').unwrap_or(("POST", "/"));
    let name = words::describe_node(graph, &target.id);
    let unread = ["apigateway:GetResources", "apigateway:GetRoutes", "apigateway:GetIntegrations"];
    if unread.iter().any(|call| graph.blind.has_failed_for(&target.id, call)) {
        return vec![WebhookFinding::Unseen(format!("it calls {name}, whose routes could not be read"))];
    }
    if node.enabled && !edge.enabled {
        return vec![WebhookFinding::Wrong(format!("it calls {called} of {name}, which has no such stage"))];
    }
    let integrations = graph.edges_from(&target.id).iter().filter(|edge| edge.kind == EdgeKind::Integration);
    let route = |edge: &Edge| edge.note.as_ref().and_then(|note| note.split(", ").next()).map(ToOwned::to_owned);
    let taken = integrations.filter(|edge| route(edge).is_some_and(|route| route_matches(&route, method, path)));
    let targets: Vec<&str> = taken.map(|edge| edge.to.as_str()).collect();
    if targets.is_empty() {
        return vec![WebhookFinding::Wrong(format!("{name} has no route for {method} {path}, which it calls"))];
    }
    let (missing, there): (Vec<&str>, Vec<&str>) = targets.into_iter().partition(|id| graph.is_missing(id));
    let missing = missing.into_iter().map(|id| {
        WebhookFinding::Wrong(format!(
            "it leads through {name} to {}, which doesn't exist",
            words::describe_node(graph, id)
        ))
    });
    let mut found: Vec<WebhookFinding> = missing.collect();
    if !there.is_empty() {
        found.extend(judge_venues(graph, node, target, &there));
    }
    found
}

/// Compares the venues that the functions behind `starts` serve with the webhook's own venue.
fn judge_venues(graph: &InventoryGraph<'_>, node: &Node, target: &Node, starts: &[&str]) -> Vec<WebhookFinding> {
    let passes_on = |edge: &Edge| edge.kind.is_call() || edge.kind == EdgeKind::Environment;
    let starts: Vec<&str> = starts.iter().filter_map(|id| graph.find_node(id)).map(|node| node.id.as_str()).collect();
    let reached = graph.reachable_from(starts.iter().copied(), passes_on);
    let functions = starts.iter().chain(reached.keys()).filter_map(|id| graph.find_node(id));
    let functions: Vec<&Node> = functions.filter(|node| node.kind == NodeKind::Function).collect();
    let through = words::describe_node(graph, &target.id);
    let mut found = Vec::new();
    for function in &functions {
        let served = served_venues(function);
        let others: Vec<&str> = match &node.venue {
            Some(own) => served.iter().filter(|venue| *venue != own).map(String::as_str).collect(),
            None => Vec::new(),
        };
        if let (Some(own), false) = (&node.venue, others.is_empty()) {
            let way = if function.id == target.id { String::new() } else { format!("through {through} ") };
            let others = others.join(" and ");
            found.push(WebhookFinding::Wrong(format!(
                "it is about {own} but leads {way}to function {}, which serves {others}",
                function.name
            )));
        }
    }
    if found.is_empty() {
        let names: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
        let to = if names.is_empty() { through } else { format!("function {}", words::first_few_names(&names)) };
        let leads = if node.enabled { "is enabled and leads" } else { "leads" };
        found.push(WebhookFinding::Right(format!("it {leads} to {to}")));
    }
    found
}

/// The venues that a function's tags and its environment name.
fn served_venues(function: &Node) -> BTreeSet<String> {
    let named = function.attributes.get("venues").into_iter().flat_map(|venues| venues.split(", "));
    named.map(ToOwned::to_owned).chain(function.venue.clone()).collect()
}
