//! The verdicts on made-up accounts, in the words that people read.

use deployer_janitor::audit::{EdgeKind, Kind, Usage, Verdict, judge};

use super::{ACCOUNT, Account, id, time};

#[test]
fn an_unreached_function_is_orphaned_with_complete_evidence() {
    let mut account = Account::new();
    account.has(Kind::Function, "old-push", Some(0));
    let evidence = "no rule, schedule, mapping, subscription, URL, policy, API or state machine reaches it; \
                    0 uses in 90 days; last changed 2024-03-02";
    assert_eq!(account.verdict(Kind::Function, "old-push"), (Verdict::Orphaned, evidence.to_owned()));
}

#[test]
fn a_policy_for_a_deleted_api_reaches_nothing_but_is_evidence() {
    let mut account = Account::new();
    account.has(Kind::Function, "old-push", Some(0));
    account.edge("execute-api:abc123", EdgeKind::Permission, &id(Kind::Function, "old-push"));
    let (verdict, evidence) = account.verdict(Kind::Function, "old-push");
    assert_eq!(verdict, Verdict::Orphaned);
    assert!(evidence.contains("its policy lets API abc123 call it, which no longer exists"), "{evidence}");
    // If not all APIs were listed, it may be one that wasn't seen.
    account.unread("apigateway:GetApis", None);
    let (verdict, evidence) = account.verdict(Kind::Function, "old-push");
    assert_eq!(verdict, Verdict::Unknown);
    assert!(!evidence.contains("no longer exists"), "{evidence}");
}

#[test]
fn a_policy_alone_does_not_prove_a_call() {
    let mut account = Account::new();
    account.has(Kind::Function, "push", Some(0));
    account.has(Kind::RestApi, "abc123", Some(500));
    account.edge(&id(Kind::RestApi, "abc123"), EdgeKind::Permission, &id(Kind::Function, "push"));
    account.edge("arn:aws:s3:::uploads", EdgeKind::Permission, &id(Kind::Function, "push"));
    let (verdict, evidence) = account.verdict(Kind::Function, "push");
    assert_eq!(verdict, Verdict::Stale);
    assert!(evidence.contains("its policy lets REST API abc123 call it, which it does not do"), "{evidence}");
    assert!(evidence.contains("its policy lets s3 uploads call it"), "{evidence}");
}

#[test]
fn a_function_with_only_a_disabled_rule_is_stale_with_its_resources() {
    let mut account = Account::new();
    let function = id(Kind::Function, "sync");
    account.has(Kind::Function, "sync", Some(0));
    account.has(Kind::Rule, "every-five", Some(0)).enabled = false;
    account.edge(&id(Kind::Rule, "every-five"), EdgeKind::Target, &function).enabled = false;
    account.has(Kind::Role, "sync-role", Some(0));
    account.edge(&function, EdgeKind::Role, &id(Kind::Role, "sync-role"));
    account.has(Kind::LogGroup, "/aws/lambda/sync", None);
    account.edge(&function, EdgeKind::Log, &id(Kind::LogGroup, "/aws/lambda/sync"));
    account.has(Kind::Secret, "sync/key", Some(0)).attributes.insert("last_read".to_owned(), "2024-02-01".to_owned());
    account.edge(&function, EdgeKind::Environment, &id(Kind::Secret, "sync/key"));
    account.has(Kind::Alarm, "sync-errors", None);
    account.edge(&id(Kind::Alarm, "sync-errors"), EdgeKind::Watch, &function);

    let evidence = "rule every-five calls it but is disabled; 0 uses in 90 days; last changed 2024-03-02";
    assert_eq!(account.verdict(Kind::Function, "sync"), (Verdict::Stale, evidence.to_owned()));
    let (verdict, evidence) = account.verdict(Kind::Rule, "every-five");
    assert_eq!((verdict, evidence.starts_with("it is disabled; it leads to function sync")), (Verdict::Stale, true));
    let (verdict, evidence) = account.verdict(Kind::Role, "sync-role");
    assert_eq!(verdict, Verdict::Stale);
    assert!(evidence.contains("function sync runs as it but is not used itself"), "{evidence}");
    assert!(evidence.contains("not used in any region"), "{evidence}");
    assert_eq!(account.verdict(Kind::LogGroup, "/aws/lambda/sync").0, Verdict::Stale);
    let (verdict, evidence) = account.verdict(Kind::Secret, "sync/key");
    assert_eq!((verdict, evidence.contains("last read 2024-02-01")), (Verdict::Stale, true), "{evidence}");
    let watched = "it watches function sync, which is stale".to_owned();
    assert_eq!(account.verdict(Kind::Alarm, "sync-errors"), (Verdict::Stale, watched));
}

