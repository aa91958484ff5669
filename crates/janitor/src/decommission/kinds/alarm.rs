//! CloudWatch's metric alarms. They are only listed in the query protocol, so their members are named here.

use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StandardUnit, Statistic, Tag,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{list_member, text_member};
use super::super::{DecommissionContext, DecommissionTarget, none_if_missing};
use super::{RestoredResource, parse_time};
use deployer_aws::{Call, CallError, Found};

pub(super) const VOLATILE: &[&str] = &[];

pub(super) const NEW: &[&str] = &["alarm.json/UpdatedAt"];

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let cloudwatch = &cx.aws.cloudwatch;
    let answer = cloudwatch
        .describe_alarms()
        .alarm_names(target.aws_identifier())
        .send()
        .await
        .call("cloudwatch:DescribeAlarms")?;
    let found = answer.metric_alarms().iter().find(|alarm| alarm.alarm_name() == Some(target.aws_identifier()));
    let Some(alarm) = found else { return Ok(None) };
    let tags = cloudwatch.list_tags_for_resource().resource_arn(&target.id).send().await;
    let tags = none_if_missing(tags.call("cloudwatch:ListTagsForResource"))?;
    let tags = tags.iter().flat_map(|answer| answer.tags());
    let tags: serde_json::Map<String, Value> =
        tags.filter_map(|tag| Some((tag.key()?.to_owned(), json!(tag.value())))).collect();
    let mut parts = ResourceParts::default();
    parts.put_document("alarm.json", alarm_to_json(alarm));
    parts.put_document("tags.json", Value::Object(tags));
    Ok(Some(parts))
}

fn alarm_to_json(alarm: &MetricAlarm) -> Value {
    json!({
        "AlarmDescription": alarm.alarm_description(),
        "UpdatedAt": alarm.alarm_configuration_updated_timestamp().map(|at| at.secs()),
        "ActionsEnabled": alarm.actions_enabled(),
        "OKActions": alarm.ok_actions(),
        "AlarmActions": alarm.alarm_actions(),
        "InsufficientDataActions": alarm.insufficient_data_actions(),
        "MetricName": alarm.metric_name(),
        "Namespace": alarm.namespace(),
        "Statistic": alarm.statistic().map(Statistic::as_str),
        "ExtendedStatistic": alarm.extended_statistic(),
        "Dimensions": dimensions_to_json(alarm.dimensions()),
        "Period": alarm.period(),
        "Unit": alarm.unit().map(StandardUnit::as_str),
        "EvaluationPeriods": alarm.evaluation_periods(),
        "DatapointsToAlarm": alarm.datapoints_to_alarm(),
        "Threshold": alarm.threshold(),
        "ComparisonOperator": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "TreatMissingData": alarm.treat_missing_data(),
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile(),
        "ThresholdMetricId": alarm.threshold_metric_id(),
        "Metrics": alarm.metrics().iter().map(query_to_json).collect::<Vec<_>>(),
    })
}

fn dimensions_to_json(dimensions: &[Dimension]) -> Value {
    dimensions.iter().map(|dimension| json!({ "Name": dimension.name(), "Value": dimension.value() })).collect()
}

fn query_to_json(query: &MetricDataQuery) -> Value {
    let stat = query.metric_stat().map(|stat| {
        json!({
            "Namespace": stat.metric().and_then(Metric::namespace),
            "MetricName": stat.metric().and_then(Metric::metric_name),
            "Dimensions": dimensions_to_json(stat.metric().map(Metric::dimensions).unwrap_or_default()),
            "Period": stat.period(),
            "Stat": stat.stat(),
            "Unit": stat.unit().map(StandardUnit::as_str),
        })
    });
    json!({
        "Id": query.id(),
        "MetricStat": stat,
        "Expression": query.expression(),
        "Label": query.label(),
        "ReturnData": query.return_data(),
        "Period": query.period(),
        "AccountId": query.account_id(),
    })
}

pub(super) fn objection(parts: &ResourceParts) -> Option<String> {
    let alarm = parts.get("alarm.json");
    let metric = !alarm["MetricName"].is_null() || !list_member(alarm, "Metrics").is_empty();
    (!metric).then(|| "it is an alarm on a query, which isn't archived: delete it yourself".to_owned())
}

