//! What is planted between an audit and a deletion stops the deletion of what it reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deployer_cloud::CloudCall;
use deployer_janitor::audit::sources::SOURCES;
use deployer_janitor::audit::{
    AUDIT_VERSION, Audit, AuditInventory, EdgeKind, GrantedUse, IdentityGrant, Node, NodeKind, NodeUsage, UnreadCall,
    judge_inventory,
};
use deployer_janitor::decommission::DecommissionTarget;
use deployer_janitor::decommission::carry_out::carry_out;
use deployer_janitor::decommission::kinds::find_archivable;
use deployer_janitor::decommission::plan::{DecommissionAction, DecommissionItem, DecommissionPlan};
use deployer_janitor::decommission::reread::{AccountRecheck, find_new_needs};
use serde_json::Value;

use super::{LegacyCloud, recheck};
use crate::audit::labeled::listed::LISTED;
use crate::audit::{AuditedAccount, midnight_of, node_id};

/// An account with one dead resource of a kind, and the plan to delete it.
fn dead_resource(kind: NodeKind) -> (Audit, DecommissionPlan, String) {
    let mut account = AuditedAccount::new();
    account.add_node(kind, "old", Some(0));
    let id = node_id(kind, "old");
    let inventory = account.0;
    let target = DecommissionTarget::new(kind, id.clone(), "old".to_owned()).expect("it can be archived");
    let item = DecommissionItem {
        target,
        action: DecommissionAction::Delete,
        evidence: Vec::new(),
        notes: Vec::new(),
        lost: Vec::new(),
        parts: None,
    };
    let audit = Audit { version: AUDIT_VERSION, findings: judge_inventory(&inventory), inventory };
    (audit, DecommissionPlan { items: vec![item], ..DecommissionPlan::default() }, id)
}

fn needs_after(kind: NodeKind, change: impl FnOnce(&mut AuditInventory, &str)) -> Vec<String> {
    let (audit, plan, id) = dead_resource(kind);
    assert_eq!(find_new_needs(&plan, Some(&audit), &audit.inventory), Vec::<String>::new(), "{kind:?}");
    let mut now = audit.inventory.clone();
    change(&mut now, &id);
    find_new_needs(&plan, Some(&audit), &now)
}

fn add_edge(now: &mut AuditInventory, from: &str, kind: EdgeKind, to: &str) {
    let mut made = AuditedAccount::new();
    made.add_edge(from, kind, to);
    now.edges.extend(made.0.edges);
}

#[test]
fn every_source_of_callers_stops_the_deletion_of_what_it_reaches() {
    let mut checked = 0;
    for source in SOURCES {
        for kind in source.reaches.iter().copied().filter(|kind| find_archivable(*kind).is_ok()) {
            // It was read: it names the resource.
            let needs = needs_after(kind, |now, id| {
                let caller = Node::new(NodeKind::Caller, format!("{}:x", source.name), format!("{} x", source.name));
                add_edge(now, &caller.id, EdgeKind::Configuration, id);
                now.nodes.push(caller);
            });
            assert!(needs.iter().any(|need| need.contains("names it now")), "{} {kind:?}: {needs:?}", source.name);
            // It can't be read any more, so it may name the resource.
            for call in source.lists {
                let needs = needs_after(kind, |now, _| {
                    let (call, what) = ((*call).to_owned(), source.name.to_owned());
                    now.unread.push(UnreadCall { call, node: None, what, why: "denied".to_owned() });
                });
                assert!(!needs.is_empty(), "{} {call} {kind:?}", source.name);
            }
            // Its policy or a role lets it.
            for principal in source.principals {
                let needs = needs_after(kind, |now, id| {
                    now.calls.clear();
                    add_edge(now, &format!("principal:{principal}"), EdgeKind::Permission, id);
                });
                assert!(!needs.is_empty(), "{principal} {kind:?}");
            }
            checked += 1;
        }
    }
    assert!(checked > 40, "{checked}");
}

