//! What can reach a resource now, read from lists that cover all targets at once.

use http::Method;
use serde_json::{Value, json};

use super::wire::{answer, collect_pages, text_of};
use super::{DecommissionContext, DecommissionTarget, none_if_missing};
use crate::audit::arn::node_id;
use deployer_aws::CallError;
use deployer_aws::signed::RestRequest;
use deployer_core::arn::Arn;

/// All schedules, subscriptions, mappings and functions of the account and region.
#[derive(Debug, Clone, Default)]
pub struct CallerLists {
    schedules: Vec<(String, Value)>,
    subscriptions: Vec<(String, String, String)>,
    mappings: Vec<Value>,
    functions: Vec<Value>,
}

impl CallerLists {
    /// Reads the lists.
    ///
    /// # Errors
    /// A list can't be read. Then nothing may be deleted, since the list might have shown a caller.
    pub async fn read_lists(cx: &DecommissionContext<'_>) -> Result<Self, CallError> {
        Ok(Self {
            schedules: list_schedules(cx).await?,
            subscriptions: list_subscriptions(cx).await?,
            mappings: list_mappings(cx).await?,
            functions: list_functions(cx).await?,
        })
    }

    /// Describes the first resource that reaches or needs `target` and isn't in `chosen`.
    ///
    /// # Errors
    /// The rules that target it can't be read.
    pub async fn find_caller(
        &self,
        cx: &DecommissionContext<'_>,
        target: &DecommissionTarget,
        chosen: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, CallError> {
        let reaches = |arn: &str| target.kind.is_reached_by(arn, target);
        for (schedule, body) in &self.schedules {
            if !chosen(schedule) && names_target(body, target) {
                return Ok(Some(format!("schedule {schedule} targets it")));
            }
        }
        for (subscription, topic, endpoint) in &self.subscriptions {
            if reaches(endpoint) && !chosen(topic) {
                return Ok(Some(format!("topic {topic} publishes to it ({subscription})")));
            }
        }
        for mapping in &self.mappings {
            let (source, function) =
                (text_of(mapping, "EventSourceArn"), text_of(mapping, "FunctionArn").unwrap_or_default());
            let uuid = text_of(mapping, "UUID").unwrap_or_default();
            match source {
                Some(source) if reaches(function) && !chosen(source) => {
                    return Ok(Some(format!("{source} feeds it through event source mapping {uuid}")));
                }
                Some(source) if source == target.id && !chosen(&unqualified_arn(function)) => {
                    return Ok(Some(format!("it feeds {function} through event source mapping {uuid}")));
                }
                _ => {}
            }
        }
        for function in &self.functions {
            let arn = text_of(function, "FunctionArn").unwrap_or_default();
            let unqualified = unqualified_arn(arn);
            if !chosen(&unqualified) && unqualified != target.id && target.kind.is_needed_by_function(function, target)
            {
                return Ok(Some(format!("function {arn} names it in its configuration")));
            }
        }
        find_calling_rule(cx, target, chosen).await
    }
}

/// Whether a string in `value` names the target.
pub(super) fn names_target(value: &Value, target: &DecommissionTarget) -> bool {
    match value {
        Value::String(text) => target.kind.is_named_in(text, target),
        Value::Array(values) => values.iter().any(|value| names_target(value, target)),
        Value::Object(members) => members.values().any(|value| names_target(value, target)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A function's ARN without alias or version.
fn unqualified_arn(arn: &str) -> String {
    node_id(arn).0
}

/// Looks for rules on every bus. EventBridge finds them only by the exact target ARN, so aliases are asked for
/// separately.
async fn find_calling_rule(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    chosen: impl Fn(&str) -> bool,
) -> Result<Option<String>, CallError> {
    if !target.kind.kind_facts().rule_target {
        return Ok(None);
    }
    let partition = Arn::parse_arn(&target.id).map_or("aws", |arn| arn.partition);
    let mut arns = vec![target.id.clone()];
    arns.extend(target.kind.list_alias_arns(cx, target).await?);
    for bus in list_buses(cx).await? {
        for arn in &arns {
            let rules = collect_pages("events:ListRuleNamesByTarget", "RuleNames", "NextToken", async |token| {
                let request = cx.aws.events.list_rule_names_by_target().target_arn(arn).event_bus_name(&bus);
                answer!("events:ListRuleNamesByTarget", request.set_next_token(token))
            });
            let rules = none_if_missing(rules.await)?.unwrap_or_default();
            for name in rules.iter().filter_map(Value::as_str) {
                let path = if bus == "default" { name.to_owned() } else { format!("{bus}/{name}") };
                let scope = cx.scope;
                let id = format!("arn:{partition}:events:{}:{}:rule/{path}", scope.region, scope.account);
                if !chosen(&id) {
                    return Ok(Some(format!("rule {path} targets it")));
                }
            }
        }
    }
    Ok(None)
}

async fn list_buses(cx: &DecommissionContext<'_>) -> Result<Vec<String>, CallError> {
    let buses = collect_pages("events:ListEventBuses", "EventBuses", "NextToken", async |token| {
        answer!("events:ListEventBuses", cx.aws.events.list_event_buses().set_next_token(token))
    });
    let buses = none_if_missing(buses.await)?.unwrap_or_default();
    let mut buses: Vec<String> = buses.iter().filter_map(|bus| text_of(bus, "Name")).map(ToOwned::to_owned).collect();
    if !buses.iter().any(|bus| bus == "default") {
        buses.push("default".to_owned());
    }
    Ok(buses)
}

async fn list_schedules(cx: &DecommissionContext<'_>) -> Result<Vec<(String, Value)>, CallError> {
    let request = RestRequest::new("scheduler:ListSchedules", Method::GET, &["schedules"]);
    let schedules = none_if_missing(cx.aws.signed.send_pages(request).collect_items("Schedules").await)?;
    let schedules = schedules.unwrap_or_default().into_iter();
    Ok(schedules.map(|mut one| (text_of(&one, "Arn").unwrap_or_default().to_owned(), one["Target"].take())).collect())
}

/// Each subscription with its topic and its endpoint.
async fn list_subscriptions(cx: &DecommissionContext<'_>) -> Result<Vec<(String, String, String)>, CallError> {
    let pages = cx.aws.signed.list_pages("sns:ListSubscriptions", json!({}));
    let subscriptions = none_if_missing(pages.collect_items("Subscriptions").await)?.unwrap_or_default();
    let part = |one: &Value, name: &str| text_of(one, name).unwrap_or_default().to_owned();
    let parts = |one: &Value| (part(one, "SubscriptionArn"), part(one, "TopicArn"), part(one, "Endpoint"));
    Ok(subscriptions.iter().map(parts).collect())
}

async fn list_mappings(cx: &DecommissionContext<'_>) -> Result<Vec<Value>, CallError> {
    let mappings =
        collect_pages("lambda:ListEventSourceMappings", "EventSourceMappings", "NextMarker", async |marker| {
            let request = cx.aws.lambda.list_event_source_mappings().set_marker(marker);
            answer!("lambda:ListEventSourceMappings", request)
        });
    Ok(none_if_missing(mappings.await)?.unwrap_or_default())
}

async fn list_functions(cx: &DecommissionContext<'_>) -> Result<Vec<Value>, CallError> {
    collect_pages("lambda:ListFunctions", "Functions", "NextMarker", async |marker| {
        answer!("lambda:ListFunctions", cx.aws.lambda.list_functions().set_marker(marker))
    })
    .await
}