pub(super) fn changed_at(parts: &ResourceParts) -> Option<Timestamp> {
    parse_time(&parts.get("alarm.json")["UpdatedAt"])
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    let request = cx.aws.cloudwatch.delete_alarms().alarm_names(target.aws_identifier());
    request.send().await.call("cloudwatch:DeleteAlarms").found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let alarm = parts.get("alarm.json");
    let own = |name: &str| text_member(alarm, name).map(ToOwned::to_owned);
    let texts = |name: &str| -> Vec<String> {
        list_member(alarm, name).iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let queries: Vec<MetricDataQuery> = list_member(alarm, "Metrics").iter().map(query_from_json).collect();
    let dimensions = dimensions_from_json(&alarm["Dimensions"]);
    let tags: Vec<Tag> = super::resource_tags(parts)
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    let request = cx
        .aws
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(target.aws_identifier())
        .set_alarm_description(own("AlarmDescription"))
        .set_actions_enabled(alarm["ActionsEnabled"].as_bool())
        .set_ok_actions(Some(texts("OKActions")))
        .set_alarm_actions(Some(texts("AlarmActions")))
        .set_insufficient_data_actions(Some(texts("InsufficientDataActions")))
        .set_metric_name(own("MetricName"))
        .set_namespace(own("Namespace"))
        .set_statistic(own("Statistic").map(|statistic| Statistic::from(statistic.as_str())))
        .set_extended_statistic(own("ExtendedStatistic"))
        .set_dimensions((!dimensions.is_empty()).then_some(dimensions))
        .set_period(parse_int(&alarm["Period"]))
        .set_unit(own("Unit").map(|unit| StandardUnit::from(unit.as_str())))
        .set_evaluation_periods(parse_int(&alarm["EvaluationPeriods"]))
        .set_datapoints_to_alarm(parse_int(&alarm["DatapointsToAlarm"]))
        .set_threshold(alarm["Threshold"].as_f64())
        .set_comparison_operator(own("ComparisonOperator").map(|operator| ComparisonOperator::from(operator.as_str())))
        .set_treat_missing_data(own("TreatMissingData"))
        .set_evaluate_low_sample_count_percentile(own("EvaluateLowSampleCountPercentile"))
        .set_threshold_metric_id(own("ThresholdMetricId"))
        .set_metrics((!queries.is_empty()).then_some(queries))
        .set_tags((!tags.is_empty()).then_some(tags));
    cx.call_with_retry(async || request.clone().send().await.call("cloudwatch:PutMetricAlarm")).await?;
    Ok(RestoredResource::default())
}

fn dimensions_from_json(dimensions: &Value) -> Vec<Dimension> {
    let own = |dimension: &Value, name: &str| text_member(dimension, name).map(ToOwned::to_owned);
    let dimensions = dimensions.as_array().into_iter().flatten();
    dimensions.map(|one| Dimension::builder().set_name(own(one, "Name")).set_value(own(one, "Value")).build()).collect()
}

fn query_from_json(query: &Value) -> MetricDataQuery {
    let own = |value: &Value, name: &str| text_member(value, name).map(ToOwned::to_owned);
    let stat = &query["MetricStat"];
    let stat = stat.is_object().then(|| {
        let metric = Metric::builder()
            .set_namespace(own(stat, "Namespace"))
            .set_metric_name(own(stat, "MetricName"))
            .set_dimensions(Some(dimensions_from_json(&stat["Dimensions"])))
            .build();
        MetricStat::builder()
            .metric(metric)
            .set_period(parse_int(&stat["Period"]))
            .set_stat(own(stat, "Stat"))
            .set_unit(own(stat, "Unit").map(|unit| StandardUnit::from(unit.as_str())))
            .build()
    });
    MetricDataQuery::builder()
        .set_id(own(query, "Id"))
        .set_metric_stat(stat)
        .set_expression(own(query, "Expression"))
        .set_label(own(query, "Label"))
        .set_return_data(query["ReturnData"].as_bool())
        .set_period(parse_int(&query["Period"]))
        .set_account_id(own(query, "AccountId"))
        .build()
}

fn parse_int(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// An alarm calls nobody who isn't told of it: it is only tagged.
pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).collect();
    let request = cx.aws.cloudwatch.tag_resource().resource_arn(&target.id).set_tags(Some(tags));
    none_if_missing(request.send().await.call("cloudwatch:TagResource")).map(drop)
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = cx.aws.cloudwatch.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    none_if_missing(request.send().await.call("cloudwatch:UntagResource")).map(drop)
}
