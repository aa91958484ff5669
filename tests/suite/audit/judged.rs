//! The verdicts on made-up accounts, in the words that people read.

use deployer_janitor::audit::{AuditVerdict, EdgeKind, NodeKind, NodeUsage, judge_inventory};

use super::{ACCOUNT, AuditedAccount, midnight_of, node_id};

#[test]
fn an_unreached_function_is_orphaned_with_complete_evidence() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "old-push", Some(0));
    let evidence = "no rule, schedule, mapping, subscription, URL, policy, API or state machine reaches it; \
                    CloudWatch has no uses of it in the 455 days that it keeps; last changed 2024-03-02";
    assert_eq!(account.verdict_of(NodeKind::Function, "old-push"), (AuditVerdict::Orphaned, evidence.to_owned()));
}

#[test]
fn a_policy_for_a_deleted_api_reaches_nothing_but_is_evidence() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "old-push", Some(0));
    account.add_edge("execute-api:abc123", EdgeKind::Permission, &node_id(NodeKind::Function, "old-push"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "old-push");
    assert_eq!(verdict, AuditVerdict::Orphaned);
    assert!(evidence.contains("its policy lets API abc123 use it, which no longer exists"), "{evidence}");
    // If not all APIs were listed, it may be one that wasn't seen.
    account.add_unread("apigateway:GetApis", None);
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "old-push");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(!evidence.contains("no longer exists"), "{evidence}");
}

#[test]
fn a_policy_alone_does_not_prove_a_call() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", Some(0));
    account.add_node(NodeKind::RestApi, "abc123", Some(500));
    account.add_edge(&node_id(NodeKind::RestApi, "abc123"), EdgeKind::Permission, &node_id(NodeKind::Function, "push"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "push");
    assert_eq!(verdict, AuditVerdict::Stale);
    let sentence = "its policy lets REST API abc123 use it, but nothing that was read of that does";
    assert!(evidence.contains(sentence), "{evidence}");
    // A bucket that isn't this account's may call it.
    account.add_edge("arn:aws:s3:::uploads", EdgeKind::Permission, &node_id(NodeKind::Function, "push"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "push");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence.contains("its policy lets s3 uploads use it, which is not in this account"), "{evidence}");
}

#[test]
fn a_function_with_only_a_disabled_rule_is_stale_with_its_resources() {
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

    let evidence = "rule every-five calls it but is disabled; CloudWatch has no uses of it in the 455 days that it keeps; last changed 2024-03-02";
    assert_eq!(account.verdict_of(NodeKind::Function, "sync"), (AuditVerdict::Stale, evidence.to_owned()));
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "every-five");
    assert_eq!(
        (verdict, evidence.starts_with("it is disabled; it leads to function sync")),
        (AuditVerdict::Stale, true)
    );
    let (verdict, evidence) = account.verdict_of(NodeKind::Role, "sync-role");
    assert_eq!(verdict, AuditVerdict::Stale);
    assert!(evidence.contains("function sync runs as it but is not used itself"), "{evidence}");
    assert!(evidence.contains("not used in any region"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::LogGroup, "/aws/lambda/sync").0, AuditVerdict::Stale);
    let (verdict, evidence) = account.verdict_of(NodeKind::Secret, "sync/key");
    assert_eq!((verdict, evidence.contains("last read 2024-02-01")), (AuditVerdict::Stale, true), "{evidence}");
    let watched = "it watches function sync, which is stale".to_owned();
    assert_eq!(account.verdict_of(NodeKind::Alarm, "sync-errors"), (AuditVerdict::Stale, watched));
}

#[test]
fn everything_that_an_active_resource_needs_is_active() {
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
    assert!(evidence.contains("function front names it in its environment and is in use"), "{evidence}");
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "worker");
    assert_eq!(verdict, AuditVerdict::Active);
    assert!(evidence.contains("queue jobs feeds it and is needed by something in use"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Queue, "dead").0, AuditVerdict::Active);
}

#[test]
fn a_disabled_mapping_needs_nothing() {
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
fn a_queue_with_waiting_messages_is_active() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Queue, "dead", Some(0)).attributes.insert("messages".to_owned(), "12".to_owned());
    assert_eq!(
        account.verdict_of(NodeKind::Queue, "dead"),
        (AuditVerdict::Active, "12 messages are waiting in it".to_owned())
    );
}

#[test]
fn a_new_function_is_active_although_it_was_not_used() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "new", Some(0)).changed_at = Some(midnight_of("2026-11-23"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "new");
    assert_eq!(verdict, AuditVerdict::Active);
    assert!(evidence.starts_with("last changed 2026-11-23, less than 90 days ago"), "{evidence}");
}

#[test]
fn a_resource_of_a_deployment_is_managed() {
    let mut account = AuditedAccount::new();
    let node = account.add_node(NodeKind::Function, "venues-a", Some(0));
    (node.deployment, node.venue) = (Some("venues".to_owned()), Some("a".to_owned()));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "venues-a");
    assert_eq!((verdict, evidence.as_str()), (AuditVerdict::Managed, "deployment venues owns it, venue a"));
}

