//! AWS Identity and Access Management: roles, their inline and attached policies, and their tags.
//!
//! IAM is global, the same from every region. Policies are stored and returned, but not enforced.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/>

mod document;
mod managed;
mod policies;
mod roles;
mod simulate;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use deployer_core::isolation::RequestContext;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, RolePolicies, decide_role_request};

use super::query::{QueryForm, XmlWriter};
use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, ListPage, dispatch, query};

pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The maximum page size: IAM's `MaxItems`.
const MAX_ITEMS: usize = 1000;
/// The default page size: IAM's default for `MaxItems`.
const DEFAULT_ITEMS: i64 = 100;
/// RFC 3986's unreserved characters are not encoded in a policy document.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

stored_parts! {
    /// The roles of the account by name, and its policies.
    pub struct IamState {
        pub roles: StoredTable<StoredRole>,
        /// The names of the roles, by the name in lower case: IAM compares them without case.
        pub names: StoredTable<String>,
        /// Documents of the account's managed policies, by ARN.
        pub policies: StoredTable<String>,
        /// Actions that simulations deny to principals that are not in this account. They may do everything else.
        pub denied: StoredTable<()>,
    }
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRole {
    pub name: String,
    pub path: String,
    pub id: String,
    pub arn: String,
    pub created: Timestamp,
    pub description: Option<String>,
    pub max_session_s: i64,
    /// The document's text, as given.
    pub trust: String,
    /// Documents of the inline policies, by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of the managed policies.
    pub attached: Vec<String>,
    pub tags: BTreeMap<String, String>,
    /// When it was last assumed, and in which region.
    #[serde(default)]
    pub last_used: Option<(Timestamp, String)>,
    /// The ARN of its permissions boundary.
    #[serde(default)]
    pub boundary: Option<String>,
    /// The names of the instance profiles that it is in.
    #[serde(default)]
    pub instance_profiles: BTreeSet<String>,
}

impl IamState {
    /// Whether a role with this ARN exists that Lambda can assume for a function of `account`.
    pub fn lambda_can_assume(&self, arn: &str, account: &str) -> bool {
        let context = RequestContext::from([("aws:sourceaccount", Some(account.to_owned()))]);
        self.service_can_assume(arn, "lambda.amazonaws.com", &context)
    }

    /// Whether a role with this ARN exists that a service can assume. `context` is what the service sends.
    pub(super) fn service_can_assume(&self, arn: &str, service: &str, context: &RequestContext) -> bool {
        let role = self.find_role_by_arn(arn);
        role.is_some_and(|role| document::trusts_service(&role.trust, arn, service, context))
    }

    /// Whether the policies of the role with this ARN allow a request. A policy that can't be read allows nothing.
    pub(super) fn role_can(&self, arn: &str, action: &str, resource: &str, context: &RequestContext) -> bool {
        let Some(role) = self.find_role_by_arn(arn) else { return false };
        let attached = role.attached.iter().filter_map(|arn| managed::document_of(self, arn));
        let texts = role.inline.values().map(String::as_str).chain(attached);
        let own: Vec<Policy> = texts.filter_map(|text| document::parse_policy(text).ok()).collect();
        let boundary = role.boundary.as_deref().and_then(|arn| managed::document_of(self, arn));
        let boundary = boundary.and_then(|text| document::parse_policy(text).ok());
        let policies = RolePolicies { own: &own, boundary: boundary.as_ref() };
        let request = PolicyRequest { principal: RequestPrincipal::Role(arn), action, resource, context };
        decide_role_request(policies, &[], &request).is_allowed()
    }

    pub(super) fn find_role_by_arn(&self, arn: &str) -> Option<&StoredRole> {
        let name = arn.rsplit('/').next().unwrap_or_default();
        self.roles.get(name).filter(|role| role.arn == arn)
    }

    fn find_role(&self, name: &str) -> Result<&StoredRole, ApiError> {
        self.roles.get(name).ok_or_else(|| no_role(name))
    }

    fn find_role_mut(&mut self, name: &str) -> Result<&mut StoredRole, ApiError> {
        self.roles.get_mut(name).ok_or_else(|| no_role(name))
    }
}

fn no_role(name: &str) -> ApiError {
    no_entity(format!("The role with name {name} cannot be found."))
}

fn no_entity(message: String) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

fn validation_error(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ValidationError", message)
}

fn limit_exceeded(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "LimitExceeded", message)
}

