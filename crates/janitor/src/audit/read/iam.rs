//! What IAM lets roles and users do, and the roles that Lambda can assume, with their last use.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{GroupDetail, ManagedPolicyDetail, RoleDetail, UserDetail};
use jiff::Timestamp;
use serde_json::Value;

use super::super::sources::IAM_CALL;
use super::super::{EdgeKind, GrantedUse, IdentityGrant, Node, NodeKind, NodeUsage, arn};
use super::collector::Collector;
use super::policy::elements;
use super::{Window, format_day, sdk_time};
use deployer_aws::observe::parse_policy_document;
use deployer_aws::{Found, sdk_pages};
use deployer_core::isolation::action_matches;

const NOTE: &str = "its policy names it";
const LAMBDA: &str = "lambda.amazonaws.com";

/// The actions that use each kind.
const USES: [(NodeKind, &[&str]); 8] = [
    (NodeKind::Function, &["lambda:InvokeFunction", "lambda:InvokeAsync", "lambda:InvokeFunctionUrl"]),
    (NodeKind::Queue, &["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"]),
    (NodeKind::Topic, &["sns:Publish", "sns:Subscribe"]),
    (NodeKind::StateMachine, &["states:StartExecution", "states:StartSyncExecution"]),
    (NodeKind::Secret, &["secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue"]),
    (NodeKind::Rule, &["events:EnableRule", "events:PutTargets"]),
    (NodeKind::Schedule, &["scheduler:UpdateSchedule"]),
    (NodeKind::Role, &["iam:PassRole"]),
];

/// An identity, until its attached policies are known.
struct Identity {
    grant: IdentityGrant,
    documents: Vec<Value>,
    attached: Vec<String>,
    /// Whether it is a node.
    node: bool,
}

pub(super) async fn read_identities(iam: &Client, collector: &Collector<'_>, window: &Window) {
    let request = iam.get_account_authorization_details().max_items(1000);
    let stream = request.into_paginator().send();
    let mut identities: Vec<Identity> = Vec::new();
    let mut users: Vec<UserDetail> = Vec::new();
    let mut groups: BTreeMap<String, GroupDetail> = BTreeMap::new();
    let mut documents: BTreeMap<String, Value> = BTreeMap::new();
    let mut pages = sdk_pages(IAM_CALL, stream, |page| page.marker());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "roles and what they may do"),
        };
        identities.extend(page.role_detail_list().iter().filter_map(|role| read_role(collector, role, window)));
        users.extend(page.user_detail_list().iter().cloned());
        let named = page.group_detail_list().iter();
        groups.extend(named.filter_map(|group| Some((group.group_name()?.to_owned(), group.clone()))));
        documents.extend(page.policies().iter().filter_map(default_document));
    }
    identities.extend(users.iter().filter_map(|user| read_user(user, &groups)));
    read_missing_policies(iam, collector, &identities, &mut documents).await;
    let identities: Vec<Identity> =
        identities.into_iter().map(|identity| add_permits(collector, identity, &documents)).collect();
    // The bulk call doesn't always say when a role was last used.
    let needed = |identity: &Identity| identity.node || !identity.grant.permits.is_empty();
    let is_role = |identity: &Identity| identity.grant.trusted != ["user"];
    let (asked, known): (Vec<_>, Vec<_>) = identities
        .into_iter()
        .partition(|identity| needed(identity) && is_role(identity) && identity.grant.last_used.is_none());
    for identity in known {
        add_grant(collector, identity.grant);
    }
    collector.for_each(asked, &["iam:GetRole"], |identity| read_last_use(iam, collector, window, identity)).await;
}

fn default_document(policy: &ManagedPolicyDetail) -> Option<(String, Value)> {
    let version = policy.policy_version_list().iter().find(|version| version.is_default_version())?;
    Some((policy.arn()?.to_owned(), parse_policy_document(version.document()?)))
}

