//! After everything is read: turns names, ARNs and URLs into edges to the nodes that they mean. The texts that contained
//! them are dropped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::address::{AddressOwner, WebAddress};
use super::super::arn::{self, arn_node_kind, node_id};
use super::super::venues::{VenueMarks, venue_of};
use super::super::{Edge, EdgeKind, Node, NodeKind};
use super::collector::{Collector, Gathered, Mention, OwnedName, Webhook};
use deployer_core::arn::Arn;
use deployer_core::scope::Scope;

/// Drops log groups that don't belong to a function, and edges to log groups that don't exist.
pub(super) fn drop_log_groups(collector: &Collector<'_>) {
    let mut gathered = collector.gathered();
    let Gathered { nodes, edges, .. } = &mut *gathered;
    let named: BTreeSet<&str> =
        edges.iter().filter(|edge| edge.kind == EdgeKind::Log).map(|edge| edge.to.as_str()).collect();
    nodes.retain(|id, node| {
        node.kind != NodeKind::LogGroup || node.name.starts_with("/aws/lambda/") || named.contains(id.as_str())
    });
    edges.retain(|edge| edge.kind != EdgeKind::Log || nodes.contains_key(&edge.to));
}

pub(super) fn link_all(collector: &Collector<'_>, venues: &[VenueMarks]) {
    let mut gathered = collector.gathered();
    let mentions = std::mem::take(&mut gathered.mentions);
    let webhooks = std::mem::take(&mut gathered.webhooks);
    let (mut callers, owned) = (std::mem::take(&mut gathered.callers), std::mem::take(&mut gathered.owned));
    let domains: BTreeSet<String> = gathered.domains.iter().map(|(_, _, api)| api.clone()).collect();
    for api in &domains {
        if let Some(node) = gathered.nodes.get_mut(api) {
            node.attributes.insert("domain".to_owned(), "a custom domain leads to it".to_owned());
        }
    }
    let index = NameIndex::new(&gathered, collector.scope);
    let mut edges: BTreeSet<Edge> = gathered.edges.iter().flat_map(|edge| index.resolve_edge(edge)).collect();
    edges.extend(mentions.iter().flat_map(|mention| index.resolve_mention(mention)));
    let mut endpoints = Vec::new();
    for webhook in &webhooks {
        let (edge, endpoint) = index.resolve_webhook(webhook);
        edges.insert(edge);
        endpoints.extend(endpoint);
    }
    edges.extend(owned.iter().filter_map(|owned| index.resolve_owned(owned)));
    for id in edges.iter().flat_map(|edge| [&edge.from, &edge.to]) {
        if let Some(caller) = callers.remove(id)
            && !gathered.nodes.contains_key(id)
        {
            gathered.nodes.insert(id.clone(), caller);
        }
    }
    gathered.edges = edges;
    for endpoint in endpoints {
        gathered.nodes.insert(endpoint.id.clone(), endpoint);
    }
    for node in gathered.nodes.values_mut() {
        if matches!(node.kind, NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook) {
            node.venue = venue_of(node, venues);
        }
    }
}

/// Everything but its id that can name a node.
struct NameIndex<'a> {
    scope: &'a Scope,
    nodes: BTreeMap<String, NodeKind>,
    names: HashMap<String, Vec<String>>,
    by_kind: HashMap<(NodeKind, String), String>,
    api_ids: HashMap<String, String>,
    api_names: HashMap<String, Vec<String>>,
    stages: HashMap<String, Vec<String>>,
    /// Queues by URL.
    queues: HashMap<String, String>,
    /// Functions by URL, without the path.
    urls: HashMap<String, String>,
    /// Base path and API by host.
    domains: HashMap<String, Vec<(String, String)>>,
}

impl<'a> NameIndex<'a> {
    fn new(gathered: &Gathered, scope: &'a Scope) -> Self {
        let mut names: HashMap<String, Vec<String>> = HashMap::new();
        let mut api_names: HashMap<String, Vec<String>> = HashMap::new();
        let (mut api_ids, mut stages, mut queues) = (HashMap::new(), HashMap::new(), HashMap::new());
        for node in gathered.nodes.values() {
            if let (NodeKind::Queue, Some(url)) = (node.kind, node.attributes.get("url")) {
                queues.insert(url.clone(), node.id.clone());
            }
            match node.kind {
                NodeKind::Function | NodeKind::Queue | NodeKind::Topic | NodeKind::StateMachine | NodeKind::Secret => {
                    names.entry(node.name.clone()).or_default().push(node.id.clone());
                }
                NodeKind::RestApi | NodeKind::HttpApi => {
                    api_names.entry(node.name.clone()).or_default().push(node.id.clone());
                    api_ids.insert(arn::short_name(&node.id).to_owned(), node.id.clone());
                    if let Some(found) = node.attributes.get("stages") {
                        stages.insert(node.id.clone(), found.split(", ").map(ToOwned::to_owned).collect());
                    }
                }
                _ => {}
            }
        }
        let urls = gathered.edges.iter().filter(|edge| edge.kind == EdgeKind::FunctionUrl);
        let mut domains: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for (host, base, api) in &gathered.domains {
            domains.entry(host.clone()).or_default().push((base.clone(), api.clone()));
        }
        Self {
            scope,
            nodes: gathered.nodes.values().map(|node| (node.id.clone(), node.kind)).collect(),
            names,
            by_kind: gathered.nodes.values().map(|node| ((node.kind, node.name.clone()), node.id.clone())).collect(),
            api_ids,
            api_names,
            stages,
            queues,
            urls: urls.map(|edge| (edge.from.clone(), edge.to.clone())).collect(),
            domains,
        }
    }

