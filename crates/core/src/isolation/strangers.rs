//! Who outside of the account can use a venue's resources, as far as their own policies and settings allow it.

use serde_json::Value;

use crate::naming::ALIAS;
use crate::resource::members::{AnswerKind, MemberRemedy, UnmodeledMember};
use crate::resource::{LiveStack, Observed, ResourceKind};

/// Somebody outside of the account who can use a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StrangerAccess {
    /// The kind of the resource.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Who can do what, and by which statement.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

/// What strangers can do to a venue's resources.
pub fn find_strangers(live: &LiveStack, account: &str) -> Vec<StrangerAccess> {
    let mut found = Vec::new();
    if let Some(role) = live.role.as_present() {
        for statement in statements_of(&role.trust.to_value()) {
            found.extend(trusted_strangers(statement, account).into_iter().map(|who| StrangerAccess {
                kind: ResourceKind::Role,
                name: role.name.clone(),
                text: format!("{who} can assume the role {}", role.name),
                hint: REMOVED.to_owned(),
            }));
        }
    }
    let function = live.function.as_present().map_or("", |function| function.name.as_str());
    if let (Some(permission), Some(_)) = (live.permission.as_present(), live.function.as_present()) {
        for statement in &permission.statements {
            found.extend(strangers_of(&statement.to_json(), account).into_iter().map(|who| StrangerAccess {
                kind: ResourceKind::Permission,
                name: format!("{function}:{ALIAS}"),
                text: format!("{who} can call {} on {function}:{ALIAS}", statement.action),
                hint: REMOVED.to_owned(),
            }));
        }
    }
    for (answer, members, _) in live.unmodeled_answers() {
        for member in members {
            let texts = match answer {
                AnswerKind::Function => function_strangers(member, function, account),
                AnswerKind::Alias => alias_strangers(member, function, live, account),
                AnswerKind::Secret => secret_strangers(member, account),
                AnswerKind::LogGroup => subscription_text(member, account).into_iter().collect(),
                AnswerKind::Configuration
                | AnswerKind::Role
                | AnswerKind::Rule
                | AnswerKind::Target
                | AnswerKind::Schedule
                | AnswerKind::Alarm => Vec::new(),
            };
            let kind = answer.resource_kind();
            let name = match kind {
                ResourceKind::Alias => format!("{function}:{ALIAS}"),
                ResourceKind::Secret => live.secret.as_present().map(|secret| secret.name.clone()).unwrap_or_default(),
                ResourceKind::LogGroup => {
                    live.log_group.as_present().map(|group| group.name.clone()).unwrap_or_default()
                }
                _ => function.to_owned(),
            };
            let hint = match member.find_row(answer).map(|row| row.remedy) {
                Some(MemberRemedy::Report(hint)) => hint.replace("NAME", &name),
                _ => REMOVED.to_owned(),
            };
            found.extend(texts.into_iter().map(|text| StrangerAccess {
                kind,
                name: name.clone(),
                text,
                hint: hint.clone(),
            }));
        }
    }
    found
}

const REMOVED: &str = "`deployer apply` removes it";

fn function_strangers(member: &UnmodeledMember, function: &str, account: &str) -> Vec<String> {
    if let Some(qualifier) = member.entry_of("FunctionUrls") {
        let url = member.value["FunctionUrl"].as_str().unwrap_or_default();
        let of = if qualifier == "$LATEST" { function.to_owned() } else { format!("{function}:{qualifier}") };
        let open = member.value["AuthType"] != "AWS_IAM";
        let who = if open { "everybody on the internet" } else { "whoever IAM lets" };
        return vec![format!("{who} can invoke {of} by the URL {url}")];
    }
    policy_strangers(member, "Policy", function, account)
}

fn alias_strangers(member: &UnmodeledMember, function: &str, live: &LiveStack, account: &str) -> Vec<String> {
    let version = match &live.alias {
        Observed::Present(alias) => alias.version.as_str(),
        _ => "",
    };
    let mut found = policy_strangers(member, "Policy", &format!("{function}:{ALIAS}"), account);
    found.extend(policy_strangers(member, "VersionPolicy", &format!("{function}:{version}"), account));
    found
}

