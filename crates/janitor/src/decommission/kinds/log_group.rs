//! CloudWatch log groups: retention, filters, tags. Their events aren't archived.

use serde_json::{Value, json};

use super::super::parts::Parts;
use super::super::wire::{answer, list, members, text};
use super::super::{Cx, Target, optional};
use super::Restored;
use deployer_aws::{Call, CallError, FailureKind, Found};

pub(super) const VOLATILE: &[&str] = &["group.json/storedBytes"];

pub(super) const NEW: &[&str] = &[
    "group.json/creationTime",
    "group.json/metricFilterCount",
    "filters.json/*/creationTime",
    "subscriptions.json/*/creationTime",
];

pub(super) async fn read(cx: &Cx<'_>, target: &Target) -> Result<Option<Parts>, CallError> {
    let (name, logs) = (target.key(), &cx.aws.logs);
    let Some(group) = group(cx, name).await? else { return Ok(None) };
    let tags = logs.list_tags_for_resource().resource_arn(target.id.trim_end_matches(":*"));
    let tags = answer!("logs:ListTagsForResource", tags)?;
    let filters = answer!("logs:DescribeMetricFilters", logs.describe_metric_filters().log_group_name(name));
    let subscriptions =
        answer!("logs:DescribeSubscriptionFilters", logs.describe_subscription_filters().log_group_name(name));
    let mut parts = Parts::default();
    parts.put("group.json", group);
    parts.put("tags.json", tags.get("tags").cloned().unwrap_or_else(|| json!({})));
    let all = |answer: Option<Value>, member: &str| Value::Array(list(&answer.unwrap_or_default(), member).to_vec());
    parts.put("filters.json", all(optional(filters)?, "metricFilters"));
    parts.put("subscriptions.json", all(optional(subscriptions)?, "subscriptionFilters"));
    Ok(Some(parts))
}

async fn group(cx: &Cx<'_>, name: &str) -> Result<Option<Value>, CallError> {
    let mut token = None;
    loop {
        let request = cx.aws.logs.describe_log_groups().log_group_name_prefix(name).set_next_token(token);
        let page = answer!("logs:DescribeLogGroups", request)?;
        if let Some(group) = list(&page, "logGroups").iter().find(|group| text(group, "logGroupName") == Some(name)) {
            return Ok(Some(group.clone()));
        }
        token = text(&page, "nextToken").map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(None);
        }
    }
}

pub(super) async fn delete(cx: &Cx<'_>, target: &Target, _: &Parts) -> Result<(), CallError> {
    let request = cx.aws.logs.delete_log_group().log_group_name(target.key());
    request.send().await.call("logs:DeleteLogGroup").found().map(drop)
}

pub(super) async fn restore(cx: &Cx<'_>, target: &Target, parts: &Parts) -> Result<Restored, CallError> {
    let (name, logs) = (target.key(), &cx.aws.logs);
    let group = parts.get("group.json");
    let mut body = members(group, &["kmsKeyId", "logGroupClass", "deletionProtectionEnabled"]);
    body["logGroupName"] = json!(name);
    if !super::tags(parts).is_empty() {
        body["tags"] = parts.get("tags.json").clone();
    }
    match cx.retried(async || answer!("logs:CreateLogGroup", logs.create_log_group().log_group_name(name), &body)).await
    {
        Err(error) if error.kind == FailureKind::AlreadyExists => {}
        other => drop(other?),
    }
    if let Some(days) = group["retentionInDays"].as_i64().and_then(|days| i32::try_from(days).ok()) {
        let request = logs.put_retention_policy().log_group_name(name).retention_in_days(days);
        request.send().await.call("logs:PutRetentionPolicy")?;
    }
    for filter in parts.get("filters.json").as_array().into_iter().flatten() {
        let taken = ["filterName", "filterPattern", "metricTransformations", "logGroupName", "applyOnTransformedLogs"];
        let body = members(filter, &taken);
        answer!("logs:PutMetricFilter", logs.put_metric_filter().log_group_name(name), &body)?;
    }
    for filter in parts.get("subscriptions.json").as_array().into_iter().flatten() {
        let taken = [
            "filterName",
            "filterPattern",
            "destinationArn",
            "roleArn",
            "distribution",
            "logGroupName",
            "applyOnTransformedLogs",
        ];
        let body = members(filter, &taken);
        let call =
            async || answer!("logs:PutSubscriptionFilter", logs.put_subscription_filter().log_group_name(name), &body);
        cx.retried(call).await?;
    }
    Ok(Restored { notes: vec!["its earlier log events are lost".to_owned()], ..Restored::default() })
}

/// A log group can't be turned off, so it is only tagged.
pub(super) async fn disable(cx: &Cx<'_>, target: &Target, _: &Parts, tags: &[(&str, String)]) -> Result<(), CallError> {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let request = cx.aws.logs.tag_resource().resource_arn(target.id.trim_end_matches(":*")).set_tags(Some(tags));
    request.send().await.call("logs:TagResource").map(drop)
}

pub(super) async fn enable(cx: &Cx<'_>, target: &Target, _: &Parts, keys: &[&str]) -> Result<(), CallError> {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let request = cx.aws.logs.untag_resource().resource_arn(target.id.trim_end_matches(":*")).set_tag_keys(Some(keys));
    request.send().await.call("logs:UntagResource").map(drop)
}
