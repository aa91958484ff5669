//! What is concluded of accounts that are made up, in the words that people read.

use deployer_janitor::audit::{AuditVerdict, EdgeKind, NodeKind, NodeUsage, judge_inventory};

use super::{ACCOUNT, AuditedAccount, midnight_of, node_id};

#[test]
fn a_function_that_nothing_reaches_is_orphaned_with_all_the_evidence() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "old-push", Some(0));
    let evidence = "no rule, schedule, mapping, subscription, URL, policy, API or state machine reaches it; \
                    0 uses in 90 days; last changed 2024-03-02";
    assert_eq!(account.verdict_of(NodeKind::Function, "old-push"), (AuditVerdict::Orphaned, evidence.to_owned()));
}

#[test]
fn a_policy_for_an_api_that_is_gone_reaches_nothing_and_is_said() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "old-push", Some(0));
    account.add_edge("execute-api:abc123", EdgeKind::Permission, &node_id(NodeKind::Function, "old-push"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "old-push");
    assert_eq!(verdict, AuditVerdict::Orphaned);
    assert!(evidence.contains("its policy lets API abc123 call it, which doesn't exist any more"), "{evidence}");
    // Where not all APIs were listed, it may be one that wasn't seen.
    account.add_unread("apigateway:GetApis", None);
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "old-push");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(!evidence.contains("doesn't exist"), "{evidence}");
}

#[test]
fn a_policy_alone_proves_no_call() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", Some(0));
    account.add_node(NodeKind::RestApi, "abc123", Some(500));
    account.add_edge(&node_id(NodeKind::RestApi, "abc123"), EdgeKind::Permission, &node_id(NodeKind::Function, "push"));
    account.add_edge("arn:aws:s3:::uploads", EdgeKind::Permission, &node_id(NodeKind::Function, "push"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "push");
    assert_eq!(verdict, AuditVerdict::Stale);
    assert!(evidence.contains("its policy lets REST API abc123 call it, which doesn't"), "{evidence}");
    assert!(evidence.contains("its policy lets s3 uploads call it"), "{evidence}");
}

#[test]
fn a_function_whose_only_rule_is_disabled_is_stale_and_so_is_all_that_is_its_own() {
    let mut account = AuditedAccount::new();
    let function = node_id(NodeKind::Function, "sync");
    account.add_node(NodeKind::Function, "sync", Some(0));
    account.add_node(NodeKind::Rule, "every-five", Some(0)).enabled = false;
    account.add_edge(&node_id(NodeKind::Rule, "every-five"), EdgeKind::Target, &function).enabled = false;
    account.add_node(NodeKind::Role, "sync-role", Some(0));
    account.add_edge(&function, EdgeKind::Role, &node_id(NodeKind::Role, "sync-role"));
    account.add_node(NodeKind::LogGroup, "/aws/lambda/sync", None);
    account.add_edge(&function, EdgeKind::Log, &node_id(NodeKind::LogGroup, "/aws/lambda/sync"));
    account
        .add_node(NodeKind::Secret, "sync/key", Some(0))
        .attributes
        .insert("last_read".to_owned(), "2024-02-01".to_owned());
    account.add_edge(&function, EdgeKind::Environment, &node_id(NodeKind::Secret, "sync/key"));
    account.add_node(NodeKind::Alarm, "sync-errors", None);
    account.add_edge(&node_id(NodeKind::Alarm, "sync-errors"), EdgeKind::Watch, &function);

    let evidence = "rule every-five calls it, and is disabled; 0 uses in 90 days; last changed 2024-03-02";
    assert_eq!(account.verdict_of(NodeKind::Function, "sync"), (AuditVerdict::Stale, evidence.to_owned()));
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "every-five");
    assert_eq!(
        (verdict, evidence.starts_with("it is disabled; it leads to function sync")),
        (AuditVerdict::Stale, true)
    );
    let (verdict, evidence) = account.verdict_of(NodeKind::Role, "sync-role");
    assert_eq!(verdict, AuditVerdict::Stale);
    assert!(evidence.contains("function sync runs as it, and isn't used itself"), "{evidence}");
    assert!(evidence.contains("not used in any region"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::LogGroup, "/aws/lambda/sync").0, AuditVerdict::Stale);
    let (verdict, evidence) = account.verdict_of(NodeKind::Secret, "sync/key");
    assert_eq!((verdict, evidence.contains("last read 2024-02-01")), (AuditVerdict::Stale, true), "{evidence}");
    let watched = "it watches function sync, which is stale".to_owned();
    assert_eq!(account.verdict_of(NodeKind::Alarm, "sync-errors"), (AuditVerdict::Stale, watched));
}

