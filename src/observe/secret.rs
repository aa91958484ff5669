//! Secrets: one paged list has everything but the value, which is never read.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use super::{List, unreadable};
use crate::aws::Call;
use crate::resource::{LiveSecret, Observed};

/// A secret in the list.
pub(super) struct Listed {
    pub(super) live: LiveSecret,
    /// Scheduled for deletion.
    pending_deletion: bool,
}

/// Reads `ListSecrets` for the deployment's names, those scheduled for deletion too.
pub(super) async fn list(secrets: &Client, deployment: &str) -> List<Listed> {
    let prefix = format!("{deployment}/");
    let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let mut found = BTreeMap::new();
    let mut pages =
        secrets.list_secrets().filters(filter).include_planned_deletion(true).max_results(100).into_paginator().send();
    while let Some(page) = pages.next().await {
        for secret in page.call("secretsmanager:ListSecrets")?.secret_list() {
            let name = secret.name().unwrap_or_default().to_owned();
            let live = LiveSecret {
                name: name.clone(),
                arn: secret.arn().unwrap_or_default().to_owned(),
                description: secret.description().unwrap_or_default().to_owned(),
                tags: secret
                    .tags()
                    .iter()
                    .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
                    .collect(),
            };
            found.insert(name, Listed { live, pending_deletion: secret.deleted_date().is_some() });
        }
    }
    Ok(found)
}

pub(super) fn details(list: &List<Listed>, name: &str) -> Observed<LiveSecret> {
    match list {
        Err(error) => unreadable(error),
        Ok(secrets) => match secrets.get(name) {
            None => Observed::Absent,
            Some(secret) if secret.pending_deletion => Observed::PendingDeletion(secret.live.clone()),
            Some(secret) => Observed::Present(secret.live.clone()),
        },
    }
}
