//! CloudWatch log groups: retention, filters, tags. Their events aren't archived.

use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{list, pick_members, text};
use super::super::{DecommissionContext, DecommissionTarget, none_if_missing};
use super::{RestoredResource, tag_map};
use deployer_aws::{CallError, FailureKind, Found};

pub(super) const VOLATILE: &[&str] = &["group.json/storedBytes"];

pub(super) const NEW: &[&str] = &[
    "group.json/creationTime",
    "group.json/metricFilterCount",
    "filters.json/*/creationTime",
    "subscriptions.json/*/creationTime",
];

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let (name, aws) = (target.aws_identifier(), &cx.aws.signed);
    let Some(group) = find_group(cx, name).await? else { return Ok(None) };
    let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*") });
    let tags = aws.call("logs:ListTagsForResource", parameters).await?;
    let filters = aws.call("logs:DescribeMetricFilters", json!({ "logGroupName": name })).await;
    let subscriptions = aws.call("logs:DescribeSubscriptionFilters", json!({ "logGroupName": name })).await;
    let mut parts = ResourceParts::default();
    parts.put_document("group.json", group);
    parts.put_document("tags.json", tags.get("tags").cloned().unwrap_or_else(|| json!({})));
    let all = |answer: Option<Value>, member: &str| Value::Array(list(&answer.unwrap_or_default(), member).to_vec());
    parts.put_document("filters.json", all(none_if_missing(filters)?, "metricFilters"));
    parts.put_document("subscriptions.json", all(none_if_missing(subscriptions)?, "subscriptionFilters"));
    Ok(Some(parts))
}

async fn find_group(cx: &DecommissionContext<'_>, name: &str) -> Result<Option<Value>, CallError> {
    let mut pages = cx.aws.signed.list_pages("logs:DescribeLogGroups", json!({ "logGroupNamePrefix": name }));
    while let Some(page) = pages.next_page().await {
        if let Some(group) = list(&page?, "logGroups").iter().find(|group| text(group, "logGroupName") == Some(name)) {
            return Ok(Some(group.clone()));
        }
    }
    Ok(None)
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    cx.aws
        .signed
        .call("logs:DeleteLogGroup", json!({ "logGroupName": target.aws_identifier() }))
        .await
        .found()
        .map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let (name, aws) = (target.aws_identifier(), &cx.aws.signed);
    let group = parts.get("group.json");
    let mut body = pick_members(group, &["kmsKeyId", "logGroupClass", "deletionProtectionEnabled"]);
    body["logGroupName"] = json!(name);
    if !super::resource_tags(parts).is_empty() {
        body["tags"] = parts.get("tags.json").clone();
    }
    match cx.call_with_retry(async || aws.call("logs:CreateLogGroup", body.clone()).await).await {
        Err(error) if error.kind == FailureKind::AlreadyExists => {}
        other => drop(other?),
    }
    if let Some(days) = group["retentionInDays"].as_i64() {
        aws.call("logs:PutRetentionPolicy", json!({ "logGroupName": name, "retentionInDays": days })).await?;
    }
    for filter in parts.get("filters.json").as_array().into_iter().flatten() {
        let taken = ["filterName", "filterPattern", "metricTransformations", "logGroupName", "applyOnTransformedLogs"];
        let body = pick_members(filter, &taken);
        aws.call("logs:PutMetricFilter", body).await?;
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
        let body = pick_members(filter, &taken);
        cx.call_with_retry(async || aws.call("logs:PutSubscriptionFilter", body.clone()).await).await?;
    }
    Ok(RestoredResource { notes: vec!["its earlier log events are lost".to_owned()], ..RestoredResource::default() })
}

/// A log group can't be turned off, so it is only tagged.
pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*"), "tags": tag_map(tags) });
    cx.aws.signed.call("logs:TagResource", parameters).await.map(drop)
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*"), "tagKeys": keys });
    cx.aws.signed.call("logs:UntagResource", parameters).await.map(drop)
}
