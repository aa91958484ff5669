//! The age of what has no date: rules and topics. CloudTrail's event history shows who made or changed one in the last 90
//! days; what isn't in it is at least so old
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html>).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::NodeKind;
use super::Window;
use super::collector::Collector;
use deployer_aws::SignedClient;
use deployer_aws::signed::{list_of, text_of, time_of};

/// For how many days CloudTrail keeps its event history.
const TRAIL_DAYS: i64 = 90;
/// Programs that create a topic again and again fill many pages.
const MAX_PAGES: usize = 40;
const CALL: &str = "cloudtrail:LookupEvents";

/// The events that show an age, and what they are about.
const EVENTS: [(&str, NodeKind); 4] = [
    ("PutRule", NodeKind::Rule),
    ("EnableRule", NodeKind::Rule),
    ("DisableRule", NodeKind::Rule),
    ("CreateTopic", NodeKind::Topic),
];

pub(super) async fn read_ages(aws: &SignedClient, collector: &Collector<'_>, window: &Window) {
    for (kind, what) in [(NodeKind::Rule, "how old rules are"), (NodeKind::Topic, "how old topics are")] {
        let undated = |kind| {
            let gathered = collector.gathered();
            gathered.nodes.values().any(|node| node.kind == kind && node.changed_at.is_none())
        };
        if !undated(kind) {
            continue;
        }
        let mut changed = BTreeMap::new();
        let mut complete = true;
        for (event, _) in EVENTS.iter().filter(|(_, of)| *of == kind) {
            complete &= look_up(aws, collector, window, event, what, &mut changed).await;
        }
        // What was found is true even if there is more.
        let old = complete.then(|| window.to - SignedDuration::from_hours(24 * TRAIL_DAYS));
        for node in
            collector.gathered().nodes.values_mut().filter(|node| node.kind == kind && node.changed_at.is_none())
        {
            let seen = changed.get(node.name.as_str()).or_else(|| changed.get(node.id.as_str())).copied();
            if seen.is_none() && old.is_some() {
                node.attributes.insert("age".to_owned(), "from CloudTrail".to_owned());
            }
            node.changed_at = seen.or(old);
        }
    }
}

/// Adds when each resource was last changed by such an event. Returns whether the whole history was read.
async fn look_up(
    aws: &SignedClient,
    collector: &Collector<'_>,
    window: &Window,
    event: &str,
    what: &str,
    changed: &mut BTreeMap<String, Timestamp>,
) -> bool {
    let from = window.to - SignedDuration::from_hours(24 * TRAIL_DAYS);
    let parameters = json!({
        "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": event }],
        "StartTime": from.as_second(),
        "EndTime": window.to.as_second(),
    });
    let mut pages = aws.list_pages(CALL, parameters);
    for _ in 0..MAX_PAGES {
        let Some(page) = collector.next_page(&mut pages).await else { return true };
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                collector.note_failure(&error, None, what);
                return false;
            }
        };
        for found in list_of(&page, "Events") {
            let at = match time_of(found, "EventTime") {
                Ok(Some(at)) => at,
                Ok(None) => continue,
                Err(why) => {
                    collector.note_unread(CALL, None, what.to_owned(), why);
                    return false;
                }
            };
            for name in named_resources(found) {
                let last = changed.entry(name).or_insert(at);
                *last = (*last).max(at);
            }
        }
    }
    collector.note_unread(CALL, None, what.to_owned(), format!("{event} has more than {MAX_PAGES} pages of events"));
    false
}

/// The names and ARNs in an event.
fn named_resources(event: &Value) -> Vec<String> {
    let resources = list_of(event, "Resources").iter().filter_map(|resource| text_of(resource, "ResourceName"));
    let mut names: Vec<String> = resources.map(ToOwned::to_owned).collect();
    if let Some(Ok(detail)) = text_of(event, "CloudTrailEvent").map(serde_json::from_str::<Value>) {
        let members = [
            &detail["requestParameters"]["name"],
            &detail["responseElements"]["topicArn"],
            &detail["responseElements"]["ruleArn"],
        ];
        names.extend(members.into_iter().filter_map(Value::as_str).map(ToOwned::to_owned));
    }
    names
}
