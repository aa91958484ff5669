//! Decides whether IAM would allow a request, from policy documents alone: explicitly denied, allowed, or neither.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html> within one account,
//! with the permissions boundary of a role, and without other policies that can only restrict: session policies, an
//! organization's policies. Anything that can't be known from the documents (a condition on an unknown key, an
//! unsupported operator) is treated conservatively: an allow is assumed to apply, and a deny is assumed not to.

use serde_json::{Map, Value};

use super::condition::{self, RequestContext};
use super::pattern::{Certainty, action_matches, resource_matches};
use crate::arn::Arn;

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPrincipal<'a> {
    /// A role of the account, by its ARN.
    Role(&'a str),
    /// A service of AWS: `events.amazonaws.com`.
    Service(&'a str),
}

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct PolicyRequest<'a> {
    pub principal: RequestPrincipal<'a>,
    /// As IAM writes it: `lambda:InvokeFunction`.
    pub action: &'a str,
    /// An ARN.
    pub resource: &'a str,
    /// What else is known about the request.
    pub context: &'a RequestContext,
}

/// The decision on a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyDecision {
    /// Allowed, or possibly allowed, by this statement.
    Allowed(String),
    /// Explicitly denied by this statement.
    DeniedBy(String),
    /// Denied because the permissions boundary doesn't allow what this statement allows.
    OutsideBoundary(String),
    /// Denied because no statement allows it.
    NotAllowed,
}

impl PolicyDecision {
    /// Whether the request is allowed.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// A parsed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    name: String,
    statements: Vec<PolicyStatement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct PolicyStatement {
    /// The `Sid`, or else the position in the policy, counted from 1.
    name: String,
    allows: bool,
    principal: Option<StatementPrincipals>,
    action: StatementElement,
    resource: Option<StatementElement>,
    condition: Map<String, Value>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StatementElement {
    patterns: Vec<String>,
    not: bool,
}

/// `RequestPrincipal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StatementPrincipals {
    /// Kind (`AWS`, `Service`) and name; a bare `*` has the kind `*`.
    names: Vec<(String, String)>,
    not: bool,
}

impl Policy {
    /// Parses a policy document. `name` is the policy's name in reasons.
    ///
    /// # Errors
    /// It is not a valid policy document. The error says why.
    pub fn parse_document(name: &str, document: &Value) -> Result<Self, String> {
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) => list.as_slice(),
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => return Err(format!("{name} has no readable statements")),
        };
        let read = (1..).zip(statements).map(|(number, value)| {
            PolicyStatement::parse_statement(number, value).map_err(|what| format!("{name}: statement {number} {what}"))
        });
        Ok(Self { name: name.to_owned(), statements: read.collect::<Result<_, _>>()? })
    }

    /// The resource patterns on which an action is allowed here, regardless of conditions.
    pub fn allowed_resources<'p>(&'p self, action: &'p str) -> impl Iterator<Item = String> + 'p {
        let fitting =
            self.statements.iter().filter(move |statement| statement.allows && statement.action.covers_action(action));
        fitting.flat_map(|statement| match &statement.resource {
            None => vec!["*".to_owned()],
            Some(element) if element.not => vec![format!("all but {}", element.patterns.join(" and "))],
            Some(element) => element.patterns.clone(),
        })
    }

    /// The principals that its statements allow something, regardless of conditions.
    pub fn allowed_principals(&self) -> impl Iterator<Item = String> {
        let allowing = self.statements.iter().filter(|statement| statement.allows);
        allowing.filter_map(|statement| statement.principal.as_ref()).flat_map(|named| {
            let but = if named.not { "all but " } else { "" };
            named.names.iter().map(move |(_, name)| format!("{but}{name}"))
        })
    }

    /// The best match among its statements with this effect, and how certain it is.
    fn best_match(
        &self,
        allows: bool,
        request: &PolicyRequest<'_>,
        account_counts: bool,
    ) -> Option<(Certainty, String)> {
        let fitting = self.statements.iter().filter(|statement| statement.allows == allows).map(|statement| {
            (statement.applies_to(request, account_counts), format!("{}, statement {}", self.name, statement.name))
        });
        fitting.filter(|(holds, _)| *holds != Certainty::No).max_by_key(|(holds, _)| *holds)
    }
}