#[test]
fn every_kind_of_edge_and_sign_stops_a_deletion() {
    for kind in [
        EdgeKind::Target,
        EdgeKind::Mapping,
        EdgeKind::Subscription,
        EdgeKind::Integration,
        EdgeKind::Task,
        EdgeKind::Webhook,
        EdgeKind::DeadLetter,
        EdgeKind::Environment,
        EdgeKind::Configuration,
    ] {
        let needs = needs_after(NodeKind::Queue, |now, id| {
            let caller = Node::new(NodeKind::Caller, "arn:aws:x:us-east-1:123456789012:new", "new");
            add_edge(now, &caller.id, kind, id);
            now.nodes.push(caller);
        });
        assert!(!needs.is_empty(), "{kind:?}");
    }
    let used = |now: &mut AuditInventory, _: &str| {
        let what = "messages sent or received".to_owned();
        now.nodes[0].usage = NodeUsage::Counted { what, count: 3, last: None, before: None };
    };
    assert_eq!(
        needs_after(NodeKind::Queue, used),
        ["queue old: 3 messages sent or received in 90 days, and the audit found none"]
    );
    let uncounted = |now: &mut AuditInventory, _: &str| now.nodes[0].usage = NodeUsage::Unread;
    assert!(!needs_after(NodeKind::Queue, uncounted).is_empty());
    let polled = |now: &mut AuditInventory, _: &str| {
        now.nodes[0].attributes.insert("polled".to_owned(), "2026-11-25".to_owned());
    };
    assert_eq!(needs_after(NodeKind::Queue, polled), ["queue old: something polls it, the last time on 2026-11-25"]);
    let tagged = |now: &mut AuditInventory, _: &str| {
        now.nodes[0].tags.insert("aws:cloudformation:stack-name".to_owned(), "shop".to_owned());
    };
    assert!(needs_after(NodeKind::Queue, tagged)[0].starts_with("queue old: it is active now: "));
    let changed = |now: &mut AuditInventory, _: &str| now.nodes[0].changed_at = Some(midnight_of("2026-11-25"));
    assert!(needs_after(NodeKind::Queue, changed)[0].starts_with("queue old: it is active now: "));
    let granted = |now: &mut AuditInventory, id: &str| {
        now.grants.push(IdentityGrant {
            holder: "arn:aws:iam::123456789012:role/server".to_owned(),
            trusted: vec!["ec2.amazonaws.com".to_owned()],
            created_at: Some(midnight_of("2020-01-01")),
            last_used: Some(midnight_of("2026-11-24")),
            permits: vec![GrantedUse { kind: NodeKind::Queue, pattern: id.to_owned(), everything: false }],
        });
    };
    assert!(needs_after(NodeKind::Queue, granted)[0].starts_with("queue old: it is unknown now: "));
}

/// The audit's own claims about the resource don't matter: a file that has no counts is not a reading without a use.
#[test]
fn an_edited_inventory_is_no_reading() {
    let (mut audit, plan, _) = dead_resource(NodeKind::Function);
    let mut now = audit.inventory.clone();
    let what = "invocations".to_owned();
    now.nodes[0].usage = NodeUsage::Counted { what, count: 9, last: Some("2026-11-20".to_owned()), before: None };
    audit.inventory.nodes[0].usage = NodeUsage::NotCounted;
    let needs = find_new_needs(&plan, Some(&audit), &now);
    assert!(needs[0].starts_with("function old: it is active now: "), "{needs:?}");
}

/// Each service of the list gets a trigger after the audit.
#[tokio::test]
async fn a_trigger_that_is_added_after_the_audit_stops_everything() {
    let legacy = LegacyCloud::new().await;
    let audit = legacy.read_audit().await;
    let plan = legacy.plan_everything(&audit, None).await;
    assert_eq!((plan.items.len(), &plan.refusals), (legacy.nodes.len(), &Vec::new()));
    let mut archive = legacy.open_archive();
    let answer = |answers: Option<Vec<(&'static str, Value)>>| {
        let changed = legacy.cloud.with_context(|cx| {
            cx.switch_region("us-east-1");
            let known = &mut cx.region_state_mut().elsewhere.answers;
            known.clear();
            known.extend(answers.into_iter().flatten().map(|(operation, answer)| (operation.to_owned(), answer)));
        });
        changed.expect("the state");
    };
    legacy.cloud.forget_calls();
    for (name, kind, answers) in LISTED {
        // This one names its function.
        if name == "release" {
            continue;
        }
        answer(Some(answers(&legacy.node_id(kind))));
        let cx = legacy.decommission_context();
        let refused = carry_out(&cx, &plan, &mut archive, &recheck(Some(&audit)), &|_| {}).await;
        let error = refused.expect_err(name);
        assert!(error.causes.iter().any(|cause| cause.contains("names it now")), "{name}: {error:?}");
    }
    assert_eq!(legacy.cloud.recorded_writes(), [], "nothing was disabled or deleted");
    answer(None);
    assert_eq!(legacy.carry_out_plan(&plan, &mut archive).await.failed, None);
}

