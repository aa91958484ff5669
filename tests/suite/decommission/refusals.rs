//! Refuses what was changed, used or reached since the audit.

use std::sync::Arc;

use deployer_aws::{Aws, Call as _};
use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudContext, CloudFault, EmbeddedCloud, InjectedFault};
use deployer_core::naming::TAG_DEPLOYMENT;
use deployer_janitor::audit::NodeKind;

use super::LegacyCloud;

use crate::sdk::GeneratedClients as _;

/// Why the resource of this kind and name is refused after `change`.
async fn refusal_after(change: impl AsyncFnOnce(&LegacyCloud), kind: NodeKind, name: &str) -> String {
    refusal_in(&LegacyCloud::new().await, change, kind, name).await
}

async fn refusal_in(
    legacy: &LegacyCloud,
    change: impl AsyncFnOnce(&LegacyCloud),
    kind: NodeKind,
    name: &str,
) -> String {
    let audit = legacy.stale_audit();
    change(legacy).await;
    legacy.cloud.forget_calls();
    let plan = legacy.plan_everything(&audit, None).await;
    assert_eq!(legacy.cloud.recorded_writes(), [], "a plan changes nothing");
    let id = legacy.nodes.iter().find(|node| node.kind == kind && node.name == name).expect("a node").id.clone();
    assert!(!plan.items.iter().any(|item| item.target.id == id), "{id} isn't refused");
    let refusal = plan.refusals.iter().find(|refusal| refusal.id == id).expect("it is refused");
    refusal.why.clone()
}

#[tokio::test]
async fn refuses_a_queue_with_messages() {
    let send = async |legacy: &LegacyCloud| {
        let message = legacy.aws.sdk().sqs.send_message().queue_url(&legacy.queue_url).message_body("x");
        message.message_group_id("a").message_deduplication_id("1").send().await.expect("it is sent");
    };
    let why = refusal_after(send, NodeKind::Queue, "contacts.fifo").await;
    assert!(why.contains("it has messages (1 waiting"), "{why}");
    // What it feeds is refused, too.
    let why = refusal_after(send, NodeKind::Function, "legacy-push").await;
    assert!(why.contains("queue contacts.fifo calls it and isn't being deleted"), "{why}");
}

#[tokio::test]
async fn refuses_a_function_that_was_called_since_the_audit() {
    let call = async |legacy: &LegacyCloud| {
        let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
        let count = |cx: &mut CloudContext<'_>| {
            cx.count_metric_at(later, "AWS/Lambda", "Invocations", &[("FunctionName", "legacy-push")], 3.0);
        };
        legacy.cloud.with_context(count).expect("the calls are counted");
    };
    let why = refusal_after(call, NodeKind::Function, "legacy-push").await;
    assert_eq!(why, "it was used 3 times since the audit");
}

#[tokio::test]
async fn refuses_a_resource_with_a_new_caller() {
    let target = async |legacy: &LegacyCloud| {
        let events = &legacy.aws.events;
        events.put_rule().name("new-rule").schedule_expression("rate(1 day)").send().await.expect("a rule");
        let target = aws_sdk_eventbridge::types::Target::builder()
            .id("x")
            .arn(legacy.node_id(NodeKind::Function))
            .build()
            .expect("a target");
        events.put_targets().rule("new-rule").targets(target).send().await.expect("a target");
    };
    let why = refusal_after(target, NodeKind::Function, "legacy-push").await;
    assert_eq!(why, "rule new-rule targets it");
    let named = async |legacy: &LegacyCloud| {
        let role = legacy.node_id(NodeKind::Role);
        let code = deployer_artifact::zip::build_deterministic_zip(&[("bootstrap", b"#!/bin/sh\n".as_slice())])
            .expect("zipped");
        let code = aws_sdk_lambda::types::FunctionCode::builder()
            .zip_file(aws_sdk_lambda::primitives::Blob::new(code.to_vec()))
            .build();
        let request = legacy.aws.lambda.create_function().function_name("newcomer").role(role).code(code);
        request.runtime("provided.al2023".into()).handler("bootstrap").send().await.expect("a function");
    };
    let why = refusal_after(named, NodeKind::Role, "legacy-push").await;
    assert!(why.contains("function:newcomer names it in its configuration"), "{why}");
}

