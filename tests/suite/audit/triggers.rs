//! Whatever AWS can trigger something with: nothing it reaches becomes or stays stale, whether it was read or not.

use deployer_janitor::audit::sources::{CallerSource, Gate, IAM_CALL, SOURCES};
use deployer_janitor::audit::{
    AuditInventory, AuditVerdict, EdgeKind, GrantedUse, IdentityGrant, Node, NodeKind, UnreadCall, judge_inventory,
};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::properties::{any_account, is_dead};
use super::{ACCOUNT, AuditedAccount, midnight_of, node_id};

/// Why a source is unread.
#[derive(Debug, Clone, Copy)]
enum Unread {
    /// Its calls failed.
    Denied,
    /// Its calls were never made: the reader isn't built.
    NotBuilt,
}

/// What lets a source reach something.
#[derive(Debug, Clone, Copy)]
enum Allowed {
    /// A statement for its principal, for any source or for one.
    Statement,
    StatementForSource,
    /// A role that trusts it, with a policy for this resource or for all.
    Role,
    WideRole,
}

const TARGET: &str = "triggered";

/// The account with a dead node of this kind, and its id.
fn with_target(mut account: AuditInventory, kind: NodeKind) -> (AuditInventory, String) {
    let id = node_id(kind, TARGET);
    let mut made = AuditedAccount::new();
    made.add_node(kind, TARGET, Some(0));
    account.nodes.extend(made.0.nodes);
    (account, id)
}

fn verdict_of(account: &AuditInventory, id: &str) -> (AuditVerdict, Vec<String>) {
    let finding = judge_inventory(account).into_iter().find(|finding| finding.id == id).expect("it is judged");
    (finding.verdict, finding.evidence)
}

fn allow(account: &mut AuditInventory, principal: &str, kind: NodeKind, id: &str, allowed: Allowed) {
    let mut edges = AuditedAccount::new();
    let role = |pattern: &str| IdentityGrant {
        holder: format!("arn:aws:iam::{ACCOUNT}:role/caller"),
        trusted: vec![principal.to_owned()],
        created_at: Some(midnight_of("2020-01-01")),
        last_used: None,
        permits: vec![GrantedUse { kind, pattern: pattern.to_owned(), everything: false }],
    };
    match allowed {
        Allowed::Statement => {
            edges.add_edge(&format!("principal:{principal}"), EdgeKind::Permission, id);
        }
        Allowed::StatementForSource => {
            let source = format!("arn:aws:thing:us-east-1:{ACCOUNT}:thing/x");
            edges.add_edge(&source, EdgeKind::Permission, id).note = Some(principal.to_owned());
        }
        Allowed::Role => account.grants.push(role(id)),
        Allowed::WideRole => account.grants.push(role("*")),
    }
    account.edges.extend(edges.0.edges);
}

fn stop_reading(account: &mut AuditInventory, source: &CallerSource, how: Unread) {
    // Told by policies or roles alone: there is nothing to stop.
    let Some(call) = source.lists.first() else { return };
    match how {
        Unread::Denied => account.unread.push(UnreadCall {
            call: (*call).to_owned(),
            node: None,
            what: source.name.to_owned(),
            why: "denied".to_owned(),
        }),
        Unread::NotBuilt => drop(account.calls.remove(*call)),
    }
}

/// Lets a source that isn't read reach a node, with only what AWS requires for it.
fn add_unread_trigger(
    account: &mut AuditInventory,
    source: &CallerSource,
    principal: &str,
    kind: NodeKind,
    id: &str,
    how: Unread,
    narrow: bool,
) {
    stop_reading(account, source, how);
    let allowed = match (source.gate, narrow) {
        (Gate::Policy, false) => Some(Allowed::Statement),
        (Gate::Policy, true) => Some(Allowed::StatementForSource),
        (Gate::Role, false) => Some(Allowed::WideRole),
        (Gate::Role, true) => Some(Allowed::Role),
        (Gate::AccountPolicy, _) => {
            let mut made = AuditedAccount::new();
            made.add_edge("principal:*", EdgeKind::Permission, id).note = Some("this account".to_owned());
            account.edges.extend(made.0.edges);
            None
        }
        (Gate::Open, _) => None,
    };
    if let Some(allowed) = allowed {
        allow(account, principal, kind, id, allowed);
    }
}

