//! Alarms and their topic: made, changed, mended and removed, and the digest.

mod week;

use std::collections::BTreeMap;
use std::sync::Arc;

use deployer_cloud::{ApiError, CloudCall, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::desired::Desired;
use deployer_core::naming::SHARED_VENUE;
use deployer_core::plan::{FindingKind, plan_adoption};
use deployer_health::alarms::read_alarm_states;
use serde_json::{Value, json};

use crate::processes::Site;
use crate::scenarios::{check_crashes, new_world};
use crate::world::{World, describe_actions, two_venue_manifest};

const ALARMS: &str = "[alarms]\nemail = [\"ops@example.com\"]\n\n";

/// `a` is active, `b` is paused.
fn manifest_with_alarms() -> String {
    two_venue_manifest("sync").replace("[venues.a]", &format!("{ALARMS}[venues.a]"))
}

fn alarm_names(cloud: &EmbeddedCloud) -> Vec<String> {
    cloud
        .with_context(|cx| cx.region_state().cloudwatch.alarms.keys().cloned().collect())
        .expect("the state is readable")
}

fn change_alarm(cloud: &EmbeddedCloud, name: &str, change: impl FnOnce(&mut deployer_cloud::cloudwatch::StoredAlarm)) {
    cloud
        .with_context(|cx| change(cx.region_state_mut().cloudwatch.alarms.get_mut(name).expect("the alarm exists")))
        .expect("the state is writable");
}

async fn converged_world() -> (EmbeddedCloud, World, Desired) {
    let (cloud, world) = new_world().await;
    let desired = world.desired_from(&manifest_with_alarms());
    world.converge(&desired).await;
    (cloud, world, desired)
}

#[tokio::test]
async fn active_venues_have_alarms_and_one_message_for_all_of_them() {
    let (cloud, world, desired) = converged_world().await;
    let of_a = ["", "/failed", "/failing", "/lookups", "/needs_review", "/oldest_flag", "/silent", "/throttled"];
    let mut expected: Vec<String> = of_a.iter().map(|end| format!("sync/a{end}")).collect();
    expected.insert(0, "sync/_all/hubspot".to_owned());
    assert_eq!(alarm_names(&cloud), expected, "a paused venue has none");
    let senders: Vec<String> = cloud
        .with_context(|cx| {
            let alarms = cx.region_state().cloudwatch.alarms.values();
            let sends = alarms.filter(|alarm| !alarm.actions["AlarmActions"].is_empty());
            sends.map(|alarm| alarm.name.clone()).collect()
        })
        .expect("the state is readable");
    assert_eq!(senders, ["sync/_all/hubspot", "sync/a"], "no cause sends a message of its own");
    let notes = world.plan(&desired).await.notes;
    assert!(notes.iter().any(|note| note.contains("ops@example.com hasn't confirmed yet")), "{notes:?}");
    cloud.forget_calls();
    assert_eq!(world.apply(&desired).await.done, []);
    assert_eq!(cloud.recorded_writes(), []);
    assert_eq!(describe_actions(&world.plan_from_lists(&desired).await), Vec::<String>::new());
}

#[tokio::test]
async fn an_alarm_that_watches_for_silence_begins_with_a_value() {
    let (cloud, world) = new_world().await;
    cloud.forget_calls();
    world.converge(&world.desired_from(&manifest_with_alarms())).await;
    let ours = |call: &CloudCall| ["monitoring", "sns"].contains(&call.service);
    let writes = cloud.recorded_writes().into_iter().filter(ours).map(|call| call.operation.to_string());
    let writes: Vec<String> = writes.collect();
    // The topic and the alarm of all venues come first.
    let shared = ["CreateTopic", "SetTopicAttributes", "Subscribe", "PutMetricAlarm"];
    let of_a = ["PutMetricData"].into_iter().chain(["PutMetricAlarm"; 7]).chain(["PutCompositeAlarm"]);
    assert_eq!(writes, shared.into_iter().chain(of_a).collect::<Vec<_>>());
}

/// What somebody changes by hand.
type AlarmEdit = fn(&mut deployer_cloud::cloudwatch::StoredAlarm);

#[tokio::test]
async fn drift_of_any_setting_is_put_back() {
    let (cloud, world, desired) = converged_world().await;
    let changes: [(&str, AlarmEdit); 8] = [
        ("sync/a/silent", |alarm| drop(alarm.texts.insert("Threshold".to_owned(), "9".to_owned()))),
        ("sync/a/silent", |alarm| drop(alarm.texts.remove("TreatMissingData"))),
        ("sync/a/failing", |alarm| drop(alarm.texts.insert("Unit".to_owned(), "Count".to_owned()))),
        ("sync/a/failing", |alarm| drop(alarm.dimensions.remove("Resource"))),
        ("sync/a/failed", |alarm| alarm.metrics.truncate(1)),
        ("sync/a", |alarm| alarm.actions_enabled = false),
        ("sync/a", |alarm| drop(alarm.actions.insert("AlarmActions".to_owned(), Vec::new()))),
        ("sync/a", |alarm| drop(alarm.tags.remove("deployer:venue"))),
    ];
    for (name, change) in changes {
        change_alarm(&cloud, name, change);
        assert_eq!(describe_actions(&world.plan(&desired).await), ["a/alarms Update"], "{name}");
        world.converge(&desired).await;
    }
    cloud
        .with_context(|cx| drop(cx.region_state_mut().cloudwatch.alarms.remove("sync/a/throttled")))
        .expect("the state is writable");
    assert_eq!(describe_actions(&world.plan(&desired).await), ["a/alarms Update"]);
    world.converge(&desired).await;
}

#[tokio::test]
async fn an_alarm_of_another_owner_stays_and_stops_the_apply() {
    let (cloud, world, desired) = converged_world().await;
    change_alarm(&cloud, "sync/a/silent", |alarm| {
        alarm.tags = BTreeMap::from([("deployer:deployment".to_owned(), "other".to_owned())]);
        alarm.texts.insert("Threshold".to_owned(), "9".to_owned());
    });
    let plan = world.plan(&desired).await;
    assert_eq!(describe_actions(&plan), Vec::<String>::new());
    let conflict = &plan.conflicts[0];
    assert_eq!((conflict.name.as_str(), conflict.owner.as_deref()), ("sync/a/silent", Some("deployment other")));
    // It stays when everything else goes.
    drop(world.apply(&world.desired_nothing("sync")).await);
    assert!(alarm_names(&cloud).contains(&"sync/a/silent".to_owned()));
}

/// What of a venue's alarms, and of those of all venues, has no owner is tagged, and the next apply has nothing left to refuse.
#[tokio::test]
async fn alarms_and_a_topic_without_an_owner_are_adopted() {
    let (cloud, world, desired) = converged_world().await;
    for name in ["sync/a/silent", "sync/a", "sync/_all/hubspot"] {
        change_alarm(&cloud, name, |alarm| alarm.tags = BTreeMap::from([("team".to_owned(), "ops".to_owned())]));
    }
    let untag = |cx: &mut deployer_cloud::CloudContext<'_>| {
        cx.region_state_mut().sns.topics.values_mut().for_each(|topic| topic.tags = BTreeMap::new());
    };
    cloud.with_context(untag).expect("the state is writable");
    let adoption = plan_adoption(&desired, &world.observe(&desired).await, "a").expect("nobody else owns it");
    let mut changes = describe_actions(&adoption.plan);
    changes.sort();
    assert_eq!(changes, ["_all/alarm-topic Update", "_all/alarms Update", "a/alarms Update"]);
    assert_eq!(adoption.next.conflicts, []);
    assert!(adoption.plan.notes.iter().any(|note| note.contains("sync/a/silent")), "{:?}", adoption.plan.notes);
    let (outcome, _) = world.execute_plan(&adoption.plan).await;
    assert_eq!(outcome.failed, []);
    assert_eq!(world.plan(&desired).await.conflicts, []);
    world.converge(&desired).await;
    // A part of it is another deployment's.
    change_alarm(&cloud, "sync/a", |alarm| alarm.tags = BTreeMap::new());
    change_alarm(&cloud, "sync/a/silent", |alarm| {
        alarm.tags = BTreeMap::from([("deployer:deployment".to_owned(), "other".to_owned())]);
    });
    let refused = plan_adoption(&desired, &world.observe(&desired).await, "a").expect_err("somebody owns it");
    assert!(format!("{refused:?}").contains("deployment other"), "{refused:?}");
}

