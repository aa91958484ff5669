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

use super::query::{Form, Xml};
use super::{Answer, ApiError, Context, Handled, Page, Request, dispatch, query};

pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// The maximum page size: IAM's `MaxItems`.
const MAX_ITEMS: usize = 1000;
/// The default page size: IAM's default for `MaxItems`.
const DEFAULT_ITEMS: i64 = 100;
/// RFC 3986's unreserved characters are not encoded in a policy document.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The roles of the account by name, and its policies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    pub roles: BTreeMap<String, Role>,
    /// Documents of the account's managed policies, by ARN.
    pub policies: BTreeMap<String, String>,
    /// Actions that simulations deny to principals that are not in this account. They may do everything else.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub denied: BTreeSet<String>,
}

/// A role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Role {
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
}

impl State {
    /// Whether a role with this ARN exists that Lambda can assume.
    pub fn lambda_can_assume(&self, arn: &str) -> bool {
        self.roles.values().any(|role| role.arn == arn && document::trusts(&role.trust, "lambda.amazonaws.com"))
    }

    fn role(&self, name: &str) -> Result<&Role, ApiError> {
        self.roles.get(name).ok_or_else(|| no_role(name))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, ApiError> {
        self.roles.get_mut(name).ok_or_else(|| no_role(name))
    }
}

fn no_role(name: &str) -> ApiError {
    no_entity(format!("The role with name {name} cannot be found."))
}

fn no_entity(message: String) -> ApiError {
    ApiError::new(404, "NoSuchEntity", message)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad("ValidationError", message)
}

fn limit(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "LimitExceeded", message)
}

/// One request to IAM.
struct Call<'a, 'b> {
    cx: &'a mut Context<'b>,
    operation: &'a str,
    form: &'a Form,
    request_id: &'a str,
}

impl Call<'_, '_> {
    fn done(&self) -> Answer {
        self.answer(|_| ())
    }

    fn answer(&self, result: impl FnOnce(&mut Xml)) -> Answer {
        query::answer(NAMESPACE, self.operation, self.request_id, result)
    }

    fn role(&self) -> Result<&Role, ApiError> {
        self.cx.state.iam.role(self.form.required("RoleName")?)
    }

    fn role_mut(&mut self) -> Result<&mut Role, ApiError> {
        let name = self.form.required("RoleName")?;
        // A mutable borrow counts as a change, so look it up first: a refused request must not change the state.
        self.cx.state.iam.role(name)?;
        self.cx.state.iam.role_mut(name)
    }

    fn page<T>(&self, items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> String) -> Result<Page<T>, ApiError> {
        let asked = self.form.integer("MaxItems").unwrap_or(DEFAULT_ITEMS);
        let size = self.cx.page_size(Some(asked), MAX_ITEMS);
        Page::of(items, key, self.form.text("Marker"), size, || invalid("Invalid Marker."))
    }
}

fn truncation<T>(xml: &mut Xml, page: &Page<T>) {
    xml.text("IsTruncated", if page.next.is_some() { "true" } else { "false" });
    if let Some(marker) = &page.next {
        xml.text("Marker", marker);
    }
}

/// IAM returns documents percent-encoded (RFC 3986).
fn encoded(document: &str) -> String {
    utf8_percent_encode(document, ENCODED).to_string()
}

pub(super) fn handle(
    cx: &mut Context<'_>,
    operation: &str,
    form: &Form,
    request: &Request,
) -> Result<Handled, ApiError> {
    let mut call = Call { cx, operation, form, request_id: &request.id };
    let call = &mut call;
    let answer = match operation {
        "CreateRole" => roles::create(call),
        "GetRole" => roles::get(call),
        "ListRoles" => roles::list(call),
        "DeleteRole" => roles::delete(call),
        "UpdateRole" => roles::update(call),
        "UpdateAssumeRolePolicy" => roles::update_trust(call),
        "GetAccountAuthorizationDetails" => roles::authorization_details(call),
        "GetAccountSummary" => roles::account_summary(call),
        "TagRole" => roles::tag(call),
        "UntagRole" => roles::untag(call),
        "ListRoleTags" => roles::list_tags(call),
        "PutRolePolicy" => policies::put(call),
        "GetRolePolicy" => policies::get(call),
        "ListRolePolicies" => policies::list(call),
        "DeleteRolePolicy" => policies::delete(call),
        "AttachRolePolicy" => policies::attach(call),
        "DetachRolePolicy" => policies::detach(call),
        "ListAttachedRolePolicies" => policies::list_attached(call),
        "CreatePolicy" => managed::create(call),
        "GetPolicy" => managed::get(call),
        "GetPolicyVersion" => managed::get_version(call),
        "DeletePolicy" => managed::delete(call),
        "SimulatePrincipalPolicy" => simulate::principal(call),
        "SimulateCustomPolicy" => simulate::custom(call),
        _ => Err(dispatch::not_implemented("iam", operation)),
    };
    answer.map(Handled::from)
}
