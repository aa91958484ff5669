//! Secrets: one paged list has everything except the value, which is never read.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};

use super::{ResourceList, to_unreadable};
use crate::{Call, CallError, Found};
use deployer_core::resource::{LiveSecret, Observed};

/// A secret in the list.
pub(super) struct ListedSecret {
    pub(super) live: LiveSecret,
    /// Whether it is scheduled for deletion.
    pending_deletion: bool,
}

/// Reads `ListSecrets` for the deployment's names, including secrets that are scheduled for deletion.
pub(super) async fn list_secrets(secrets: &Client, deployment: &str) -> ResourceList<ListedSecret> {
    let prefix = format!("{deployment}/");
    let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let mut found = BTreeMap::new();
    let mut pages =
        secrets.list_secrets().filters(filter).include_planned_deletion(true).max_results(100).into_paginator().send();
    while let Some(page) = pages.next().await {
        for secret in page.call("secretsmanager:ListSecrets")?.secret_list() {
            let name = secret.name().unwrap_or_default();
            let live = build_live_secret(name, secret.arn(), secret.description(), secret.tags());
            found.insert(name.to_owned(), ListedSecret { live, pending_deletion: secret.deleted_date().is_some() });
        }
    }
    Ok(found)
}

pub(super) async fn observe_secret(
    secrets: &Client,
    list: &ResourceList<ListedSecret>,
    name: &str,
    confirm: bool,
) -> Observed<LiveSecret> {
    match list {
        Err(error) => to_unreadable(error),
        Ok(listed) => match listed.get(name) {
            Some(secret) => secret.to_observed(),
            None if !confirm => Observed::Absent,
            None => match read_secret(secrets, name).await {
                Ok(secret) => secret.map_or(Observed::Absent, |secret| secret.to_observed()),
                Err(error) => to_unreadable(&error),
            },
        },
    }
}

async fn read_secret(secrets: &Client, name: &str) -> Result<Option<ListedSecret>, CallError> {
    let answer = secrets.describe_secret().secret_id(name).send().await;
    let found = answer.call("secretsmanager:DescribeSecret").found()?;
    Ok(found.map(|secret| ListedSecret {
        live: build_live_secret(name, secret.arn(), secret.description(), secret.tags()),
        pending_deletion: secret.deleted_date().is_some(),
    }))
}

fn build_live_secret(name: &str, arn: Option<&str>, description: Option<&str>, tags: &[Tag]) -> LiveSecret {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    LiveSecret {
        name: name.to_owned(),
        arn: text(arn),
        description: text(description),
        tags: tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect(),
    }
}

impl ListedSecret {
    pub(super) fn to_observed(&self) -> Observed<LiveSecret> {
        if self.pending_deletion {
            Observed::PendingDeletion(self.live.clone())
        } else {
            Observed::Present(self.live.clone())
        }
    }
}
