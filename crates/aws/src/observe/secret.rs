//! Secrets: one paged list has everything except the value, which is never read.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use serde_json::{Value, json};

use super::answer::{KeptAnswer, PartRead};
use super::function::parse_statements;
use super::{Listed, ResourceList, to_unreadable};
use crate::signed::{list_of, tags_of, text_of};
use crate::{Call, CallError, FailureKind, Found, ListPages};
use deployer_core::resource::members::{AnswerKind, UnmodeledPart};
use deployer_core::resource::{LiveSecret, Observed};

/// A secret in the list.
#[derive(Clone)]
pub(super) struct ListedSecret {
    pub(super) live: LiveSecret,
    /// Whether it is scheduled for deletion.
    pending_deletion: bool,
    /// Whether it has replicas that the list doesn't show.
    hides_replicas: bool,
}

/// Reads `ListSecrets` for the deployment's names, including secrets that are scheduled for deletion.
pub(super) async fn list_secrets(secrets: &Client, deployment: &str) -> ResourceList<ListedSecret> {
    const CALL: &str = "secretsmanager:ListSecrets";
    let prefix = format!("{deployment}/");
    let filter = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let mut found = BTreeMap::new();
    let mut pages = ListPages::of_call(CALL);
    loop {
        let kept = KeptAnswer::default();
        let request = secrets.list_secrets().filters(filter.clone()).include_planned_deletion(true).max_results(100);
        let request = request.set_next_token(pages.token()).customize().interceptor(kept.clone());
        let page = request.send().await.call(CALL)?;
        for entry in list_of(&kept.read_list(CALL)?, "SecretList") {
            let listed = ListedSecret::of_answer(entry);
            found.insert(listed.live.name.clone(), listed);
        }
        if !pages.advance_to(page.next_token)? {
            return Ok(found);
        }
    }
}

pub(super) async fn observe_secret(
    secrets: &Client,
    listed: Listed<ListedSecret>,
    name: &str,
    confirm: bool,
) -> Observed<LiveSecret> {
    match listed {
        Err(error) => to_unreadable(&error),
        Ok(Some(secret)) => secret.observe_parts(secrets).await,
        Ok(None) if !confirm => Observed::Absent,
        Ok(None) => match read_secret(secrets, name).await {
            Ok(Some(secret)) => ListedSecret::of_answer(&secret).observe_parts(secrets).await,
            Ok(None) => Observed::Absent,
            Err(error) => to_unreadable(&error),
        },
    }
}

/// Reads `DescribeSecret`.
async fn read_secret(secrets: &Client, name: &str) -> Result<Option<Value>, CallError> {
    const CALL: &str = "secretsmanager:DescribeSecret";
    let kept = KeptAnswer::default();
    let request = secrets.describe_secret().secret_id(name).customize().interceptor(kept.clone());
    match request.send().await.call(CALL).found()? {
        Some(_) => kept.read_json(CALL).map(Some),
        None => Ok(None),
    }
}

/// The secret's policy as members: with one statement that denies something, all of them are guarded, because removing
/// the policy would remove that one too.
async fn read_policy(secrets: &Client, name: &str) -> Result<Option<(&'static str, Value)>, CallError> {
    const CALL: &str = "secretsmanager:GetResourcePolicy";
    let answer = secrets.get_resource_policy().secret_id(name).send().await.call(CALL)?;
    let Some(text) = answer.resource_policy().filter(|text| !text.is_empty()) else { return Ok(None) };
    let statements = parse_statements(text)
        .map_err(|why| CallError::unexpected(CALL, format!("the policy of the secret {name} {why}")))?;
    let guarded = statements.values().any(|statement| statement["Effect"] == "Deny");
    Ok(Some((if guarded { "GuardedResourcePolicy" } else { "ResourcePolicy" }, json!(statements))))
}

impl ListedSecret {
    fn of_answer(entry: &Value) -> Self {
        let text = |member| text_of(entry, member).unwrap_or_default().to_owned();
        let tags = tags_of(entry, "Tags", "Key", "Value");
        let name = text("Name");
        Self {
            live: LiveSecret {
                arn: text("ARN"),
                description: text("Description"),
                tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
                unmodeled: unmodeled_part(&name, entry, Vec::new()),
                name,
            },
            pending_deletion: !entry["DeletedDate"].is_null(),
            hides_replicas: !entry["PrimaryRegion"].is_null() && entry["ReplicationStatus"].is_null(),
        }
    }

    pub(super) fn into_observed(self) -> Observed<LiveSecret> {
        if self.pending_deletion { Observed::PendingDeletion(self.live) } else { Observed::Present(self.live) }
    }

    /// Reads what the list doesn't contain: the policy, and the replicas of a secret that has some.
    async fn observe_parts(self, secrets: &Client) -> Observed<LiveSecret> {
        if self.pending_deletion {
            return self.into_observed();
        }
        let name = &self.live.name;
        let replicas = async {
            match self.hides_replicas {
                true => read_secret(secrets, name).await,
                false => Ok(None),
            }
        };
        let (policy, replicas) = tokio::join!(read_policy(secrets, name), replicas);
        let (mut answer, mut unread) = (json!({}), Vec::new());
        match policy {
            Ok(Some((member, statements))) => answer[member] = statements,
            Ok(None) => {}
            Err(error) if matches!(error.kind, FailureKind::NotFound | FailureKind::NotImplemented) => {}
            Err(error) => unread.push(error.to_string()),
        }
        let replicas = replicas.map(|whole| whole.map(|whole| whole["ReplicationStatus"].clone()));
        PartRead::of_call(replicas).add_to(&mut answer, "ReplicationStatus", &mut unread);
        // What the entry of the list has besides is known already.
        let unmodeled = unmodeled_part(name, &answer, unread);
        let mut live = self.live;
        live.unmodeled.add_part(unmodeled);
        Observed::Present(live)
    }
}

fn unmodeled_part(name: &str, answer: &Value, unread: Vec<String>) -> UnmodeledPart {
    UnmodeledPart { members: AnswerKind::Secret.find_unmodeled(name, answer), unread }
}
