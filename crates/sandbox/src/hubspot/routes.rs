//! Finds the call that a request makes, checks whether it is allowed, and writes the response.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::error::HubSpotRefusal;
use super::state::{PortalState, PropertyValues};
use super::{SandboxHubSpotConfig, account, batch, contacts, properties, search, validate, workflows};
use crate::answer::SandboxResponse;
use crate::front::ReceivedRequest;
use crate::vendors::{
    AUTOMATION, CONTACT_SCHEMAS_READ, CONTACT_SCHEMAS_WRITE, CONTACTS_READ, CONTACTS_WRITE, HUBSPOT_LIMIT,
    HUBSPOT_SEARCH_LIMIT, HUBSPOT_VERSIONS,
};

/// The result of a call: a status and a body, or a refusal.
pub(super) type CallResult = Result<CallAnswer, HubSpotRefusal>;

/// The result of a call that succeeded.
#[derive(Debug)]
pub(super) struct CallAnswer {
    pub(super) status: u16,
    /// `null` is sent as no body.
    pub(super) body: Value,
    pub(super) changed: bool,
}

impl CallAnswer {
    pub(super) fn from_read(body: Value) -> Self {
        Self { status: 200, body, changed: false }
    }

    pub(super) fn from_write(status: u16, body: Value) -> Self {
        Self { status, body, changed: true }
    }
}

/// A call that is being processed.
pub(super) struct HubSpotCall<'a> {
    pub(super) state: &'a mut PortalState,
    pub(super) request: &'a ReceivedRequest,
    pub(super) now: Timestamp,
}

impl HubSpotCall<'_> {
    /// Validates a write to the contact `id`, or to a new one, with the portal's own rules too.
    pub(super) fn check_write(
        &self,
        id: Option<u64>,
        changes: &PropertyValues,
    ) -> Result<PropertyValues, HubSpotRefusal> {
        if let Some(id) = id {
            self.state.behavior.check_lock(id, self.now)?;
        }
        let enforced = self.request.path.contains(HUBSPOT_API_VERSION);
        let invalid = self.state.behavior.invalid_values(id, changes, enforced);
        if !invalid.is_empty() {
            return Err(validate::refuse_values(self.state.portal_id, &invalid));
        }
        self.state.check_write(id, changes)
    }
}

enum HubSpotEndpoint {
    TokenInfo,
    AccountDetails,
    Contacts,
    Search,
    BatchRead,
    BatchUpdate,
    Contact(String),
    Properties,
    Groups,
    Group(String),
    Property(String),
    PropertyBatch,
    PropertyLimits,
    Flows,
    DatedFlows,
    Flow(String),
    DatedFlow(String),
    WebhookSettings(String),
    WebhookSubscriptions(String),
}