fn read_role(collector: &Collector<'_>, found: &RoleDetail, window: &Window) -> Option<Identity> {
    let arn = found.arn()?;
    let trust = found.assume_role_policy_document().map(parse_policy_document).unwrap_or_default();
    let trusted = trusted_principals(&trust);
    let last_used = sdk_time(found.role_last_used().and_then(|used| used.last_used_date()));
    let created_at = sdk_time(found.create_date());
    let node = trusted.iter().any(|principal| principal == LAMBDA);
    if node {
        let mut role = Node::new(NodeKind::Role, arn, found.role_name().unwrap_or(arn));
        let others: Vec<&str> = trusted.iter().map(String::as_str).filter(|principal| *principal != LAMBDA).collect();
        role = role.with_attribute("also_trusts", (!others.is_empty()).then(|| others.join(", ")));
        if others.iter().any(|principal| principal.starts_with("edgelambda.")) {
            role.attributes.insert("edge".to_owned(), "CloudFront runs its function".to_owned());
        }
        role.changed_at = created_at;
        role.tags = found.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        role.usage = role_usage(last_used, window);
        role = role.with_attribute("last_used", last_used.map(format_day));
        collector.add_node(role);
    }
    let documents = found.role_policy_list().iter().filter_map(|policy| policy.policy_document());
    let attached = found.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn());
    Some(Identity {
        grant: IdentityGrant { holder: arn.to_owned(), trusted, created_at, last_used, permits: Vec::new() },
        documents: documents.map(parse_policy_document).collect(),
        attached: attached.map(ToOwned::to_owned).collect(),
        node,
    })
}

/// IAM keeps it for 400 days, for all regions together
/// (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html>).
fn role_usage(last: Option<Timestamp>, window: &Window) -> NodeUsage {
    let within = last.filter(|last| window.contains(*last));
    NodeUsage::Counted {
        what: "known uses".to_owned(),
        count: u64::from(within.is_some()),
        last: within.map(format_day),
        before: last.filter(|_| within.is_none()).map(format_day),
    }
}

async fn read_last_use(iam: &Client, collector: &Collector<'_>, window: &Window, identity: Identity) {
    let Identity { mut grant, node, .. } = identity;
    let name = arn::short_name(&grant.holder).to_owned();
    let request = iam.get_role().role_name(&name).send();
    match collector.make_sdk_call("iam:GetRole", request).await.found() {
        Ok(answer) => {
            let used = answer.and_then(|answer| answer.role).and_then(|role| role.role_last_used);
            grant.last_used = sdk_time(used.and_then(|used| used.last_used_date).as_ref());
            if let Some(last) = grant.last_used.filter(|_| node) {
                collector.update_node(&grant.holder, |node| {
                    node.usage = role_usage(Some(last), window);
                    node.attributes.insert("last_used".to_owned(), format_day(last));
                });
            }
        }
        Err(error) => {
            // It may have been used.
            grant.created_at = None;
            let about = node.then_some(grant.holder.as_str());
            collector.note_failure(&error, about, format!("when role {name} was last used"));
        }
    }
    add_grant(collector, grant);
}

fn read_user(user: &UserDetail, groups: &BTreeMap<String, GroupDetail>) -> Option<Identity> {
    let of_groups: Vec<&GroupDetail> = user.group_list().iter().filter_map(|name| groups.get(name)).collect();
    let inline = user.user_policy_list().iter().chain(of_groups.iter().flat_map(|group| group.group_policy_list()));
    let attached = user.attached_managed_policies().iter();
    let attached = attached.chain(of_groups.iter().flat_map(|group| group.attached_managed_policies()));
    Some(Identity {
        grant: IdentityGrant {
            holder: user.arn()?.to_owned(),
            trusted: vec!["user".to_owned()],
            created_at: sdk_time(user.create_date()),
            last_used: None,
            permits: Vec::new(),
        },
        documents: inline.filter_map(|policy| policy.policy_document()).map(parse_policy_document).collect(),
        attached: attached.filter_map(|policy| policy.policy_arn()).map(ToOwned::to_owned).collect(),
        node: false,
    })
}

/// Who may assume a role: services, accounts, roles, identity providers.
fn trusted_principals(trust: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    for statement in elements(&trust["Statement"]).filter(|statement| statement["Effect"] != "Deny") {
        match &statement["Principal"] {
            Value::Object(kinds) => {
                let principals = kinds.values().flat_map(elements).filter_map(Value::as_str);
                found.extend(principals.map(ToOwned::to_owned));
            }
            other => drop(found.insert(other.as_str().unwrap_or("*").to_owned())),
        }
    }
    found.into_iter().collect()
}

/// Reads the attached policies that the bulk call didn't return.
async fn read_missing_policies(
    iam: &Client,
    collector: &Collector<'_>,
    identities: &[Identity],
    documents: &mut BTreeMap<String, Value>,
) {
    let attached: BTreeSet<&String> = identities.iter().flat_map(|identity| &identity.attached).collect();
    let missing = attached.into_iter().filter(|arn| !documents.contains_key(*arn)).cloned().collect::<Vec<_>>();
    for arn in missing {
        match read_policy(iam, collector, &arn).await {
            Ok(document) => drop(documents.insert(arn, document)),
            Err(why) => {
                let what = format!("what policy {arn} allows");
                collector.note_unread("iam:GetPolicyVersion", None, what, why);
            }
        }
    }
}