#[test]
fn what_something_in_use_needs_is_active_however_far_away() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "front", Some(7));
    account.add_node(NodeKind::Queue, "jobs", Some(0)).attributes.insert("messages".to_owned(), "0".to_owned());
    account.add_node(NodeKind::Queue, "dead", Some(0));
    account.add_node(NodeKind::Function, "worker", Some(0));
    account.add_edge(&node_id(NodeKind::Function, "front"), EdgeKind::Environment, &node_id(NodeKind::Queue, "jobs"));
    account.add_edge(&node_id(NodeKind::Queue, "jobs"), EdgeKind::Mapping, &node_id(NodeKind::Function, "worker"));
    account.add_edge(&node_id(NodeKind::Queue, "jobs"), EdgeKind::DeadLetter, &node_id(NodeKind::Queue, "dead"));
    let front = "7 uses in 90 days, the last on 2026-11-20".to_owned();
    assert_eq!(account.verdict_of(NodeKind::Function, "front"), (AuditVerdict::Active, front));
    let (verdict, evidence) = account.verdict_of(NodeKind::Queue, "jobs");
    assert_eq!(verdict, AuditVerdict::Active);
    assert!(evidence.contains("function front names it in its environment, which is in use"), "{evidence}");
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "worker");
    assert_eq!(verdict, AuditVerdict::Active);
    assert!(evidence.contains("queue jobs feeds it, which is needed by what is in use"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Queue, "dead").0, AuditVerdict::Active);
}

#[test]
fn a_mapping_that_is_disabled_needs_nothing() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Queue, "jobs", Some(9));
    account.add_node(NodeKind::Function, "worker", Some(0));
    account
        .add_edge(&node_id(NodeKind::Queue, "jobs"), EdgeKind::Mapping, &node_id(NodeKind::Function, "worker"))
        .enabled = false;
    assert_eq!(account.verdict_of(NodeKind::Function, "worker").0, AuditVerdict::Stale);
    assert_eq!(account.verdict_of(NodeKind::Queue, "jobs").0, AuditVerdict::Active);
}

#[test]
fn messages_that_wait_keep_a_queue() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Queue, "dead", Some(0)).attributes.insert("messages".to_owned(), "12".to_owned());
    assert_eq!(
        account.verdict_of(NodeKind::Queue, "dead"),
        (AuditVerdict::Active, "12 messages wait in it".to_owned())
    );
}

#[test]
fn what_is_new_has_had_no_time_to_be_used() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "new", Some(0)).changed_at = Some(midnight_of("2026-11-23"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "new");
    assert_eq!(verdict, AuditVerdict::Active);
    assert!(evidence.starts_with("last changed 2026-11-23, less than 90 days ago"), "{evidence}");
}

#[test]
fn what_a_deployment_owns_is_managed_and_nothing_else() {
    let mut account = AuditedAccount::new();
    let node = account.add_node(NodeKind::Function, "venues-a", Some(0));
    (node.deployment, node.venue) = (Some("venues".to_owned()), Some("a".to_owned()));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "venues-a");
    assert_eq!((verdict, evidence.as_str()), (AuditVerdict::Managed, "deployment venues owns it, venue a"));
}

#[test]
fn a_rule_whose_targets_are_gone_does_nothing_however_often_it_fires() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Rule, "nightly", Some(90));
    account.add_edge(&node_id(NodeKind::Rule, "nightly"), EdgeKind::Target, &node_id(NodeKind::Function, "gone"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "nightly");
    assert_eq!(verdict, AuditVerdict::Stale);
    assert!(evidence.starts_with("its target function gone doesn't exist; 90 uses in 90 days"), "{evidence}");
    account.add_unread("lambda:ListFunctions", None);
    assert_eq!(account.verdict_of(NodeKind::Rule, "nightly").0, AuditVerdict::Active, "it may be there");
}

#[test]
fn a_target_elsewhere_may_be_there() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Rule, "shared", Some(5));
    account.add_edge(
        &node_id(NodeKind::Rule, "shared"),
        EdgeKind::Target,
        "arn:aws:events:us-east-1:999999999999:event-bus/other",
    );
    assert_eq!(account.verdict_of(NodeKind::Rule, "shared").0, AuditVerdict::Active);
    account.add_node(NodeKind::Schedule, "cluster", None);
    let elsewhere = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:x");
    account.add_edge(&node_id(NodeKind::Schedule, "cluster"), EdgeKind::Target, &elsewhere);
    assert_eq!(account.verdict_of(NodeKind::Schedule, "cluster").0, AuditVerdict::Active);
}

#[test]
fn an_alarm_on_what_is_gone_is_orphaned_unless_it_may_be_there() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Alarm, "backlog", None);
    account.add_edge(&node_id(NodeKind::Alarm, "backlog"), EdgeKind::Watch, &node_id(NodeKind::Queue, "gone.fifo"));
    let evidence = "it watches queue gone.fifo, which doesn't exist".to_owned();
    assert_eq!(account.verdict_of(NodeKind::Alarm, "backlog"), (AuditVerdict::Orphaned, evidence));
    account.add_unread("sqs:ListQueues", None);
    assert_eq!(account.verdict_of(NodeKind::Alarm, "backlog").0, AuditVerdict::Unknown);
}