#[test]
fn everything_that_an_active_resource_needs_is_active() {
    let mut account = Account::new();
    account.has(Kind::Function, "front", Some(7));
    account.has(Kind::Queue, "jobs", Some(0)).attributes.insert("messages".to_owned(), "0".to_owned());
    account.has(Kind::Queue, "dead", Some(0));
    account.has(Kind::Function, "worker", Some(0));
    account.edge(&id(Kind::Function, "front"), EdgeKind::Environment, &id(Kind::Queue, "jobs"));
    account.edge(&id(Kind::Queue, "jobs"), EdgeKind::Mapping, &id(Kind::Function, "worker"));
    account.edge(&id(Kind::Queue, "jobs"), EdgeKind::DeadLetter, &id(Kind::Queue, "dead"));
    let front = "7 uses in 90 days, the last on 2026-11-20".to_owned();
    assert_eq!(account.verdict(Kind::Function, "front"), (Verdict::Active, front));
    let (verdict, evidence) = account.verdict(Kind::Queue, "jobs");
    assert_eq!(verdict, Verdict::Active);
    assert!(evidence.contains("function front names it in its environment and is in use"), "{evidence}");
    let (verdict, evidence) = account.verdict(Kind::Function, "worker");
    assert_eq!(verdict, Verdict::Active);
    assert!(evidence.contains("queue jobs feeds it and is needed by something in use"), "{evidence}");
    assert_eq!(account.verdict(Kind::Queue, "dead").0, Verdict::Active);
}

#[test]
fn a_disabled_mapping_needs_nothing() {
    let mut account = Account::new();
    account.has(Kind::Queue, "jobs", Some(9));
    account.has(Kind::Function, "worker", Some(0));
    account.edge(&id(Kind::Queue, "jobs"), EdgeKind::Mapping, &id(Kind::Function, "worker")).enabled = false;
    assert_eq!(account.verdict(Kind::Function, "worker").0, Verdict::Stale);
    assert_eq!(account.verdict(Kind::Queue, "jobs").0, Verdict::Active);
}

#[test]
fn a_queue_with_waiting_messages_is_active() {
    let mut account = Account::new();
    account.has(Kind::Queue, "dead", Some(0)).attributes.insert("messages".to_owned(), "12".to_owned());
    assert_eq!(account.verdict(Kind::Queue, "dead"), (Verdict::Active, "12 messages are waiting in it".to_owned()));
}

#[test]
fn a_new_function_is_active_although_it_was_not_used() {
    let mut account = Account::new();
    account.has(Kind::Function, "new", Some(0)).changed_at = Some(time("2026-11-23"));
    let (verdict, evidence) = account.verdict(Kind::Function, "new");
    assert_eq!(verdict, Verdict::Active);
    assert!(evidence.starts_with("last changed 2026-11-23, less than 90 days ago"), "{evidence}");
}

#[test]
fn a_resource_of_a_deployment_is_managed() {
    let mut account = Account::new();
    let node = account.has(Kind::Function, "venues-a", Some(0));
    (node.deployment, node.venue) = (Some("venues".to_owned()), Some("a".to_owned()));
    let (verdict, evidence) = account.verdict(Kind::Function, "venues-a");
    assert_eq!((verdict, evidence.as_str()), (Verdict::Managed, "deployment venues owns it, venue a"));
}

#[test]
fn a_rule_without_existing_targets_is_stale_however_often_it_fires() {
    let mut account = Account::new();
    account.has(Kind::Rule, "nightly", Some(90));
    account.edge(&id(Kind::Rule, "nightly"), EdgeKind::Target, &id(Kind::Function, "gone"));
    let (verdict, evidence) = account.verdict(Kind::Rule, "nightly");
    assert_eq!(verdict, Verdict::Stale);
    assert!(evidence.starts_with("its target function gone doesn't exist; 90 uses in 90 days"), "{evidence}");
    account.unread("lambda:ListFunctions", None);
    assert_eq!(account.verdict(Kind::Rule, "nightly").0, Verdict::Active, "the function may exist");
}

#[test]
fn a_target_in_another_account_or_region_may_exist() {
    let mut account = Account::new();
    account.has(Kind::Rule, "shared", Some(5));
    account.edge(&id(Kind::Rule, "shared"), EdgeKind::Target, "arn:aws:events:us-east-1:999999999999:event-bus/other");
    assert_eq!(account.verdict(Kind::Rule, "shared").0, Verdict::Active);
    account.has(Kind::Schedule, "cluster", None);
    let elsewhere = format!("arn:aws:lambda:eu-west-1:{ACCOUNT}:function:x");
    account.edge(&id(Kind::Schedule, "cluster"), EdgeKind::Target, &elsewhere);
    assert_eq!(account.verdict(Kind::Schedule, "cluster").0, Verdict::Active);
}

#[test]
fn an_alarm_on_a_deleted_resource_is_orphaned_unless_it_may_exist() {
    let mut account = Account::new();
    account.has(Kind::Alarm, "backlog", None);
    account.edge(&id(Kind::Alarm, "backlog"), EdgeKind::Watch, &id(Kind::Queue, "gone.fifo"));
    let evidence = "it watches queue gone.fifo, which doesn't exist".to_owned();
    assert_eq!(account.verdict(Kind::Alarm, "backlog"), (Verdict::Orphaned, evidence));
    account.unread("sqs:ListQueues", None);
    assert_eq!(account.verdict(Kind::Alarm, "backlog").0, Verdict::Unknown);
}