impl HubSpotEndpoint {
    /// The two generations of paths have the version in different places.
    fn parse_path(path: &str) -> Option<Self> {
        let decoded = |segment| percent_decode_str(segment).decode_utf8().map(|text| text.into_owned()).ok();
        let segments = path.trim_matches('/').split('/').map(decoded).collect::<Option<Vec<_>>>()?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let [dated @ .., older] = HUBSPOT_VERSIONS;
        let (area, rest) = match segments.as_slice() {
            ["oauth", "v2", "private-apps", "get", "access-token-info"] => return Some(Self::TokenInfo),
            ["account-info", version, "details"] if HUBSPOT_VERSIONS.contains(version) => {
                return Some(Self::AccountDetails);
            }
            ["crm", "limits", version, "custom-properties"] if dated.contains(version) => {
                return Some(Self::PropertyLimits);
            }
            ["crm", version, "limits", "custom-properties"] if *version == older => return Some(Self::PropertyLimits),
            ["automation", "v4", "flows"] => return Some(Self::Flows),
            ["automation", "v4", "flows", id] => return Some(Self::Flow((*id).to_owned())),
            ["automation", version, "flows"] if dated.contains(version) => return Some(Self::DatedFlows),
            ["automation", version, "flows", id] if dated.contains(version) => {
                return Some(Self::DatedFlow((*id).to_owned()));
            }
            ["webhooks", version, app, "settings"] if HUBSPOT_VERSIONS.contains(version) => {
                return Some(Self::WebhookSettings((*app).to_owned()));
            }
            ["webhooks", version, app, "subscriptions"] if HUBSPOT_VERSIONS.contains(version) => {
                return Some(Self::WebhookSubscriptions((*app).to_owned()));
            }
            ["crm", area, version, "contacts", rest @ ..] if dated.contains(version) => (*area, rest),
            ["crm", version, area, "contacts", rest @ ..] if *version == older => (*area, rest),
            _ => return None,
        };
        match (area, rest) {
            ("objects", []) => Some(Self::Contacts),
            ("objects", ["search"]) => Some(Self::Search),
            ("objects", ["batch", "read"]) => Some(Self::BatchRead),
            ("objects", ["batch", "update"]) => Some(Self::BatchUpdate),
            ("objects", [id]) => Some(Self::Contact((*id).to_owned())),
            ("properties", []) => Some(Self::Properties),
            ("properties", ["batch", "create"]) => Some(Self::PropertyBatch),
            ("properties", ["groups"]) => Some(Self::Groups),
            ("properties", ["groups", name]) => Some(Self::Group((*name).to_owned())),
            ("properties", [name]) => Some(Self::Property((*name).to_owned())),
            _ => None,
        }
    }

    /// The scope that a method needs; `None` if the endpoint doesn't have the method.
    fn required_scope(&self, method: &str) -> Option<Option<&'static str>> {
        Some(match (self, method) {
            (Self::TokenInfo, "POST") | (Self::AccountDetails, "GET") => None,
            (Self::WebhookSettings(_) | Self::WebhookSubscriptions(_), "GET") => None,
            (Self::Flows | Self::Flow(_) | Self::DatedFlows | Self::DatedFlow(_), "GET") => Some(AUTOMATION),
            (Self::Contacts | Self::Contact(_) | Self::PropertyLimits, "GET")
            | (Self::Search | Self::BatchRead, "POST") => Some(CONTACTS_READ),
            (Self::Contacts | Self::BatchUpdate, "POST") | (Self::Contact(_), "PATCH" | "DELETE") => {
                Some(CONTACTS_WRITE)
            }
            (Self::Properties | Self::Property(_) | Self::Groups | Self::Group(_), "GET") => Some(CONTACT_SCHEMAS_READ),
            (Self::Properties | Self::Groups | Self::PropertyBatch, "POST")
            | (Self::Property(_), "PATCH" | "DELETE") => Some(CONTACT_SCHEMAS_WRITE),
            _ => return None,
        })
    }

    fn run_call(&self, call: &mut HubSpotCall<'_>) -> CallResult {
        match (self, call.request.method.as_str()) {
            (Self::TokenInfo, _) => account::token_info(call),
            (Self::AccountDetails, _) => account::account_details(call),
            (Self::Contacts, "GET") => contacts::list_contacts(call),
            (Self::Contacts, _) => contacts::create_contact(call),
            (Self::Search, _) => search::search_contacts(call),
            (Self::BatchRead, _) => batch::read_batch(call),
            (Self::BatchUpdate, _) => batch::update_batch(call),
            (Self::Contact(id), "GET") => contacts::get_contact(call, id),
            (Self::Contact(id), "PATCH") => contacts::update_contact(call, id),
            (Self::Contact(id), _) => contacts::archive_contact(call, id),
            (Self::Properties, "GET") => properties::list_properties(call),
            (Self::Properties, _) => properties::create_property(call),
            (Self::Groups, "GET") => properties::list_groups(call),
            (Self::Groups, _) => properties::create_group(call),
            (Self::Group(name), _) => properties::get_group(call, name),
            (Self::Property(name), "GET") => properties::get_property(call, name),
            (Self::Property(name), "PATCH") => properties::update_property(call, name),
            (Self::Property(name), _) => properties::archive_property(call, name),
            (Self::PropertyBatch, _) => properties::create_properties(call),
            (Self::PropertyLimits, _) => properties::count_custom_properties(call),
            (Self::DatedFlows | Self::DatedFlow(_), _) if !call.state.behavior.dated_workflows => {
                Err(HubSpotRefusal::not_found())
            }
            (Self::Flows | Self::DatedFlows, _) => workflows::list_flows(call),
            (Self::Flow(id) | Self::DatedFlow(id), _) => workflows::get_flow(call, id),
            (Self::WebhookSettings(app), _) => workflows::webhook_settings(call, app),
            (Self::WebhookSubscriptions(app), _) => workflows::webhook_subscriptions(call, app),
        }
    }
}