#[tokio::test]
async fn strangers_at_the_topic_come_first_and_are_removed() {
    let (cloud, world, desired) = converged_world().await;
    let open = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "open", "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*" }],
    });
    cloud
        .with_context(|cx| {
            let topic = cx.region_state_mut().sns.topics.values_mut().next().expect("the topic exists");
            topic.attributes.insert("Policy".to_owned(), open.to_string());
        })
        .expect("the state is writable");
    let plan = world.plan(&desired).await;
    let finding = plan.findings.first().expect("a finding");
    assert_eq!(finding.kind, FindingKind::Stranger);
    assert!(finding.text.contains("everybody can call sns:Publish on sync-alarms"), "{}", finding.text);
    assert_eq!(describe_actions(&plan), ["_all/alarm-topic Update"]);
    world.converge(&desired).await;
    assert_eq!(world.plan(&desired).await.findings, []);
}

#[tokio::test]
async fn subscriptions_follow_the_manifest_once_they_are_confirmed() {
    let (cloud, world, _) = converged_world().await;
    let confirm = |confirmed: bool| {
        cloud
            .with_context(|cx| {
                for subscription in cx.region_state_mut().sns.subscriptions.values_mut() {
                    subscription.confirmed = confirmed;
                }
            })
            .expect("the state is writable");
    };
    let other = manifest_with_alarms().replace("ops@example.com", "new@example.com");
    let other = world.desired_from(&other);
    world.converge(&other).await;
    let endpoints = || -> Vec<String> {
        let read = |cx: &mut deployer_cloud::CloudContext<'_>| {
            cx.region_state().sns.subscriptions.values().map(|it| it.endpoint.clone()).collect()
        };
        cloud.with_context(read).expect("the state is readable")
    };
    assert_eq!(endpoints().len(), 2, "SNS can't delete a subscription that nobody has confirmed");
    let notes = world.plan(&other).await.notes;
    assert!(notes.iter().any(|note| note.contains("ops@example.com never confirmed")), "{notes:?}");
    confirm(true);
    world.converge(&other).await;
    assert_eq!(endpoints(), ["new@example.com"]);
    assert!(!world.plan(&other).await.notes.iter().any(|note| note.contains("confirm")));
}