#[test]
fn a_rule_without_existing_targets_is_stale_however_often_it_fires() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Rule, "nightly", Some(90));
    account.add_edge(&node_id(NodeKind::Rule, "nightly"), EdgeKind::Target, &node_id(NodeKind::Function, "gone"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "nightly");
    assert_eq!(verdict, AuditVerdict::Stale);
    assert!(evidence.starts_with("its target function gone doesn't exist; 90 uses in 90 days"), "{evidence}");
    account.add_unread("lambda:ListFunctions", None);
    assert_eq!(account.verdict_of(NodeKind::Rule, "nightly").0, AuditVerdict::Active, "the function may exist");
}

#[test]
fn a_target_in_another_account_or_region_may_exist() {
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
fn an_alarm_on_a_deleted_resource_is_orphaned_unless_it_may_exist() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Alarm, "backlog", None);
    account.add_edge(&node_id(NodeKind::Alarm, "backlog"), EdgeKind::Watch, &node_id(NodeKind::Queue, "gone.fifo"));
    let evidence = "it watches queue gone.fifo, which doesn't exist".to_owned();
    assert_eq!(account.verdict_of(NodeKind::Alarm, "backlog"), (AuditVerdict::Orphaned, evidence));
    account.add_unread("sqs:ListQueues", None);
    assert_eq!(account.verdict_of(NodeKind::Alarm, "backlog").0, AuditVerdict::Unknown);
}

#[test]
fn draws_no_conclusion_from_unreadable_lists() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", Some(0));
    account.add_node(NodeKind::Role, "push-role", Some(0));
    account.add_edge(&node_id(NodeKind::Function, "push"), EdgeKind::Role, &node_id(NodeKind::Role, "push-role"));
    account.add_node(NodeKind::LogGroup, "/aws/lambda/other", Some(0));
    account.add_unread("scheduler:ListSchedules", None);
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "push");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence.starts_with("unreadable, and could change the verdict: something"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Role, "push-role").0, AuditVerdict::Unknown, "it depends on the function");
    assert_eq!(
        account.verdict_of(NodeKind::LogGroup, "/aws/lambda/other").0,
        AuditVerdict::Orphaned,
        "schedules don't write logs"
    );
}

#[test]
fn an_unreadable_count_decides_nothing() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "push", None).usage = NodeUsage::Unread;
    assert_eq!(account.verdict_of(NodeKind::Function, "push").0, AuditVerdict::Unknown);
}

#[test]
fn an_unreadable_policy_concerns_only_its_own_function() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "one", Some(0));
    account.add_node(NodeKind::Function, "two", Some(0));
    account.add_unread("lambda:GetPolicy", Some(&node_id(NodeKind::Function, "one")));
    assert_eq!(account.verdict_of(NodeKind::Function, "one").0, AuditVerdict::Unknown);
    assert_eq!(account.verdict_of(NodeKind::Function, "two").0, AuditVerdict::Orphaned);
}

#[test]
fn judges_a_large_account_with_many_denied_calls() {
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
    assert_eq!(of(AuditVerdict::Active), 2000, "every second queue, and the function that it feeds");
    assert_eq!(of(AuditVerdict::Unknown), 2500, "the others: their stages and policies are unreadable");
    let longest = findings.iter().map(|finding| finding.evidence.len()).max();
    assert!(longest < Some(12), "thousands of similar failures are one sentence: {longest:?}");
}

#[test]
fn a_rule_with_a_schedule_is_active_unless_it_has_no_target() {
    let mut account = AuditedAccount::new();
    account
        .add_node(NodeKind::Rule, "yearly", Some(0))
        .attributes
        .insert("schedule".to_owned(), "rate(365 days)".to_owned());
    let (verdict, evidence) = account.verdict_of(NodeKind::Rule, "yearly");
    assert_eq!(
        (verdict, evidence.as_str()),
        (AuditVerdict::Orphaned, "it has no target; CloudWatch has no uses of it in the 455 days that it keeps")
    );
    account.add_node(NodeKind::Function, "yearly", Some(0));
    account.add_edge(&node_id(NodeKind::Rule, "yearly"), EdgeKind::Target, &node_id(NodeKind::Function, "yearly"));
    assert_eq!(account.verdict_of(NodeKind::Rule, "yearly").0, AuditVerdict::Active);
    assert_eq!(account.verdict_of(NodeKind::Function, "yearly").0, AuditVerdict::Active);
}

#[test]
fn an_edge_function_is_unknown_because_it_is_counted_elsewhere() {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Function, "rewrite", Some(0));
    account.add_node(NodeKind::Role, "edge-role", Some(0)).attributes.insert("edge".to_owned(), "yes".to_owned());
    account.add_edge(&node_id(NodeKind::Function, "rewrite"), EdgeKind::Role, &node_id(NodeKind::Role, "edge-role"));
    let (verdict, evidence) = account.verdict_of(NodeKind::Function, "rewrite");
    assert_eq!(verdict, AuditVerdict::Unknown);
    assert!(evidence.starts_with("CloudFront may run it at its edge locations"), "{evidence}");
    assert_eq!(account.verdict_of(NodeKind::Role, "edge-role").0, AuditVerdict::Unknown);
}
