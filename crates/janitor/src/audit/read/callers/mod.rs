//! What calls or names something of this account without being judged itself: buckets, user pools, pipes, stacks, ….
//!
//! [`table`] has a row for each list; the text of every item and of its details is searched for what it names. The lists
//! that don't fit a row are in files of their own.

mod budgets;
mod stacks;
mod table;

use http::Method;
use serde_json::Value;

use super::super::{EdgeKind, Node, NodeKind};
use super::collector::Collector;
use deployer_aws::signed::{AnswerPages, RestRequest, text_of};
use deployer_aws::{CallError, Found, SignedClient};
use table::{Ask, CallerDetail, CallerList, LISTS};

pub(super) async fn read_callers(aws: &SignedClient, collector: &Collector<'_>) {
    let lists = collector.for_each(LISTS.iter().collect(), &[], |list| read_list(aws, collector, list));
    tokio::join!(lists, budgets::read_budgets(aws, collector), stacks::read_stacks(aws, collector));
}

async fn read_list(aws: &SignedClient, collector: &Collector<'_>, list: &'static CallerList) {
    let Some(items) = list_all(aws, collector, &list.ask, list.items, list.what).await else { return };
    let found: Vec<Value> = items.into_iter().filter(|item| is_here(collector, item)).collect();
    let calls: Vec<&str> = list.details.iter().map(|detail| detail.ask.call()).collect();
    collector.for_each(found, &calls, |item| read_item(aws, collector, list, item)).await;
}

/// All items of a list. `None` if it couldn't be read.
async fn list_all(
    aws: &SignedClient,
    collector: &Collector<'_>,
    ask: &Ask,
    member: &str,
    what: &str,
) -> Option<Vec<Value>> {
    let mut pages = ask_pages(aws, collector, ask, "", "");
    let mut all = Vec::new();
    while let Some(page) = collector.next_page(&mut pages).await {
        match page {
            Ok(page) => {
                // Kinesis and Firehose say so instead of returning a token.
                if page["HasMoreStreams"] == true && page["NextToken"].is_null()
                    || page["HasMoreDeliveryStreams"] == true
                {
                    let why = "the list has more than one page".to_owned();
                    collector.note_unread(pages.operation(), None, what.to_owned(), why);
                    return None;
                }
                all.extend(items_at(&page, member));
            }
            Err(error) => {
                collector.note_failure(&error, None, what);
                return None;
            }
        }
    }
    Some(all)
}

/// S3 lists the buckets of all regions, and only those of the same region notify something here.
fn is_here(collector: &Collector<'_>, item: &Value) -> bool {
    text_of(item, "BucketRegion").is_none_or(|region| region.is_empty() || region == collector.scope.region)
}

async fn read_item(aws: &SignedClient, collector: &Collector<'_>, list: &'static CallerList, item: Value) {
    let name = match &item {
        Value::String(name) => name.clone(),
        item => list.name.iter().find_map(|member| text_of(item, member)).unwrap_or_default().to_owned(),
    };
    let id = list.id.iter().find_map(|member| text_of(&item, member)).filter(|id| id.starts_with("arn:"));
    let id = match (id, list.arn) {
        (Some(id), _) => id.to_owned(),
        (None, "") => format!("{}:{name}", list.label),
        (None, template) => template
            .replace("{partition}", collector.scope.aws_partition())
            .replace("{region}", &collector.scope.region)
            .replace("{account}", &collector.scope.account)
            .replace("{name}", &name),
    };
    add_caller(collector, &id, list.label, &name);
    collector.add_mention(&id, &item.to_string(), EdgeKind::Configuration, None, list.names);
    for detail in list.details.iter().filter(|detail| is_wanted(detail, &item)) {
        if let Some(text) = read_detail(aws, collector, list, detail, &id, &name).await {
            collector.add_mention(&id, &text, EdgeKind::Configuration, None, list.names);
        }
    }
}

fn is_wanted(detail: &CallerDetail, item: &Value) -> bool {
    detail.only.is_none_or(|(member, value)| text_of(item, member) == Some(value))
}

