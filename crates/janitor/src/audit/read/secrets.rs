//! Secrets without their values. Secrets Manager records the day on which each was last read.

use aws_sdk_secretsmanager::Client;

use super::super::{EdgeKind, Node, NodeKind, NodeUsage};
use super::collector::Collector;
use super::policy::add_permissions;
use super::{Window, format_day, sdk_time};
use deployer_aws::{Found, sdk_pages};

pub(super) async fn read_secrets(secrets: &Client, collector: &Collector<'_>, window: &Window) {
    // Secrets that are scheduled for deletion aren't listed: someone has already decided.
    let mut read = Vec::new();
    let stream = secrets.list_secrets().max_results(100).into_paginator().send();
    let mut pages = sdk_pages("secretsmanager:ListSecrets", stream, |page| page.next_token());
    while let Some(page) = collector.next_sdk_page(&mut pages).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "secrets"),
        };
        for secret in page.secret_list() {
            let Some(arn) = secret.arn() else { continue };
            let last_read = sdk_time(secret.last_accessed_date());
            let mut node = Node::new(NodeKind::Secret, arn, secret.name().unwrap_or(arn))
                .with_attribute("last_read", last_read.map(format_day))
                .with_attribute("owned_by", secret.owning_service());
            node.changed_at = sdk_time(secret.last_changed_date().or(secret.created_date()));
            let tags = secret.tags().iter();
            node.tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
            // The date is the start of a day.
            let within = last_read.filter(|read| *read + jiff::SignedDuration::from_hours(24) > window.from);
            node.usage = NodeUsage::Counted {
                what: "known reads".to_owned(),
                count: u64::from(within.is_some()),
                last: within.map(format_day),
                before: last_read.filter(|_| within.is_none()).map(format_day),
            };
            // Somebody replicates or rotates it, whether it was read or not.
            let replicated = secret.primary_region().filter(|region| *region != collector.scope.region);
            node = node
                .with_attribute("replica_of", replicated)
                .with_attribute("rotates", secret.rotation_enabled().filter(|enabled| *enabled).map(|_| "yes"));
            collector.add_node(node);
            read.push((arn.to_owned(), secret.name().unwrap_or(arn).to_owned()));
            if let Some(function) = secret.rotation_lambda_arn().filter(|arn| !arn.is_empty()) {
                let enabled = secret.rotation_enabled().unwrap_or_default();
                collector.add_edge(arn, function, EdgeKind::Target, enabled, Some("rotation".to_owned()));
            }
        }
    }
    collector
        .for_each(read, &["secretsmanager:GetResourcePolicy"], |(arn, name)| read_policy(secrets, collector, arn, name))
        .await;
}

/// Reads who else may read a secret.
async fn read_policy(secrets: &Client, collector: &Collector<'_>, arn: String, name: String) {
    let request = secrets.get_resource_policy().secret_id(&arn).send();
    let what = format!("the policy of secret {name}");
    match collector.make_sdk_call("secretsmanager:GetResourcePolicy", request).await.found() {
        Ok(answer) => {
            let policy = answer.and_then(|answer| answer.resource_policy);
            if let Some(Err(why)) = policy.map(|policy| add_permissions(collector, &arn, &policy)) {
                collector.note_unread("secretsmanager:GetResourcePolicy", Some(&arn), what, why);
            }
        }
        Err(error) => collector.note_failure(&error, Some(&arn), what),
    }
}