#[tokio::test]
async fn a_paused_venue_a_manifest_without_alarms_and_a_destroy_leave_none() {
    let (cloud, world, _) = converged_world().await;
    let paused =
        manifest_with_alarms().replace("display_name = \"Venue a\"", "display_name = \"Venue a\"\nstatus = \"paused\"");
    let paused = world.desired_from(&paused);
    world.converge(&paused).await;
    assert_eq!(alarm_names(&cloud), ["sync/_all/hubspot"]);
    world.converge(&world.desired_from(&manifest_with_alarms())).await;
    assert_eq!(alarm_names(&cloud).len(), 9);
    world.converge(&world.desired_from(&two_venue_manifest("sync"))).await;
    assert_eq!(alarm_names(&cloud), [""; 0]);
    let topics = |cx: &mut deployer_cloud::CloudContext<'_>| cx.region_state().sns.topics.len();
    assert_eq!(cloud.with_context(topics).expect("the state is readable"), 0);
    world.converge(&world.desired_from(&manifest_with_alarms())).await;
    world.converge(&world.desired_nothing("sync")).await;
    assert_eq!((alarm_names(&cloud).len(), cloud.with_context(topics).expect("the state is readable")), (0, 0));
}

#[tokio::test]
async fn what_is_unreadable_is_left_alone() {
    let (cloud, world, desired) = converged_world().await;
    change_alarm(&cloud, "sync/a/silent", |alarm| drop(alarm.texts.insert("Threshold".to_owned(), "9".to_owned())));
    for (denied, address) in [
        ("DescribeAlarms", "a/alarms"),
        ("GetTopicAttributes", "_all/alarm-topic"),
        ("ListSubscriptionsByTopic", "_all/alarm-topic"),
    ] {
        cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
            let error = ApiError::new(403, "AccessDenied", "not allowed");
            (call.operation == denied).then_some(InjectedFault::Before(CloudFault::Error(error)))
        })));
        let plan = world.plan(&desired).await;
        let unreadable: Vec<String> =
            plan.unreadable.iter().filter_map(|it| Some(it.address.as_ref()?.to_string())).collect();
        assert!(unreadable.contains(&address.to_owned()), "{denied}: {unreadable:?}");
        assert!(!describe_actions(&plan).contains(&format!("{address} Update")), "{denied}");
        let without = world.plan(&world.desired_from(&two_venue_manifest("sync"))).await;
        assert_eq!(without.unreadable, [], "{denied}: nothing is declared that would need it");
        if denied == "DescribeAlarms" {
            assert!(without.notes.iter().any(|note| note.contains("whether alarms are left")), "{:?}", without.notes);
        }
    }
}

