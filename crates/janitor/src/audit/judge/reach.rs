//! What could reach a node without having been read: rule 5's reasons.
//!
//! The table of sources says what AWS requires for each; the node's policy, IAM and the counts of use say whether that is
//! given. A caller that no list shows (a program with a role, anybody on the internet) is ruled out only by the whole
//! history of the node's use.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::super::read::policy::THIS_ACCOUNT;
use super::super::sources::{
    CallerSource, ELSEWHERE_CALL, Gate, IAM_CALL, PROGRAMS, SOURCES, is_listed_source, sources_of, statement_sources_of,
};
use super::super::{EdgeKind, HISTORY_DAYS, IdentityGrant, Node, NodeKind, NodeUsage};
use super::grants::GrantIndex;
use super::graph::InventoryGraph;
use super::words;
use deployer_core::arn::Arn;

/// For how many days IAM keeps when a role was last used.
const ROLE_USE_DAYS: i64 = 400;

/// What the judge knows about everything that can reach something.
pub(super) struct Reach<'a> {
    unread: Vec<&'static CallerSource>,
    iam_read: bool,
    elsewhere_read: bool,
    counted: bool,
    uses_tracked: bool,
    grants: GrantIndex<'a>,
    /// Who may use all of a kind, in words, by kind.
    wide: BTreeMap<NodeKind, WideUse>,
}

/// What identities that may use all of a kind mean for each of it.
#[derive(Default)]
struct WideUse {
    /// A service that wasn't read.
    service: Option<String>,
    /// Programs and people, whose calls are counted.
    programs: Option<String>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(graph: &InventoryGraph<'a>) -> Self {
        let called = |call: &str| graph.inventory.calls.contains_key(call);
        let failed = |call: &str| graph.blind.has_failed(call);
        let made = |call: &str| called(call) && !failed(call);
        let policies = ["iam:GetPolicy", "iam:GetPolicyVersion"];
        let mut reach = Self {
            unread: SOURCES.iter().filter(|source| !source.is_read(called, failed)).collect(),
            iam_read: made(IAM_CALL) && !policies.iter().any(|call| failed(call)),
            elsewhere_read: made(ELSEWHERE_CALL),
            counted: graph.all_nodes().any(has_counts),
            uses_tracked: graph.inventory.grants.iter().any(|grant| grant.last_used.is_some())
                || graph
                    .all_nodes()
                    .any(|node| node.kind == NodeKind::Role && node.attributes.contains_key("last_used")),
            grants: GrantIndex::new(graph.inventory),
            wide: BTreeMap::new(),
        };
        let called = NodeKind::ALL.into_iter().filter(|kind| is_called(*kind));
        reach.wide = called.map(|kind| (kind, reach.describe_wide_use(graph, kind))).collect();
        reach
    }

    /// How many patterns of policies were compared.
    pub(super) fn compared_patterns(&self) -> u64 {
        self.grants.compared()
    }

    fn is_read(&self, source: &CallerSource) -> bool {
        !self.unread.iter().any(|unread| unread.name == source.name)
    }

    /// Everything that could reach a node and wasn't read, in words.
    pub(super) fn reasons_for_doubt(&self, graph: &InventoryGraph<'a>, node: &Node) -> Vec<String> {
        let mut found = Vec::new();
        if node.changed_at.is_none() {
            found.push("its age is unknown: it may be new".to_owned());
        }
        let permissions = graph.edges_to(&node.id).iter().filter(|edge| edge.kind == EdgeKind::Permission);
        found.extend(
            permissions.filter_map(|edge| self.permission_doubt(graph, node, &edge.from, edge.note.as_deref())),
        );
        found.extend(self.source_doubts(graph, node));
        found.extend(self.grant_doubts(graph, node));
        if node.attributes.contains_key("domain") {
            found.push("a custom domain leads to it, so somebody was given its address".to_owned());
        }
        if let Some(reason) = public_address(graph, node).filter(|_| !self.was_always_quiet(graph, node)) {
            found.push(reason);
        }
        if node.kind == NodeKind::Role {
            found.extend(self.role_doubts(node));
        }
        found
    }

    fn source_doubts(&self, graph: &InventoryGraph<'a>, node: &Node) -> Vec<String> {
        let of_account = || {
            let edges = graph.edges_to(&node.id).iter();
            let mut own = edges.filter(|edge| edge.kind == EdgeKind::Permission && edge.from == "principal:*");
            own.any(|edge| edge.note.as_deref() == Some(THIS_ACCOUNT))
        };
        let mut found = Vec::new();
        for source in self.unread.iter().filter(|source| source.reaches.contains(&node.kind)) {
            // Its failed calls are reasons of their own.
            let calls = || source.lists.iter().chain(source.details);
            let failed = calls().filter(|call| graph.blind.has_failed(call)).collect::<Vec<_>>();
            let told = !failed.is_empty() && failed.iter().all(|call| graph.blind.hides(graph, call, node));
            let possible = match source.gate {
                Gate::Open => true,
                Gate::Role => !self.iam_read,
                Gate::AccountPolicy => of_account(),
                Gate::Policy => false,
            };
            if possible && !told {
                found.push(format!("not read, and may reach it: {}", source.name));
            }
        }
        if !self.iam_read && is_called(node.kind) {
            found.push("not read: which roles and users may use it".to_owned());
        }
        found
    }

