//! Archives, deletes, restores and compares each kind on moto: a request that both moto and the embedded cloud accept
//! has the form that AWS expects. HTTP APIs and functions are missing, since moto has no list of an HTTP API's
//! authorizers and no link to a function's code.

use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target as ScheduleTarget};
use deployer_aws::Aws;
use deployer_core::scope::Scope;
use deployer_janitor::audit::NodeKind;
use deployer_janitor::decommission::parts::find_differences;
use deployer_janitor::decommission::{DecommissionContext, DecommissionTarget};

use super::TRUST;
use crate::sdk::GeneratedClients as _;
use crate::servers;

const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#;

struct MotoAccount {
    aws: Aws,
    scope: Scope,
}

impl MotoAccount {
    async fn new() -> Self {
        let aws = servers::start_moto().await.open_account().aws;
        let identity = aws.sts.get_caller_identity().send().await.expect("an account");
        let account = identity.account().expect("an account").to_owned();
        Self { aws, scope: Scope::new(account, "us-east-1") }
    }

    fn regional_arn(&self, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:us-east-1:{}:{rest}", self.scope.account)
    }

    /// Archives, deletes, restores and compares.
    async fn there_and_back(&self, kind: NodeKind, id: String) {
        self.there_and_back_after(kind, id, async || {}).await;
    }

    /// Like [`MotoAccount::there_and_back`], but runs `meanwhile` while the resource is deleted.
    async fn there_and_back_after(&self, kind: NodeKind, id: String, meanwhile: impl AsyncFnOnce()) {
        let cx = DecommissionContext { aws: &self.aws, scope: &self.scope, delays: false };
        let target = DecommissionTarget::new(kind, id, "x".to_owned()).expect("it can be archived");
        let kind = target.kind;
        let before = kind.read_parts(&cx, &target).await.unwrap_or_else(|error| panic!("{error}")).expect("it exists");
        kind.delete_resource(&cx, &target, &before).await.unwrap_or_else(|error| panic!("{error}"));
        let gone = kind.read_parts(&cx, &target).await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(gone, None, "it is deleted");
        meanwhile().await;
        kind.delete_resource(&cx, &target, &before).await.unwrap_or_else(|error| panic!("second deletion: {error}"));
        let restored = kind.restore_resource(&cx, &target, &before).await.unwrap_or_else(|error| panic!("{error}"));
        let now = DecommissionTarget { id: restored.id.clone().unwrap_or_else(|| target.id.clone()), ..target.clone() };
        let after =
            kind.read_parts(&cx, &now).await.unwrap_or_else(|error| panic!("{error}")).expect("it exists again");
        let mut wanted = before.clone();
        wanted.rename_ids(&restored.renamed);
        assert_eq!(find_differences(&wanted, &after, &kind.uncompared_attributes()), []);
        assert!(wanted.flat_attributes(&kind.uncompared_attributes()).len() > 3, "{wanted:?}");
    }
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_role() {
    let place = MotoAccount::new().await;
    let iam = &place.aws.iam;
    iam.create_role().role_name("r").path("/old/").assume_role_policy_document(TRUST).send().await.expect("a role");
    iam.put_role_policy().role_name("r").policy_name("p").policy_document(POLICY).send().await.expect("a policy");
    place.there_and_back(NodeKind::Role, format!("arn:aws:iam::{}:role/old/r", place.scope.account)).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_queue() {
    let place = MotoAccount::new().await;
    let fifo = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
    let queue = place.aws.sdk().sqs.create_queue().queue_name("q.fifo").attributes(fifo, "true").tags("a", "b");
    queue.send().await.expect("a queue");
    place.there_and_back(NodeKind::Queue, place.regional_arn("sqs", "q.fifo")).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_rule_on_a_custom_bus() {
    let place = MotoAccount::new().await;
    let events = &place.aws.events;
    events.create_event_bus().name("orders").send().await.expect("a bus");
    let rule =
        events.put_rule().name("r").event_bus_name("orders").event_pattern(r#"{"source":["a"]}"#).description("d");
    rule.send().await.expect("a rule");
    let target = aws_sdk_eventbridge::types::Target::builder()
        .id("1")
        .arn(place.regional_arn("sqs", "q"))
        .input_path("$.detail");
    let target = target.build().expect("a target");
    events.put_targets().rule("r").event_bus_name("orders").targets(target).send().await.expect("a target");
    place.there_and_back(NodeKind::Rule, place.regional_arn("events", "rule/orders/r")).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_schedule() {
    let place = MotoAccount::new().await;
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
    let target = ScheduleTarget::builder()
        .arn(place.regional_arn("lambda", "function:f"))
        .role_arn("arn:aws:iam::123456789012:role/r");
    let target = target.input("{}").build().expect("a target");
    let schedule = place.aws.sdk().scheduler.create_schedule().name("s").schedule_expression("rate(5 minutes)");
    schedule.flexible_time_window(window).target(target).description("d").send().await.expect("a schedule");
    place.there_and_back(NodeKind::Schedule, place.regional_arn("scheduler", "schedule/default/s")).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_topic_with_subscriptions() {
    let place = MotoAccount::new().await;
    let (sns, arn) = (&place.aws.sdk().sns, place.regional_arn("sns", "t"));
    sns.create_topic().name("t").attributes("DisplayName", "Old").send().await.expect("a topic");
    let request = sns.subscribe().topic_arn(&arn).protocol("sqs").endpoint(place.regional_arn("sqs", "q"));
    request.attributes("RawMessageDelivery", "true").send().await.expect("a subscription");
    place.there_and_back(NodeKind::Topic, arn).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_a_log_group_with_filters() {
    let place = MotoAccount::new().await;
    let logs = &place.aws.sdk().logs;
    logs.create_log_group().log_group_name("/old/g").tags("a", "b").send().await.expect("a log group");
    logs.put_retention_policy().log_group_name("/old/g").retention_in_days(14).send().await.expect("a retention");
    let metric = aws_sdk_cloudwatchlogs::types::MetricTransformation::builder()
        .metric_name("m")
        .metric_namespace("n")
        .metric_value("1");
    let metric = metric.build().expect("a metric");
    let filter = logs.put_metric_filter().log_group_name("/old/g").filter_name("f").filter_pattern("ERROR");
    filter.metric_transformations(metric).send().await.expect("a filter");
    // AWS deletes the filter with its group; moto doesn't.
    let forget = async || {
        let _ = logs.delete_metric_filter().log_group_name("/old/g").filter_name("f").send().await;
    };
    place.there_and_back_after(NodeKind::LogGroup, place.regional_arn("logs", "log-group:/old/g"), forget).await;
}

#[tokio::test]
#[cfg_attr(servers_off, ignore = "DEPLOYER_TEST_SERVERS=off")]
async fn restores_an_alarm() {
    let place = MotoAccount::new().await;
    let alarm = place
        .aws
        .sdk()
        .cloudwatch
        .put_metric_alarm()
        .alarm_name("a")
        .namespace("AWS/SQS")
        .metric_name("NumberOfMessagesSent");
    let alarm = alarm
        .statistic("Sum".into())
        .period(60)
        .evaluation_periods(3)
        .threshold(0.5)
        .alarm_actions(place.regional_arn("sns", "t"));
    alarm
        .comparison_operator("LessThanThreshold".into())
        .treat_missing_data("breaching")
        .send()
        .await
        .expect("an alarm");
    place.there_and_back(NodeKind::Alarm, place.regional_arn("cloudwatch", "alarm:a")).await;
}