fn secret_strangers(member: &UnmodeledMember, account: &str) -> Vec<String> {
    let mut found = policy_strangers(member, "ResourcePolicy", "the secret", account);
    found.extend(policy_strangers(member, "GuardedResourcePolicy", "the secret", account));
    found
}

fn policy_strangers(member: &UnmodeledMember, policy: &str, what: &str, account: &str) -> Vec<String> {
    let Some(sid) = member.entry_of(policy) else { return Vec::new() };
    let action = texts_of(&member.value["Action"]).join(", ");
    let strangers = strangers_of(&member.value, account);
    strangers.into_iter().map(|who| format!("{who} can call {action} on {what} (statement {sid})")).collect()
}

/// Any subscription filter hands the log on; to which account, its destination says.
fn subscription_text(member: &UnmodeledMember, account: &str) -> Option<String> {
    let filter = member.entry_of("SubscriptionFilters")?;
    let destination = member.value["destinationArn"].as_str().unwrap_or_default();
    let owner = destination.split(':').nth(4).unwrap_or_default();
    let whose = if owner.is_empty() || owner == account { String::new() } else { format!(" of account {owner}") };
    Some(format!("the log is sent to {destination}{whose} (subscription filter {filter})"))
}

/// The strangers that a statement of another policy lets do something, in words.
pub fn strangers_of_statement(what: &str, statement: &Value, account: &str) -> Vec<String> {
    let action = texts_of(&statement["Action"]).join(", ");
    let sid = statement["Sid"].as_str().unwrap_or("without a name");
    let strangers = strangers_of(statement, account);
    strangers.into_iter().map(|who| format!("{who} can call {action} on {what} (statement {sid})")).collect()
}

/// The statements of a policy document.
pub fn statements_of(policy: &Value) -> &[Value] {
    match &policy["Statement"] {
        Value::Array(statements) => statements,
        statement @ Value::Object(_) => std::slice::from_ref(statement),
        _ => &[],
    }
}

/// A role's trust: services are trusted by name, and act for this account only.
fn trusted_strangers(statement: &Value, account: &str) -> Vec<String> {
    let mut strangers = strangers_of(statement, account);
    strangers.retain(|who| !who.contains(THROUGH));
    strangers
}

const THROUGH: &str = ", through ";

/// Whom outside of `account` a statement lets do something.
fn strangers_of(statement: &Value, account: &str) -> Vec<String> {
    if statement["Effect"] == "Deny" {
        return Vec::new();
    }
    let limits = Limits::of_condition(&statement["Condition"]);
    let everybody = || match &limits.organization {
        Some(organization) => Some(format!("everybody in the organization {organization}")),
        None if limits.accounts.is_empty() => Some("everybody".to_owned()),
        None => limits.strangers(account),
    };
    let of_account = |principal: &str| {
        if principal == "*" {
            return everybody();
        }
        let owner = if principal.starts_with("arn:") { principal.split(':').nth(4)? } else { principal };
        // A principal that was deleted has only an id, and can't do anything.
        let is_account = owner.len() == 12 && owner.bytes().all(|byte| byte.is_ascii_digit());
        (is_account && owner != account).then(|| match principal == owner {
            true => format!("account {owner}"),
            false => format!("{principal} of account {owner}"),
        })
    };
    let of_service = |service: &str| {
        let accounts =
            if limits.accounts.is_empty() { Some("every account".to_owned()) } else { limits.strangers(account) };
        accounts.map(|accounts| format!("{accounts}{THROUGH}{service}"))
    };
    match &statement["Principal"] {
        Value::String(principal) => of_account(principal).into_iter().collect(),
        Value::Object(principals) => principals
            .iter()
            .flat_map(|(kind, names)| {
                let names = texts_of(names);
                names.into_iter().filter_map(|name| match kind.as_str() {
                    "Service" => of_service(&name),
                    "AWS" => of_account(&name),
                    _ => Some(format!("whoever {name} signs in")),
                })
            })
            .collect(),
        _ if statement.get("NotPrincipal").is_some() => vec!["everybody but those that it names".to_owned()],
        _ => Vec::new(),
    }
}

