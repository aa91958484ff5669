//! The embedded cloud's own ways: what is kept in a file, how faults are put, what is counted.

use std::path::Path;
use std::sync::Arc;

use deployer::aws::{Aws, Call as _};
use deployer::local::cloud::{ApiError, Call, Cloud, CloudConfig, Fault, Injected};
use jiff::{SignedDuration, Timestamp};

use crate::sdk::GeneratedClients as _;

fn clients(cloud: &Cloud) -> Aws {
    Aws::for_local("us-east-1", cloud.http_client(), None)
}

async fn create_group(aws: &Aws, name: &str) -> Result<(), String> {
    let answer = aws.sdk().logs.create_log_group().log_group_name(name).send().await.call("logs:CreateLogGroup");
    answer.map(drop).map_err(|error| error.to_string())
}

async fn groups(aws: &Aws) -> Vec<String> {
    let mut names = Vec::new();
    let mut pages = aws.sdk().logs.describe_log_groups().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.call("logs:DescribeLogGroups").expect("groups are listed");
        names.extend(page.log_groups().iter().filter_map(|group| group.log_group_name().map(ToOwned::to_owned)));
    }
    names
}

/// Every operation called `operation` meets this.
fn always(cloud: &Cloud, operation: &'static str, injected: Injected) {
    cloud.set_faults(Some(Arc::new(move |call: &Call| (call.operation == operation).then(|| injected.clone()))));
}

#[tokio::test]
async fn a_file_keeps_what_was_made() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("below/cloud.json");
    create_group(&clients(&Cloud::open(&path).expect("it opens")), "/kept").await.expect("it is made");
    let again = Cloud::open(&path).expect("it opens again");
    assert_eq!(groups(&clients(&again)).await, ["/kept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_file_lose_nothing_of_each_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cloud.json");
    // Each opening is what a process of its own would have: nothing but the file is shared.
    let work = |half: &'static str| {
        let aws = clients(&Cloud::open(&path).expect("it opens"));
        tokio::spawn(async move {
            for number in 0..20 {
                create_group(&aws, &format!("/{half}/{number}")).await.expect("it is made");
            }
        })
    };
    let (left, right) = (work("left"), work("right"));
    left.await.expect("one half ends");
    right.await.expect("the other half ends");
    assert_eq!(groups(&clients(&Cloud::open(&path).expect("it opens"))).await.len(), 40);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone_and_named() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cloud.json");
    for text in ["[1, 2", r#"{"format":0}"#] {
        std::fs::write(&path, text).expect("written");
        let error = Cloud::open(&path).expect_err("it is no state");
        let message = format!("{error:?}");
        assert!(message.contains("cloud.json"), "{message}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), text);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("cloud.json");
    create_group(&clients(&Cloud::open(&path).expect("it opens")), "/kept").await.expect("it is made");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
}

#[tokio::test]
async fn a_fault_before_a_call_keeps_it_from_taking_effect() {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let aws = clients(&cloud);
    let denied = ApiError::new(400, "AccessDeniedException", "not allowed");
    always(&cloud, "CreateLogGroup", Injected::Before(Fault::Error(denied)));
    let refusal = create_group(&aws, "/one").await.expect_err("it is refused");
    assert!(refusal.contains("not allowed"), "{refusal}");
    assert_eq!(groups(&aws).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_fault_after_a_call_loses_only_its_answer() {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let aws = clients(&cloud);
    always(&cloud, "CreateLogGroup", Injected::After(Fault::Error(ApiError::new(400, "AbortedException", "lost"))));
    create_group(&aws, "/one").await.expect_err("the answer is lost");
    assert_eq!(groups(&aws).await, ["/one"]);
}

#[tokio::test]
async fn calls_are_listed_in_their_order_and_writes_by_themselves() {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let aws = clients(&cloud);
    create_group(&aws, "/one").await.expect("it is made");
    groups(&aws).await;
    create_group(&aws, "/one").await.expect_err("there is one");
    let names = |calls: Vec<Call>| calls.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(cloud.calls()), ["logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:CreateLogGroup"]);
    assert_eq!(names(cloud.writes()), ["logs:CreateLogGroup", "logs:CreateLogGroup"]);
    cloud.forget_calls();
    assert_eq!(cloud.calls(), []);
}

#[tokio::test]
async fn every_list_comes_in_pages_of_the_size_that_is_asked_of_it() {
    let cloud = Cloud::in_memory(CloudConfig { page_size: Some(1), ..CloudConfig::default() });
    let aws = clients(&cloud);
    for name in ["/a", "/b", "/c"] {
        create_group(&aws, name).await.expect("it is made");
    }
    cloud.forget_calls();
    assert_eq!(groups(&aws).await, ["/a", "/b", "/c"]);
    assert_eq!(cloud.calls().len(), 3);
}

#[tokio::test]
async fn time_passes_when_it_is_told_to() {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let aws = clients(&cloud);
    let start: Timestamp = "2026-11-01T10:00:00Z".parse().expect("a time");
    cloud.set_time(start);
    aws.secrets.create_secret().name("one").secret_string("value").send().await.expect("it is made");
    aws.secrets.delete_secret().secret_id("one").recovery_window_in_days(7).send().await.expect("it is scheduled");
    let listed = async || {
        let answer = aws.secrets.list_secrets().include_planned_deletion(true).send().await.expect("it lists");
        answer.secret_list().len()
    };
    cloud.advance(SignedDuration::from_hours(7 * 24 - 1));
    assert_eq!(listed().await, 1);
    cloud.advance(SignedDuration::from_hours(2));
    assert_eq!(listed().await, 0, "its recovery window has passed");
}

#[tokio::test]
async fn an_operation_that_is_not_there_is_refused_by_its_name() {
    let aws = clients(&Cloud::in_memory(CloudConfig::default()));
    let answer = aws.lambda.list_layers().send().await.call("lambda:ListLayers");
    let message = answer.expect_err("it isn't there").to_string();
    assert!(message.contains("the local cloud doesn't have lambda:"), "{message}");
    let answer = aws.events.list_archives().send().await.call("events:ListArchives");
    assert!(answer.expect_err("it isn't there").to_string().contains("ListArchives"));
}

#[tokio::test]
async fn two_regions_have_nothing_in_common_but_roles() {
    let cloud = Cloud::in_memory(CloudConfig::default());
    let there = Aws::for_local("eu-west-1", cloud.http_client(), None);
    create_group(&clients(&cloud), "/here").await.expect("it is made");
    assert_eq!(groups(&there).await, Vec::<String>::new());
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let created = clients(&cloud).iam.create_role().role_name("one").assume_role_policy_document(trust).send().await;
    created.expect("it is made");
    there.iam.get_role().role_name("one").send().await.expect("it is the account's");
}
