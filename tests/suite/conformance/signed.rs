//! The program's signed calls and the generated clients get the same errors and the same answers.

use aws_sdk_sqs::types::QueueAttributeName;
use deployer_aws::signed::{RestRequest, list_of, text_of};
use deployer_aws::{Call as _, CallError};
use http::Method;
use serde_json::json;

use super::{ProbePlace, ProbeResult, error_text};
use crate::sdk::GeneratedClients as _;

/// What tells two errors apart, for the program and for whoever reads it.
fn essence<T>(answer: Result<T, CallError>) -> String {
    match answer {
        Ok(_) => "an answer".to_owned(),
        Err(error) => format!("{}: {:?}, {}, {}", error.operation, error.kind, error.code, error.message),
    }
}

pub async fn errors_are_those_of_generated_clients(place: ProbePlace) -> ProbeResult {
    let (sdk, signed, name) = (place.aws.sdk(), &place.aws.signed, place.resource_name("missing"));
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{}:{rest}", place.account);
    let machine = arn("states", &format!("stateMachine:{name}"));
    let topic = arn("sns", &name);
    let get = |call: &'static str, path: &[&str]| RestRequest::new(call, Method::GET, path);
    let pairs = [
        (
            essence(sdk.logs.describe_log_streams().log_group_name(&name).send().await.call("logs:DescribeLogStreams")),
            essence(signed.call("logs:DescribeLogStreams", json!({ "logGroupName": name })).await),
        ),
        (
            essence(sdk.sqs.get_queue_url().queue_name(&name).send().await.call("sqs:GetQueueUrl")),
            essence(signed.call("sqs:GetQueueUrl", json!({ "QueueName": name })).await),
        ),
        (
            essence(sdk.sns.get_topic_attributes().topic_arn(&topic).send().await.call("sns:GetTopicAttributes")),
            essence(signed.call("sns:GetTopicAttributes", json!({ "TopicArn": topic })).await),
        ),
        (
            essence(
                sdk.sfn
                    .describe_state_machine()
                    .state_machine_arn(&machine)
                    .send()
                    .await
                    .call("states:DescribeStateMachine"),
            ),
            essence(signed.call("states:DescribeStateMachine", json!({ "stateMachineArn": machine })).await),
        ),
        (
            essence(sdk.cloudwatch.delete_alarms().alarm_names(&name).send().await.call("cloudwatch:DeleteAlarms")),
            essence(signed.call("cloudwatch:DeleteAlarms", json!({ "AlarmNames": [name] })).await),
        ),
        (
            essence(sdk.apigateway.get_rest_api().rest_api_id(&name).send().await.call("apigateway:GetRestApi")),
            essence(signed.send(get("apigateway:GetRestApi", &["restapis", &name])).await),
        ),
        (
            essence(sdk.apigatewayv2.get_api().api_id(&name).send().await.call("apigateway:GetApi")),
            essence(signed.send(get("apigateway:GetApi", &["v2", "apis", &name])).await),
        ),
        (
            essence(sdk.scheduler.get_schedule().name(&name).send().await.call("scheduler:GetSchedule")),
            essence(signed.send(get("scheduler:GetSchedule", &["schedules", &name])).await),
        ),
    ];
    for (generated, signed) in pairs {
        if generated != signed {
            return Err(format!("a generated client has {generated:?}, a signed call {signed:?}"));
        }
    }
    Ok(())
}

pub async fn answers_are_those_of_generated_clients(place: ProbePlace) -> ProbeResult {
    let (sdk, signed, name) = (place.aws.sdk(), &place.aws.signed, place.resource_name("signed"));
    let parameters = json!({ "QueueName": name, "Attributes": { "VisibilityTimeout": "77" }, "tags": { "a": "b c" } });
    let queue = signed.call("sqs:CreateQueue", parameters).await.map_err(error_text)?;
    let url = text_of(&queue, "QueueUrl").unwrap_or_default();
    let alarm = json!({
        "AlarmName": name, "Namespace": "AWS/SQS", "MetricName": "Age", "Threshold": 2.5, "Period": 60, "Statistic": "Sum",
        "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "ActionsEnabled": false,
        "Dimensions": [{ "Name": "QueueName", "Value": "a & b" }],
    });
    let answers = async {
        signed.call("cloudwatch:PutMetricAlarm", alarm).await.map_err(error_text)?;
        let timeout = QueueAttributeName::VisibilityTimeout;
        let request = sdk.sqs.get_queue_attributes().queue_url(url).attribute_names(timeout.clone());
        let queue = request.send().await.call("sqs:GetQueueAttributes").map_err(error_text)?;
        let tags =
            sdk.sqs.list_queue_tags().queue_url(url).send().await.call("sqs:ListQueueTags").map_err(error_text)?;
        let typed = sdk.cloudwatch.describe_alarms().alarm_names(&name).send().await;
        let typed = typed.call("cloudwatch:DescribeAlarms").map_err(error_text)?;
        let untyped =
            signed.call("cloudwatch:DescribeAlarms", json!({ "AlarmNames": [name] })).await.map_err(error_text)?;
        let typed = typed.metric_alarms().first().map(|alarm| {
            let dimension = alarm.dimensions().first().and_then(|dimension| dimension.value());
            (alarm.threshold(), alarm.period(), alarm.actions_enabled(), dimension.map(ToOwned::to_owned))
        });
        let untyped = list_of(&untyped, "MetricAlarms").first().map(|alarm| {
            let dimension = list_of(alarm, "Dimensions").first().and_then(|dimension| text_of(dimension, "Value"));
            let parsed = |name: &str| text_of(alarm, name).and_then(|text| text.parse::<f64>().ok());
            let enabled = text_of(alarm, "ActionsEnabled").and_then(|text| text.parse().ok());
            let period = text_of(alarm, "Period").and_then(|text| text.parse().ok());
            (parsed("Threshold"), period, enabled, dimension.map(ToOwned::to_owned))
        });
        Ok::<_, String>((
            queue.attributes().and_then(|attributes| attributes.get(&timeout)).cloned(),
            tags.tags().and_then(|tags| tags.get("a")).cloned(),
            typed,
            untyped,
        ))
    }
    .await;
    let _ = sdk.sqs.delete_queue().queue_url(url).send().await;
    let _ = sdk.cloudwatch.delete_alarms().alarm_names(&name).send().await;
    let (timeout, tag, typed, untyped) = answers?;
    // Not every server keeps all of an alarm; what it keeps, both see.
    match (timeout.as_deref(), tag.as_deref(), &typed) {
        (Some("77"), Some("b c"), Some((Some(2.5), ..))) if typed == untyped => Ok(()),
        found => Err(format!("a generated client has {found:?}, a signed call {untyped:?}")),
    }
}