fn any_source() -> impl Strategy<Value = (&'static CallerSource, NodeKind)> {
    (0..SOURCES.len(), any::<Index>()).prop_map(|(at, kind)| (&SOURCES[at], *kind.get(SOURCES[at].reaches)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn a_trigger_that_was_read_makes_its_target_needed(account in any_account(), (source, kind) in any_source()) {
        let (mut account, id) = with_target(account, kind);
        let mut made = AuditedAccount::new();
        let caller = Node::new(NodeKind::Caller, format!("{}:x", source.name), format!("{} x", source.name));
        made.add_edge(&caller.id, EdgeKind::Configuration, &id);
        account.nodes.push(caller);
        account.edges.extend(made.0.edges);
        prop_assert_eq!(verdict_of(&account, &id).0, AuditVerdict::Active);
    }

    /// The trigger itself isn't in the inventory: only what AWS requires for it is.
    #[test]
    fn a_trigger_that_was_not_read_leaves_no_conclusion(
        account in any_account(),
        (source, kind) in any_source(),
        how in select(vec![Unread::Denied, Unread::NotBuilt]),
        narrow in any::<bool>(),
    ) {
        let (mut account, id) = with_target(account, kind);
        let principal = source.principals.first().copied().unwrap_or_default();
        add_unread_trigger(&mut account, source, principal, kind, &id, how, narrow);
        let (verdict, evidence) = verdict_of(&account, &id);
        prop_assert!(!is_dead(verdict), "{}: {evidence:?}", source.name);
    }

    /// Services that are in no table, of tomorrow or forgotten.
    #[test]
    fn a_service_that_nobody_knows_leaves_no_conclusion(
        account in any_account(),
        kind in select(vec![NodeKind::Function, NodeKind::Queue, NodeKind::Topic, NodeKind::StateMachine]),
        allowed in select(vec![Allowed::Statement, Allowed::StatementForSource, Allowed::Role, Allowed::WideRole]),
        service in "[a-z]{3,8}",
    ) {
        let (mut account, id) = with_target(account, kind);
        allow(&mut account, &format!("{service}-new.amazonaws.com"), kind, &id, allowed);
        let (verdict, evidence) = verdict_of(&account, &id);
        prop_assert!(!is_dead(verdict), "{evidence:?}");
    }

    #[test]
    fn without_iam_nothing_that_is_called_is_dead(account in any_account(), built in any::<bool>()) {
        let mut account = account;
        match built {
            true => account.unread.push(UnreadCall {
                call: IAM_CALL.to_owned(), node: None, what: "roles".to_owned(), why: "denied".to_owned(),
            }),
            false => drop(account.calls.remove(IAM_CALL)),
        }
        let called = [NodeKind::Function, NodeKind::Queue, NodeKind::Topic, NodeKind::StateMachine, NodeKind::Secret];
        for (node, finding) in account.nodes.iter().zip(judge_inventory(&account)) {
            prop_assert!(!called.contains(&node.kind) || !is_dead(finding.verdict), "{finding:?}");
        }
    }

    /// No conclusion comes from what a reading didn't do.
    #[test]
    fn a_reading_that_was_never_made_makes_nothing_dead(account in any_account(), call in any::<Index>()) {
        let before = judge_inventory(&account);
        let mut less = account;
        let call = call.get(&less.calls.keys().cloned().collect::<Vec<_>>()).clone();
        less.calls.remove(&call);
        for (before, after) in before.iter().zip(judge_inventory(&less)) {
            prop_assert!(!is_dead(after.verdict) || after.verdict == before.verdict, "{call}: {before:?} {after:?}");
        }
    }
}

/// Every row of the table, with every kind that it reaches and every principal that it has.
#[test]
fn no_row_of_the_table_is_forgotten() {
    let mut tried = 0;
    for source in SOURCES {
        let principals = if source.principals.is_empty() { &[""][..] } else { source.principals };
        for (kind, principal) in source.reaches.iter().flat_map(|kind| principals.iter().map(move |who| (*kind, *who)))
        {
            for (how, narrow) in
                [(Unread::Denied, true), (Unread::Denied, false), (Unread::NotBuilt, true), (Unread::NotBuilt, false)]
            {
                let (mut account, id) = with_target(AuditedAccount::new().0, kind);
                assert!(is_dead(verdict_of(&account, &id).0), "{kind:?} is dead without a trigger");
                add_unread_trigger(&mut account, source, principal, kind, &id, how, narrow);
                let (verdict, evidence) = verdict_of(&account, &id);
                assert!(!is_dead(verdict), "{} ({principal}) to {kind:?}, {how:?}: {evidence:?}", source.name);
                tried += 1;
            }
        }
    }
    println!("{} rows, {tried} triggers that nobody read", SOURCES.len());
}

#[test]
fn a_dead_function_is_found_although_services_may_reach_others() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, TARGET, Some(0));
    let id = node_id(NodeKind::Function, TARGET);
    // A statement and a role of what was read, and a role for another function.
    account.add_edge(&node_id(NodeKind::Rule, "gone"), EdgeKind::Permission, &id).note =
        Some("events.amazonaws.com".to_owned());
    allow(&mut account.0, "pipes.amazonaws.com", NodeKind::Function, &id, Allowed::WideRole);
    let other = node_id(NodeKind::Function, "other");
    allow(&mut account.0, "ec2.amazonaws.com", NodeKind::Function, &other, Allowed::Role);
    let (verdict, evidence) = verdict_of(&account.0, &id);
    assert_eq!(verdict, AuditVerdict::Orphaned, "{evidence:?}");
}

#[test]
fn a_program_with_a_wide_role_is_ruled_out_by_the_whole_history_alone() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, TARGET, Some(0));
    let id = node_id(NodeKind::Function, TARGET);
    allow(&mut account.0, "ec2.amazonaws.com", NodeKind::Function, &id, Allowed::WideRole);
    account.0.grants[0].last_used = Some(midnight_of("2026-11-20"));
    assert_eq!(verdict_of(&account.0, &id).0, AuditVerdict::Unknown, "nothing was ever counted in this account");
    account.add_node(NodeKind::Function, "used", Some(7));
    assert_eq!(verdict_of(&account.0, &id).0, AuditVerdict::Orphaned, "no use in 455 days, and older than that");
    account.0.nodes[0].changed_at = Some(midnight_of("2026-01-02"));
    let (verdict, evidence) = verdict_of(&account.0, &id);
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence[0].contains("programs with role caller may use every function"), "{evidence:?}");
}