#[test]
fn what_may_not_be_read_is_not_concluded_from() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", Some(0));
    account.add_node(NodeKind::Role, "push-role", Some(0));
    account.add_edge(&node_id(NodeKind::Function, "push"), EdgeKind::Role, &node_id(NodeKind::Role, "push-role"));
    account.add_node(NodeKind::LogGroup, "/aws/lambda/other", Some(0));
    account.add_unread("scheduler:ListSchedules", None);
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "push");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence.starts_with("not read, and could say otherwise: something"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Role, "push-role").0, AuditVerdict::Unknown, "it hangs on the function");
    assert_eq!(
        account.verdict_of(NodeKind::LogGroup, "/aws/lambda/other").0,
        AuditVerdict::Orphaned,
        "no schedule writes a log"
    );
}

#[test]
fn a_count_that_could_not_be_read_decides_nothing() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", None).usage = NodeUsage::Unread;
    assert_eq!(account.verdict_of(NodeKind::Function, "push").0, AuditVerdict::Unknown);
}

#[test]
fn the_policy_of_one_function_is_about_that_function() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "one", Some(0));
    account.add_node(NodeKind::Function, "two", Some(0));
    account.add_unread("lambda:GetPolicy", Some(&node_id(NodeKind::Function, "one")));
    assert_eq!(account.verdict_of(NodeKind::Function, "one").0, AuditVerdict::Unknown);
    assert_eq!(account.verdict_of(NodeKind::Function, "two").0, AuditVerdict::Orphaned);
}

#[test]
fn a_large_account_of_which_much_was_denied_is_judged() {
    let mut account = AuditedAccount::new();
    for number in 0..2000 {
        let (function, queue) = (format!("function-{number}"), format!("queue-{number}"));
        account.add_node(NodeKind::Function, &function, Some(0));
        account.add_node(NodeKind::Queue, &queue, Some(number % 2));
        account.add_edge(&node_id(NodeKind::Queue, &queue), EdgeKind::Mapping, &node_id(NodeKind::Function, &function));
        if number < 500 {
            let api = format!("api-{number}");
            account.add_node(NodeKind::RestApi, &api, Some(0));
            account.add_edge(
                &node_id(NodeKind::RestApi, &api),
                EdgeKind::Integration,
                &node_id(NodeKind::Function, &function),
            );
            account.add_unread("apigateway:GetStages", Some(&node_id(NodeKind::RestApi, &api)));
        }
        account.add_unread("lambda:GetPolicy", Some(&node_id(NodeKind::Function, &function)));
        account.add_unread("lambda:ListAliases", Some(&node_id(NodeKind::Function, &function)));
    }
    let findings = judge_inventory(&account.0);
    let of = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    assert_eq!(of(AuditVerdict::Active), 2000, "every second queue, and what it feeds");
    assert_eq!(of(AuditVerdict::Unknown), 2500, "the others: their stages, their policies");
    let longest = findings.iter().map(|finding| finding.evidence.len()).max();
    assert!(longest < Some(12), "thousands of reads that failed alike are one sentence: {longest:?}");
}

#[test]
fn a_rule_with_a_schedule_acts_by_itself_unless_it_has_no_target() {
    let mut account = AuditedAccount::new();
    account
        .add_node(NodeKind::Rule, "yearly", Some(0))
        .attributes
        .insert("schedule".to_owned(), "rate(365 days)".to_owned());
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "yearly");
    assert_eq!((verdict, evidence.as_str()), (AuditVerdict::Orphaned, "it has no target; 0 uses in 90 days"));
    account.add_node(NodeKind::Function, "yearly", Some(0));
    account.add_edge(&node_id(NodeKind::Rule, "yearly"), EdgeKind::Target, &node_id(NodeKind::Function, "yearly"));
    assert_eq!(account.verdict_of(NodeKind::Rule, "yearly").0, AuditVerdict::Active);
    assert_eq!(account.verdict_of(NodeKind::Function, "yearly").0, AuditVerdict::Active);
}

#[test]
fn a_function_at_the_edge_is_counted_elsewhere() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "rewrite", Some(0));
    account.add_node(NodeKind::Role, "edge-role", Some(0)).attributes.insert("edge".to_owned(), "yes".to_owned());
    account.add_edge(&node_id(NodeKind::Function, "rewrite"), EdgeKind::Role, &node_id(NodeKind::Role, "edge-role"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "rewrite");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence.starts_with("CloudFront may run it at its edges"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Role, "edge-role").0, AuditVerdict::Unknown);
}
