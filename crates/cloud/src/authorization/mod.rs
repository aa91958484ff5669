//! What AWS asks IAM before it carries out a request: the actions, on which resources, in which context. The embedded cloud
//! allows everything; tests hold what was asked against a policy.
//!
//! From AWS's own lists, and not from the deployer's table:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

mod action;
mod resource;

use std::collections::BTreeMap;

use super::query::QueryForm;
use super::{CloudContext, CloudRequest, JsonBody};
use deployer_core::isolation::RequestContext;

/// An action that a request needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestedAction {
    /// As IAM writes it.
    pub action: String,
    /// An ARN, or `*` for an action without resource-level permissions.
    pub resource: String,
    /// The condition keys of the deployer's policies. A key without a value isn't in the request.
    pub context: RequestContext,
}

/// A request, and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedCall {
    /// The access key that signed it.
    pub access_key: String,
    pub needs: Vec<RequestedAction>,
}

type Tags = BTreeMap<String, String>;

/// The resource of a request, before the request takes effect.
#[derive(Debug, Clone, Default)]
struct RequestedResource {
    arn: String,
    /// Its tags, if it exists.
    tags: Tags,
}

/// One request, parsed as far as its authorization needs it.
struct AuthorizedRequest<'a, 'b> {
    cx: &'a CloudContext<'b>,
    /// The service's signing name.
    service: &'a str,
    operation: &'a str,
    request: &'a CloudRequest,
    form: QueryForm,
    body: JsonBody,
}

/// What a request needs.
pub(super) fn requested_actions(
    cx: &CloudContext<'_>,
    service: &str,
    operation: &str,
    request: &CloudRequest,
) -> Vec<RequestedAction> {
    // Everybody may ask who they are.
    if service == "sts" {
        return Vec::new();
    }
    let form = QueryForm::parse_form(&request.body);
    // Some bodies aren't JSON objects.
    let body = JsonBody::parse_body(&request.body).unwrap_or_else(|_| JsonBody::from_value(&serde_json::Value::Null));
    AuthorizedRequest { cx, service, operation, request, form, body }.list_actions()
}

impl AuthorizedRequest<'_, '_> {
    fn list_actions(&self) -> Vec<RequestedAction> {
        let action = self.action_name();
        let resource = self.find_resource(&action);
        let given = self.given_tags();
        let mut actions = Vec::new();
        if let Some(tagging) = self.tagging_action().filter(|_| !given.is_empty()) {
            actions.push(requested(tagging.to_owned(), &resource, &given, None));
        }
        // Lambda leaves the tags out of an answer if they may not be listed.
        if action == "lambda:GetFunction" {
            actions.push(requested("lambda:ListTags".to_owned(), &resource, &given, None));
        }
        let passed = self.passed_roles();
        actions.extend(
            passed.into_iter().map(|(role, to)| {
                requested("iam:PassRole".to_owned(), &self.role_by_arn(&role), &Tags::new(), Some(to))
            }),
        );
        let writes_metrics = action == "cloudwatch:PutMetricData";
        let mut own = requested(action, &resource, &given, None);
        if writes_metrics {
            own.context.insert("cloudwatch:namespace", self.form.member_text("Namespace").map(ToOwned::to_owned));
        }
        actions.push(own);
        actions
    }

    /// The tags in the request.
    fn given_tags(&self) -> Tags {
        let mut tags = self.form.member_tags("Tags");
        tags.extend(self.body.member_tags("Tags"));
        tags.extend(self.body.member_map("Tags"));
        tags.extend(self.body.member_map("tags"));
        tags
    }

    /// The action that a request with tags needs besides its own.
    fn tagging_action(&self) -> Option<&'static str> {
        match (self.service, self.operation) {
            ("iam", "CreateRole") => Some("iam:TagRole"),
            ("lambda", "CreateFunction") => Some("lambda:TagResource"),
            ("secretsmanager", "CreateSecret") => Some("secretsmanager:TagResource"),
            ("logs", "CreateLogGroup") => Some("logs:TagResource"),
            ("events", "PutRule") => Some("events:TagResource"),
            ("sqs", "CreateQueue") => Some("sqs:TagQueue"),
            ("sns", "CreateTopic") => Some("sns:TagResource"),
            ("scheduler", "CreateScheduleGroup") => Some("scheduler:TagResource"),
            ("monitoring", "PutMetricAlarm" | "PutCompositeAlarm") => Some("cloudwatch:TagResource"),
            _ => None,
        }
    }

    /// The roles that the request passes to a service, with the service.
    fn passed_roles(&self) -> Vec<(String, &'static str)> {
        let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(ToOwned::to_owned);
        match (self.service, self.operation) {
            ("lambda", "CreateFunction" | "UpdateFunctionConfiguration") => {
                text(self.body.member_value("Role")).map(|role| (role, "lambda.amazonaws.com")).into_iter().collect()
            }
            ("events", "PutRule") => {
                text(self.body.member_value("RoleArn")).map(|role| (role, "events.amazonaws.com")).into_iter().collect()
            }
            ("events", "PutTargets") => {
                let targets = self.body.member_list("Targets").iter();
                targets.filter_map(|target| Some((text(target.get("RoleArn"))?, "events.amazonaws.com"))).collect()
            }
            ("scheduler", "CreateSchedule" | "UpdateSchedule") => {
                let target = self.body.member_value("Target").and_then(|target| target.get("RoleArn"));
                text(target).map(|role| (role, "scheduler.amazonaws.com")).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

fn requested(action: String, resource: &RequestedResource, given: &Tags, passed_to: Option<&str>) -> RequestedAction {
    let tag = |tags: &Tags, key: &str| tags.get(key).cloned();
    const DEPLOYMENT: &str = "deployer:deployment";
    const ADOPTED: &str = "deployer:adopted";
    let context = RequestContext::from([
        ("aws:requesttag/deployer:deployment", tag(given, DEPLOYMENT)),
        ("aws:requesttag/deployer:adopted", tag(given, ADOPTED)),
        ("aws:resourcetag/deployer:deployment", tag(&resource.tags, DEPLOYMENT)),
        ("aws:resourcetag/deployer:adopted", tag(&resource.tags, ADOPTED)),
        ("iam:passedtoservice", passed_to.map(ToOwned::to_owned)),
    ]);
    RequestedAction { action, resource: resource.arn.clone(), context }
}