    /// Why a statement of the node's policy means that it may be used. `None` if what it names was read, and doesn't.
    fn permission_doubt(
        &self,
        graph: &InventoryGraph<'a>,
        node: &Node,
        from: &str,
        note: Option<&str>,
    ) -> Option<String> {
        let inventory = graph.inventory;
        let all_read = |principal: &str| {
            let sources = statement_sources_of(principal).filter(|source| source.reaches.contains(&node.kind));
            let mut sources = sources.peekable();
            sources.peek().is_some() && sources.all(|source| self.is_read(source))
        };
        if let Some(principal) = from.strip_prefix("principal:") {
            let own = principal == inventory.account
                || Arn::parse_arn(principal)
                    .is_ok_and(|arn| arn.resource == "root" && arn.account == inventory.account);
            let here_only = note == Some(THIS_ACCOUNT);
            // IAM's policies decide, or the principal was deleted and only its id is left.
            let deleted = ["AROA", "AIDA", "AGPA", "ANPA"].iter().any(|prefix| principal.starts_with(prefix));
            if own || deleted || principal == "*" && here_only {
                return None;
            }
            let across = sources_of(principal).any(|source| source.across_regions);
            if here_only && !across && all_read(principal) {
                return None;
            }
            let who = if principal == "*" { "anybody" } else { principal };
            return Some(format!("its policy lets {who} use it, and who does was not read"));
        }
        if graph.is_missing(from) || graph.is_unseen(from) {
            return None;
        }
        let parsed = Arn::parse_arn(from);
        let service = match (note, &parsed) {
            (Some(principal), _) if principal.contains(".amazon") => principal.to_owned(),
            (_, Ok(arn)) => format!("{}.amazonaws.com", arn.service),
            (_, Err(_)) => String::new(),
        };
        let here = match &parsed {
            // A bucket's ARN names no account.
            Ok(arn) if arn.account.is_empty() => graph.find_node(from).is_some(),
            Ok(arn) => arn.account == inventory.account && (arn.region == inventory.region || arn.region.is_empty()),
            Err(_) => false,
        };
        // What isn't a node is gone only if a list would have shown it.
        let listed = graph.find_node(from).is_some() || parsed.as_ref().is_ok_and(is_listed_source);
        if here && listed && all_read(&service) {
            return None;
        }
        let what = words::describe_node(graph, from);
        Some(match here {
            true => format!("its policy lets {what} use it, and whether that does was not read"),
            false => format!("its policy lets {what} use it, which is not in this account and region"),
        })
    }

    /// What roles and users may do with it, as far as nothing that was read explains it.
    fn grant_doubts(&self, graph: &InventoryGraph<'a>, node: &Node) -> Vec<String> {
        if !is_called(node.kind) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for granted in self.grants.matches(node) {
            let grant = granted.grant;
            let holder = words::describe_node(graph, &grant.holder);
            for trusted in &grant.trusted {
                if is_service(trusted) {
                    if !self.is_service_read(trusted, node.kind) {
                        found.push(format!("{holder} lets {trusted} use it, and whether that does was not read"));
                    }
                // A function's role is judged with the function: see `spread_unknown`.
                } else if self.may_act(graph, grant)
                    && !(trusted == "lambda.amazonaws.com" && graph.find_node(&grant.holder).is_some())
                {
                    found.push(format!(
                        "{holder} may use it ({trusted} can act as that), and whether it does can't be read"
                    ));
                }
            }
        }
        if let Some(wide) = self.wide.get(&node.kind) {
            found.extend(wide.service.clone());
            found.extend(wide.programs.clone().filter(|_| !self.was_always_quiet(graph, node)));
        }
        found
    }

    fn is_service_read(&self, principal: &str, kind: NodeKind) -> bool {
        let mut sources = sources_of(principal).filter(|source| source.reaches.contains(&kind)).peekable();
        sources.peek().is_some() && sources.all(|source| self.is_read(source))
    }