impl PolicyStatement {
    fn parse_statement(number: usize, value: &Value) -> Result<Self, String> {
        let allows = match value.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("has an unknown effect".to_owned()),
        };
        let condition = match value.get("Condition") {
            None => Map::new(),
            Some(Value::Object(condition)) => condition.clone(),
            Some(_) => return Err("has an unreadable condition".to_owned()),
        };
        Ok(Self {
            name: value.get("Sid").and_then(Value::as_str).map_or_else(|| number.to_string(), ToOwned::to_owned),
            allows,
            principal: StatementPrincipals::parse_principals(value)?,
            action: StatementElement::parse_element(value, "Action")?.ok_or("has no action")?,
            resource: StatementElement::parse_element(value, "Resource")?,
            condition,
        })
    }

    fn applies_to(&self, request: &PolicyRequest<'_>, account_counts: bool) -> Certainty {
        let principal =
            self.principal.as_ref().map_or(Certainty::Yes, |named| named.include_caller(request, account_counts));
        let action = Certainty::from(self.action.covers_action(request.action));
        let resource = self.resource.as_ref().map_or(Certainty::Yes, |element| {
            let any = element.patterns.iter().map(|pattern| resource_matches(pattern, request.resource)).max();
            let any = any.unwrap_or(Certainty::No);
            if element.not { any.negated() } else { any }
        });
        principal.min(action).min(resource).min(condition::condition_holds(&self.condition, request.context))
    }
}

impl StatementElement {
    fn parse_element(statement: &Value, name: &str) -> Result<Option<Self>, String> {
        let not = format!("Not{name}");
        let (value, not) = match (statement.get(name), statement.get(&not)) {
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(format!("has both {name} and {not}")),
        };
        Ok(Some(Self { patterns: string_list(value).ok_or_else(|| format!("has an unreadable {name}"))?, not }))
    }

    /// Whether it covers an action.
    fn covers_action(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| action_matches(pattern, action)) != self.not
    }
}

impl StatementPrincipals {
    fn parse_principals(statement: &Value) -> Result<Option<Self>, String> {
        let (value, not) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (Some(value), _) => (value, false),
            (None, Some(value)) => (value, true),
            (None, None) => return Ok(None),
        };
        let mut names = Vec::new();
        match value {
            Value::String(text) => names.push(("*".to_owned(), text.clone())),
            Value::Object(kinds) => {
                for (kind, value) in kinds {
                    let texts = string_list(value).ok_or("has an unreadable principal")?;
                    names.extend(texts.into_iter().map(|text| (kind.clone(), text)));
                }
            }
            _ => return Err("has an unreadable principal".to_owned()),
        }
        Ok(Some(Self { names, not }))
    }

    /// `account_counts`: whether naming the account includes its roles. It does for roles whose own policies also allow
    /// the request.
    fn include_caller(&self, request: &PolicyRequest<'_>, account_counts: bool) -> Certainty {
        let named =
            self.names.iter().map(|(kind, name)| Self::name_includes_caller(kind, name, request, account_counts)).max();
        let named = named.unwrap_or(Certainty::No);
        if self.not { named.negated() } else { named }
    }

    fn name_includes_caller(kind: &str, name: &str, request: &PolicyRequest<'_>, account_counts: bool) -> Certainty {
        match (kind, request.principal) {
            ("*", _) => Certainty::from(name == "*"),
            ("AWS", RequestPrincipal::Role(_)) if name == "*" => Certainty::Yes,
            ("AWS", RequestPrincipal::Role(role)) => {
                // Only an ARN says whose role it is.
                let Ok(Arn { account, resource, .. }) = Arn::parse_arn(role) else {
                    return Certainty::from(name == role);
                };
                let role_name = resource.rsplit('/').next().unwrap_or(resource);
                let is_account = name == account || name.ends_with(&format!(":iam::{account}:root"));
                let is_session = name.contains(&format!(":sts::{account}:assumed-role/{role_name}/"));
                Certainty::from(name == role || is_session || (is_account && account_counts))
            }
            ("Service", RequestPrincipal::Service(service)) => Certainty::from(name == service),
            _ => Certainty::No,
        }
    }
}

