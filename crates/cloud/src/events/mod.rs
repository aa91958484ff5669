//! Amazon EventBridge: rules of the default bus, their targets and tags.
//!
//! The embedded cloud never fires a rule. Whatever runs the schedules reads them from [`EventBridgeState`].
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/>

mod invocation;
mod rules;
mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::json::tag_list;
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, ListPage, dispatch};

/// The bus that every account has.
const BUS: &str = "default";
/// The maximum of `Limit`, the page size.
const MAX_LIMIT: usize = 100;
/// EventBridge's quota "Tags for a rule" (`TagResource`).
const MAX_TAGS: usize = 50;

stored_parts! {
    /// The rules on a region's default bus, by name.
    pub struct EventBridgeState {
        pub rules: StoredTable<StoredRule>,
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRule {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub schedule: Option<String>,
    pub pattern: Option<String>,
    pub role_arn: Option<String>,
    pub enabled: bool,
    pub tags: BTreeMap<String, String>,
    /// By id, as given to `PutTargets`.
    pub targets: BTreeMap<String, Value>,
    /// Other members of the answer, which replace the defaults: `ManagedBy`, `State`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub others: Map<String, Value>,
}

/// One request to EventBridge.
struct EventBridgeCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    body: &'a JsonBody,
}

impl EventBridgeCall<'_, '_> {
    fn events_state(&self) -> &EventBridgeState {
        &self.cx.region_state().events
    }

    fn events_state_mut(&mut self) -> &mut EventBridgeState {
        &mut self.cx.region_state_mut().events
    }

    /// The rule named by a member.
    fn find_rule(&self, member: &str) -> Result<&StoredRule, ApiError> {
        let name = self.body.required_text(member)?;
        self.events_state().rules.get(name).ok_or_else(|| no_rule(name))
    }

    /// The same, for changes.
    fn find_rule_mut(&mut self, member: &str) -> Result<&mut StoredRule, ApiError> {
        let name = self.find_rule(member)?.name.clone();
        self.events_state_mut().rules.get_mut(&name).ok_or_else(|| no_rule(&name))
    }

    /// The name of the rule with the ARN `ResourceARN`.
    fn tagged_rule_name(&self) -> Result<String, ApiError> {
        let arn = self.body.required_text("ResourceARN")?;
        let name = arn.rsplit_once(":rule/").map_or(arn, |(_, name)| name);
        let rule = self.events_state().rules.get(name).filter(|rule| rule.arn == arn);
        rule.map(|rule| rule.name.clone()).ok_or_else(|| no_rule(name))
    }

    fn list_page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, ApiError> {
        let size = self.cx.page_size(self.body.member_integer("Limit"), MAX_LIMIT);
        ListPage::from_items(items, key, self.body.member_text("NextToken"), size, || {
            ApiError::validation_error("Invalid NextToken.")
        })
    }

    /// A page of a list that is too long to go through it for each page.
    fn list_page_after<T, I: IntoIterator<Item = T>>(
        &self,
        items_after: impl FnOnce(Option<&str>) -> I,
        key: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, ApiError> {
        let size = self.cx.page_size(self.body.member_integer("Limit"), MAX_LIMIT);
        ListPage::from_items_after(items_after, key, self.body.member_text("NextToken"), size, || {
            ApiError::validation_error("Invalid NextToken.")
        })
    }
}

fn no_rule(name: &str) -> ApiError {
    ApiError::bad_request("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus {BUS}."))
}

fn limit_exceeded(message: &str) -> ApiError {
    ApiError::bad_request("LimitExceededException", message)
}

/// A page's entries under their name, with the token of the next page.
fn list_answer(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ name: entries });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    let bus = body.member_text("EventBusName").unwrap_or(BUS);
    if bus.rsplit('/').next() != Some(BUS) {
        return Err(ApiError::bad_request("ResourceNotFoundException", format!("Event bus {bus} does not exist.")));
    }
    let mut call = EventBridgeCall { cx, body };
    let call = &mut call;
    let answer = match operation {
        "PutRule" => rules::put_rule(call),
        "DescribeRule" => rules::describe_rule(call),
        "ListRules" => rules::list_rules(call),
        "EnableRule" => rules::set_rule_enabled(call, true),
        "DisableRule" => rules::set_rule_enabled(call, false),
        "DeleteRule" => rules::delete_rule(call),
        "ListRuleNamesByTarget" => targets::list_rule_names_by_target(call),
        "ListEventBuses" => list_event_buses(call),
        "PutTargets" => targets::put_targets(call),
        "RemoveTargets" => targets::remove_targets(call),
        "ListTargetsByRule" => targets::list_targets_by_rule(call),
        "TagResource" => tag_resource(call),
        "UntagResource" => untag_resource(call),
        "ListTagsForResource" => list_tags_for_resource(call),
        _ => Err(dispatch::not_implemented("events", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}

/// The default bus is the only one.
fn list_event_buses(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.member_text("NamePrefix").unwrap_or_default();
    let buses = BUS
        .starts_with(prefix)
        .then(|| json!({ "Name": BUS, "Arn": call.cx.build_arn("events", "event-bus/default") }));
    Ok(json!({ "EventBuses": buses.into_iter().collect::<Vec<_>>() }))
}

fn tag_resource(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged_rule_name()?;
    let mut tags = call.events_state().rules.get(&name).map(|rule| rule.tags.clone()).unwrap_or_default();
    tags.extend(call.body.member_tags("Tags"));
    check_tags(&tags)?;
    if let Some(rule) = call.events_state_mut().rules.get_mut(&name) {
        rule.tags = tags;
    }
    Ok(json!({}))
}

fn untag_resource(call: &mut EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged_rule_name()?;
    let keys = call.body.member_texts("TagKeys");
    if let Some(rule) = call.events_state_mut().rules.get_mut(&name) {
        rule.tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

fn list_tags_for_resource(call: &EventBridgeCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged_rule_name()?;
    let tags = call.events_state().rules.get(&name).map(|rule| tag_list(&rule.tags));
    Ok(json!({ "Tags": tags.unwrap_or_default() }))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS || tags.keys().any(|key| key.is_empty() || key.starts_with("aws:")) {
        return Err(ApiError::validation_error(format!(
            "A rule can have at most {MAX_TAGS} tags, and a tag key must not be empty or start with aws:"
        )));
    }
    Ok(())
}