/// Something happens while the first resources are deleted: what it reaches is asked for once more.
async fn failure_after(
    counts_for: Duration,
    happen: impl Fn(&LegacyCloud) -> Box<dyn FnOnce() + Send>,
) -> (String, String) {
    let legacy = LegacyCloud::new().await;
    let audit = legacy.read_audit().await;
    let plan = legacy.plan_everything(&audit, None).await;
    let mut archive = legacy.open_archive();
    let (armed, happen) = (AtomicBool::new(true), parking_lot::Mutex::new(Some(happen(&legacy))));
    legacy.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.operation == "DeleteRule" && armed.swap(false, Ordering::Relaxed) {
            let happen = happen.lock().take().expect("it happens once");
            // As if by another process.
            std::thread::spawn(happen).join().expect("no panic");
        }
        None
    })));
    let recheck = AccountRecheck { counts_for, ..recheck(Some(&audit)) };
    let cx = legacy.decommission_context();
    let outcome =
        carry_out(&cx, &plan, &mut archive, &recheck, &|_| {}).await.unwrap_or_else(|error| panic!("{error}"));
    legacy.cloud.set_faults(None);
    let function = legacy.aws.lambda.get_function().function_name("legacy-push").send().await;
    assert!(function.is_ok(), "the function still exists");
    outcome.failed.expect("it stops")
}

#[tokio::test]
async fn callers_and_uses_are_asked_for_right_before_each_deletion() {
    let block = |future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>>| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(future);
    };
    let (id, why) = failure_after(Duration::MAX, |legacy| {
        let (events, target) = (legacy.aws.events.clone(), legacy.node_id(NodeKind::Function));
        Box::new(move || {
            block(Box::pin(async move {
                events.put_rule().name("new-rule").schedule_expression("rate(1 day)").send().await.expect("a rule");
                let target = aws_sdk_eventbridge::types::Target::builder().id("x").arn(target).build();
                let put = events.put_targets().rule("new-rule").targets(target.expect("a target"));
                put.send().await.expect("a target");
            }));
        })
    })
    .await;
    assert!(id.ends_with("function:legacy-push") && why == "rule new-rule targets it", "{id}: {why}");
    let (id, why) = failure_after(Duration::MAX, |legacy| {
        let cloud = legacy.cloud.clone();
        // Long before the audit, but within its window: metrics arrive late.
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 40);
        Box::new(move || {
            let counted = cloud.with_context(|cx| {
                cx.switch_region("us-east-1");
                cx.count_metric_at(at, "AWS/Lambda", "Invocations", &[("FunctionName", "legacy-push")], 2.0);
            });
            counted.expect("the state");
        })
    })
    .await;
    assert!(id.ends_with("function:legacy-push") && why == "it was used 2 times in the last 90 days", "{id}: {why}");
}

#[tokio::test]
async fn a_reading_that_is_too_old_is_repeated() {
    let (_, kind, answers) = LISTED[0];
    let (_, why) = failure_after(Duration::ZERO, |legacy| {
        let (cloud, answers) = (legacy.cloud.clone(), answers(&legacy.node_id(kind)));
        Box::new(move || {
            let put = cloud.with_context(|cx| {
                cx.switch_region("us-east-1");
                let known = &mut cx.region_state_mut().elsewhere.answers;
                known.extend(answers.into_iter().map(|(operation, answer)| (operation.to_owned(), answer)));
            });
            put.expect("the state");
        })
    })
    .await;
    assert!(why.starts_with("the account is no longer as it was audited: function legacy-push: "), "{why}");
}
