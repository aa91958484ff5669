//! Reads, disables, deletes and restores each kind of resource: one file for each kind.

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

use super::parts::ResourceParts;
use super::{DecommissionContext, DecommissionTarget, TAG_RESTORING, unexpected_error};
use crate::audit::NodeKind;
use deployer_aws::CallError;

/// The result of a restore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoredResource {
    /// The id, if it is new.
    pub id: Option<String>,
    /// Other ids that changed, each as (old, new).
    pub renamed: Vec<(String, String)>,
    /// What a person must know or do, in words.
    pub notes: Vec<String>,
}

macro_rules! dispatch {
    ($target:expr, $function:ident ( $($argument:expr),* ), $operation:literal) => {
        match $target.kind {
            NodeKind::Alarm => alarm::$function($($argument),*).await,
            NodeKind::Function => function::$function($($argument),*).await,
            NodeKind::HttpApi => http_api::$function($($argument),*).await,
            NodeKind::LogGroup => log_group::$function($($argument),*).await,
            NodeKind::Queue => queue::$function($($argument),*).await,
            NodeKind::RestApi => rest_api::$function($($argument),*).await,
            NodeKind::Role => role::$function($($argument),*).await,
            NodeKind::Rule => rule::$function($($argument),*).await,
            NodeKind::Schedule => schedule::$function($($argument),*).await,
            NodeKind::Secret => secret::$function($($argument),*).await,
            NodeKind::Topic => topic::$function($($argument),*).await,
            _ => Err(unexpected_error($operation, format!("{} is of a kind that can't be archived", $target.id))),
        }
    };
}

/// Everything that AWS returns about the resource; `None` if it doesn't exist.
///
/// # Errors
/// A part can't be read. Then the resource is neither archived nor deleted.
pub async fn read(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
) -> Result<Option<ResourceParts>, CallError> {
    dispatch!(target, read(cx, target), "read")
}

/// Deletes the resource with everything that belongs to it alone. It is no failure if it is gone already.
///
/// # Errors
/// AWS refused.
pub async fn delete(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<(), CallError> {
    dispatch!(target, delete(cx, target, parts), "delete")
}

/// Creates the resource as it was archived. Parts that an interrupted restore left behind are brought to the archived
/// state.
///
/// # Errors
/// AWS refused.
pub async fn restore(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
) -> Result<RestoredResource, CallError> {
    dispatch!(target, restore(cx, target, parts), "restore")
}

/// Finishes a restore once the journal has the new id. `target` is the restored resource.
///
/// # Errors
/// AWS refused.
pub async fn settle(cx: &DecommissionContext<'_>, target: &DecommissionTarget) -> Result<(), CallError> {
    match target.kind {
        NodeKind::RestApi => rest_api::settle(cx, target).await,
        NodeKind::HttpApi => http_api::settle(cx, target).await,
        _ => Ok(()),
    }
}

/// Whether its restore still has to be settled.
pub fn is_unsettled(parts: &ResourceParts) -> bool {
    resource_tags(parts).iter().any(|(key, _)| key == TAG_RESTORING)
}

/// Disables the resource and adds `tags`. What can't be disabled is only tagged, and what can't be tagged is only
/// disabled.
///
/// # Errors
/// AWS refused.
pub async fn disable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    tags: &[(&str, String)],
) -> Result<(), CallError> {
    dispatch!(target, disable(cx, target, parts, tags), "disable")
}

/// Puts the state from before [`disable`] back, and removes the tags `keys`.
///
/// # Errors
/// AWS refused.
pub async fn enable(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    parts: &ResourceParts,
    keys: &[&str],
) -> Result<(), CallError> {
    dispatch!(target, enable(cx, target, parts, keys), "enable")
}

/// Why a resource in this state must not be deleted, according to its parts.
pub fn objection(
    target: &DecommissionTarget,
    parts: &ResourceParts,
    last_used: Option<&str>,
    since: Timestamp,
) -> Option<String> {
    match target.kind {
        NodeKind::Function => function::objection(parts),
        NodeKind::Queue => queue::objection(parts),
        NodeKind::Rule => rule::objection(parts),
        NodeKind::Role => role::objection(target, parts, since),
        NodeKind::Secret => secret::objection(parts, last_used, since),
        NodeKind::RestApi => rest_api::objection(parts),
        NodeKind::Alarm => alarm::objection(parts),
        _ => None,
    }
}

/// What isn't in the archive and is lost with the resource.
pub fn lost(target: &DecommissionTarget, parts: &ResourceParts) -> Vec<String> {
    match target.kind {
        NodeKind::LogGroup => vec!["its log events".to_owned()],
        NodeKind::Function => function::lost(parts),
        NodeKind::Topic => topic::lost(parts),
        NodeKind::Secret => vec!["its value after the recovery window of 30 days".to_owned()],
        NodeKind::RestApi => vec!["its id and so its address; API keys and usage plans".to_owned()],
        NodeKind::HttpApi => vec!["its id and so its address".to_owned()],
        _ => Vec::new(),
    }
}

/// When the resource was last changed, if AWS says.
pub fn changed_at(target: &DecommissionTarget, parts: &ResourceParts) -> Option<Timestamp> {
    match target.kind {
        NodeKind::Function => function::changed_at(parts),
        NodeKind::Queue => queue::changed_at(parts),
        NodeKind::Schedule => schedule::changed_at(parts),
        NodeKind::Secret => secret::changed_at(parts),
        NodeKind::RestApi => rest_api::changed_at(parts),
        NodeKind::HttpApi => http_api::changed_at(parts),
        NodeKind::Alarm => alarm::changed_at(parts),
        _ => None,
    }
}

/// The resource's tags, if its kind has any.
pub fn resource_tags(parts: &ResourceParts) -> Vec<(String, String)> {
    let pairs = parts.get("tags.json").as_object().into_iter().flatten();
    pairs.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Attributes that differ after a restore because AWS assigns them: ids, times and revisions. Includes [`volatile`].
pub fn new_after_restore(kind: NodeKind) -> Vec<&'static str> {
    let new: &[&str] = match kind {
        NodeKind::Alarm => alarm::NEW,
        NodeKind::Function => function::NEW,
        NodeKind::HttpApi => http_api::NEW,
        NodeKind::LogGroup => log_group::NEW,
        NodeKind::Queue => queue::NEW,
        NodeKind::RestApi => rest_api::NEW,
        NodeKind::Role => role::NEW,
        NodeKind::Rule => &[],
        NodeKind::Schedule => schedule::NEW,
        NodeKind::Secret => secret::NEW,
        NodeKind::Topic => topic::NEW,
        _ => &[],
    };
    [new, volatile_attributes(kind)].concat()
}

/// Attributes that change by themselves, so a difference doesn't mean that somebody changed the resource.
pub fn volatile_attributes(kind: NodeKind) -> &'static [&'static str] {
    match kind {
        NodeKind::Alarm => alarm::VOLATILE,
        NodeKind::Function => function::VOLATILE,
        NodeKind::LogGroup => log_group::VOLATILE,
        NodeKind::Queue => queue::VOLATILE,
        NodeKind::Role => role::VOLATILE,
        NodeKind::Secret => secret::VOLATILE,
        NodeKind::Topic => topic::VOLATILE,
        _ => &[],
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
