//! An account with thousands of resources: everything is read and judged, and the calls grow no faster than the
//! account.
//!
//! `cargo test --test suite -- --ignored --nocapture audit::scale` prints the cost of 2,000 functions, 2,000 queues and
//! 500 APIs, and how long it takes to judge an audit file of 200,000 nodes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use deployer::render::{audit_html, audit_markdown};
use deployer_artifact::zip;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_core::scope::Scope;
use deployer_janitor::audit::{
    AUDIT_VERSION, Audit, AuditInventory, AuditProgress, EdgeKind, GrantedUse, IdentityGrant, NodeKind, Options,
    judge_and_count, judge_inventory, read,
};
use futures_util::{StreamExt, stream};

use super::{ACCOUNT, AuditedAccount, midnight_of, node_id};
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
    let on_progress = |progress: AuditProgress| {
        told.fetch_max(progress.calls, Ordering::Relaxed);
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

/// Nodes of each team in [`account_of_teams`].
const NODES_PER_TEAM: usize = 40;

/// An account of many teams, each with rules, functions, queues, topics, secrets, roles and alarms, of which half are
/// used. Everything names one topic, each role may use a queue and the queues of its team, every function may call the
/// next one, some roles may use everything, and some policies couldn't be read.
fn account_of_teams(teams: usize) -> AuditInventory {
    let mut account = AuditedAccount::new();
    account.add_node(NodeKind::Topic, "hub", Some(0));
    let hub = node_id(NodeKind::Topic, "hub");
    for team in 0..teams {
        let used = Some(u64::from(team % 2 == 0));
        for number in 0..8 {
            let name = format!("team-{team:05}-{number}");
            let [function, queue, role] =
                [NodeKind::Function, NodeKind::Queue, NodeKind::Role].map(|kind| node_id(kind, &name));
            account.add_node(NodeKind::Function, &name, used);
            account.add_node(NodeKind::Queue, &name, used);
            account.add_node(NodeKind::Role, &name, Some(0));
            account.add_edge(&function, EdgeKind::Role, &role);
            account.add_edge(&function, EdgeKind::Environment, &queue);
            account.add_edge(&function, EdgeKind::Environment, &hub);
            account.add_edge("principal:events.amazonaws.com", EdgeKind::Permission, &function);
            let next = node_id(NodeKind::Function, &format!("team-{team:05}-{}", number + 1));
            let permit = |kind, pattern: String| GrantedUse { kind, pattern, everything: false };
            let mut permits = vec![
                permit(NodeKind::Queue, queue.clone()),
                permit(NodeKind::Queue, format!("arn:aws:sqs:*:{ACCOUNT}:team-{team:05}-*")),
                permit(NodeKind::Function, format!("{next}:*")),
            ];
            if number == 0 && team % 20 == 0 {
                permits.push(permit(NodeKind::Queue, "*".to_owned()));
            }
            account.0.grants.push(IdentityGrant {
                holder: role,
                trusted: vec!["lambda.amazonaws.com".to_owned()],
                created_at: Some(midnight_of("2020-01-01")),
                last_used: None,
                permits,
            });
            if number == 7 {
                account.add_unread("lambda:GetPolicy", Some(&function));
            }
        }
        for number in 0..4 {
            let name = format!("team-{team:05}-{number}");
            let [function, rule, topic, alarm] =
                [NodeKind::Function, NodeKind::Rule, NodeKind::Topic, NodeKind::Alarm].map(|kind| node_id(kind, &name));
            account.add_node(NodeKind::Rule, &name, None).enabled = team % 2 == 0;
            account.add_edge(&rule, EdgeKind::Target, &function);
            account.add_node(NodeKind::Topic, &name, used);
            account.add_edge(&topic, EdgeKind::Subscription, &function);
            account.add_node(NodeKind::Secret, &name, Some(0));
            account.add_node(NodeKind::Alarm, &name, None);
            account.add_edge(&alarm, EdgeKind::Watch, &function);
            account.add_edge(&alarm, EdgeKind::Configuration, &hub);
        }
    }
    account.0
}

/// The work to judge an account grows with the account, and not with the product of its nodes and policies.
#[test]
fn judging_grows_no_faster_than_the_account() {
    let work = |teams: usize| {
        let account = account_of_teams(teams);
        assert_eq!(account.nodes.len(), NODES_PER_TEAM * teams + 1);
        let (findings, work) = judge_and_count(&account);
        assert_eq!(findings.len(), account.nodes.len());
        work
    };
    let (small, large) = (work(50), work(400));
    println!("{small} steps for 50 teams, {large} for 400: {:.2} times for 8 times the account", ratio(small, large));
    assert!(large < small * 9, "{small} and {large}");
}

fn ratio(small: u64, large: u64) -> f64 {
    large as f64 / small as f64
}

#[test]
#[ignore = "a measurement"]
fn measures_judging_of_200_000_nodes() {
    let mut before: Option<f64> = None;
    for nodes in [50_000, 100_000, 200_000] {
        let account = account_of_teams(nodes / NODES_PER_TEAM);
        let (findings, counted) = judge_and_count(&account);
        let findings = findings.len();
        let begun = Instant::now();
        let judged = judge_inventory(&account);
        let seconds = begun.elapsed().as_secs_f64();
        let grown = before.map(|before| format!(", {:.2} times half of it", seconds / before)).unwrap_or_default();
        println!(
            "{} nodes, {} edges, {} grants: judged in {seconds:.2} s{grown}, {counted} steps, {}",
            account.nodes.len(),
            account.edges.len(),
            account.grants.len(),
            peak_memory()
        );
        assert_eq!(judged.len(), findings);
        before = Some(seconds);
    }
}
