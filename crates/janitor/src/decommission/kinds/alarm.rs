//! CloudWatch's metric alarms. They are only available in the query protocol (XML), so their members are listed here.

use aws_sdk_cloudwatch::types::{
    ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat, StandardUnit, Statistic, Tag,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::wire::{list, text};
use super::super::{Cx, Target, optional};
use super::{Restored, time};
use deployer_aws::{Call, CallError, Found};

pub(super) const VOLATILE: &[&str] = &[];

pub(super) const NEW: &[&str] = &["alarm.json/UpdatedAt"];

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let cloudwatch = &cx.aws.cloudwatch;
    let answer =
        cloudwatch.describe_alarms().alarm_names(target.key()).send().await.call("cloudwatch:DescribeAlarms")?;
    let found = answer.metric_alarms().iter().find(|alarm| alarm.alarm_name() == Some(target.key()));
    let Some(alarm) = found else { return Ok(None) };
    let tags = cloudwatch.list_tags_for_resource().resource_arn(&target.id).send().await;
    let tags = optional(tags.call("cloudwatch:ListTagsForResource"))?;
    let tags = tags.iter().flat_map(|answer| answer.tags());
    let tags: serde_json::Map<String, Value> =
        tags.filter_map(|tag| Some((tag.key()?.to_owned(), json!(tag.value())))).collect();
    let mut parts = Parts::default();
    parts.put("alarm.json", described(alarm));
    parts.put("tags.json", Value::Object(tags));
    Ok(Some(parts))
}

fn described(alarm: &MetricAlarm) -> Value {
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
        "Dimensions": dimensions(alarm.dimensions()),
        "Period": alarm.period(),
        "Unit": alarm.unit().map(StandardUnit::as_str),
        "EvaluationPeriods": alarm.evaluation_periods(),
        "DatapointsToAlarm": alarm.datapoints_to_alarm(),
        "Threshold": alarm.threshold(),
        "ComparisonOperator": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "TreatMissingData": alarm.treat_missing_data(),
        "EvaluateLowSampleCountPercentile": alarm.evaluate_low_sample_count_percentile(),
        "ThresholdMetricId": alarm.threshold_metric_id(),
        "Metrics": alarm.metrics().iter().map(query).collect::<Vec<_>>(),
    })
}

fn dimensions(dimensions: &[Dimension]) -> Value {
    dimensions.iter().map(|dimension| json!({ "Name": dimension.name(), "Value": dimension.value() })).collect()
}

fn query(query: &MetricDataQuery) -> Value {
    let stat = query.metric_stat().map(|stat| {
        json!({
            "Namespace": stat.metric().and_then(Metric::namespace),
            "MetricName": stat.metric().and_then(Metric::metric_name),
            "Dimensions": dimensions(stat.metric().map(Metric::dimensions).unwrap_or_default()),
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

pub(super) fn objection(parts: &Parts) -> Option<String> {
    let alarm = parts.get("alarm.json");
    let metric = !alarm["MetricName"].is_null() || !list(alarm, "Metrics").is_empty();
    (!metric).then(|| "it is an alarm on a query, which can't be archived: delete it yourself".to_owned())
}

pub(super) fn changed_at(parts: &Parts) -> Option<Timestamp> {
    time(&parts.get("alarm.json")["UpdatedAt"])
}

pub(super) async fn delete(cx: &Cx<'_>, target: &Target, _: &Parts) -> Result<(), CallError> {
    let request = cx.aws.cloudwatch.delete_alarms().alarm_names(target.key());
    request.send().await.call("cloudwatch:DeleteAlarms").found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    let alarm = parts.get("alarm.json");
    let own = |name: &str| text(alarm, name).map(ToOwned::to_owned);
    let texts = |name: &str| -> Vec<String> {
        list(alarm, name).iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    let queries: Vec<MetricDataQuery> = list(alarm, "Metrics").iter().map(made_query).collect();
    let dimensions = made_dimensions(&alarm["Dimensions"]);
    let tags: Vec<Tag> =
        super::tags(parts).into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let request = cx
        .aws
        .cloudwatch
        .put_metric_alarm()
        .alarm_name(target.key())
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
        .set_period(number(&alarm["Period"]))
        .set_unit(own("Unit").map(|unit| StandardUnit::from(unit.as_str())))
        .set_evaluation_periods(number(&alarm["EvaluationPeriods"]))
        .set_datapoints_to_alarm(number(&alarm["DatapointsToAlarm"]))
        .set_threshold(alarm["Threshold"].as_f64())
        .set_comparison_operator(own("ComparisonOperator").map(|operator| ComparisonOperator::from(operator.as_str())))
        .set_treat_missing_data(own("TreatMissingData"))
        .set_evaluate_low_sample_count_percentile(own("EvaluateLowSampleCountPercentile"))
        .set_threshold_metric_id(own("ThresholdMetricId"))
        .set_metrics((!queries.is_empty()).then_some(queries))
        .set_tags((!tags.is_empty()).then_some(tags));
    cx.retried(async || request.clone().send().await.call("cloudwatch:PutMetricAlarm")).await?;
    Ok(Restored::default())
}

fn made_dimensions(dimensions: &Value) -> Vec<Dimension> {
    let own = |dimension: &Value, name: &str| text(dimension, name).map(ToOwned::to_owned);
    let dimensions = dimensions.as_array().into_iter().flatten();
    dimensions.map(|one| Dimension::builder().set_name(own(one, "Name")).set_value(own(one, "Value")).build()).collect()
}

fn made_query(query: &Value) -> MetricDataQuery {
    let own = |value: &Value, name: &str| text(value, name).map(ToOwned::to_owned);
    let stat = &query["MetricStat"];
    let stat = stat.is_object().then(|| {
        let metric = Metric::builder()
            .set_namespace(own(stat, "Namespace"))
            .set_metric_name(own(stat, "MetricName"))
            .set_dimensions(Some(made_dimensions(&stat["Dimensions"])))
            .build();
        MetricStat::builder()
            .metric(metric)
            .set_period(number(&stat["Period"]))
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
        .set_period(number(&query["Period"]))
        .set_account_id(own(query, "AccountId"))
        .build()
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|number| i32::try_from(number).ok())
}

/// An alarm only calls what its actions name, so it is only tagged.
pub(super) async fn disable(cx: &Cx<'_>, target: &Target, _: &Parts, tags: &[(&str, String)]) -> Result<(), CallError> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).collect();
    let request = cx.aws.cloudwatch.tag_resource().resource_arn(&target.id).set_tags(Some(tags));
    optional(request.send().await.call("cloudwatch:TagResource")).map(drop)
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, _: &Parts, keys: &[&str]) -> Result<(), CallError> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = cx.aws.cloudwatch.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    optional(request.send().await.call("cloudwatch:UntagResource")).map(drop)
}