/// Answers a request, and returns whether it changed anything.
pub(super) fn answer_request(
    state: &mut PortalState,
    config: &SandboxHubSpotConfig,
    request: &ReceivedRequest,
) -> (SandboxResponse, bool) {
    let mut headers = Vec::new();
    let outcome = run_request(state, config, request, &mut headers);
    let (mut answer, changed) = match outcome {
        Ok(CallAnswer { status, body: Value::Null, changed }) => (SandboxResponse::without_body(status), changed),
        Ok(CallAnswer { status, body, changed }) => (SandboxResponse::from_json(status, &body), changed),
        Err(refusal) => {
            let mut body = refusal.body_members();
            body.insert("correlationId".to_owned(), json!(state.next_correlation_id()));
            (SandboxResponse::from_json(refusal.status, &Value::Object(body)), false)
        }
    };
    answer.headers.extend(headers);
    (answer, changed)
}

fn run_request(
    state: &mut PortalState,
    config: &SandboxHubSpotConfig,
    request: &ReceivedRequest,
    headers: &mut Vec<(String, String)>,
) -> CallResult {
    if let Some((refusal, retry_after)) = state.behavior.refuse_request(&request.path, request.at) {
        headers.extend(retry_after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
        return Err(refusal);
    }
    let endpoint = HubSpotEndpoint::parse_path(&request.path).ok_or_else(HubSpotRefusal::not_found)?;
    let scope = endpoint
        .required_scope(&request.method)
        .ok_or_else(|| HubSpotRefusal::new(405, "METHOD_NOT_ALLOWED", "Method not allowed"))?;
    // This call needs no authorization: the token that it asks about is in its body.
    if !matches!(endpoint, HubSpotEndpoint::TokenInfo) {
        let token = account::require_token(state, request)?;
        state.behavior.take_daily_request()?;
        if config.limits {
            check_rate_limit(state, &endpoint, &token, request.at, headers)?;
        }
        account::check_scope(state, &token, scope)?;
    }
    endpoint.run_call(&mut HubSpotCall { state, request, now: request.at })
}

fn check_rate_limit(
    state: &mut PortalState,
    endpoint: &HubSpotEndpoint,
    token: &str,
    now: Timestamp,
    headers: &mut Vec<(String, String)>,
) -> Result<(), HubSpotRefusal> {
    let reached = |policy: &'static str| {
        let message = format!("You have reached your {} limit.", policy.to_lowercase());
        HubSpotRefusal { policy: Some(policy), ..HubSpotRefusal::new(429, "RATE_LIMITS", message) }
    };
    if matches!(endpoint, HubSpotEndpoint::Search) {
        return state.searches.take_request(HUBSPOT_SEARCH_LIMIT, now).map(drop).ok_or_else(|| reached("SECONDLY"));
    }
    let left = state.apps.get_mut(token).and_then(|app| app.requests.take_request(HUBSPOT_LIMIT, now));
    for (name, value) in [
        ("x-hubspot-ratelimit-max", HUBSPOT_LIMIT.requests.to_string()),
        ("x-hubspot-ratelimit-remaining", left.unwrap_or_default().to_string()),
        ("x-hubspot-ratelimit-interval-milliseconds", HUBSPOT_LIMIT.window.as_millis().to_string()),
    ] {
        headers.push((name.to_owned(), value));
    }
    left.map(drop).ok_or_else(|| reached("TEN_SECONDLY_ROLLING"))
}
