//! Roles that Lambda can assume, when each was last used, and which resources their policies name.

use std::collections::BTreeMap;

use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, RoleDetail};

use super::super::{EdgeKind, Node, NodeKind, NodeUsage};
use super::collector::Collector;
use super::{Window, format_day, sdk_time};
use deployer_aws::observe::parse_policy_document;

pub(super) async fn read_roles(iam: &Client, collector: &Collector<'_>, window: &Window) {
    let request =
        iam.get_account_authorization_details().filter(EntityType::Role).filter(EntityType::LocalManagedPolicy);
    let mut pages = request.max_items(1000).into_paginator().send();
    let mut attached: Vec<(String, String)> = Vec::new();
    let mut documents: BTreeMap<String, String> = BTreeMap::new();
    while let Some(page) = collector.next_sdk_page("iam:GetAccountAuthorizationDetails", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "roles"),
        };
        page.role_detail_list().iter().for_each(|found| attached.extend(add_role(collector, found, window)));
        for policy in page.policies() {
            let mut versions = policy.policy_version_list().iter().filter(|version| version.is_default_version());
            if let (Some(arn), Some(text)) = (policy.arn(), versions.next().and_then(|version| version.document())) {
                documents.insert(arn.to_owned(), parse_policy_document(text).to_string());
            }
        }
    }
    for (role, policy) in attached {
        if let Some(text) = documents.get(&policy) {
            collector.add_mention(&role, text, EdgeKind::Environment, Some(NOTE), false);
        }
    }
}

const NOTE: &str = "its policy names it";

/// Returns the ARN of the role with each policy that is attached to it.
fn add_role(collector: &Collector<'_>, found: &RoleDetail, window: &Window) -> Vec<(String, String)> {
    let trust =
        found.assume_role_policy_document().map(|trust| parse_policy_document(trust).to_string()).unwrap_or_default();
    let (Some(arn), true) = (found.arn(), trust.contains("lambda.amazonaws.com")) else { return Vec::new() };
    let last = sdk_time(found.role_last_used().and_then(|used| used.last_used_date()));
    let mut node = Node::new(NodeKind::Role, arn, found.role_name().unwrap_or(arn))
        .with_attribute("last_used", last.map(format_day));
    if trust.contains("edgelambda.amazonaws.com") {
        node.attributes.insert("edge".to_owned(), "CloudFront runs its function".to_owned());
    }
    node.changed_at = sdk_time(found.create_date());
    node.tags = found.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let within = last.filter(|last| *last >= window.from);
    // IAM keeps it for 400 days, for all regions together
    // (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_RoleLastUsed.html>).
    let count = u64::from(within.is_some());
    node.usage = NodeUsage::Counted { what: "known uses".to_owned(), count, last: within.map(format_day) };
    collector.add_node(node);
    for policy in found.role_policy_list() {
        let text = policy.policy_document().map(|policy| parse_policy_document(policy).to_string()).unwrap_or_default();
        collector.add_mention(arn, &text, EdgeKind::Environment, Some(NOTE), false);
    }
    let policies = found.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn());
    policies.map(|policy| (arn.to_owned(), policy.to_owned())).collect()
}
