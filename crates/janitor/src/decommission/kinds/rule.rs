//! EventBridge rules, with their targets.

use aws_sdk_eventbridge::types::Tag;
use serde_json::{Value, json};

use super::super::parts::ResourceParts;
use super::super::wire::{answer, list, pick_members, text};
use super::super::{DecommissionContext, DecommissionTarget, unexpected_error};
use super::{RestoredResource, tag_object};
use deployer_aws::{Call, CallError, Found};

/// The most targets in one `PutTargets`:
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html>.
const BATCH: usize = 10;

pub(super) async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
    let request = events.describe_rule().name(name).event_bus_name(bus);
    let Some(rule) = answer!("events:DescribeRule", request).found()? else { return Ok(None) };
    let (mut targets, mut token) = (Vec::new(), None);
    loop {
        let request = events.list_targets_by_rule().rule(name).event_bus_name(bus).set_next_token(token);
        let page = answer!("events:ListTargetsByRule", request)?;
        targets.extend(list(&page, "Targets").iter().cloned());
        token = text(&page, "NextToken").map(ToOwned::to_owned);
        if token.is_none() {
            break;
        }
    }
    let tags = answer!("events:ListTagsForResource", events.list_tags_for_resource().resource_arn(&target.id))?;
    let mut parts = ResourceParts::default();
    parts.put_document("rule.json", rule);
    parts.put_document("targets.json", Value::Array(targets));
    parts.put_document("tags.json", tag_object(list(&tags, "Tags"), "Key", "Value"));
    Ok(Some(parts))
}

pub(super) fn objection(parts: &ResourceParts) -> Option<String> {
    text(parts.get("rule.json"), "ManagedBy").map(|service| format!("{service} created it and manages it"))
}

pub(super) async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
) -> Result<(), CallError> {
    let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
    // Read again: an earlier try may have removed some targets.
    let Some(parts) = read(cx, target).await? else { return Ok(()) };
    let targets = parts.get("targets.json").as_array().into_iter().flatten();
    let ids: Vec<String> = targets.filter_map(|target| text(target, "Id")).map(ToOwned::to_owned).collect();
    for ids in ids.chunks(BATCH) {
        const CALL: &str = "events:RemoveTargets";
        let request = events.remove_targets().rule(name).event_bus_name(bus).set_ids(Some(ids.to_vec()));
        let answer = request.send().await.call(CALL)?;
        if let Some(entry) = answer.failed_entries().first() {
            return Err(unexpected_error(CALL, entry.error_message().unwrap_or("a target could not be removed")));
        }
    }
    events.delete_rule().name(name).event_bus_name(bus).send().await.call("events:DeleteRule").found().map(drop)
}

pub(super) async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
    let taken = ["EventPattern", "ScheduleExpression", "State", "Description", "RoleArn"];
    let mut body = pick_members(parts.get("rule.json"), &taken);
    body["Name"] = json!(name);
    body["EventBusName"] = json!(bus);
    let tags: Vec<Value> =
        super::resource_tags(parts).into_iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    if !tags.is_empty() {
        body["Tags"] = json!(tags);
    }
    cx.call_with_retry(async || answer!("events:PutRule", events.put_rule().name(name), &body)).await?;
    let targets = parts.get("targets.json").as_array().map(Vec::as_slice).unwrap_or_default();
    for targets in targets.chunks(BATCH) {
        const CALL: &str = "events:PutTargets";
        let body = json!({ "Rule": name, "EventBusName": bus, "Targets": targets });
        let answer = cx.call_with_retry(async || answer!(CALL, events.put_targets().rule(name), &body)).await?;
        if let Some(entry) = list(&answer, "FailedEntries").first() {
            return Err(unexpected_error(CALL, text(entry, "ErrorMessage").unwrap_or("a target could not be added")));
        }
    }
    Ok(RestoredResource::default())
}

pub(super) async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    _: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
    let mut made = Vec::new();
    for (key, value) in tags {
        let tag = Tag::builder().key(*key).value(value).build();
        made.push(tag.map_err(|error| unexpected_error("events:TagResource", error.to_string()))?);
    }
    let tag = events.tag_resource().resource_arn(&target.id).set_tags(Some(made));
    tag.send().await.call("events:TagResource")?;
    events.disable_rule().name(name).event_bus_name(bus).send().await.call("events:DisableRule").map(drop)
}

pub(super) async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    let ((bus, name), events) = (target.group_and_name(), &cx.aws.events);
    let state = text(parts.get("rule.json"), "State").unwrap_or("ENABLED");
    if state == "ENABLED" {
        events.enable_rule().name(name).event_bus_name(bus).send().await.call("events:EnableRule")?;
    } else if state != "DISABLED" {
        // `PutRule` is the only call that sets `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
        restore(cx, target, parts).await?;
    }
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    let untag = events.untag_resource().resource_arn(&target.id).set_tag_keys(Some(keys));
    untag.send().await.call("events:UntagResource").map(drop)
}
