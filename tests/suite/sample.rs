//! The sample of a legacy account. It is created only once on any cloud, and gets a history on the embedded one.

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use deployer::sample::{self, LIVE, STALE, create_legacy_account};
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_sandbox::{SandboxClock, SandboxHubSpot, SandboxHubSpotConfig};
use jiff::{SignedDuration, Timestamp};

use crate::clouds::TestCloud;
use crate::sdk::GeneratedClients as _;

/// The number of functions, queues, APIs, rules and mappings.
async fn count_resources(aws: &Aws) -> [usize; 5] {
    let functions = aws.lambda.list_functions().send().await.expect("functions");
    let queues = aws.sdk().sqs.list_queues().send().await.expect("queues");
    let apis = aws.sdk().apigateway.get_rest_apis().send().await.expect("APIs");
    let rules = aws.events.list_rules().send().await.expect("rules");
    let mappings = aws.lambda.list_event_source_mappings().send().await.expect("mappings");
    [
        functions.functions().len(),
        queues.queue_urls().len(),
        apis.items().len(),
        rules.rules().len(),
        mappings.event_source_mappings().len(),
    ]
}

async fn assert_created_once(target: TestCloud) {
    let opened = target.open_account().await;
    let first = create_legacy_account(&opened.aws).await.expect("creates the sample");
    assert_eq!(count_resources(&opened.aws).await, [5, 4, 1, 2, 1]);
    assert_eq!(create_legacy_account(&opened.aws).await.expect("finds the existing sample"), first);
    assert_eq!(count_resources(&opened.aws).await, [5, 4, 1, 2, 1], "nothing is created twice");
}

#[tokio::test]
async fn creates_sample_only_once_in_process() {
    assert_created_once(TestCloud::InProcess).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn creates_sample_only_once_on_moto() {
    assert_created_once(TestCloud::Moto).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn creates_sample_only_once_on_ministack() {
    assert_created_once(TestCloud::Ministack).await;
}

/// The number of invocations of a function in the days before `now`.
async fn count_invocations(aws: &Aws, function: &str, now: Timestamp, days: i64) -> f64 {
    let dimension = Dimension::builder().name("FunctionName").value(function).build();
    let metric = Metric::builder().namespace("AWS/Lambda").metric_name("Invocations").dimensions(dimension).build();
    let stat = MetricStat::builder().metric(metric).period(86_400).stat("Sum").build();
    let from = now - SignedDuration::from_hours(days * 24);
    let request = aws.sdk().cloudwatch.get_metric_data().start_time(DateTime::from_secs(from.as_second()));
    let request = request.end_time(DateTime::from_secs(now.as_second()));
    let request = request.metric_data_queries(MetricDataQuery::builder().id("q").metric_stat(stat).build());
    let answer = request.send().await.expect("metrics");
    answer.metric_data_results().iter().flat_map(|result| result.values()).sum()
}

#[tokio::test]
async fn only_live_function_was_invoked_recently() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("it is a valid time");
    cloud.set_time(now);
    let aws = Aws::for_local("us-east-1", cloud.http_client(), None);
    let legacy = create_legacy_account(&aws).await.expect("creates the sample");
    sample::age_account(&cloud, &legacy).expect("creates the history");
    for function in STALE {
        assert_eq!(count_invocations(&aws, function, now, 90).await, 0.0, "{function}");
    }
    assert_eq!(count_invocations(&aws, LIVE, now, 90).await, 90.0);
    assert_eq!(
        count_invocations(&aws, sample::OLD_PUSH, now, 450).await,
        288.0 * 257.0,
        "the function was in use earlier"
    );
    let before = cloud.with_context(|cx| cx.region_state().clone()).expect("the state");
    sample::age_account(&cloud, &legacy).expect("the history exists");
    assert!(
        cloud.with_context(|cx| *cx.region_state() == before).expect("the state"),
        "the history is created only once"
    );
    let function = aws.lambda.get_function_configuration().function_name(LIVE).send().await.expect("the function");
    assert!(function.last_modified().is_some_and(|at| at.starts_with("2024-06-09")), "{:?}", function.last_modified());
}

#[tokio::test]
async fn enabled_workflow_calls_missing_api() {
    let aws = Aws::for_local("us-east-1", EmbeddedCloud::in_memory(CloudConfig::default()).http_client(), None);
    let legacy = create_legacy_account(&aws).await.expect("creates the sample");
    let urls = sample::hubspot_workflows(&legacy).map(|flow| {
        let url = flow["actions"][0]["webhookUrl"].as_str().expect("a URL").to_owned();
        (flow["isEnabled"] == true, url)
    });
    let apis = aws.sdk().apigateway.get_rest_apis().send().await.expect("APIs");
    let there =
        |url: &str| apis.items().iter().filter_map(|api| api.id()).any(|id| url.starts_with(&format!("https://{id}.")));
    assert_eq!(urls.each_ref().map(|(on, url)| (*on, there(url))), [(true, false), (false, true)]);
    let hubspot = SandboxHubSpot::new(SandboxHubSpotConfig {
        portal_id: 77,
        clock: SandboxClock::system(),
        search_lag: SignedDuration::ZERO,
        limits: false,
    });
    let ids = sample::hubspot_workflows(&legacy).map(|flow| hubspot.add_workflow(&flow));
    let again = sample::hubspot_workflows(&legacy).map(|flow| hubspot.add_workflow(&flow));
    assert_eq!(ids, again, "loading the workflows twice creates none twice");
}