/// Creates and removes alarms, broken off at every call.
#[tokio::test]
async fn the_next_apply_completes_alarms_after_a_crash_at_any_call() {
    let few = manifest_with_alarms().replace("email =", "causes = [\"silent\"]\nemail =");
    check_crashes(&[few, two_venue_manifest("sync")], async |cloud, _| {
        assert_eq!(alarm_names(cloud), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn states_are_read_in_one_list() {
    let (cloud, world, _) = converged_world().await;
    for (name, value, reason) in [("sync/a", "ALARM", "a rule"), ("sync/a/silent", "ALARM", "no datapoints")] {
        let parameters = json!({ "AlarmName": name, "StateValue": value, "StateReason": reason });
        world.aws.signed.call("cloudwatch:SetAlarmState", parameters).await.expect("the state is set");
    }
    cloud.forget_calls();
    let states = read_alarm_states(&world.aws.signed, "sync").await.expect("the list is readable");
    assert_eq!(cloud.recorded_calls().len(), 1);
    let a = &states["a"];
    assert!(a.is_raised() && a.since.is_some(), "{a:?}");
    assert_eq!(a.causes, BTreeMap::from([("silent".to_owned(), "no datapoints".to_owned())]));
    assert_eq!(states[SHARED_VENUE].state, "OK");
    assert!(!states.contains_key("b"), "a paused venue has no alarms");
}

fn published(site: &Site) -> Vec<deployer_cloud::sns::StoredMessage> {
    let read = |cx: &mut deployer_cloud::CloudContext<'_>| cx.region_state().sns.messages.values().cloned().collect();
    site.cloud.with_context(read).expect("the state is readable")
}

/// To the deployment's topic, once, and only where there is one.
#[test]
fn a_digest_is_sent_to_the_topic_or_printed() {
    let site = Site::new();
    let (code, text) = site.run_deployer(&["report", "--send"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("error[no_alarms]") && text.contains("declares no [alarms]"), "{text}");
    site.write_file("venues.toml", &manifest_with_alarms());
    let (_, text) = site.run_deployer(&["report", "--send"]);
    assert!(text.contains("`deployer apply` creates the topic"), "{text}");
    let (code, text) = site.run_apply();
    assert_eq!(code, 0, "{text}");
    let (_, printed) = site.run_deployer(&["report", "--send", "--dry-run"]);
    assert!(printed.contains("Subject: sync: 0 synced in 24 hours"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80), "{printed}");
    assert_eq!(published(&site), [], "a dry run sends nothing");
    change_alarm(&site.cloud, "sync/a", |alarm| {
        let (value, reason) = ("ALARM".to_owned(), "test".to_owned());
        alarm.state =
            Some(deployer_cloud::cloudwatch::StoredAlarmState { value, reason, since: jiff::Timestamp::now() });
    });
    let (_, text) = site.run_deployer(&["report", "--send", "--json"]);
    let line: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    let sent = published(&site);
    assert_eq!(sent.len(), 1, "{text}");
    assert_eq!((line["type"].as_str(), line["message_id"].as_str()), (Some("digest"), Some(sent[0].id.as_str())));
    assert_eq!(sent[0].topic_arn, "arn:aws:sns:us-east-1:123456789012:sync-alarms");
    assert_eq!(sent[0].subject.as_deref(), Some("sync: 0 synced, 1 alarm in 24 hours"));
    assert!(sent[0].message.contains("Venue a: raised\n    deployer status a\n"), "{}", sent[0].message);
}

/// The deployment's tags are on what belongs to all venues, too, and go when the manifest drops them.
#[tokio::test]
async fn what_belongs_to_all_venues_has_the_tags_of_the_deployment() {
    let (cloud, world) = new_world().await;
    let tagged = manifest_with_alarms().replacen("region = ", "tags = { CostCenter = \"4711\" }\nregion = ", 1);
    let tags = || {
        let read = |cx: &mut deployer_cloud::CloudContext<'_>| {
            let state = cx.region_state();
            let alarm =
                state.cloudwatch.alarms.get("sync/_all/hubspot").map(|alarm| alarm.tags.get("CostCenter").cloned());
            let topic = state.sns.topics.values().next().map(|topic| topic.tags.get("CostCenter").cloned());
            (alarm.flatten(), topic.flatten())
        };
        cloud.with_context(read).expect("the state is readable")
    };
    world.converge(&world.desired_from(&tagged)).await;
    assert_eq!(tags(), (Some("4711".to_owned()), Some("4711".to_owned())));
    world.converge(&world.desired_from(&manifest_with_alarms())).await;
    assert_eq!(tags(), (None, None));
}