    /// The edge with full ids instead of APIs' short ids and names.
    fn resolve_edge(&self, edge: &Edge) -> Vec<Edge> {
        let from = self.resolve_api(&edge.from);
        let pairs = self
            .resolve_api(&edge.to)
            .into_iter()
            .flat_map(|to| from.iter().map(move |from| (from.clone(), to.clone())));
        pairs.map(|(from, to)| Edge { from, to, ..edge.clone() }).collect()
    }

    fn resolve_api(&self, id: &str) -> Vec<String> {
        let found = match (id.strip_prefix("execute-api:"), id.strip_prefix("api-name:")) {
            (Some(short), _) => self.api_ids.get(short).cloned().into_iter().collect(),
            (_, Some(name)) => self.api_names.get(name).cloned().unwrap_or_default(),
            _ => Vec::new(),
        };
        if found.is_empty() { vec![id.to_owned()] } else { found }
    }

    /// The edges to everything that a text names.
    fn resolve_mention(&self, mention: &Mention) -> Vec<Edge> {
        let mut found = BTreeSet::new();
        if mention.names {
            found.extend(self.names.get(mention.text.trim()).into_iter().flatten().cloned());
        }
        for token in split_tokens(&mention.text) {
            found.extend(self.resolve_token(token, mention));
        }
        found.remove(&mention.from);
        let edge =
            |to| Edge { from: mention.from.clone(), to, kind: mention.kind, enabled: true, note: mention.note.clone() };
        found.into_iter().map(edge).collect()
    }

    /// The edge to what a stack owns.
    fn resolve_owned(&self, owned: &OwnedName) -> Option<Edge> {
        let physical = owned.physical.as_str();
        let name = physical.rsplit(['|', '/']).next().unwrap_or(physical);
        let candidates = [
            node_id(physical).0,
            self.queues.get(physical).cloned().unwrap_or_default(),
            self.api_ids.get(physical).cloned().unwrap_or_default(),
        ];
        let by_id = candidates.into_iter().find(|id| self.nodes.contains_key(id));
        let found = by_id.or_else(|| self.by_kind.get(&(owned.kind, name.to_owned())).cloned());
        let found = found.or_else(|| self.by_kind.get(&(owned.kind, physical.to_owned())).cloned())?;
        let note = Some("part of the stack".to_owned());
        Some(Edge { from: owned.owner.clone(), to: found, kind: EdgeKind::Configuration, enabled: true, note })
    }

    fn resolve_token(&self, token: &str, mention: &Mention) -> Vec<String> {
        if let Ok(arn) = Arn::parse_arn(token) {
            return self.resolve_arn(token, &arn, mention);
        }
        if let Some(queue) = self.queues.get(token) {
            return vec![queue.clone()];
        }
        if let Some(address) = WebAddress::parse_url(token) {
            let node = match address.find_owner() {
                AddressOwner::Queue { region } => {
                    let name = address.path.rsplit('/').next().unwrap_or_default();
                    (region == self.scope.region).then(|| self.scope.regional_arn("sqs", name))
                }
                _ => self.resolve_address(&address, "POST").ok().map(|target| target.node),
            };
            return node.into_iter().collect();
        }
        if mention.names { self.names.get(token).cloned().unwrap_or_default() } else { Vec::new() }
    }