async fn read_policy(iam: &Client, collector: &Collector<'_>, arn: &str) -> Result<Value, String> {
    let request = iam.get_policy().policy_arn(arn).send();
    let answer = collector.make_sdk_call("iam:GetPolicy", request).await.map_err(|error| error.to_string())?;
    let version = answer.policy.and_then(|policy| policy.default_version_id).unwrap_or_else(|| "v1".to_owned());
    let request = iam.get_policy_version().policy_arn(arn).version_id(version).send();
    let answer = collector.make_sdk_call("iam:GetPolicyVersion", request).await.map_err(|error| error.to_string())?;
    let document = answer.policy_version.and_then(|version| version.document);
    Ok(parse_policy_document(&document.ok_or("the answer has no document")?))
}

/// Adds what the identity's policies allow.
fn add_permits(collector: &Collector<'_>, mut identity: Identity, documents: &BTreeMap<String, Value>) -> Identity {
    let mut permits = BTreeSet::new();
    for document in identity.documents.iter().chain(identity.attached.iter().filter_map(|arn| documents.get(arn))) {
        permits.extend(granted_uses(document));
        if identity.node {
            let holder = &identity.grant.holder;
            collector.add_mention(holder, &document.to_string(), EdgeKind::Environment, Some(NOTE), false);
        }
    }
    identity.grant.permits = permits.into_iter().collect();
    identity
}

fn add_grant(collector: &Collector<'_>, grant: IdentityGrant) {
    if !grant.permits.is_empty() {
        collector.gathered().grants.insert(grant);
    }
}

/// What a policy allows with the kinds that an audit judges. Conditions and denials are not considered: they only allow
/// less.
fn granted_uses(document: &Value) -> Vec<GrantedUse> {
    let mut found = Vec::new();
    for statement in elements(&document["Statement"]).filter(|statement| statement["Effect"] == "Allow") {
        let texts = |member: &str| elements(&statement[member]).filter_map(Value::as_str).collect::<Vec<_>>();
        let (actions, excluded) = (texts("Action"), texts("NotAction"));
        let patterns = if statement.get("NotResource").is_some() { vec!["*"] } else { texts("Resource") };
        let everything = actions.contains(&"*") || actions.contains(&"*:*") || !excluded.is_empty();
        for (kind, uses) in USES {
            let allowed = uses.iter().any(|action| match excluded.is_empty() {
                true => actions.iter().any(|pattern| action_matches(pattern, action)),
                false => !excluded.iter().any(|pattern| action_matches(pattern, action)),
            });
            if allowed {
                let uses = patterns.iter().filter(|pattern| may_name_kind(pattern, kind));
                found.extend(uses.map(|pattern| GrantedUse { kind, pattern: (*pattern).to_owned(), everything }));
            }
        }
    }
    found
}

/// Whether a pattern can match an ARN of the kind: its service has to fit.
fn may_name_kind(pattern: &str, kind: NodeKind) -> bool {
    let service = match kind {
        NodeKind::Function => "lambda",
        NodeKind::Queue => "sqs",
        NodeKind::Topic => "sns",
        NodeKind::StateMachine => "states",
        NodeKind::Secret => "secretsmanager",
        NodeKind::Rule => "events",
        NodeKind::Schedule => "scheduler",
        NodeKind::Role => "iam",
        _ => return false,
    };
    let named = pattern.split(':').nth(2);
    named.is_none_or(|named| action_matches(named, service))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_what_a_policy_allows() {
        let policy = json!({ "Statement": [
            { "Effect": "Allow", "Action": ["logs:*", "sqs:Send*"], "Resource": "arn:aws:sqs:us-east-1:1:jobs" },
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "lambda:*", "Resource": "*" },
        ] });
        let found = granted_uses(&policy);
        let jobs =
            GrantedUse { kind: NodeKind::Queue, pattern: "arn:aws:sqs:us-east-1:1:jobs".to_owned(), everything: false };
        assert!(found.contains(&jobs), "{found:?}");
        assert_eq!(found.iter().filter(|found| found.everything).count(), USES.len());
        let power_user = json!({ "Statement": { "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" } });
        assert_eq!(granted_uses(&power_user).len(), USES.len() - 1, "all but passing roles");
    }

    #[test]
    fn finds_who_may_assume_a_role() {
        let trust = json!({ "Statement": [
            { "Effect": "Allow", "Principal": { "Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"] } },
            { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::1:root" } },
        ] });
        assert_eq!(trusted_principals(&trust), ["arn:aws:iam::1:root", "ec2.amazonaws.com", "lambda.amazonaws.com"]);
    }
}
