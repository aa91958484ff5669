//! Secrets and their recovery window.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use deployer_aws::{Call, CallError, FailureKind};

use super::{ProbePlace, ProbeResult, TAGS, error_text, expect_refused, expect_same, fail_probe};

async fn create_secret(place: &ProbePlace, name: &str) -> Result<(), CallError> {
    let tags = TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let request = place.aws.secrets.create_secret().name(name).secret_string("one").description("a probe");
    request.set_tags(Some(tags.to_vec())).send().await.call("secretsmanager:CreateSecret").map(drop)
}

async fn schedule_deletion(place: &ProbePlace, name: &str) -> ProbeResult {
    let request = place.aws.secrets.delete_secret().secret_id(name).recovery_window_in_days(7);
    request.send().await.call("secretsmanager:DeleteSecret").map(drop).map_err(error_text)
}

async fn delete_secret(place: &ProbePlace, name: &str) {
    let _ = place.aws.secrets.delete_secret().secret_id(name).force_delete_without_recovery(true).send().await;
}

async fn find_listed_secret(
    place: &ProbePlace,
    name: &str,
    in_deletion: bool,
) -> Result<Option<SecretListEntry>, String> {
    let filter = Filter::builder().key(FilterNameStringType::Name).values(name).build();
    let request = place.aws.secrets.list_secrets().filters(filter).include_planned_deletion(in_deletion);
    let answer = request.send().await.call("secretsmanager:ListSecrets").map_err(error_text)?;
    Ok(answer.secret_list().iter().find(|secret| secret.name() == Some(name)).cloned())
}

pub async fn lists_secret_with_tags(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("secret");
    create_secret(&place, &name).await.map_err(error_text)?;
    let secret = find_listed_secret(&place, &name, false).await?.ok_or("not listed")?;
    delete_secret(&place, &name).await;
    expect_same(secret.description(), Some("a probe"), "description")?;
    let mut tags: Vec<_> =
        secret.tags().iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default())).collect();
    tags.sort_unstable();
    expect_same(tags, TAGS.to_vec(), "tags")?;
    let arn = secret.arn().unwrap_or_default();
    let suffix = arn.rsplit_once(&format!("{name}-")).map_or(0, |(_, suffix)| suffix.len());
    expect_same(suffix, 6, &format!("length of the suffix after the name in {arn}"))
}

pub async fn rejects_duplicate_secret_name(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("secret");
    create_secret(&place, &name).await.map_err(error_text)?;
    let second = create_secret(&place, &name).await;
    delete_secret(&place, &name).await;
    expect_refused(second, FailureKind::AlreadyExists)
}

pub async fn rejects_name_pending_deletion(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("secret");
    create_secret(&place, &name).await.map_err(error_text)?;
    schedule_deletion(&place, &name).await?;
    let second = create_secret(&place, &name).await;
    delete_secret(&place, &name).await;
    match second {
        Ok(()) => fail_probe("a second secret was created"),
        Err(error) => expect_same(error.code.as_str(), "InvalidRequestException", "error code"),
    }
}

pub async fn lists_secret_pending_deletion_on_request(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("secret");
    create_secret(&place, &name).await.map_err(error_text)?;
    schedule_deletion(&place, &name).await?;
    let plain = find_listed_secret(&place, &name, false).await?;
    let asked = find_listed_secret(&place, &name, true).await?;
    delete_secret(&place, &name).await;
    expect_same(plain.is_some(), false, "whether it is in the plain list")?;
    expect_same(asked.is_some_and(|secret| secret.deleted_date().is_some()), true, "whether it has a deletion date")
}

pub async fn restored_secret_keeps_its_value(place: ProbePlace) -> ProbeResult {
    let name = place.resource_name("secret");
    create_secret(&place, &name).await.map_err(error_text)?;
    schedule_deletion(&place, &name).await?;
    let secrets = &place.aws.secrets;
    let read =
        || async { secrets.get_secret_value().secret_id(&name).send().await.call("secretsmanager:GetSecretValue") };
    if read().await.is_ok() {
        return fail_probe("the value can be read while the secret is scheduled for deletion");
    }
    secrets.restore_secret().secret_id(&name).send().await.call("secretsmanager:RestoreSecret").map_err(error_text)?;
    let value = read().await.map_err(error_text)?;
    delete_secret(&place, &name).await;
    expect_same(value.secret_string(), Some("one"), "value")
}
