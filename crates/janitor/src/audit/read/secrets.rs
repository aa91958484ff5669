//! Secrets without their values. Secrets Manager records the day on which each was last read.

use aws_sdk_secretsmanager::Client;

use super::super::{EdgeKind, Node, NodeKind, NodeUsage};
use super::collector::Collector;
use super::{Window, format_day, sdk_time};

pub(super) async fn read_secrets(secrets: &Client, collector: &Collector<'_>, window: &Window) {
    // Secrets that are scheduled for deletion aren't listed: someone has already decided.
    let mut pages = secrets.list_secrets().max_results(100).into_paginator().send();
    while let Some(page) = collector.next_sdk_page("secretsmanager:ListSecrets", pages.next()).await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return collector.note_failure(&error, None, "secrets"),
        };
        for secret in page.secret_list() {
            let Some(arn) = secret.arn() else { continue };
            let read = sdk_time(secret.last_accessed_date());
            let mut node = Node::new(NodeKind::Secret, arn, secret.name().unwrap_or(arn))
                .with_attribute("last_read", read.map(format_day))
                .with_attribute("owned_by", secret.owning_service());
            node.changed_at = sdk_time(secret.last_changed_date().or(secret.created_date()));
            let tags = secret.tags().iter();
            node.tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
            // The date is the start of a day.
            let within = read.filter(|read| *read + jiff::SignedDuration::from_hours(24) > window.from);
            node.usage = NodeUsage::Counted {
                what: "known reads".to_owned(),
                count: u64::from(within.is_some()),
                last: within.map(format_day),
            };
            collector.add_node(node);
            if let Some(function) = secret.rotation_lambda_arn().filter(|arn| !arn.is_empty()) {
                let enabled = secret.rotation_enabled().unwrap_or_default();
                collector.add_edge(arn, function, EdgeKind::Target, enabled, Some("rotation".to_owned()));
            }
        }
    }
}
