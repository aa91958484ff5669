//! What looks unused and isn't, next to the leftovers: an alarm with the topic that it notifies, a queue of a
//! CloudFormation stack, and a queue that another account may send to.

use serde_json::{Value, json};

use super::{LIVE, LegacyAccount, create_queue_with};
use deployer_aws::{Aws, CallError};
use deployer_cloud::RegionState;

/// Whom the alarm wakes. It has been quiet for as long as the function works.
pub const ON_CALL: &str = "on-call";
const ALARM: &str = "newsletter-export-errors";
/// A part of the stack [`STACK`].
pub const STACKED: &str = "image-jobs";
const STACK: &str = "image-service";
/// Nobody has sent to it for a long time, and another account may.
pub const SHARED: &str = "partner-orders";
const PARTNER: &str = "222233334444";

/// The queues of this file.
pub(super) const NEEDED_QUEUES: [&str; 2] = [STACKED, SHARED];

pub(super) async fn create_needed(aws: &Aws, legacy: &LegacyAccount) -> Result<(), CallError> {
    aws.signed.call("sns:CreateTopic", json!({ "Name": ON_CALL })).await?;
    let alarm = json!({
        "AlarmName": ALARM,
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{ "Name": "FunctionName", "Value": LIVE }],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [legacy.resource_arn("sns", ON_CALL)],
    });
    aws.signed.call("cloudwatch:PutMetricAlarm", alarm).await?;
    create_queue_with(aws, STACKED, json!({})).await?;
    let statement = json!({
        "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{PARTNER}:root") },
        "Action": "sqs:SendMessage",
        "Resource": legacy.resource_arn("sqs", SHARED),
    });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    create_queue_with(aws, SHARED, json!({ "Policy": policy })).await.map(drop)
}

/// Puts the stack where the embedded cloud keeps what it has no service for.
pub(super) fn add_stack(regional: &mut RegionState, legacy: &LegacyAccount) {
    let stack = json!({
        "StackId": legacy.resource_arn("cloudformation", &format!("stack/{STACK}/0a1b2c3d")),
        "StackName": STACK,
        "StackStatus": "UPDATE_COMPLETE",
    });
    let queue = format!("https://sqs.{}.amazonaws.com/{}/{STACKED}", legacy.region, legacy.account);
    let part = json!({ "ResourceType": "AWS::SQS::Queue", "LogicalResourceId": "Jobs", "PhysicalResourceId": queue });
    let answers: [(&str, Value); 2] = [
        ("cloudformation:DescribeStacks", json!({ "Stacks": [stack] })),
        ("cloudformation:ListStackResources", json!({ "StackResourceSummaries": [part] })),
    ];
    let answers = answers.map(|(operation, answer)| (operation.to_owned(), answer));
    regional.elsewhere.answers.extend(answers);
}