    fn describe_wide_use(&self, graph: &InventoryGraph<'a>, kind: NodeKind) -> WideUse {
        let (mut programs, mut services) = (BTreeSet::new(), BTreeSet::new());
        for wide in self.grants.wide_grants(kind) {
            for trusted in &wide.grant.trusted {
                if is_service(trusted) {
                    if !self.is_service_read(trusted, kind) {
                        services.insert((wide.grant.holder.as_str(), trusted.as_str()));
                    }
                // People and pipelines may do everything; that makes nothing needed.
                } else if (is_program(trusted) || !wide.everything && trusted == "user")
                    && self.may_act(graph, wide.grant)
                {
                    programs.insert(wide.grant.holder.as_str());
                }
            }
        }
        let more = |count: usize| if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let service = services.first().map(|(holder, trusted)| {
            format!(
                "{}{} lets {trusted} use every {}, and whether that does was not read",
                words::describe_node(graph, holder),
                more(services.len()),
                kind.display_name()
            )
        });
        let programs = programs.first().map(|holder| {
            format!(
                "programs with {}{} may use every {}, and it was used, or is not old enough, in the {HISTORY_DAYS} days \
                 that CloudWatch keeps",
                words::describe_node(graph, holder),
                more(programs.len()),
                kind.display_name(),
            )
        });
        WideUse { service, programs }
    }

    /// The roles of functions whose policies name a node: they are judged with their functions.
    pub(super) fn roles_that_may_use(&self, graph: &InventoryGraph<'a>, node: &Node) -> Vec<&'a str> {
        let holders = self.grants.matches(node).into_iter().map(|found| found.grant.holder.as_str());
        holders.filter(|holder| graph.find_node(holder).is_some()).collect()
    }

    /// Whether an identity may act: it was used in the days that IAM keeps, or it is younger than those. Where no use of
    /// any role is known, that nothing is known of this one shows nothing.
    fn may_act(&self, graph: &InventoryGraph<'_>, grant: &IdentityGrant) -> bool {
        let known = graph.inventory.taken_at - SignedDuration::from_hours(24 * ROLE_USE_DAYS);
        let old = grant.created_at.is_some_and(|at| at <= known);
        !self.uses_tracked || grant.last_used.is_some() || !old || grant.trusted == ["user"]
    }

    /// Whether the whole history of counts has no use, and the node is as old. Where nothing was ever counted, silence
    /// shows nothing.
    fn was_always_quiet(&self, graph: &InventoryGraph<'_>, node: &Node) -> bool {
        let history = graph.inventory.taken_at - SignedDuration::from_hours(24 * i64::from(HISTORY_DAYS));
        let old = node.changed_at.is_some_and(|at| at < history) && !node.attributes.contains_key("age");
        let oldest = history.strftime("%Y-%m-%d").to_string();
        let unused = match &node.usage {
            NodeUsage::Counted { count: 0, before, .. } => before.as_ref().is_none_or(|day| *day < oldest),
            _ => false,
        };
        old && unused && (self.counted || node.kind == NodeKind::Secret)
    }

    fn role_doubts(&self, node: &Node) -> Vec<String> {
        let mut found = Vec::new();
        if !self.elsewhere_read {
            found.push("not read: functions of other regions, which may run as it (--regions all)".to_owned());
        }
        if let Some(others) = node.attributes.get("also_trusts") {
            found.push(format!("{others} may act as it too, and whether anything does was not read"));
        }
        found
    }
}

/// Kinds that something may call, read or start.
pub(super) fn is_called(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Function | NodeKind::Queue | NodeKind::Topic | NodeKind::StateMachine | NodeKind::Secret)
}

/// Programs that people write.
fn is_program(principal: &str) -> bool {
    PROGRAMS.contains(&principal) || principal.contains("oidc.eks.")
}

/// A service of AWS that isn't a program of somebody's.
fn is_service(principal: &str) -> bool {
    principal.ends_with(".amazonaws.com") && !is_program(principal)
}

/// Whether CloudWatch has counted any use of a node.
fn has_counts(node: &Node) -> bool {
    let by_cloudwatch = !matches!(node.kind, NodeKind::Secret | NodeKind::Role);
    let used = match &node.usage {
        NodeUsage::Counted { count, before, .. } => *count > 0 || before.is_some(),
        NodeUsage::Unread | NodeUsage::NotCounted => false,
    };
    by_cloudwatch && used
}

/// Why anybody may call it: an API that is deployed, a function with a URL.
fn public_address(graph: &InventoryGraph<'_>, node: &Node) -> Option<String> {
    match node.kind {
        NodeKind::RestApi | NodeKind::HttpApi => {
            let closed = node.attributes.contains_key("default_endpoint");
            let stages = node.attributes.get("stages").map(String::as_str).unwrap_or("?");
            (!stages.is_empty() && !closed)
                .then(|| format!("anybody may call it (stages: {stages}), and not only what was read"))
        }
        NodeKind::Function => {
            let mut edges = graph.edges_to(&node.id).iter();
            let url = edges.find(|edge| edge.kind == EdgeKind::FunctionUrl)?;
            let note = url.note.as_deref().unwrap_or("open to everyone");
            Some(format!("its URL may be called by others than what was read ({note})"))
        }
        _ => None,
    }
}