/// One request to IAM.
struct IamCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    operation: &'a str,
    form: &'a QueryForm,
    request_id: &'a str,
}

impl IamCall<'_, '_> {
    fn empty_answer(&self) -> CloudAnswer {
        self.xml_answer(|_| ())
    }

    fn xml_answer(&self, result: impl FnOnce(&mut XmlWriter)) -> CloudAnswer {
        query::xml_answer(NAMESPACE, self.operation, self.request_id, result)
    }

    fn find_role(&self) -> Result<&StoredRole, ApiError> {
        self.cx.state.iam.find_role(self.form.required_text("RoleName")?)
    }

    fn find_role_mut(&mut self) -> Result<&mut StoredRole, ApiError> {
        let name = self.form.required_text("RoleName")?;
        self.cx.state.iam.find_role_mut(name)
    }

    /// A page of a list that is too long to go through it for each page.
    fn list_page_after<T, I: IntoIterator<Item = T>>(
        &self,
        items_after: impl FnOnce(Option<&str>) -> I,
        key: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, ApiError> {
        let asked = self.form.member_integer("MaxItems").unwrap_or(DEFAULT_ITEMS);
        let (size, token) = (self.cx.page_size(Some(asked), MAX_ITEMS), self.form.member_text("Marker"));
        ListPage::from_items_after(items_after, key, token, size, || validation_error("Invalid Marker."))
    }

    fn list_page<T>(
        &self,
        items: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<ListPage<T>, ApiError> {
        let asked = self.form.member_integer("MaxItems").unwrap_or(DEFAULT_ITEMS);
        let size = self.cx.page_size(Some(asked), MAX_ITEMS);
        ListPage::from_items(items, key, self.form.member_text("Marker"), size, || validation_error("Invalid Marker."))
    }
}

fn write_truncation<T>(xml: &mut XmlWriter, page: &ListPage<T>) {
    xml.write_text("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    if let Some(marker) = &page.next {
        xml.write_text("Marker", marker);
    }
}

/// IAM returns documents percent-encoded (RFC 3986).
fn encode_document(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    form: &QueryForm,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let mut call = IamCall { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "CreateRole" => roles::create_role(call),
        "GetRole" => roles::get_role(call),
        "ListRoles" => roles::list_roles(call),
        "DeleteRole" => roles::delete_role(call),
        "UpdateRole" => roles::update_role(call),
        "PutRolePermissionsBoundary" => roles::put_permissions_boundary(call),
        "DeleteRolePermissionsBoundary" => roles::delete_permissions_boundary(call),
        "UpdateAssumeRolePolicy" => roles::update_assume_role_policy(call),
        "GetAccountAuthorizationDetails" => roles::get_account_authorization_details(call),
        "GetAccountSummary" => roles::get_account_summary(call),
        "TagRole" => roles::tag_role(call),
        "UntagRole" => roles::untag_role(call),
        "ListRoleTags" => roles::list_role_tags(call),
        "PutRolePolicy" => policies::put_role_policy(call),
        "GetRolePolicy" => policies::get_role_policy(call),
        "ListRolePolicies" => policies::list_role_policies(call),
        "DeleteRolePolicy" => policies::delete_role_policy(call),
        "AttachRolePolicy" => policies::attach_role_policy(call),
        "DetachRolePolicy" => policies::detach_role_policy(call),
        "ListAttachedRolePolicies" => policies::list_attached_role_policies(call),
        "CreatePolicy" => managed::create_policy(call),
        "GetPolicy" => managed::get_policy(call),
        "GetPolicyVersion" => managed::get_policy_version(call),
        "DeletePolicy" => managed::delete_policy(call),
        "SimulatePrincipalPolicy" => simulate::simulate_principal_policy(call),
        "SimulateCustomPolicy" => simulate::simulate_custom_policy(call),
        _ => Err(dispatch::not_implemented("iam", operation)),
    };
    answer.map(HandlerOutcome::from)
}
