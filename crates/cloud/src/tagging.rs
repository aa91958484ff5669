//! Resource Groups Tagging API: tags of resources across services, in one paged list.
//!
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::lambda::StoredFunction;
use super::scheduler;
use super::table::StoredTable;
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
    let size = cx.page_size(body.member_value("ResourcesPerPage").and_then(Value::as_i64), PAGE);
    let token = body.member_text("PaginationToken").filter(|token| !token.is_empty());
    let invalid = || ApiError::bad_request("InvalidParameterException", "The pagination token is not valid.");
    let is_wanted = |resource: &TaggedResource| {
        !resource.tags.is_empty() && is_asked_for(&kinds, resource.kind) && matches(&resource.tags)
    };
    let page = ListPage::from_items_after(
        |after| list_tagged_resources(cx, after).filter(is_wanted),
        |resource| resource.key.clone(),
        token,
        size,
        invalid,
    )?;
    let resources: Vec<Value> = page
        .items
        .iter()
        .map(|TaggedResource { arn, tags, .. }| {
            let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            json!({ "ResourceARN": arn, "Tags": tags })
        })
        .collect();
    let answer = json!({ "ResourceTagMappingList": resources, "PaginationToken": page.next.unwrap_or_default() });
    Ok(CloudAnswer::from_json(&answer).into())
}

/// A resource that can have tags.
struct TaggedResource<'c> {
    kind: &'static str,
    arn: Cow<'c, str>,
    tags: Cow<'c, BTreeMap<String, String>>,
    /// Its place in the list of all.
    key: String,
}

/// Every resource that can have tags, except IAM's, after the one with a key. Those of API Gateway come first, and then
/// one table after the other, so that a page needs only what is on it. All are in the order of their ARNs.
fn list_tagged_resources<'c>(
    cx: &'c CloudContext<'_>,
    after: Option<&str>,
) -> impl Iterator<Item = TaggedResource<'c>> + use<'c> {
    let regional = cx.region_state();
    let (place, name) = after.and_then(|after| after.split_once('/')).unwrap_or_default();
    let (place, name) = (place.to_owned(), name.to_owned());
    // What a table is listed after: nothing that was before the key, everything that comes later.
    let from = |number: &str| match number.cmp(place.as_str()) {
        _ if place.is_empty() => Some(None),
        Ordering::Less => None,
        Ordering::Equal => Some(Some(name.clone())),
        Ordering::Greater => Some(None),
    };
    let gateway = from("00").map(|after| {
        let mut resources: Vec<_> = regional.apigateway.all_tagged(cx.request_region());
        resources.sort_unstable();
        let rest = resources.into_iter().filter(move |(_, arn, _)| after.as_ref().is_none_or(|after| arn > after));
        rest.map(|(kind, arn, tags)| TaggedResource {
            kind,
            key: format!("00/{arn}"),
            arn: Cow::Owned(arn),
            tags: Cow::Owned(tags),
        })
    });
    let function_arn =
        |function: &StoredFunction| Cow::Owned(cx.build_arn("lambda", &format!("function:{}", function.name)));
    // SQS and SNS have only one type each, which is named by the service alone.
    let tables: [TaggedTable<'c>; 9] = [
        table_resources("cloudwatch:alarm", "01", &regional.cloudwatch.alarms, from("01"), |_, alarm| {
            (own(&alarm.arn), &alarm.tags)
        }),
        table_resources("events:rule", "02", &regional.events.rules, from("02"), |_, rule| {
            (own(&rule.arn), &rule.tags)
        }),
        table_resources("lambda:function", "03", &regional.lambda.functions, from("03"), move |_, function| {
            (function_arn(function), &function.tags)
        }),
        table_resources("logs:log-group", "04", &regional.logs.groups, from("04"), |_, group| {
            (own(&group.arn), &group.tags)
        }),
        table_resources(
            "scheduler:schedule-group",
            "05",
            &regional.scheduler.groups,
            from("05"),
            move |name, group| (Cow::Owned(scheduler::group_arn(cx, name)), &group.tags),
        ),
        table_resources("secretsmanager:secret", "06", &regional.secretsmanager.secrets, from("06"), |_, secret| {
            (own(&secret.arn), &secret.tags)
        }),
        table_resources("sns", "07", &regional.sns.topics, from("07"), |arn, topic| (own(arn), &topic.tags)),
        table_resources("sqs", "08", &regional.sqs.queues, from("08"), |_, queue| (own(&queue.arn), &queue.tags)),
        table_resources("states:stateMachine", "09", &regional.states.machines, from("09"), |arn, machine| {
            (own(arn), &machine.tags)
        }),
    ];
    gateway.into_iter().flatten().chain(tables.into_iter().flatten())
}

type TaggedTable<'c> = Box<dyn Iterator<Item = TaggedResource<'c>> + 'c>;

fn own(arn: &str) -> Cow<'_, str> {
    Cow::Borrowed(arn)
}

/// The resources of a table after a key, if any are listed. `number` is the table's place in the list.
fn table_resources<'c, V>(
    kind: &'static str,
    number: &'static str,
    table: &'c StoredTable<V>,
    after: Option<Option<String>>,
    describe: impl Fn(&'c String, &'c V) -> (Cow<'c, str>, &'c BTreeMap<String, String>) + 'c,
) -> TaggedTable<'c> {
    let Some(after) = after else { return Box::new(std::iter::empty()) };
    Box::new(table.iter_after(after.as_deref()).map(move |(key, entry)| {
        let (arn, tags) = describe(key, entry);
        TaggedResource { kind, arn, tags: Cow::Borrowed(tags), key: format!("{number}/{key}") }
    }))
}

/// Whether any filter matches the type. A filter is a service or one of its types.
fn is_asked_for(filters: &[&str], kind: &str) -> bool {
    let service = kind.split(':').next().unwrap_or_default();
    filters.is_empty() || filters.iter().any(|filter| *filter == kind || *filter == service)
}

fn text_elements(value: Option<&Value>) -> Vec<&str> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
