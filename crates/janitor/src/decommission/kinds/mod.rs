//! The kinds of resources that can be archived: one file for each kind, and the table of them.

mod alarm;
mod function;
mod http_api;
mod log_group;
mod queue;
mod rest_api;
mod role;
mod rule;
mod schedule;
mod secret;
mod topic;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::archivable::{ArchivableKind, RestoredResource};
use super::parts::ResourceParts;
use super::{DecommissionContext, DecommissionTarget, TAG_RESTORING};
use crate::audit::NodeKind;
use crate::audit::arn::api_id;
use deployer_aws::CallError;
use deployer_core::arn::Arn;

/// What decommission does with one of the audit's kinds.
///
/// # Errors
/// Why resources of this kind can't be archived, in words.
pub fn find_archivable(kind: NodeKind) -> Result<&'static dyn ArchivableKind, &'static str> {
    match kind {
        NodeKind::Alarm => Ok(&alarm::Alarm),
        NodeKind::Function => Ok(&function::Function),
        NodeKind::HttpApi => Ok(&http_api::HttpApi),
        NodeKind::LogGroup => Ok(&log_group::LogGroup),
        NodeKind::Queue => Ok(&queue::Queue),
        NodeKind::RestApi => Ok(&rest_api::RestApi),
        NodeKind::Role => Ok(&role::Role),
        NodeKind::Rule => Ok(&rule::Rule),
        NodeKind::Schedule => Ok(&schedule::Schedule),
        NodeKind::Secret => Ok(&secret::Secret),
        NodeKind::Topic => Ok(&topic::Topic),
        NodeKind::StateMachine => Err("this version doesn't archive state machines: delete it yourself"),
        NodeKind::HubspotWorkflow | NodeKind::HubspotWebhook => {
            Err("it is in HubSpot: turn it off there, then audit again")
        }
        NodeKind::Endpoint => Err("it isn't a resource in this account"),
        NodeKind::Caller => Err("an audit doesn't judge it"),
    }
}

/// Whether its restore still has to be settled ([`ArchivableKind::settle_restore`]).
pub fn is_unsettled(parts: &ResourceParts) -> bool {
    resource_tags(parts).iter().any(|(key, _)| key == TAG_RESTORING)
}

/// The resource's tags, if its kind has any.
pub fn resource_tags(parts: &ResourceParts) -> Vec<(String, String)> {
    let pairs = parts.get("tags.json").as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The resource part of an ARN, without `prefix`. What is no ARN is returned as it is.
fn arn_resource<'t>(id: &'t str, prefix: &str) -> &'t str {
    let resource = Arn::parse_arn(id).map_or(id, |arn| arn.resource);
    resource.strip_prefix(prefix).unwrap_or(resource)
}

/// The ARN of the API with this id that replaces `target`.
fn new_api_arn(cx: &DecommissionContext<'_>, target: &DecommissionTarget, id: &str) -> String {
    let (partition, region) =
        Arn::parse_arn(&target.id).map_or(("aws", cx.scope.region.as_str()), |arn| (arn.partition, arn.region));
    api_id(target.kind.node_kind(), partition, region, id)
}

/// An API that was restored under a new id. Its address has the id, so it is another one now.
fn moved_api(cx: &DecommissionContext<'_>, target: &DecommissionTarget, id: String) -> RestoredResource {
    let (old, region) = (target.aws_identifier(), &cx.scope.region);
    let note = format!(
        "its address is now https://{id}.execute-api.{region}.amazonaws.com; update everything that uses https://{old}.execute-api.{region}.amazonaws.com"
    );
    let arn = new_api_arn(cx, target, &id);
    RestoredResource { id: Some(arn), renamed: vec![(old.to_owned(), id)], notes: vec![note] }
}

/// What is there already was created by an earlier restore that was interrupted.
fn accept_existing(created: Result<Value, CallError>) -> Result<(), CallError> {
    match created {
        Err(error) if error.code == "ConflictException" => Ok(()),
        other => other.map(drop),
    }
}

/// Converts a list of objects with these members to one object of tags.
fn tag_object(tags: &[Value], key: &str, value: &str) -> Value {
    let pairs = tags.iter().filter_map(|tag| Some((tag[key].as_str()?.to_owned(), tag[value].clone())));
    Value::Object(pairs.collect())
}

/// Tags as a list of objects with `Key` and `Value`.
fn tag_list(tags: impl IntoIterator<Item = (impl AsRef<str>, String)>) -> Value {
    tags.into_iter().map(|(key, value)| json!({ "Key": key.as_ref(), "Value": value })).collect()
}

/// Tags as one object.
fn tag_map(tags: &[(&str, String)]) -> Value {
    Value::Object(tags.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect())
}

/// A member that is an object; an absent or empty one is an empty object.
fn object_of(answer: &Value, name: &str) -> Value {
    Value::Object(answer.get(name).and_then(Value::as_object).cloned().unwrap_or_default())
}

/// A time that AWS returns as seconds since 1970 or as a string.
fn parse_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => {
            number.as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0) as i64).ok())
        }
        Value::String(text) => {
            // Lambda writes `+0000` instead of `Z`.
            let text = text.strip_suffix("+0000").map_or_else(|| text.clone(), |text| format!("{text}Z"));
            text.parse().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_in_the_table_under_its_own_name() {
        for kind in NodeKind::ALL {
            if let Ok(archivable) = find_archivable(kind) {
                assert_eq!(archivable.node_kind(), kind);
            }
        }
    }
}
