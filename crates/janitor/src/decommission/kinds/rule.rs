//! EventBridge rules, with their targets.

use aws_sdk_eventbridge::types::Tag;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::archivable::{ArchivableKind, KindFacts, KindFuture, RestoredResource, UsageMetrics, UseWindow};
use super::super::order::{DeletionStage, RestoreStage};
use super::super::parts::ResourceParts;
use super::super::proof::RebuiltCall;
use super::super::wire::{answer, collect_pages, list_of, pick_members, text_of};
use super::super::{DecommissionContext, DecommissionTarget, unexpected_error};
use super::tag_object;
use crate::audit::NodeKind;
use deployer_aws::{Call, Found};

/// The most targets in one `PutTargets`:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>.
const BATCH: usize = 10;

/// EventBridge rules.
pub struct Rule;

const FACTS: KindFacts = KindFacts {
    node_kind: NodeKind::Rule,
    deletion_stage: DeletionStage::Caller,
    restore_stage: RestoreStage::Caller,
    rule_target: false,
    volatile_attributes: &[],
    new_attributes: &[],
};

impl ArchivableKind for Rule {
    fn kind_facts(&self) -> &'static KindFacts {
        &FACTS
    }

    fn usage_metrics<'t>(&self, target: &'t DecommissionTarget) -> Option<UsageMetrics<'t>> {
        Some(UsageMetrics {
            namespace: "AWS/Events",
            metrics: &["TriggeredRules"],
            dimension: "RuleName",
            value: target.group_and_name().1,
        })
    }

    fn read_parts<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
    ) -> KindFuture<'a, Option<ResourceParts>> {
        Box::pin(async move {
            let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
            let request = events.describe_rule().name(name).event_bus_name(bus);
            let Some(rule) = answer!("events:DescribeRule", request).found()? else { return Ok(None) };
            let targets = collect_pages("events:ListTargetsByRule", "Targets", "NextToken", async |token| {
                let request = events.list_targets_by_rule().rule(name).event_bus_name(bus).set_next_token(token);
                answer!("events:ListTargetsByRule", request)
            });
            let targets = targets.await?;
            let tags = answer!("events:ListTagsForResource", events.list_tags_for_resource().resource_arn(&target.id))?;
            let mut parts = ResourceParts::default();
            parts.put_document("rule.json", rule);
            parts.put_document("targets.json", Value::Array(targets));
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
            let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
            // Read again: an earlier try may have removed some targets.
            let Some(parts) = Rule.read_parts(cx, target).await? else { return Ok(()) };
            let targets = parts.get("targets.json").as_array().into_iter().flatten();
            let ids: Vec<String> = targets.filter_map(|target| text_of(target, "Id")).map(ToOwned::to_owned).collect();
            for ids in ids.chunks(BATCH) {
                const CALL: &str = "events:RemoveTargets";
                let request = events.remove_targets().rule(name).event_bus_name(bus).set_ids(Some(ids.to_vec()));
                let answer = request.send().await.call(CALL)?;
                if let Some(entry) = answer.failed_entries().first() {
                    return Err(unexpected_error(
                        CALL,
                        entry.error_message().unwrap_or("a target could not be removed"),
                    ));
                }
            }
            events.delete_rule().name(name).event_bus_name(bus).send().await.call("events:DeleteRule").found().map(drop)
        })
    }

    fn restore_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
    ) -> KindFuture<'a, RestoredResource> {
        Box::pin(async move {
            let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
            let body = rule_request(target, parts);
            cx.call_with_retry(async || answer!("events:PutRule", events.put_rule().name(name), &body)).await?;
            let targets = parts.get("targets.json").as_array().map(Vec::as_slice).unwrap_or_default();
            for targets in targets.chunks(BATCH) {
                const CALL: &str = "events:PutTargets";
                let body = targets_request(bus, name, targets);
                let answer = cx.call_with_retry(async || answer!(CALL, events.put_targets().rule(name), &body)).await?;
                if let Some(entry) = list_of(&answer, "FailedEntries").first() {
                    return Err(unexpected_error(
                        CALL,
                        text_of(entry, "ErrorMessage").unwrap_or("a target could not be added"),
                    ));
                }
            }
            Ok(RestoredResource::default())
        })
    }

    fn rebuild_calls(&self, target: &DecommissionTarget, parts: &ResourceParts) -> Result<Vec<RebuiltCall>, String> {
        let (bus, name) = target.group_and_name();
        let rule = parts.get("rule.json");
        if rule["EventPattern"].is_null() && rule["ScheduleExpression"].is_null() {
            return Err("the archive has neither a pattern nor a schedule of the rule".to_owned());
        }
        let targets = parts.get("targets.json").as_array().ok_or("the archive has no list of the rule's targets")?;
        let mut calls = vec![RebuiltCall::new("events:PutRule", rule_request(target, parts))];
        let chunks = targets.chunks(BATCH);
        calls.extend(chunks.map(|targets| RebuiltCall::new("events:PutTargets", targets_request(bus, name, targets))));
        Ok(calls)
    }

    fn disable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        _: &'a ResourceParts,
        tags: &'a [(&'a str, String)],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
            let mut made = Vec::new();
            for (key, value) in tags {
                let tag = Tag::builder().key(*key).value(value).build();
                made.push(tag.map_err(|error| unexpected_error("events:TagResource", error.to_string()))?);
            }
            let tag = events.tag_resource().resource_arn(&target.id).set_tags(Some(made));
            tag.send().await.call("events:TagResource")?;
            events.disable_rule().name(name).event_bus_name(bus).send().await.call("events:DisableRule").map(drop)
        })
    }

    fn enable_resource<'a>(
        &self,
        cx: &'a DecommissionContext<'a>,
        target: &'a DecommissionTarget,
        parts: &'a ResourceParts,
        keys: &'a [&'a str],
    ) -> KindFuture<'a, ()> {
        Box::pin(async move {
            let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
            let state = text_of(parts.get("rule.json"), "State").unwrap_or("ENABLED");
            if state == "ENABLED" {
                events.enable_rule().name(name).event_bus_name(bus).send().await.call("events:EnableRule")?;
            } else if state != "DISABLED" {
                // `PutRule` is the only call that sets `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
                Rule.restore_resource(cx, target, parts).await?;
            }
            let keys = keys.iter().map(|key| (*key).to_owned()).collect();
            let untag = events.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
            untag.send().await.call("events:UntagResource").map(drop)
        })
    }

    fn find_objection(&self, _: &DecommissionTarget, parts: &ResourceParts, _: UseWindow<'_>) -> Option<String> {
        text_of(parts.get("rule.json"), "ManagedBy").map(|service| format!("{service} created it and manages it"))
    }

    fn lost_parts(&self, _: &ResourceParts) -> Vec<String> {
        Vec::new()
    }

    fn changed_at(&self, _: &ResourceParts) -> Option<Timestamp> {
        None
    }
}

/// The parameters of `PutRule`.
fn rule_request(target: &DecommissionTarget, parts: &ResourceParts) -> Value {
    let (bus, name) = target.group_and_name();
    let taken = ["EventPattern", "ScheduleExpression", "State", "Description", "RoleArn"];
    let mut body = pick_members(parts.get("rule.json"), &taken);
    body["Name"] = json!(name);
    body["EventBusName"] = json!(bus);
    let tags: Vec<Value> =
        super::resource_tags(parts).into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    if !tags.is_empty() {
        body["Tags"] = json!(tags);
    }
    body
}

/// The parameters of `PutTargets`.
fn targets_request(bus: &str, name: &str, targets: &[Value]) -> Value {
    json!({ "Rule": name, "EventBusName": bus, "Targets": targets })
}
