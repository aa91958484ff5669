//! What can reach something now, read from the lists that show it for all targets at once.

use serde_json::Value;

use super::wire::{answer, list_member, text_member};
use super::{DecommissionContext, DecommissionTarget, none_if_missing};
use crate::audit::NodeKind;
use deployer_aws::CallError;

/// Schedules, subscriptions, mappings and functions of the account and region, as their lists have them.
#[derive(Debug, Clone, Default)]
pub struct CallerLists {
    schedules: Vec<(String, Value)>,
    subscriptions: Vec<(String, String, String)>,
    mappings: Vec<Value>,
    functions: Vec<Value>,
}

impl CallerLists {
    /// Reads them.
    ///
    /// # Errors
    /// A list can't be read: then nothing may be deleted, since it might show a caller.
    pub async fn read_lists(cx: &DecommissionContext<'_>) -> Result<Self, CallError> {
        Ok(Self {
            schedules: list_schedules(cx).await?,
            subscriptions: list_subscriptions(cx).await?,
            mappings: list_mappings(cx).await?,
            functions: list_functions(cx).await?,
        })
    }

    /// The first of them that reaches or needs `target` and isn't in `chosen`, in words.
    ///
    /// # Errors
    /// The rules that have it as a target can't be read.
    pub async fn find_caller(
        &self,
        cx: &DecommissionContext<'_>,
        target: &DecommissionTarget,
        chosen: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, CallError> {
        let reaches = |arn: &str| arn == target.id || is_qualified(arn, target);
        for (schedule, body) in &self.schedules {
            if !chosen(schedule) && names_target(body, target) {
                return Ok(Some(format!("schedule {schedule} has it as its target")));
            }
        }
        for (subscription, topic, endpoint) in &self.subscriptions {
            if reaches(endpoint) && !chosen(topic) {
                return Ok(Some(format!("topic {topic} sends to it ({subscription})")));
            }
        }
        for mapping in &self.mappings {
            let (source, function) =
                (text_member(mapping, "EventSourceArn"), text_member(mapping, "FunctionArn").unwrap_or_default());
            let uuid = text_member(mapping, "UUID").unwrap_or_default();
            match source {
                Some(source) if reaches(function) && !chosen(source) => {
                    return Ok(Some(format!("{source} feeds it by event source mapping {uuid}")));
                }
                Some(source) if source == target.id && !chosen(unqualified_arn(function)) => {
                    return Ok(Some(format!("{function} is fed by it (event source mapping {uuid})")));
                }
                _ => {}
            }
        }
        for function in &self.functions {
            let arn = text_member(function, "FunctionArn").unwrap_or_default();
            if !chosen(unqualified_arn(arn)) && unqualified_arn(arn) != target.id && function_needs(function, target) {
                return Ok(Some(format!("function {arn} names it in its configuration")));
            }
        }
        find_calling_rule(cx, target, chosen).await
    }
}

/// Whether a function's configuration names `target`: its role, its log group, its environment, its dead letters.
fn function_needs(function: &Value, target: &DecommissionTarget) -> bool {
    match target.kind {
        NodeKind::LogGroup => {
            let own = text_member(function, "FunctionName").map(|name| format!("/aws/lambda/{name}"));
            let configured = function.get("LoggingConfig").and_then(|config| text_member(config, "LogGroup"));
            configured.map(ToOwned::to_owned).or(own).as_deref() == Some(target.aws_identifier())
        }
        _ => names_target(function, target),
    }
}

/// Whether a text in `value` has the target's ARN, or for a queue its URL.
fn names_target(value: &Value, target: &DecommissionTarget) -> bool {
    match value {
        Value::String(text) => {
            let url = (target.kind == NodeKind::Queue)
                .then(|| target.id.rsplit(':').take(2).collect::<Vec<_>>())
                .map(|end| format!("/{}/{}", end[1], end[0]));
            text.contains(&target.id) || url.is_some_and(|url| text.starts_with("http") && text.ends_with(&url))
        }
        Value::Array(values) => values.iter().any(|value| names_target(value, target)),
        Value::Object(members) => members.values().any(|value| names_target(value, target)),
        _ => false,
    }
}

fn is_qualified(arn: &str, target: &DecommissionTarget) -> bool {
    target.kind == NodeKind::Function && unqualified_arn(arn) == target.id
}

/// A function's ARN without alias or version.
fn unqualified_arn(arn: &str) -> &str {
    match arn.match_indices(':').nth(6) {
        Some((at, _)) if arn.contains(":function:") => &arn[..at],
        _ => arn,
    }
}

/// Rules are asked for by their target, exactly as it stands there, on every bus.
async fn find_calling_rule(
    cx: &DecommissionContext<'_>,
    target: &DecommissionTarget,
    chosen: impl Fn(&str) -> bool,
) -> Result<Option<String>, CallError> {
    if !matches!(
        target.kind,
        NodeKind::Function
            | NodeKind::Queue
            | NodeKind::Topic
            | NodeKind::LogGroup
            | NodeKind::RestApi
            | NodeKind::HttpApi
    ) {
        return Ok(None);
    }
    let mut arns = vec![target.id.clone()];
    if target.kind == NodeKind::Function {
        let request = cx.aws.lambda.list_aliases().function_name(target.aws_identifier());
        let aliases = none_if_missing(answer!("lambda:ListAliases", request))?.unwrap_or_default();
        arns.extend(
            list_member(&aliases, "Aliases")
                .iter()
                .filter_map(|alias| text_member(alias, "AliasArn"))
                .map(ToOwned::to_owned),
        );
    }
    for bus in list_buses(cx).await? {
        for arn in &arns {
            let request = cx.aws.events.list_rule_names_by_target().target_arn(arn).event_bus_name(&bus);
            let answer = none_if_missing(answer!("events:ListRuleNamesByTarget", request))?.unwrap_or_default();
            for name in list_member(&answer, "RuleNames").iter().filter_map(Value::as_str) {
                let path = if bus == "default" { name.to_owned() } else { format!("{bus}/{name}") };
                let scope = cx.scope;
                let partition = target.id.split(':').nth(1).unwrap_or("aws");
                let id = format!("arn:{partition}:events:{}:{}:rule/{path}", scope.region, scope.account);
                if !chosen(&id) {
                    return Ok(Some(format!("rule {path} has it as a target")));
                }
            }
        }
    }
    Ok(None)
}

async fn list_buses(cx: &DecommissionContext<'_>) -> Result<Vec<String>, CallError> {
    let answer = none_if_missing(answer!("events:ListEventBuses", cx.aws.events.list_event_buses()))?;
    let buses = answer.unwrap_or_default();
    let mut buses: Vec<String> = list_member(&buses, "EventBuses")
        .iter()
        .filter_map(|bus| text_member(bus, "Name"))
        .map(ToOwned::to_owned)
        .collect();
    if !buses.iter().any(|bus| bus == "default") {
        buses.push("default".to_owned());
    }
    Ok(buses)
}

async fn list_schedules(cx: &DecommissionContext<'_>) -> Result<Vec<(String, Value)>, CallError> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let request = cx.aws.scheduler.list_schedules().set_next_token(token);
        let answer = none_if_missing(answer!("scheduler:ListSchedules", request))?.unwrap_or_default();
        let schedules = list_member(&answer, "Schedules").iter();
        all.extend(
            schedules.map(|one| (text_member(one, "Arn").unwrap_or_default().to_owned(), one["Target"].clone())),
        );
        token = text_member(&answer, "NextToken").map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(all);
        }
    }
}

