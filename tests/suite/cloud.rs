//! What is specific to the embedded cloud: its state file, injected faults, and the log of calls.

use std::path::Path;
use std::sync::Arc;

use deployer_aws::{Aws, Call as _};
use deployer_cloud::{ApiError, CloudCall, CloudConfig, CloudFault, EmbeddedCloud, InjectedFault};
use jiff::{SignedDuration, Timestamp};

use crate::assertions::assert_contains;
use crate::sdk::GeneratedClients as _;

fn cloud_clients(cloud: &EmbeddedCloud) -> Aws {
    Aws::for_local("us-east-1", cloud.http_client(), None)
}

async fn create_group(aws: &Aws, name: &str) -> Result<(), String> {
    let answer = aws.sdk().logs.create_log_group().log_group_name(name).send().await.call("logs:CreateLogGroup");
    answer.map(drop).map_err(|error| error.to_string())
}

async fn list_groups(aws: &Aws) -> Vec<String> {
    let mut names = Vec::new();
    let mut pages = aws.sdk().logs.describe_log_groups().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.call("logs:DescribeLogGroups").expect("lists groups");
        names.extend(page.log_groups().iter().filter_map(|group| group.log_group_name().map(ToOwned::to_owned)));
    }
    names
}

/// Injects this into every call of `operation`.
fn always_inject(cloud: &EmbeddedCloud, operation: &'static str, injected: InjectedFault) {
    cloud.set_faults(Some(Arc::new(move |call: &CloudCall| (call.operation == operation).then(|| injected.clone()))));
}

#[tokio::test]
async fn state_file_keeps_changes() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let path = directory.path().join("below/cloud.json");
    create_group(&cloud_clients(&EmbeddedCloud::open_file(&path).expect("the cloud opens")), "/kept")
        .await
        .expect("creates the group");
    let again = EmbeddedCloud::open_file(&path).expect("the cloud opens again");
    assert_eq!(list_groups(&cloud_clients(&again)).await, ["/kept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_keep_each_others_changes() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let path = directory.path().join("cloud.json");
    // Each `open` stands for a process of its own, since they share nothing but the file.
    let work = |half: &'static str| {
        let aws = cloud_clients(&EmbeddedCloud::open_file(&path).expect("the cloud opens"));
        tokio::spawn(async move {
            for number in 0..20 {
                create_group(&aws, &format!("/{half}/{number}")).await.expect("creates the group");
            }
        })
    };
    let (left, right) = (work("left"), work("right"));
    left.await.expect("the left task ends");
    right.await.expect("the right task ends");
    assert_eq!(list_groups(&cloud_clients(&EmbeddedCloud::open_file(&path).expect("the cloud opens"))).await.len(), 40);
}

#[tokio::test]
async fn rejects_foreign_state_file_without_changing_it() {
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let path = directory.path().join("cloud.json");
    for text in ["[1, 2", r#"{"format":0}"#] {
        std::fs::write(&path, text).expect("writes the file");
        let error = EmbeddedCloud::open_file(&path).expect_err("the file is not a state");
        let message = format!("{error:?}");
        assert!(message.contains("cloud.json"), "{message}");
        assert_eq!(std::fs::read_to_string(&path).expect("the file still exists"), text);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn state_file_is_readable_only_by_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a temporary directory is created");
    let path = directory.path().join("cloud.json");
    create_group(&cloud_clients(&EmbeddedCloud::open_file(&path).expect("the cloud opens")), "/kept")
        .await
        .expect("creates the group");
    let mode = |path: &Path| path.metadata().expect("the file exists").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn fault_before_a_call_prevents_its_effect() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let aws = cloud_clients(&cloud);
    let denied = ApiError::new(400, "AccessDeniedException", "not allowed");
    always_inject(&cloud, "CreateLogGroup", InjectedFault::Before(CloudFault::Error(denied)));
    let refusal = create_group(&aws, "/one").await.expect_err("the call fails");
    assert!(refusal.contains("not allowed"), "{refusal}");
    assert_eq!(list_groups(&aws).await, Vec::<String>::new());
}

#[tokio::test]
async fn fault_after_a_call_loses_only_the_response() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let aws = cloud_clients(&cloud);
    always_inject(
        &cloud,
        "CreateLogGroup",
        InjectedFault::After(CloudFault::Error(ApiError::new(400, "AbortedException", "lost"))),
    );
    create_group(&aws, "/one").await.expect_err("the response is lost");
    assert_eq!(list_groups(&aws).await, ["/one"]);
}

#[tokio::test]
async fn lists_calls_in_order_and_writes_separately() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let aws = cloud_clients(&cloud);
    create_group(&aws, "/one").await.expect("creates the group");
    list_groups(&aws).await;
    create_group(&aws, "/one").await.expect_err("the group already exists");
    let names = |calls: Vec<CloudCall>| calls.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(cloud.recorded_calls()), ["logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:CreateLogGroup"]);
    assert_eq!(names(cloud.recorded_writes()), ["logs:CreateLogGroup", "logs:CreateLogGroup"]);
    cloud.forget_calls();
    assert_eq!(cloud.recorded_calls(), []);
}

#[tokio::test]
async fn respects_configured_page_size() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig { page_size: Some(1), ..CloudConfig::default() });
    let aws = cloud_clients(&cloud);
    for name in ["/a", "/b", "/c"] {
        create_group(&aws, name).await.expect("creates the group");
    }
    cloud.forget_calls();
    assert_eq!(list_groups(&aws).await, ["/a", "/b", "/c"]);
    assert_eq!(cloud.recorded_calls().len(), 3);
}

#[tokio::test]
async fn stopped_clock_advances_on_request() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let aws = cloud_clients(&cloud);
    let start: Timestamp = "2026-11-01T10:00:00Z".parse().expect("it is a valid time");
    cloud.set_time(start);
    aws.secrets.create_secret().name("one").secret_string("value").send().await.expect("creates the secret");
    aws.secrets
        .delete_secret()
        .secret_id("one")
        .recovery_window_in_days(7)
        .send()
        .await
        .expect("schedules the deletion");
    let listed = async || {
        let answer = aws.secrets.list_secrets().include_planned_deletion(true).send().await.expect("lists secrets");
        answer.secret_list().len()
    };
    cloud.advance_time(SignedDuration::from_hours(7 * 24 - 1));
    assert_eq!(listed().await, 1);
    cloud.advance_time(SignedDuration::from_hours(2));
    assert_eq!(listed().await, 0, "the recovery window has ended");
}

#[tokio::test]
async fn names_unsupported_operations() {
    let aws = cloud_clients(&EmbeddedCloud::in_memory(CloudConfig::default()));
    let answer = aws.lambda.list_layers().send().await.call("lambda:ListLayers");
    let message = answer.expect_err("the operation is not supported").to_string();
    assert!(message.contains("the local cloud does not support lambda:"), "{message}");
    let answer = aws.events.list_connections().send().await.call("events:ListConnections");
    assert_contains(answer.expect_err("the operation is not supported").to_string(), "ListConnections");
}

#[tokio::test]
async fn regions_share_only_roles() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let there = Aws::for_local("eu-west-1", cloud.http_client(), None);
    create_group(&cloud_clients(&cloud), "/here").await.expect("creates the group");
    assert_eq!(list_groups(&there).await, Vec::<String>::new());
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let created =
        cloud_clients(&cloud).iam.create_role().role_name("one").assume_role_policy_document(trust).send().await;
    created.expect("creates the role");
    there.iam.get_role().role_name("one").send().await.expect("the role exists in every region");
}
