//! HubSpot workflows that call a URL, and webhook subscriptions of apps.
//!
//! Workflows: `GET /automation/<version>/flows` and `…/{flowId}` (scope `automation`), or `/automation/v4/flows` where there
//! is no dated path yet. Their actions of type `WEBHOOK` have `webhookUrl` and `method`. Webhooks: `GET /webhooks/<version>/{appId}/settings` and `…/subscriptions`, with an access
//! token of the app.

use std::collections::BTreeSet;

use bounds::PageTokens;
use jiff::Timestamp;
use serde_json::Value;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::super::address::WebAddress;
use super::super::{Node, NodeKind};
use super::collector::{Collector, Webhook};
use deployer_hubspot::{HubSpotClient, VendorError, WorkflowsPath};

/// What may be read.
#[derive(Debug)]
pub struct HubSpotSource {
    /// For workflows: a client, or why the manifest's token can't be used.
    pub workflows: Option<Result<HubSpotClient, String>>,
    /// For webhooks: the id of each app, with a client that has its token.
    pub apps: Vec<(u64, HubSpotClient)>,
}

const WORKFLOWS: &str = "HubSpot workflows";
/// Workflows on one page.
const PAGE: u32 = 100;

pub(super) async fn read_hubspot(source: Option<&HubSpotSource>, collector: &Collector<'_>) {
    let Some(source) = source else { return };
    let workflows = async {
        match &source.workflows {
            Some(Ok(client)) => read_workflows(client, collector).await,
            Some(Err(why)) => collector.note_unread("hubspot:workflows", None, WORKFLOWS.to_owned(), why.clone()),
            None => {}
        }
    };
    let apps = async {
        for (app, client) in &source.apps {
            read_webhooks(client, collector, *app).await;
        }
    };
    tokio::join!(workflows, apps);
}

async fn read_workflows(client: &HubSpotClient, collector: &Collector<'_>) {
    let failed = |error: VendorError| collector.note_hubspot_failure("hubspot:workflows", &error, None, WORKFLOWS);
    collector.wait_and_count("hubspot:workflows").await;
    let (path, mut page) = match client.find_workflows(PAGE).await {
        Ok(found) => found,
        Err(error) => return failed(error),
    };
    let mut ids = Vec::new();
    let mut pages = PageTokens::default();
    loop {
        ids.extend(page["results"].as_array().into_iter().flatten().filter_map(|flow| id_text(&flow["id"])));
        match pages.advance_to(id_text(&page["paging"]["next"]["after"])) {
            Ok(true) => {}
            Ok(false) => break,
            Err(repeated) => {
                collector.note_unread("hubspot:workflows", None, WORKFLOWS.to_owned(), repeated.to_string());
                break;
            }
        }
        collector.wait_and_count("hubspot:workflows").await;
        page = match client.workflows_page(&path, PAGE, pages.token().as_deref()).await {
            Ok(page) => page,
            Err(error) => {
                failed(error);
                break;
            }
        };
    }
    collector.for_each(ids, &[], |id| read_workflow(client, collector, &path, id)).await;
}

async fn read_workflow(client: &HubSpotClient, collector: &Collector<'_>, path: &WorkflowsPath, id: String) {
    let node_id = format!("hubspot:workflow:{id}");
    collector.wait_and_count("hubspot:workflow").await;
    let flow = match client.read_workflow(path, &id).await {
        Ok(flow) => flow,
        Err(error) => {
            let what = format!("HubSpot workflow {id}");
            return collector.note_hubspot_failure("hubspot:workflow", &error, None, &what);
        }
    };
    let mut called = Vec::new();
    for action in flow["actions"].as_array().into_iter().flatten() {
        if let Some(url) = action["webhookUrl"].as_str() {
            called.push((url.to_owned(), action["method"].as_str().unwrap_or("POST").to_owned()));
        }
    }
    if called.is_empty() {
        return;
    }
    let mut properties = BTreeSet::new();
    find_properties(&flow, &mut properties);
    let properties: Vec<String> = properties.into_iter().collect();
    let mut node = Node::new(NodeKind::HubspotWorkflow, &node_id, flow["name"].as_str().unwrap_or(&id));
    node = node.with_attribute("properties", (!properties.is_empty()).then(|| properties.join(", ")));
    node = node.with_attribute("url", format_url(&called[0].0));
    node.enabled = flow["isEnabled"].as_bool().unwrap_or(true);
    node.changed_at = flow["updatedAt"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let enabled = node.enabled;
    collector.add_node(node);
    for (url, method) in called {
        collector.gathered().webhooks.push(Webhook { from: node_id.clone(), url, method, enabled });
    }
}

/// Finds the names of properties that a workflow reads or sets, at any depth.
fn find_properties(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value.as_str()) {
                    ("property" | "propertyName" | "property_name", Some(name)) => drop(found.insert(name.to_owned())),
                    _ => find_properties(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find_properties(item, found)),
        _ => {}
    }
}

async fn read_webhooks(client: &HubSpotClient, collector: &Collector<'_>, app: u64) {
    collector.wait_and_count("hubspot:webhooks").await;
    let settings = client.get_json(&format!("/webhooks/{HUBSPOT_API_VERSION}/{app}/settings")).await;
    collector.wait_and_count("hubspot:webhooks").await;
    let subscriptions = client.get_json(&format!("/webhooks/{HUBSPOT_API_VERSION}/{app}/subscriptions")).await;
    let (settings, subscriptions) = match (settings, subscriptions) {
        (Ok(settings), Ok(subscriptions)) => (settings, subscriptions),
        (Err(error), _) | (_, Err(error)) => {
            let what = format!("the webhooks of HubSpot app {app}");
            return collector.note_hubspot_failure("hubspot:webhooks", &error, None, &what);
        }
    };
    let Some(url) = settings["targetUrl"].as_str() else { return };
    for subscription in subscriptions["results"].as_array().into_iter().flatten() {
        let Some(id) = id_text(&subscription["id"]) else { continue };
        let event = subscription["eventType"].as_str().unwrap_or("events");
        let property = subscription["propertyName"].as_str().filter(|name| !name.is_empty());
        let name = property.map_or_else(|| event.to_owned(), |property| format!("{event} {property}"));
        let mut node = Node::new(NodeKind::HubspotWebhook, format!("hubspot:app:{app}:subscription:{id}"), name)
            .with_attribute("properties", property)
            .with_attribute("url", format_url(url));
        node.enabled = subscription["active"].as_bool().unwrap_or(true);
        node.changed_at = subscription["updatedAt"].as_str().and_then(|text| text.parse().ok());
        let webhook =
            Webhook { from: node.id.clone(), url: url.to_owned(), method: "POST".to_owned(), enabled: node.enabled };
        collector.add_node(node);
        collector.gathered().webhooks.push(webhook);
    }
}

fn format_url(url: &str) -> Option<String> {
    WebAddress::parse_url(url).map(|address| address.display_url())
}

/// An id, which is a string in one API and a number in another.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_properties_at_any_depth() {
        let flow = json!({
            "enrollmentCriteria": { "listFilterBranch": { "filters": [{ "property": "flag_a", "operation": {} }] } },
            "actions": [{ "fields": { "property_name": "status", "value": { "propertyName": "other" } } }],
        });
        let mut found = BTreeSet::new();
        find_properties(&flow, &mut found);
        assert_eq!(Vec::from_iter(found), ["flag_a", "other", "status"]);
    }
}