/// The text of an item's detail. `None` if there is none, or if it couldn't be read.
async fn read_detail(
    aws: &SignedClient,
    collector: &Collector<'_>,
    list: &CallerList,
    detail: &CallerDetail,
    id: &str,
    name: &str,
) -> Option<String> {
    let mut text = String::new();
    let mut pages = ask_pages(aws, collector, &detail.ask, id, name);
    while let Some(page) = collector.next_page(&mut pages).await {
        match page.found() {
            Ok(Some(page)) => text.push_str(&page.to_string()),
            // It was deleted since it was listed, or has no such configuration.
            Ok(None) => return None,
            Err(error) if detail.ignored.contains(&error.code.as_str()) => return None,
            Err(error) => {
                collector.note_failure(&error, None, format!("what {} {name} calls", list.label));
                return None;
            }
        }
    }
    Some(text)
}

fn ask_pages<'c>(aws: &'c SignedClient, collector: &Collector<'_>, ask: &Ask, id: &str, name: &str) -> AnswerPages<'c> {
    let fill = |text: &str| {
        text.replace("{account}", &collector.scope.account)
            .replace("{region}", &collector.scope.region)
            .replace("{name}", name)
            .replace("{id}", id)
    };
    match ask {
        Ask::Call(call, members) => {
            let members = members.iter().map(|(member, value)| {
                let value = match value.parse::<u64>() {
                    Ok(number) => Value::from(number),
                    Err(_) => Value::String(fill(value)),
                };
                ((*member).to_owned(), value)
            });
            aws.list_pages(call, Value::Object(members.collect()))
        }
        Ask::Get(call, path, query) => {
            let path: Vec<String> = path.iter().map(|segment| fill(segment)).collect();
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            let request = RestRequest::new(call, Method::GET, &path);
            let query = query.iter().fold(request, |request, (key, value)| request.with_query(key, fill(value)));
            aws.send_pages(query)
        }
    }
}

/// Notes a caller. It becomes a node if it names, or may call, anything of this account.
fn add_caller(collector: &Collector<'_>, id: &str, label: &str, name: &str) {
    let node = Node::new(NodeKind::Caller, id, format!("{label} {name}"));
    collector.gathered().callers.insert(id.to_owned(), node);
}

/// The items of a list at a path of members, in JSON or in XML, where a list of one is the item itself.
pub(super) fn items_at(page: &Value, path: &str) -> Vec<Value> {
    let found = path.split('.').fold(page, |value, member| &value[member]);
    match found {
        Value::Array(items) => items.clone(),
        Value::Object(_) => vec![found.clone()],
        _ => Vec::new(),
    }
}

/// Reads all pages of one call, and notes a failure.
async fn collect_pages(
    collector: &Collector<'_>,
    mut pages: AnswerPages<'_>,
    member: &str,
    what: &str,
) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    while let Some(page) = collector.next_page(&mut pages).await {
        match page.found() {
            Ok(Some(page)) => all.extend(items_at(&page, member)),
            Ok(None) => return Some(all),
            Err(error) => {
                note(collector, &error, what);
                return None;
            }
        }
    }
    Some(all)
}

fn note(collector: &Collector<'_>, error: &CallError, what: &str) {
    collector.note_failure(error, None, what);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::sources::{SOURCES, list_calls};
    use super::*;

    #[test]
    fn every_row_is_of_a_source() {
        let details: Vec<&str> = SOURCES.iter().flat_map(|source| source.details).copied().collect();
        for list in LISTS {
            let own = ["kinesis:", "dynamodb:", "kafka:", "mq:"];
            let call = list.ask.call();
            assert!(
                own.iter().any(|prefix| call.starts_with(prefix)) || list_calls().any(|known| known == call),
                "{call}"
            );
            for detail in list.details {
                let call = detail.ask.call();
                assert!(details.contains(&call), "{call}");
            }
        }
    }

    #[test]
    fn reads_lists_of_one_in_xml() {
        assert_eq!(items_at(&json!({ "Buckets": { "Bucket": { "Name": "a" } } }), "Buckets.Bucket").len(), 1);
        assert_eq!(items_at(&json!({ "Buckets": { "Bucket": [{}, {}] } }), "Buckets.Bucket").len(), 2);
        assert_eq!(items_at(&json!({ "Buckets": "" }), "Buckets.Bucket").len(), 0);
    }
}