    fn resolve_arn(&self, token: &str, arn: &Arn<'_>, mention: &Mention) -> Vec<String> {
        // A policy only allows, which doesn't show use. It counts for secrets, because a role reads a secret for one purpose.
        let policy = mention.kind == EdgeKind::Environment && !mention.names;
        let secret = arn_node_kind(arn) == Some(NodeKind::Secret);
        if policy && !secret {
            return Vec::new();
        }
        if secret {
            // An ARN may lack the six characters at the end, or have wildcards instead.
            let stem = token.trim_end_matches(['?', '*']);
            let whole = stem.len() == token.len();
            let named = self.nodes.range(stem.to_owned()..).take_while(|(id, _)| id.starts_with(stem));
            let fits = |id: &str| !whole || id.len() == stem.len() || id.len() == stem.len() + "-123456".len();
            // `secret:*` names no particular secret.
            let names_one = !stem.ends_with(":secret:");
            return named.filter(|(id, _)| names_one && fits(id)).map(|(id, _)| id.clone()).collect();
        }
        let (id, _) = node_id(token);
        let here = arn.account == self.scope.account && arn.region == self.scope.region;
        let wanted = matches!(
            arn_node_kind(arn),
            Some(NodeKind::Function | NodeKind::Queue | NodeKind::Topic | NodeKind::StateMachine)
        );
        let known = self.nodes.contains_key(&id);
        // What configures something may name anything that is a node.
        if mention.kind == EdgeKind::Configuration && known {
            return vec![id];
        }
        if wanted && (known || here && !id.contains(['*', '?', '$'])) { vec![id] } else { Vec::new() }
    }

    /// The edge of a webhook, and a node for an address that leads nowhere in this account.
    fn resolve_webhook(&self, webhook: &Webhook) -> (Edge, Option<Node>) {
        let edge = |to: String, enabled: bool, note: String| Edge {
            from: webhook.from.clone(),
            to,
            kind: EdgeKind::Webhook,
            enabled: enabled && webhook.enabled,
            note: Some(note),
        };
        let Some(address) = WebAddress::parse_url(&webhook.url) else {
            let node = Node::new(NodeKind::Endpoint, "https://?", "no web address")
                .with_attribute("reason", Some("no_address"));
            return (edge(node.id.clone(), true, webhook.method.clone()), Some(node));
        };
        match self.resolve_address(&address, &webhook.method) {
            Ok(target) => (edge(target.node, target.stage, target.note), None),
            Err(reason) => {
                let shown = address.display_url();
                let node = Node::new(NodeKind::Endpoint, &shown, &address.host).with_attribute("reason", Some(reason));
                (edge(shown, true, webhook.method.clone()), Some(node))
            }
        }
    }

    /// What an address leads to in this account.
    ///
    /// # Errors
    /// Why it leads nowhere.
    fn resolve_address(&self, address: &WebAddress, method: &str) -> Result<AddressTarget, &'static str> {
        match address.find_owner() {
            AddressOwner::Api { region, .. } | AddressOwner::FunctionUrl { region } if region != self.scope.region => {
                Err("other_region")
            }
            AddressOwner::Api { id, .. } => {
                let node = self.api_ids.get(id).ok_or("no_such_api")?;
                let (stage, path) = self.split_stage(node, &address.path);
                let note = if stage { format!("{method} {path}") } else { format!("{method} {}", address.path) };
                Ok(AddressTarget { node: node.clone(), stage, note })
            }
            AddressOwner::FunctionUrl { .. } => {
                let node = self.urls.get(&format!("https://{}", address.host)).ok_or("no_such_url")?;
                Ok(AddressTarget { node: node.clone(), stage: true, note: format!("{method} {}", address.path) })
            }
            _ => {
                let bases = self.domains.get(&address.host).ok_or("elsewhere")?;
                let path = address.path.trim_start_matches('/');
                let under = |base: &str| base.is_empty() || path == base || path.starts_with(&format!("{base}/"));
                let found = bases.iter().filter(|(base, _)| under(base)).max_by_key(|(base, _)| base.len());
                let (base, api) = found.ok_or("no_such_path")?;
                if !self.nodes.contains_key(api) {
                    return Err("no_such_api");
                }
                let rest = path[base.len()..].trim_start_matches('/');
                Ok(AddressTarget { node: api.clone(), stage: true, note: format!("{method} /{rest}") })
            }
        }
    }

    /// Whether the API has the stage at the start of a path, and the rest of the path.
    fn split_stage(&self, api: &str, path: &str) -> (bool, String) {
        let trimmed = path.trim_start_matches('/');
        let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        match self.stages.get(api) {
            Some(stages) if stages.iter().any(|stage| stage == first) => (true, format!("/{rest}")),
            Some(stages) if stages.iter().any(|stage| stage == "$default") => (true, path.to_owned()),
            Some(_) => (false, path.to_owned()),
            // The stages are unreadable, so nothing is concluded.
            None => (true, format!("/{rest}")),
        }
    }
}

/// What an address leads to.
struct AddressTarget {
    node: String,
    /// Whether the stage exists.
    stage: bool,
    /// Method and path, in the form of a route.
    note: String,
}

/// Splits a text of any syntax into what may be a name, an ARN or a URL.
fn split_tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`,;()[]<>{}|\\=&".contains(c)).filter(|token| token.len() > 2)
}
