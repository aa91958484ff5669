//! Workflows, and the webhooks that apps have subscribed to: what calls out of a portal. The sandbox stores them but
//! never calls anything.
//!
//! <https://developers.hubspot.com/docs/guides/api/automation/workflows-v4>,
//! <https://developers.hubspot.com/docs/api-reference/latest/webhooks/get-webhooks-appId>

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::error::Refusal;
use super::routes::{Call, Done, Outcome};
use super::state::State;
use crate::clock::iso;
use crate::vendors::HUBSPOT_LIST_PAGE;

/// The members of a workflow that the list returns.
const BRIEF: [&str; 8] =
    ["id", "isEnabled", "objectTypeId", "flowType", "name", "revisionId", "createdAt", "updatedAt"];

/// The workflows and webhooks of a portal.
#[derive(Debug, Default)]
pub(super) struct Workflows {
    /// As the API returns them, by id.
    flows: BTreeMap<u64, Value>,
    /// By the app's id.
    apps: BTreeMap<u64, Webhooks>,
}

/// An app's webhooks.
#[derive(Debug)]
struct Webhooks {
    settings: Value,
    /// As the API returns them, by id.
    subscriptions: BTreeMap<u64, Value>,
}

impl Workflows {
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
            "createdAt": iso(now),
            "updatedAt": iso(now),
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
    pub(super) fn subscribe(&mut self, app_id: u64, target_url: &str, events: &[&str], now: Timestamp) {
        let now = iso(now);
        let next = self.apps.values().flat_map(|app| app.subscriptions.keys()).max().map_or(1, |id| id + 1);
        let app = self
            .apps
            .entry(app_id)
            .or_insert_with(|| Webhooks { settings: json!({ "createdAt": now }), subscriptions: BTreeMap::new() });
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

/// `GET /automation/v4/flows`
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let number = |name: &str| call.request.parameter(name).map(str::parse::<u64>).transpose();
    let invalid = |_| Refusal::invalid("limit and after must be whole numbers");
    let limit = number("limit").map_err(invalid)?.and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(HUBSPOT_LIST_PAGE).clamp(1, HUBSPOT_LIST_PAGE);
    let after = number("after").map_err(invalid)?.unwrap_or_default();
    let mut flows = call.state.workflows.flows.range(after + 1..);
    let page: Vec<_> = flows.by_ref().take(limit).collect();
    let results: Vec<Value> = page.iter().map(|(_, flow)| brief(flow)).collect();
    let mut body = json!({ "results": results });
    if let (Some((last, _)), true) = (page.last(), flows.next().is_some()) {
        let link = format!("https://api.hubapi.com/automation/v4/flows?limit={limit}&after={last}");
        body["paging"] = json!({ "next": { "after": last.to_string(), "link": link } });
    }
    Ok(Done::read(body))
}

fn brief(flow: &Value) -> Value {
    let members = BRIEF.iter().filter_map(|name| Some(((*name).to_owned(), flow.get(*name)?.clone())));
    Value::Object(members.collect::<Map<_, _>>())
}

/// `GET /automation/v4/flows/{id}`
pub(super) fn get(call: &mut Call<'_>, id: &str) -> Outcome {
    let flow = id.parse().ok().and_then(|id: u64| call.state.workflows.flows.get(&id));
    Ok(Done::read(flow.ok_or_else(Refusal::not_found)?.clone()))
}

/// `GET /webhooks/2026-03/{appId}/settings`
pub(super) fn webhook_settings(call: &mut Call<'_>, app_id: &str) -> Outcome {
    Ok(Done::read(app(call.state, app_id)?.settings.clone()))
}

/// `GET /webhooks/2026-03/{appId}/subscriptions`
pub(super) fn webhook_subscriptions(call: &mut Call<'_>, app_id: &str) -> Outcome {
    let subscriptions: Vec<&Value> = app(call.state, app_id)?.subscriptions.values().collect();
    Ok(Done::read(json!({ "results": subscriptions })))
}

fn app<'s>(state: &'s State, id: &str) -> Result<&'s Webhooks, Refusal> {
    id.parse().ok().and_then(|id: u64| state.workflows.apps.get(&id)).ok_or_else(Refusal::not_found)
}