#[tokio::test]
async fn refuses_a_resource_with_a_caller_on_a_later_page() {
    // Each page has one element, and the first ones are `live` and `legacy-nightly`, which is deleted too.
    for alias in ["live", "newer"] {
        let cloud = EmbeddedCloud::in_memory(CloudConfig { page_size: Some(1), ..CloudConfig::default() });
        let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
        let legacy = LegacyCloud::in_cloud(cloud, aws).await;
        let target = async |legacy: &LegacyCloud| {
            let Aws { lambda, events, .. } = &legacy.aws;
            let newer = lambda.create_alias().function_name("legacy-push").name("newer").function_version("1");
            newer.send().await.expect("an alias");
            events.put_rule().name("new-rule").schedule_expression("rate(1 day)").send().await.expect("a rule");
            let arn = format!("{}:{alias}", legacy.node_id(NodeKind::Function));
            let target = aws_sdk_eventbridge::types::Target::builder().id("x").arn(arn).build().expect("a target");
            events.put_targets().rule("new-rule").targets(target).send().await.expect("a target");
        };
        let why = refusal_in(&legacy, target, NodeKind::Function, "legacy-push").await;
        assert_eq!(why, "rule new-rule targets it", "through the alias {alias}");
    }
}

#[tokio::test]
async fn refuses_what_was_changed_since_the_audit() {
    let change = async |legacy: &LegacyCloud| {
        legacy.cloud.advance_time(jiff::SignedDuration::from_secs(60));
        let request = legacy.aws.lambda.update_function_configuration().function_name("legacy-push").timeout(10);
        request.send().await.expect("it is changed");
    };
    let why = refusal_after(change, NodeKind::Function, "legacy-push").await;
    assert!(why.starts_with("it was changed") && why.ends_with("after the audit"), "{why}");
    let own = async |legacy: &LegacyCloud| {
        let request =
            legacy.aws.lambda.tag_resource().resource(legacy.node_id(NodeKind::Function)).tags(TAG_DEPLOYMENT, "sync");
        request.send().await.expect("it is tagged");
    };
    assert_eq!(refusal_after(own, NodeKind::Function, "legacy-push").await, "deployment sync owns it now");
}

#[tokio::test]
async fn refuses_what_is_unreadable() {
    for (operation, kind, name, words) in [
        ("GetMetricData", NodeKind::Function, "legacy-push", "could not read its use since the audit"),
        ("ListEventSourceMappings", NodeKind::Queue, "dead.fifo", "could not read what reaches it"),
        ("ListFunctions", NodeKind::Role, "legacy-push", "could not read what reaches it"),
        ("GetRolePolicy", NodeKind::Role, "legacy-push", "could not read it: iam:GetRolePolicy"),
        ("GetPolicy", NodeKind::Function, "legacy-push", "could not read it: lambda:GetPolicy"),
    ] {
        let deny = async |legacy: &LegacyCloud| {
            legacy.cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
                let denied = ApiError::new(403, "AccessDenied", "not you");
                (call.operation == operation).then_some(InjectedFault::Before(CloudFault::Error(denied)))
            })));
        };
        let why = refusal_after(deny, kind, name).await;
        assert!(why.contains(words), "{operation}: {why}");
    }
}

#[tokio::test]
async fn stops_at_a_resource_that_changed_after_the_plan() {
    let legacy = LegacyCloud::new().await;
    let plan = legacy.plan_everything(&legacy.stale_audit(), None).await;
    let mut archive = legacy.open_archive();
    // A message arrives after everything was archived, during the first deletion.
    let (cloud, armed) = (legacy.cloud.clone(), Arc::new(std::sync::atomic::AtomicBool::new(true)));
    let sqs = legacy.aws.sdk().sqs.clone();
    let url = legacy.queue_url.clone();
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| {
        if call.operation == "DeleteFunction" && armed.swap(false, std::sync::atomic::Ordering::Relaxed) {
            let send = sqs
                .send_message()
                .queue_url(&url)
                .message_body("x")
                .message_group_id("a")
                .message_deduplication_id("1");
            // It is sent as if by another process.
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                runtime.block_on(send.send()).expect("it is sent");
            })
            .join()
            .expect("no panic");
        }
        None
    })));
    let outcome = legacy.carry_out_plan(&plan, &mut archive).await;
    let (id, why) = outcome.failed.expect("it stops there");
    assert!(id.ends_with(":contacts.fifo") && why.contains("it has messages (1 waiting"), "{id}: {why}");
    let there = legacy.aws.sdk().sqs.get_queue_url().queue_name("contacts.fifo").send().await.call("sqs:GetQueueUrl");
    assert!(there.is_ok(), "the queue and its message still exist");
}
