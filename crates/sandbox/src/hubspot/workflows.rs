//! Workflows, and the webhooks that apps have subscribed to: what calls out of a portal. The sandbox stores them but
//! never calls anything.
//!
//! <https://developers.hubspot.com/docs/guides/api/automation/workflows-v4>,
//! <https://developers.hubspot.com/docs/api-reference/latest/webhooks/get-webhooks-appId>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::error::HubSpotRefusal;
use super::routes::{CallAnswer, CallResult, HubSpotCall};
use super::state::PortalState;
use crate::clock::format_iso;
use crate::vendors::HUBSPOT_LIST_PAGE;

/// The members of a workflow that the list returns.
const BRIEF: [&str; 8] =
    ["id", "isEnabled", "objectTypeId", "flowType", "name", "revisionId", "createdAt", "updatedAt"];

/// The workflows and webhooks of a portal.
#[derive(Debug, Default)]
pub(super) struct PortalWorkflows {
    /// As the API returns them, by id.
    flows: BTreeMap<u64, Value>,
    /// By the app's id.
    apps: BTreeMap<u64, AppWebhooks>,
}

/// An app's webhooks.
#[derive(Debug)]
struct AppWebhooks {
    settings: Value,
    /// As the API returns them, by id.
    subscriptions: BTreeMap<u64, Value>,
}

impl PortalWorkflows {
    /// Creates a workflow, or replaces the one with its id. Missing members get HubSpot's defaults.
    pub(super) fn add_flow(&mut self, flow: &Value, now: Timestamp) -> u64 {
        let given = flow["id"].as_u64().or_else(|| flow["id"].as_str()?.parse().ok());
        let id = given.unwrap_or_else(|| self.flows.last_key_value().map_or(1_000_001, |(id, _)| id + 1));
        let mut made = json!({
            "isEnabled": true,
            "flowType": "WORKFLOW",
            "type": "CONTACT_FLOW",
            "objectTypeId": "0-1",
            "revisionId": "1",
            "name": format!("Workflow {id}"),
            "createdAt": format_iso(now),
            "updatedAt": format_iso(now),
            "startActionId": "1",
            "actions": [],
            "enrollmentCriteria": { "shouldReEnroll": false, "type": "MANUAL" },
            "timeWindows": [],
            "blockedDates": [],
            "customProperties": {},
            "dataSources": [],
            "suppressionListIds": [],
            "canEnrollFromSalesforce": false,
        });
        for (name, value) in flow.as_object().into_iter().flatten() {
            made[name] = value.clone();
        }
        made["id"] = json!(id.to_string());
        self.flows.insert(id, made);
        id
    }

    /// Subscribes an app to events, which HubSpot sends to `target_url`.
    pub(super) fn subscribe_app(&mut self, app_id: u64, target_url: &str, events: &[&str], now: Timestamp) {
        let now = format_iso(now);
        let next = self.apps.values().flat_map(|app| app.subscriptions.keys()).max().map_or(1, |id| id + 1);
        let app = self
            .apps
            .entry(app_id)
            .or_insert_with(|| AppWebhooks { settings: json!({ "createdAt": now }), subscriptions: BTreeMap::new() });
        app.settings["targetUrl"] = json!(target_url);
        app.settings["throttling"] = json!({ "maxConcurrentRequests": 10 });
        app.settings["updatedAt"] = json!(now);
        for (id, event) in (next..).zip(events) {
            let shown = json!({
                "id": id.to_string(),
                "eventType": event,
                "active": true,
                "createdAt": now,
                "updatedAt": now,
            });
            app.subscriptions.insert(id, shown);
        }
    }
}

/// `GET /automation/v4/flows`, or in a dated version of the API
pub(super) fn list_flows(call: &mut HubSpotCall<'_>) -> CallResult {
    let number = |name: &str| call.request.query_parameter(name).map(str::parse::<u64>).transpose();
    let invalid = |_| HubSpotRefusal::invalid_request("limit and after must be whole numbers");
    let limit = number("limit").map_err(invalid)?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(HUBSPOT_LIST_PAGE).clamp(1, HUBSPOT_LIST_PAGE);
    let after = number("after").map_err(invalid)?.unwrap_or_default();
    let mut flows = call.state.workflows.flows.range(after + 1..);
    let page: Vec<_> = flows.by_ref().take(limit).collect();
    let results: Vec<Value> = page.iter().map(|(_, flow)| brief_flow(flow)).collect();
    let mut body = json!({ "results": results });
    if let (Some((last, _)), true) = (page.last(), flows.next().is_some()) {
        let link = format!("https://api.hubapi.com{}?limit={limit}&after={last}", call.request.path);
        body["paging"] = json!({ "next": { "after": last.to_string(), "link": link } });
    }
    Ok(CallAnswer::from_read(body))
}

fn brief_flow(flow: &Value) -> Value {
    let members = BRIEF.iter().filter_map(|name| Some(((*name).to_owned(), flow.get(*name)?.clone())));
    Value::Object(members.collect::<Map<_, _>>())
}

/// `GET /automation/v4/flows/{id}`
pub(super) fn get_flow(call: &mut HubSpotCall<'_>, id: &str) -> CallResult {
    let flow = id.parse().ok().and_then(|id: u64| call.state.workflows.flows.get(&id));
    Ok(CallAnswer::from_read(flow.ok_or_else(HubSpotRefusal::not_found)?.clone()))
}

/// `GET /webhooks/{version}/{appId}/settings`
pub(super) fn webhook_settings(call: &mut HubSpotCall<'_>, app_id: &str) -> CallResult {
    Ok(CallAnswer::from_read(find_app(call.state, app_id)?.settings.clone()))
}

/// `GET /webhooks/{version}/{appId}/subscriptions`
pub(super) fn webhook_subscriptions(call: &mut HubSpotCall<'_>, app_id: &str) -> CallResult {
    let subscriptions: Vec<&Value> = find_app(call.state, app_id)?.subscriptions.values().collect();
    Ok(CallAnswer::from_read(json!({ "results": subscriptions })))
}

fn find_app<'s>(state: &'s PortalState, id: &str) -> Result<&'s AppWebhooks, HubSpotRefusal> {
    id.parse().ok().and_then(|id: u64| state.workflows.apps.get(&id)).ok_or_else(HubSpotRefusal::not_found)
}
