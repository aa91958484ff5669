//! CloudWatch log groups: retention, filters, tags. Their events aren't archived.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::check::DecommissionTerms;
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{list_of, pick_members, text_of};
use super::super::{DecommissionContext, DecommissionTarget, none_if_missing};
use super::{arn_resource, tag_map};
use crate::audit::NodeKind;
use deployer_aws::{CallError, FailureKind, Found};

const VOLATILE: &[&str] = &["group.json/storedBytes"];

const NEW: &[&str] = &[
    "group.json/creationTime",
    "group.json/metricFilterCount",
    "filters.json/*/creationTime",
    "subscriptions.json/*/creationTime",
];

/// The members of a metric filter that `PutMetricFilter` accepts.
const METRIC_FILTER: &[&str] =
    &["filterName", "filterPattern", "metricTransformations", "logGroupName", "applyOnTransformedLogs"];
/// The members of a subscription that `PutSubscriptionFilter` accepts.
const SUBSCRIPTION_FILTER: &[&str] = &[
    "filterName",
    "filterPattern",
    "destinationArn",
    "roleArn",
    "distribution",
    "logGroupName",
    "applyOnTransformedLogs",
];

/// CloudWatch log groups.
pub struct LogGroup;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::LogGroup,
    deletion_stage: DeletionStage::Log,
    restore_stage: RestoreStage::Log,
    rule_target: true,
    volatile_attributes: VOLATILE,
    new_attributes: NEW,
};

impl ArchivableKind for LogGroup {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn aws_identifier<'t>(&self, id: &'t str) -> &'t str {
        let name = arn_resource(id, "log-group:");
        name.strip_suffix(":*").unwrap_or(name)
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/Logs",
            metrics: &["IncomingLogEvents"],
            dimension: "LogGroupName",
            value: target.aws_identifier(),
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let (name, aws) = (target.aws_identifier(), &cx.aws.signed);
            let Some(group) = find_group(cx, name).await? else { return Ok(None) };
            let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*") });
            let tags = aws.call("logs:ListTagsForResource", parameters).await?;
            let filters = list_filters(cx, "logs:DescribeMetricFilters", name, "metricFilters").await?;
            let subscriptions =
                list_filters(cx, "logs:DescribeSubscriptionFilters", name, "subscriptionFilters").await?;
            let mut parts = ResourceParts::default();
            parts.put_document("group.json", group);
            parts.put_document("tags.json", tags.get("tags").cloned().unwrap_or_else(|| json!({})));
            parts.put_document("filters.json", Value::Array(filters));
            parts.put_document("subscriptions.json", Value::Array(subscriptions));
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
            cx.aws
                .signed
                .call("logs:DeleteLogGroup", json!({ "logGroupName": target.aws_identifier() }))
                .await
                .found()
                .map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let (name, aws) = (target.aws_identifier(), &cx.aws.signed);
            let group = parts.get("group.json");
            let body = create_request(name, parts);
            match cx.call_with_retry(async || aws.call("logs:CreateLogGroup", body.clone()).await).await {
                Err(error) if error.kind == FailureKind::AlreadyExists => {}
                other => drop(other?),
            }
            if let Some(days) = group["retentionInDays"].as_i64() {
                aws.call("logs:PutRetentionPolicy", json!({ "logGroupName": name, "retentionInDays": days })).await?;
            }
            for filter in parts.get("filters.json").as_array().into_iter().flatten() {
                aws.call("logs:PutMetricFilter", pick_members(filter, METRIC_FILTER)).await?;
            }
            for filter in parts.get("subscriptions.json").as_array().into_iter().flatten() {
                let body = pick_members(filter, SUBSCRIPTION_FILTER);
                cx.call_with_retry(async || aws.call("logs:PutSubscriptionFilter", body.clone()).await).await?;
            }
            Ok(RestoredResource {
                notes: vec!["its earlier log events are lost".to_owned()],
                ..RestoredResource::default()
            })
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let filters = |name: &str| parts.get(name).as_array().into_iter().flatten();
        let create = create_request(target.aws_identifier(), parts);
        let mut calls = vec![RebuiltCall::new("logs:CreateLogGroup", create)];
        calls.extend(
            filters("filters.json")
                .map(|filter| RebuiltCall::new("logs:PutMetricFilter", pick_members(filter, METRIC_FILTER))),
        );
        calls.extend(
            filters("subscriptions.json").map(|filter| {
                RebuiltCall::new("logs:PutSubscriptionFilter", pick_members(filter, SUBSCRIPTION_FILTER))
            }),
        );
        Ok(calls)
    }

    /// A log group can't be turned off, so it is only tagged.
    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*"), "tags": tag_map(tags) });
            cx.aws.signed.call("logs:TagResource", parameters).await.map(drop)
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
            let parameters = json!({ "resourceArn": target.id.trim_end_matches(":*"), "tagKeys": keys });
            cx.aws.signed.call("logs:UntagResource", parameters).await.map(drop)
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, _: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        None
    }

    fn find_missing_consent(&self, terms: DecommissionTerms) -> Option<&'static str> {
        (!terms.with_logs).then_some("its log events aren't archived: pass --with-logs to delete it anyway")
    }

    /// A function that doesn't configure a log group writes to the one with its name.
    fn is_needed_by_function(&self, function: &Value, target: &DecommissionTarget) -> bool {
        let own = text_of(function, "FunctionName").map(|name| format!("/aws/lambda/{name}"));
        let configured = function.get("LoggingConfig").and_then(|config| text_of(config, "LogGroup"));
        configured.map(ToOwned::to_owned).or(own).as_deref() == Some(target.aws_identifier())
    }

    fn lost_parts(&self, parts: &ResourceParts) -> Vec<String> {
        let stored = parts.get("group.json")["storedBytes"].as_u64();
        vec![match stored {
            Some(bytes) => format!("its log events ({bytes} bytes)"),
            None => "its log events".to_owned(),
        }]
    }

    fn changed_at(&self, _: &ResourceParts) -> Option<Timestamp> {
        None
    }
}

/// The parameters of `CreateLogGroup`.
fn create_request(name: &str, parts: &ResourceParts) -> Value {
    let group = parts.get("group.json");
    let mut body = pick_members(group, &["kmsKeyId", "logGroupClass", "deletionProtectionEnabled"]);
    body["logGroupName"] = json!(name);
    if !super::resource_tags(parts).is_empty() {
        body["tags"] = parts.get("tags.json").clone();
    }
    body
}

/// All filters of a group; none where an emulator doesn't have the call.
async fn list_filters(
    cx: &DecommissionContext<'_>,
    operation: &'static str,
    group: &str,
    member: &str,
) -> Result<Vec<Value>, CallError> {
    let pages = cx.aws.signed.list_pages(operation, json!({ "logGroupName": group }));
    Ok(none_if_missing(pages.collect_items(member).await)?.unwrap_or_default())
}

async fn find_group(cx: &DecommissionContext<'_>, name: &str) -> Result<Option<Value>, CallError> {
    let mut pages = cx.aws.signed.list_pages("logs:DescribeLogGroups", json!({ "logGroupNamePrefix": name }));
    while let Some(page) = pages.next_page().await {
        if let Some(group) =
            list_of(&page?, "logGroups").iter().find(|group| text_of(group, "logGroupName") == Some(name))
        {
            return Ok(Some(group.clone()));
        }
    }
    Ok(None)
}
