//! CloudWatch's metric alarms. They are only available in the query protocol (XML), so their members are listed here.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{list_of, text_of};
use super::super::{DecommissionContext, DecommissionTarget, none_if_missing, unexpected_error};
use super::{arn_resource, parse_time, tag_list, tag_object};
use crate::audit::NodeKind;
use deployer_aws::Found;
use deployer_aws::signed::{flag_of, integer_of, number_of, time_of};

const NEW: &[&str] = &["alarm.json/UpdatedAt"];

/// CloudWatch's metric alarms.
pub struct Alarm;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Alarm,
    deletion_stage: DeletionStage::Alarm,
    restore_stage: RestoreStage::Alarm,
    rule_target: false,
    volatile_attributes: &[],
    new_attributes: NEW,
};

impl ArchivableKind for Alarm {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn aws_identifier<'t>(&self, id: &'t str) -> &'t str {
        // A name may contain colons and slashes.
        arn_resource(id, "alarm:")
    }

    fn usage_metrics<'t>(&self, _: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        None
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            const CALL: &str = "cloudwatch:DescribeAlarms";
            let aws = &cx.aws.signed;
            let answer = aws.call(CALL, json!({ "AlarmNames": [target.aws_identifier()] })).await?;
            let found = list_of(&answer, "MetricAlarms")
                .iter()
                .find(|alarm| text_of(alarm, "AlarmName") == Some(target.aws_identifier()));
            let Some(alarm) = found else { return Ok(None) };
            let tags = aws.call("cloudwatch:ListTagsForResource", json!({ "ResourceARN": target.id })).await;
            let tags = none_if_missing(tags)?.unwrap_or_default();
            let mut parts = ResourceParts::default();
            parts.put_document("alarm.json", describe_alarm(alarm).map_err(|why| unexpected_error(CALL, why))?);
            parts.put_document("tags.json", tag_object(list_of(&tags, "Tags"), "Key", "Value"));
            Ok(Some(parts))
        })
    }

    fn delete_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "AlarmNames": [target.aws_identifier()] });
            cx.aws.signed.call("cloudwatch:DeleteAlarms", parameters).await.found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let parameters = alarm_request(target, parts);
            cx.call_with_retry(async || cx.aws.signed.call("cloudwatch:PutMetricAlarm", parameters.clone()).await)
                .await?;
            Ok(RestoredResource::default())
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        Ok(vec![RebuiltCall::new("cloudwatch:PutMetricAlarm", alarm_request(target, parts))])
    }

    /// An alarm only calls what its actions name, so it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "ResourceARN": target.id, "Tags": tag_list(tags.iter().cloned()) });
            none_if_missing(cx.aws.signed.call("cloudwatch:TagResource", parameters).await).map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "ResourceARN": target.id, "TagKeys": keys });
            none_if_missing(cx.aws.signed.call("cloudwatch:UntagResource", parameters).await).map(drop)
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        let alarm = parts.get("alarm.json");
        let metric = !alarm["MetricName"].is_null() || !list_of(alarm, "Metrics").is_empty();
        (!metric).then(|| "it is an alarm on a query, which can't be archived: delete it yourself".to_owned())
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        vec!["its history of states".to_owned()]
    }

    fn changed_at(&self, parts: &ResourceParts) -> Option<Timestamp> {
        parse_time(&parts.get("alarm.json")["UpdatedAt"])
    }
}