/// A string or a list of strings.
pub(super) fn string_list(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(ToOwned::to_owned)).collect(),
        _ => None,
    }
}

/// A role's policies.
#[derive(Debug, Clone, Copy)]
pub struct RolePolicies<'a> {
    /// Inline and attached ones.
    pub own: &'a [Policy],
    /// Its permissions boundary, which allows nothing by itself: what the others allow counts only if it allows it too.
    pub boundary: Option<&'a Policy>,
}

impl<'a> RolePolicies<'a> {
    /// Those of a role without a boundary.
    pub fn without_boundary(own: &'a [Policy]) -> Self {
        Self { own, boundary: None }
    }
}

/// Decides a request: `identity` are the principal's own policies, `resource` those of the requested resource. Within
/// one account, either of them may allow it.
pub fn decide_request(identity: &[Policy], resource: &[Policy], request: &PolicyRequest<'_>) -> PolicyDecision {
    decide_role_request(RolePolicies::without_boundary(identity), resource, request)
}

/// Whether these policies allow a request whatever is unknown about it.
pub fn surely_allows(identity: &[Policy], request: &PolicyRequest<'_>) -> bool {
    let best =
        |allows| identity.iter().filter_map(|policy| policy.best_match(allows, request, false)).map(|fit| fit.0).max();
    best(false).is_none() && best(true) == Some(Certainty::Yes)
}

/// Decides a request of a role that may have a boundary. The boundary doesn't limit what a resource's policy allows: IAM
/// limits only some of that (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>), so it
/// counts as allowed.
pub fn decide_role_request(role: RolePolicies<'_>, resource: &[Policy], request: &PolicyRequest<'_>) -> PolicyDecision {
    decide_with_account(role, resource, false, request)
}

/// Decides a request on a resource whose own policy must allow it, by naming either the caller or the account: a role to
/// assume, a key. If it names the account, the caller's own policies must allow it too.
pub fn decide_guarded_request(
    role: RolePolicies<'_>,
    resource: &[Policy],
    request: &PolicyRequest<'_>,
) -> PolicyDecision {
    let own = decide_role_request(role, &[], request);
    if let PolicyDecision::DeniedBy(_) = own {
        return own;
    }
    let nothing = RolePolicies::without_boundary(&[]);
    match (decide_with_account(nothing, resource, false, request), own) {
        (PolicyDecision::NotAllowed, PolicyDecision::Allowed(mine)) => {
            match decide_with_account(nothing, resource, true, request) {
                PolicyDecision::Allowed(theirs) => PolicyDecision::Allowed(format!("{mine}, together with {theirs}")),
                decision => decision,
            }
        }
        (PolicyDecision::NotAllowed, own @ PolicyDecision::OutsideBoundary(_)) => own,
        (decision, _) => decision,
    }
}

fn decide_with_account(
    role: RolePolicies<'_>,
    resource: &[Policy],
    account_counts: bool,
    request: &PolicyRequest<'_>,
) -> PolicyDecision {
    let strongest = |policies: &mut dyn Iterator<Item = &Policy>, allows| {
        policies.filter_map(|policy| policy.best_match(allows, request, account_counts)).max_by_key(|fit| fit.0)
    };
    let mut all = role.own.iter().chain(role.boundary).chain(resource);
    if let Some((Certainty::Yes, by)) = strongest(&mut all, false) {
        return PolicyDecision::DeniedBy(by);
    }
    let own = strongest(&mut role.own.iter(), true);
    let (within, outside) = match (own, role.boundary) {
        (Some((holds, by)), Some(boundary)) => match boundary.best_match(true, request, account_counts) {
            Some((limit, _)) => (Some((holds.min(limit), by)), None),
            None => (None, Some(by)),
        },
        (own, _) => (own, None),
    };
    let allowing = within.into_iter().chain(strongest(&mut resource.iter(), true));
    match (allowing.max_by_key(|fit| fit.0), outside) {
        (Some((Certainty::Yes, by)), _) => PolicyDecision::Allowed(by),
        (Some((_, by)), _) => PolicyDecision::Allowed(format!("{by}, if its condition holds")),
        (None, Some(by)) => PolicyDecision::OutsideBoundary(by),
        (None, None) => PolicyDecision::NotAllowed,
    }
}