/// Subscription, topic, endpoint.
async fn list_subscriptions(cx: &DecommissionContext<'_>) -> Result<Vec<(String, String, String)>, CallError> {
    use deployer_aws::Call as _;
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let sent = cx.aws.sns.list_subscriptions().set_next_token(token).send().await;
        let Some(answer) = none_if_missing(sent.call("sns:ListSubscriptions"))? else { return Ok(all) };
        for one in answer.subscriptions() {
            let part = |text: Option<&str>| text.unwrap_or_default().to_owned();
            all.push((part(one.subscription_arn()), part(one.topic_arn()), part(one.endpoint())));
        }
        token = answer.next_token().map(ToOwned::to_owned);
        if token.is_none() {
            return Ok(all);
        }
    }
}

async fn list_mappings(cx: &DecommissionContext<'_>) -> Result<Vec<Value>, CallError> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let request = cx.aws.lambda.list_event_source_mappings().set_marker(marker);
        let answer = none_if_missing(answer!("lambda:ListEventSourceMappings", request))?.unwrap_or_default();
        all.extend(list_member(&answer, "EventSourceMappings").iter().cloned());
        marker = text_member(&answer, "NextMarker").map(ToOwned::to_owned);
        if marker.is_none() {
            return Ok(all);
        }
    }
}

async fn list_functions(cx: &DecommissionContext<'_>) -> Result<Vec<Value>, CallError> {
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let request = cx.aws.lambda.list_functions().set_marker(marker);
        let answer = answer!("lambda:ListFunctions", request)?;
        all.extend(list_member(&answer, "Functions").iter().cloned());
        marker = text_member(&answer, "NextMarker").map(ToOwned::to_owned);
        if marker.is_none() {
            return Ok(all);
        }
    }
}