#[test]
fn draws_no_conclusion_from_unreadable_lists() {
    let mut account = Account::new();
    account.has(Kind::Function, "push", Some(0));
    account.has(Kind::Role, "push-role", Some(0));
    account.edge(&id(Kind::Function, "push"), EdgeKind::Role, &id(Kind::Role, "push-role"));
    account.has(Kind::LogGroup, "/aws/lambda/other", Some(0));
    account.unread("scheduler:ListSchedules", None);
    let (verdict, evidence) = account.verdict(Kind::Function, "push");
    assert_eq!(verdict, Verdict::Unknown);
    assert!(evidence.starts_with("unreadable, and could change the verdict: something"), "{evidence}");
    assert_eq!(account.verdict(Kind::Role, "push-role").0, Verdict::Unknown, "it depends on the function");
    assert_eq!(account.verdict(Kind::LogGroup, "/aws/lambda/other").0, Verdict::Orphaned, "schedules don't write logs");
}

#[test]
fn an_unreadable_count_decides_nothing() {
    let mut account = Account::new();
    account.has(Kind::Function, "push", None).usage = Usage::Unread;
    assert_eq!(account.verdict(Kind::Function, "push").0, Verdict::Unknown);
}

#[test]
fn an_unreadable_policy_concerns_only_its_own_function() {
    let mut account = Account::new();
    account.has(Kind::Function, "one", Some(0));
    account.has(Kind::Function, "two", Some(0));
    account.unread("lambda:GetPolicy", Some(&id(Kind::Function, "one")));
    assert_eq!(account.verdict(Kind::Function, "one").0, Verdict::Unknown);
    assert_eq!(account.verdict(Kind::Function, "two").0, Verdict::Orphaned);
}

#[test]
fn judges_a_large_account_with_many_denied_calls() {
    let mut account = Account::new();
    for number in 0..2000 {
        let (function, queue) = (format!("function-{number}"), format!("queue-{number}"));
        account.has(Kind::Function, &function, Some(0));
        account.has(Kind::Queue, &queue, Some(number % 2));
        account.edge(&id(Kind::Queue, &queue), EdgeKind::Mapping, &id(Kind::Function, &function));
        if number < 500 {
            let api = format!("api-{number}");
            account.has(Kind::RestApi, &api, Some(0));
            account.edge(&id(Kind::RestApi, &api), EdgeKind::Integration, &id(Kind::Function, &function));
            account.unread("apigateway:GetStages", Some(&id(Kind::RestApi, &api)));
        }
        account.unread("lambda:GetPolicy", Some(&id(Kind::Function, &function)));
        account.unread("lambda:ListAliases", Some(&id(Kind::Function, &function)));
    }
    let findings = judge(&account.0);
    let of = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    assert_eq!(of(Verdict::Active), 2000, "every second queue, and the function that it feeds");
    assert_eq!(of(Verdict::Unknown), 2500, "the others: their stages and policies are unreadable");
    let longest = findings.iter().map(|finding| finding.evidence.len()).max();
    assert!(longest < Some(12), "thousands of similar failures are one sentence: {longest:?}");
}

#[test]
fn a_rule_with_a_schedule_is_active_unless_it_has_no_target() {
    let mut account = Account::new();
    account.has(Kind::Rule, "yearly", Some(0)).attributes.insert("schedule".to_owned(), "rate(365 days)".to_owned());
    let (verdict, evidence) = account.verdict(Kind::Rule, "yearly");
    assert_eq!((verdict, evidence.as_str()), (Verdict::Orphaned, "it has no target; 0 uses in 90 days"));
    account.has(Kind::Function, "yearly", Some(0));
    account.edge(&id(Kind::Rule, "yearly"), EdgeKind::Target, &id(Kind::Function, "yearly"));
    assert_eq!(account.verdict(Kind::Rule, "yearly").0, Verdict::Active);
    assert_eq!(account.verdict(Kind::Function, "yearly").0, Verdict::Active);
}

#[test]
fn an_edge_function_is_unknown_because_it_is_counted_elsewhere() {
    let mut account = Account::new();
    account.has(Kind::Function, "rewrite", Some(0));
    account.has(Kind::Role, "edge-role", Some(0)).attributes.insert("edge".to_owned(), "yes".to_owned());
    account.edge(&id(Kind::Function, "rewrite"), EdgeKind::Role, &id(Kind::Role, "edge-role"));
    let (verdict, evidence) = account.verdict(Kind::Function, "rewrite");
    assert_eq!(verdict, Verdict::Unknown);
    assert!(evidence.starts_with("CloudFront may run it at its edge locations"), "{evidence}");
    assert_eq!(account.verdict(Kind::Role, "edge-role").0, Verdict::Unknown);
}