/// The parameters of `PutMetricAlarm`. What is null, empty or an empty list isn't sent.
fn alarm_request(target: &DecommissionTarget, parts: &ResourceParts) -> Value {
    let alarm = parts.get("alarm.json");
    let queries: Vec<Value> = list_of(alarm, "Metrics").iter().map(build_query).collect();
    json!({
        "AlarmName": target.aws_identifier(),
        "AlarmDescription": text_of(alarm, "AlarmDescription"),
        "ActionsEnabled": alarm["ActionsEnabled"],
        "OKActions": alarm["OKActions"],
        "AlarmActions": alarm["AlarmActions"],
        "InsufficientDataActions": alarm["InsufficientDataActions"],
        "MetricName": text_of(alarm, "MetricName"),
        "Namespace": text_of(alarm, "Namespace"),
        "Statistic": text_of(alarm, "Statistic"),
        "ExtendedStatistic": text_of(alarm, "ExtendedStatistic"),
        "Dimensions": alarm["Dimensions"],
        "Period": alarm["Period"],
        "Unit": text_of(alarm, "Unit"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm["DatapointsToAlarm"],
        "Threshold": alarm["Threshold"],
        "ComparisonOperator": text_of(alarm, "ComparisonOperator"),
        "TreatMissingData": text_of(alarm, "TreatMissingData"),
        "EvaluateLowSampleCountPercentile": text_of(alarm, "EvaluateLowSampleCountPercentile"),
        "ThresholdMetricId": text_of(alarm, "ThresholdMetricId"),
        "Metrics": queries,
        "Tags": tag_list(super::resource_tags(parts)),
    })
}

/// The alarm, with numbers and booleans, which the query protocol returns as strings.
fn describe_alarm(alarm: &Value) -> Result<Value, String> {
    let metrics: Result<Vec<Value>, String> = list_of(alarm, "Metrics").iter().map(describe_query).collect();
    Ok(json!({
        "AlarmDescription": alarm["AlarmDescription"],
        "UpdatedAt": time_of(alarm, "AlarmConfigurationUpdatedTimestamp")?.map(Timestamp::as_second),
        "ActionsEnabled": flag_of(alarm, "ActionsEnabled")?,
        "OKActions": list_of(alarm, "OKActions"),
        "AlarmActions": list_of(alarm, "AlarmActions"),
        "InsufficientDataActions": list_of(alarm, "InsufficientDataActions"),
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "Statistic": alarm["Statistic"],
        "ExtendedStatistic": alarm["ExtendedStatistic"],
        "Dimensions": describe_dimensions(alarm),
        "Period": integer_of(alarm, "Period")?,
        "Unit": alarm["Unit"],
        "EvaluationPeriods": integer_of(alarm, "EvaluationPeriods")?,
        "DatapointsToAlarm": integer_of(alarm, "DatapointsToAlarm")?,
        "Threshold": number_of(alarm, "Threshold")?,
        "ComparisonOperator": alarm["ComparisonOperator"],
        "TreatMissingData": alarm["TreatMissingData"],
        "EvaluateLowSampleCountPercentile": alarm["EvaluateLowSampleCountPercentile"],
        "ThresholdMetricId": alarm["ThresholdMetricId"],
        "Metrics": metrics?,
    }))
}

fn describe_dimensions(metric: &Value) -> Value {
    let dimensions = list_of(metric, "Dimensions").iter();
    dimensions.map(|dimension| json!({ "Name": dimension["Name"], "Value": dimension["Value"] })).collect()
}

fn describe_query(query: &Value) -> Result<Value, String> {
    let (stat, metric) = (&query["MetricStat"], &query["MetricStat"]["Metric"]);
    let stat = match stat.is_object() {
        true => Some(json!({
            "Namespace": metric["Namespace"],
            "MetricName": metric["MetricName"],
            "Dimensions": describe_dimensions(metric),
            "Period": integer_of(stat, "Period")?,
            "Stat": stat["Stat"],
            "Unit": stat["Unit"],
        })),
        false => None,
    };
    Ok(json!({
        "Id": query["Id"],
        "MetricStat": stat,
        "Expression": query["Expression"],
        "Label": query["Label"],
        "ReturnData": flag_of(query, "ReturnData")?,
        "Period": integer_of(query, "Period")?,
        "AccountId": query["AccountId"],
    }))
}

fn build_query(query: &Value) -> Value {
    let stat = &query["MetricStat"];
    let stat = stat.is_object().then(|| {
        json!({
            "Metric": {
                "Namespace": text_of(stat, "Namespace"),
                "MetricName": text_of(stat, "MetricName"),
                "Dimensions": stat["Dimensions"],
            },
            "Period": stat["Period"],
            "Stat": text_of(stat, "Stat"),
            "Unit": text_of(stat, "Unit"),
        })
    });
    json!({
        "Id": text_of(query, "Id"),
        "MetricStat": stat,
        "Expression": text_of(query, "Expression"),
        "Label": text_of(query, "Label"),
        "ReturnData": query["ReturnData"],
        "Period": query["Period"],
        "AccountId": text_of(query, "AccountId"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_numbers_in_strings() {
        let alarm = json!({ "AlarmName": "a", "Threshold": "5.0", "Period": "60", "ActionsEnabled": "true",
            "OKActions": "", "Metrics": [{ "Id": "m", "ReturnData": "false", "MetricStat": { "Period": "300",
            "Metric": { "Namespace": "n", "Dimensions": [{ "Name": "d", "Value": "v" }] } } }] });
        let described = describe_alarm(&alarm).expect("an alarm");
        assert_eq!((&described["Threshold"], &described["Period"]), (&json!(5.0), &json!(60)));
        assert_eq!((&described["ActionsEnabled"], &described["OKActions"]), (&json!(true), &json!([])));
        let query = build_query(&described["Metrics"][0]);
        assert_eq!(query["MetricStat"]["Metric"]["Dimensions"], json!([{ "Name": "d", "Value": "v" }]));
        assert_eq!((&query["MetricStat"]["Period"], &query["ReturnData"]), (&json!(300), &json!(false)));
        assert!(describe_alarm(&json!({ "Period": "often" })).is_err_and(|why| why.contains("often")));
    }
}
