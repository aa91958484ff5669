//! CloudWatch calls.

use serde_json::{Value, json};

use super::Executor;
use deployer_aws::{CallError, FailureKind, Found};
use deployer_core::plan::{CloudWatchOperation, ServiceOperation};
use deployer_core::resource::StringMap;
use deployer_core::resource::alarm::AlarmSpec;

/// Names and values, as CloudWatch's lists have them.
fn list_pairs(pairs: &StringMap, name: &str) -> Vec<Value> {
    pairs.iter().map(|(key, value)| json!({ name: key, "Value": value })).collect()
}

fn alarm_parameters(alarm: &AlarmSpec, tags: &StringMap) -> Value {
    let mut parameters = alarm.settings.clone();
    parameters["AlarmName"] = json!(alarm.name);
    // An alarm that exists keeps its tags.
    parameters["Tags"] = json!(list_pairs(tags, "Key"));
    parameters
}

impl Executor<'_> {
    pub(super) async fn call_cloud_watch(&self, operation: &CloudWatchOperation) -> Result<(), CallError> {
        let (aws, call) = (&self.aws.signed, operation.call_name());
        let parameters = match operation {
            CloudWatchOperation::PutMetricData { metric } => json!({
                "Namespace": metric.namespace,
                "MetricData": [{
                    "MetricName": metric.name, "Value": 0, "Unit": metric.unit,
                    "Dimensions": list_pairs(&metric.dimensions, "Name"),
                }],
            }),
            CloudWatchOperation::PutMetricAlarm { alarm, tags }
            | CloudWatchOperation::PutCompositeAlarm { alarm, tags } => alarm_parameters(alarm, tags),
            CloudWatchOperation::TagAlarm { arn, tags } => {
                json!({ "ResourceARN": arn, "Tags": list_pairs(tags, "Key") })
            }
            CloudWatchOperation::UntagAlarm { arn, keys } => json!({ "ResourceARN": arn, "TagKeys": keys }),
            CloudWatchOperation::DeleteAlarms { names, .. } => return self.delete_alarms(call, names).await,
        };
        aws.call(call, parameters).await.map(drop)
    }

    /// Deletes alarms. If one of them doesn't exist, CloudWatch deletes none, so they are deleted one by one then.
    async fn delete_alarms(&self, call: &'static str, names: &[String]) -> Result<(), CallError> {
        let aws = &self.aws.signed;
        match aws.call(call, json!({ "AlarmNames": names })).await {
            Err(error) if error.kind == FailureKind::NotFound && names.len() > 1 => {
                for name in names {
                    aws.call(call, json!({ "AlarmNames": [name] })).await.found()?;
                }
                Ok(())
            }
            deleted => deleted.map(drop),
        }
    }
}
