//! Resource Groups Tagging API: tags of resources across services, in one paged list.
//!
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, ListPage, dispatch};

/// The maximum page size.
const PAGE: usize = 100;

pub(super) fn handle_request(
    cx: &CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    match operation {
        "GetResources" => get_resources(cx, &JsonBody::parse_body(&request.body)?),
        _ => Err(dispatch::not_implemented("tagging", operation)),
    }
}

fn get_resources(cx: &CloudContext<'_>, body: &JsonBody) -> Result<HandlerOutcome, ApiError> {
    let kinds: Vec<&str> = text_elements(body.member_value("ResourceTypeFilters"));
    let filters = body.member_value("TagFilters").and_then(Value::as_array).cloned().unwrap_or_default();
    let matches = |tags: &BTreeMap<String, String>| {
        filters.iter().all(|filter| {
            let values = text_elements(filter.get("Values"));
            let found = filter["Key"].as_str().and_then(|key| tags.get(key));
            found.is_some_and(|found| values.is_empty() || values.contains(&found.as_str()))
        })
    };
    let mut found: Vec<_> = list_tagged_resources(cx)
        .into_iter()
        .filter(|(kind, _, tags)| !tags.is_empty() && is_asked_for(&kinds, kind) && matches(tags))
        .map(|(_, arn, tags)| (arn, tags))
        .collect();
    found.sort_unstable();
    let size = cx.page_size(body.member_value("ResourcesPerPage").and_then(Value::as_i64), PAGE);
    let token = body.member_text("PaginationToken").filter(|token| !token.is_empty());
    let invalid = || ApiError::bad_request("InvalidParameterException", "The pagination token is not valid.");
    let page = ListPage::from_items(found, |(arn, _)| arn.clone(), token, size, invalid)?;
    let resources: Vec<Value> = page
        .items
        .iter()
        .map(|(arn, tags)| {
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "ResourceARN": arn, "Tags": tags })
        })
        .collect();
    let answer = json!({ "ResourceTagMappingList": resources, "PaginationToken": page.next.unwrap_or_default() });
    Ok(CloudAnswer::from_json(&answer).into())
}

/// Every resource that can have tags, except IAM's, as type, ARN and tags.
fn list_tagged_resources(cx: &CloudContext<'_>) -> Vec<(&'static str, String, BTreeMap<String, String>)> {
    let regional = cx.region_state();
    let mut all = regional.apigateway.all_tagged(cx.request_region());
    let mut add = |kind, arn: &str, tags: &BTreeMap<String, String>| all.push((kind, arn.to_owned(), tags.clone()));
    for rule in regional.events.rules.values() {
        add("events:rule", &rule.arn, &rule.tags);
    }
    for group in regional.logs.groups.values() {
        add("logs:log-group", &group.arn, &group.tags);
    }
    for secret in regional.secretsmanager.secrets.values() {
        add("secretsmanager:secret", &secret.arn, &secret.tags);
    }
    for function in regional.lambda.functions.values() {
        add("lambda:function", &cx.build_arn("lambda", &format!("function:{}", function.name)), &function.tags);
    }
    for queue in regional.sqs.queues.values() {
        // SQS has only one type, which is named by the service alone.
        add("sqs", &queue.arn, &queue.tags);
    }
    for (arn, topic) in &regional.sns.topics {
        add("sns", arn, &topic.tags);
    }
    for (arn, machine) in &regional.states.machines {
        add("states:stateMachine", arn, &machine.tags);
    }
    for alarm in regional.cloudwatch.alarms.values() {
        add("cloudwatch:alarm", &alarm.arn, &alarm.tags);
    }
    all
}

/// Whether any filter matches the type. A filter is a service or one of its types.
fn is_asked_for(filters: &[&str], kind: &str) -> bool {
    let service = kind.split(':').next().unwrap_or_default();
    filters.is_empty() || filters.iter().any(|filter| *filter == kind || *filter == service)
}

fn text_elements(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
