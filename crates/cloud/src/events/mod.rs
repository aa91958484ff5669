//! Amazon EventBridge: rules of the default bus, their targets and tags.
//!
//! The embedded cloud never fires a rule. Whatever runs the schedules reads them from [`State`].
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/>

mod rules;
mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::json::tag_list;
use super::{Answer, ApiError, Context, Handled, Json, Page, Request, dispatch};

/// The bus that every account has.
const BUS: &str = "default";
/// The maximum of `Limit`, the page size.
const MAX_LIMIT: usize = 100;
/// EventBridge's quota "Tags for a rule" (`TagResource`).
const MAX_TAGS: usize = 50;

/// The rules on a region's default bus, by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub rules: BTreeMap<String, Rule>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
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
}

/// One request to EventBridge.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    body: &'a Json,
}

impl Call<'_, '_> {
    fn state(&self) -> &State {
        &self.cx.regional().events
    }

    fn state_mut(&mut self) -> &mut State {
        &mut self.cx.regional_mut().events
    }

    /// The rule named by a member.
    fn rule(&self, member: &str) -> Result<&Rule, ApiError> {
        let name = self.body.required(member)?;
        self.state().rules.get(name).ok_or_else(|| no_rule(name))
    }

    /// The same, for changes.
    fn rule_mut(&mut self, member: &str) -> Result<&mut Rule, ApiError> {
        let name = self.rule(member)?.name.clone();
        self.state_mut().rules.get_mut(&name).ok_or_else(|| no_rule(&name))
    }

    /// The name of the rule with the ARN `ResourceARN`.
    fn tagged(&self) -> Result<String, ApiError> {
        let arn = self.body.required("ResourceARN")?;
        let name = arn.rsplit_once(":rule/").map_or(arn, |(_, name)| name);
        self.state()
            .rules
            .values()
            .find(|rule| rule.arn == arn)
            .map(|rule| rule.name.clone())
            .ok_or_else(|| no_rule(name))
    }

    fn page<T>(&self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> String) -> Result<Page<T>, ApiError> {
        let size = self.cx.page_size(self.body.integer("Limit"), MAX_LIMIT);
        Page::of(items, key, self.body.text("NextToken"), size, || ApiError::validation("Invalid NextToken."))
    }
}

fn no_rule(name: &str) -> ApiError {
    ApiError::bad("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus {BUS}."))
}

fn limit(message: &str) -> ApiError {
    ApiError::bad("LimitExceededException", message)
}

/// A page's entries under their name, with the token of the next page.
fn listed(name: &str, entries: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = json!({ name: entries });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}

pub(super) fn handle(cx: &mut Context<'_>, operation: &str, request: &Request) -> Result<Handled, ApiError> {
    let body = &Json::parse(&request.body)?;
    let bus = body.text("EventBusName").unwrap_or(BUS);
    if bus.rsplit('/').next() != Some(BUS) {
        return Err(ApiError::bad("ResourceNotFoundException", format!("Event bus {bus} does not exist.")));
    }
    let mut call = Call { cx, body };
    let call = &mut call;
    let answer = match operation {
        "PutRule" => rules::put(call),
        "DescribeRule" => rules::describe(call),
        "ListRules" => rules::list(call),
        "EnableRule" => rules::enable(call, true),
        "DisableRule" => rules::enable(call, false),
        "DeleteRule" => rules::delete(call),
        "ListRuleNamesByTarget" => targets::list_rules(call),
        "ListEventBuses" => list_buses(call),
        "PutTargets" => targets::put(call),
        "RemoveTargets" => targets::remove(call),
        "ListTargetsByRule" => targets::list(call),
        "TagResource" => tag(call),
        "UntagResource" => untag(call),
        "ListTagsForResource" => list_tags(call),
        _ => Err(dispatch::not_implemented("events", operation)),
    };
    answer.map(|body| Answer::json(&body).into())
}

/// The default bus is the only one.
fn list_buses(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let prefix = call.body.text("NamePrefix").unwrap_or_default();
    let buses =
        BUS.starts_with(prefix).then(|| json!({ "Name": BUS, "Arn": call.cx.arn("events", "event-bus/default") }));
    Ok(json!({ "EventBuses": buses.into_iter().collect::<Vec<_>>() }))
}

fn tag(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged()?;
    let mut tags = call.state().rules.get(&name).map(|rule| rule.tags.clone()).unwrap_or_default();
    tags.extend(call.body.tags("Tags"));
    check_tags(&tags)?;
    if let Some(rule) = call.state_mut().rules.get_mut(&name) {
        rule.tags = tags;
    }
    Ok(json!({}))
}

fn untag(call: &mut Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged()?;
    let keys = call.body.texts("TagKeys");
    if let Some(rule) = call.state_mut().rules.get_mut(&name) {
        rule.tags.retain(|key, _| !keys.contains(key));
    }
    Ok(json!({}))
}

fn list_tags(call: &Call<'_, '_>) -> Result<Value, ApiError> {
    let name = call.tagged()?;
    let tags = call.state().rules.get(&name).map(|rule| tag_list(&rule.tags));
    Ok(json!({ "Tags": tags.unwrap_or_default() }))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS || tags.keys().any(|key| key.is_empty() || key.starts_with("aws:")) {
        return Err(ApiError::validation(format!(
            "A rule can have at most {MAX_TAGS} tags, and a tag key must not be empty or start with aws:"
        )));
    }
    Ok(())
}