/// The accounts that a condition limits a statement to.
#[derive(Default)]
struct Limits {
    accounts: Vec<String>,
    organization: Option<String>,
}

impl Limits {
    fn of_condition(condition: &Value) -> Self {
        let mut limits = Self::default();
        let operators = condition.as_object().into_iter().flatten();
        for (operator, keys) in operators {
            // `StringNotEquals` and the like exclude, and `…IfExists` lets everybody without the key pass.
            if operator.contains("Not") || operator.ends_with("IfExists") {
                continue;
            }
            for (key, values) in keys.as_object().into_iter().flatten() {
                let values = texts_of(values);
                match key.to_ascii_lowercase().as_str() {
                    "aws:sourceaccount" | "aws:sourceowner" | "aws:principalaccount" | "aws:resourceaccount" => {
                        limits.accounts.extend(values);
                    }
                    "aws:sourcearn" | "aws:principalarn" => {
                        limits.accounts.extend(values.iter().map(|arn| account_of(arn)));
                    }
                    "aws:principalorgid" => limits.organization = values.into_iter().next(),
                    _ => {}
                }
            }
        }
        limits
    }

    /// The accounts among them that aren't `account`, in words.
    fn strangers(&self, account: &str) -> Option<String> {
        let others: Vec<&str> = self.accounts.iter().map(String::as_str).filter(|owner| *owner != account).collect();
        if others.is_empty() {
            return None;
        }
        if others.contains(&"*") {
            return Some("every account".to_owned());
        }
        Some(format!("account {}", others.join(" and ")))
    }
}

/// The account in an ARN. Some ARNs, such as a bucket's, have none: then it could be anybody's.
fn account_of(arn: &str) -> String {
    match arn.split(':').nth(4) {
        Some("") | None => "*".to_owned(),
        Some(account) => account.to_owned(),
    }
}

fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OURS: &str = "123456789012";

    #[test]
    fn tells_strangers_from_the_account_itself() {
        let rule = json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/x" } });
        let theirs = json!({ "StringEquals": { "AWS:SourceAccount": "999999999999" } });
        for (principal, condition, found) in [
            (json!({ "Service": "events.amazonaws.com" }), rule, None),
            (json!({ "AWS": "arn:aws:iam::123456789012:root" }), json!({}), None),
            (json!({ "AWS": "AROAEXAMPLEID" }), json!({}), None),
            (json!({ "AWS": "*" }), json!({ "StringEquals": { "aws:PrincipalAccount": OURS } }), None),
            (json!("*"), json!({}), Some("everybody")),
            (json!("*"), json!({ "StringEquals": { "lambda:FunctionUrlAuthType": "NONE" } }), Some("everybody")),
            (json!("*"), json!({ "StringNotEquals": { "aws:PrincipalAccount": OURS } }), Some("everybody")),
            (
                json!({ "AWS": "*" }),
                json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } }),
                Some("everybody in the organization o-1"),
            ),
            (json!({ "AWS": "999999999999" }), json!({}), Some("account 999999999999")),
            (
                json!({ "AWS": ["arn:aws:iam::999999999999:root"] }),
                json!({}),
                Some("arn:aws:iam::999999999999:root of account 999999999999"),
            ),
            (json!({ "Service": "s3.amazonaws.com" }), theirs, Some("account 999999999999, through s3.amazonaws.com")),
            (json!({ "Service": "s3.amazonaws.com" }), json!({}), Some("every account, through s3.amazonaws.com")),
            (json!({ "Federated": "accounts.google.com" }), json!({}), Some("whoever accounts.google.com signs in")),
        ] {
            let statement = json!({ "Effect": "Allow", "Principal": principal, "Condition": condition });
            let expected: Vec<&str> = found.into_iter().collect();
            assert_eq!(strangers_of(&statement, OURS), expected, "{statement}");
        }
    }

    #[test]
    fn a_denial_lets_nobody_do_anything() {
        assert_eq!(strangers_of(&json!({ "Effect": "Deny", "Principal": "*" }), OURS), Vec::<String>::new());
    }

    #[test]
    fn a_service_may_assume_a_role() {
        let trust = json!({ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" } });
        assert_eq!(trusted_strangers(&trust, OURS), Vec::<String>::new());
    }
}
