//! An account with thousands of resources: everything is read and judged, and the calls grow no faster than the
//! account.
//!
//! `cargo test --test suite -- --ignored --nocapture audit::scale` prints the cost of 2,000 functions, 2,000 queues and
//! 500 APIs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use deployer::render::{audit_html, audit_markdown};
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{AUDIT_VERSION, Audit, NodeKind, Options, judge_inventory, read};
use futures_util::{StreamExt, stream};

use crate::sdk::GeneratedClients as _;

/// Creates functions, as many queues, and a quarter as many APIs.
async fn create_account(aws: &Aws, functions: usize) {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}}]}"#;
    let role = aws.iam.create_role().role_name("r").assume_role_policy_document(trust).send().await;
    let role = role.expect("a role").role.expect("a role").arn;
    let code = FunctionCode::builder()
        .zip_file(Blob::new(zip::build_deterministic_zip(&[("bootstrap", b"code")]).expect("a zip")))
        .build();
    stream::iter(0..functions)
        .for_each_concurrent(8, async |number| {
            let name = format!("function-{number:04}");
            let request = aws.lambda.create_function().function_name(name).role(&role).code(code.clone());
            let request = request.runtime(Runtime::Providedal2023).handler("bootstrap");
            request.send().await.expect("a function");
            aws.sdk().sqs.create_queue().queue_name(format!("queue-{number:04}")).send().await.expect("a queue");
            if number % 4 == 0 {
                aws.sdk().apigateway.create_rest_api().name(format!("api-{number:04}")).send().await.expect("an API");
            }
        })
        .await;
}

async fn read_and_judge(functions: usize) {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    create_account(&aws, functions).await;
    cloud.forget_calls();
    let scope = Scope::new("123456789012", "us-east-1");
    let options = Options { days: 90, venues: Vec::new(), rate_limited: false, all_regions: true };
    let told = AtomicU64::new(0);
    let begun = Instant::now();
    let on_progress = |calls: u64, _: usize| {
        told.fetch_max(calls, Ordering::Relaxed);
    };
    let inventory = read(&aws, &scope, None, &options, &on_progress).await;
    let took = begun.elapsed();
    let calls: u64 = inventory.calls.values().sum();
    assert_eq!(told.load(Ordering::Relaxed), calls, "progress is reported for every call");
    assert_eq!(inventory.unread, []);
    for (kind, there) in
        [(NodeKind::Function, functions), (NodeKind::Queue, functions), (NodeKind::RestApi, functions / 4)]
    {
        assert_eq!(inventory.nodes.iter().filter(|node| node.kind == kind).count(), there, "{kind:?}");
    }
    // Five calls for a function, two for a queue, four for an API, and the pages of the lists.
    let most = 5 * functions + 2 * functions + 4 * (functions / 4) + functions / 10 + 60;
    assert!(calls <= most as u64, "{calls} calls, {most} at most: {:?}", inventory.calls);
    let begun = Instant::now();
    let findings = judge_inventory(&inventory);
    assert_eq!(findings.len(), inventory.nodes.len());
    let judged = begun.elapsed();
    let audit = Audit { version: AUDIT_VERSION, inventory, findings };
    let begun = Instant::now();
    let (page, ticket) = (audit_html(&audit), audit_markdown(&audit));
    println!(
        "{functions} functions: {calls} calls, read in {:.1} s, judged in {:.2} s, shown in {:.2} s ({} and {} KB), {}",
        took.as_secs_f64(),
        judged.as_secs_f64(),
        begun.elapsed().as_secs_f64(),
        page.len() / 1024,
        ticket.len() / 1024,
        peak_memory()
    );
}

/// The peak memory of this process, including the cloud with the account.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("memory unknown").to_owned();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn calls_grow_no_faster_than_the_account() {
    read_and_judge(100).await;
}

#[tokio::test]
#[ignore = "a measurement"]
async fn measures_thousands_of_resources() {
    read_and_judge(2000).await;
}
