//! Secrets and their tags.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::context::epoch_s;
use super::super::json::tag_list;
use super::values::{self, SecretContent};
use super::{ApiError, SecretsManagerCall, StoredSecret, invalid_parameter, invalid_request};

/// The characters of the random suffix of an ARN, which has six of them.
const SUFFIX_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The maximum length of `Name` in `CreateSecret`.
const MAX_NAME: usize = 512;
/// Secrets Manager's quota "Tags for a secret".
const MAX_TAGS: usize = 50;

pub(super) fn create_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.body.required_text("Name")?.to_owned();
    if name.len() > MAX_NAME || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte)) {
        return Err(ApiError::validation_error(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    let content = SecretContent::from_call(call)?;
    let tags = call.body.member_tags("Tags");
    check_tags(&tags)?;
    if let Some(existing) = call.secrets_state().secrets.get(&name) {
        if existing.deletion.is_some() {
            return Err(invalid_request(
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        // The same token and value: a retry after the first response was lost.
        if let Some(content) = &content
            && existing.versions.get(&content.token).is_some_and(|version| content.equals_version(version))
        {
            return Ok(identity_answer(existing, Some(&content.token)));
        }
        return Err(ApiError::bad_request(
            "ResourceExistsException",
            format!("The operation failed because the secret {name} already exists."),
        ));
    }
    let suffix = call.cx.random_text(SUFFIX_LETTERS, 6);
    let now = call.cx.now;
    let mut secret = StoredSecret {
        arn: call.cx.build_arn("secretsmanager", &format!("secret:{name}-{suffix}")),
        description: call.body.member_text("Description").map(ToOwned::to_owned),
        kms_key_id: call.body.member_text("KmsKeyId").map(ToOwned::to_owned),
        created: now,
        changed: now,
        accessed: None,
        deletion: None,
        versions: BTreeMap::new(),
        policy: None,
        rotation: None,
        replicas: Vec::new(),
        name: name.clone(),
        tags,
    };
    let token = content.map(|content| values::store_version(&mut secret, content, &[], now));
    let answer = identity_answer(&secret, token.as_deref());
    call.cx.region_state_mut().secretsmanager.secrets.insert(name, secret);
    Ok(answer)
}

pub(super) fn describe_secret(call: &SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_any_secret()?;
    let mut answer = summary_members(secret);
    answer.insert("VersionIdsToStages".to_owned(), version_stages(secret));
    if !secret.replicas.is_empty() {
        answer.insert("ReplicationStatus".to_owned(), super::settings::replication_status(secret));
    }
    if let Some(deletion) = &secret.deletion {
        answer.insert("DeletedDate".to_owned(), json!(epoch_s(deletion.due)));
    }
    Ok(Value::Object(answer))
}

/// Secrets Manager omits a missing policy from the response.
pub(super) fn get_resource_policy(call: &SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_usable_secret()?;
    let mut answer = identity_answer(secret, None);
    if let Some(policy) = &secret.policy {
        answer["ResourcePolicy"] = json!(policy);
    }
    Ok(answer)
}

pub(super) fn update_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_usable_secret()?;
    let content = SecretContent::from_call(call)?;
    if let Some(content) = &content {
        content.refuse_other(secret)?;
    }
    let name = secret.name.clone();
    let description = call.body.member_text("Description").map(ToOwned::to_owned);
    let key = call.body.member_text("KmsKeyId").map(ToOwned::to_owned);
    let now = call.cx.now;
    let secret = call.secret_mut(&name)?;
    secret.description = description.or(secret.description.take());
    secret.kms_key_id = key.or(secret.kms_key_id.take());
    secret.changed = now;
    let token = content.map(|content| values::store_version(secret, content, &[], now));
    Ok(identity_answer(secret, token.as_deref()))
}

pub(super) fn tag_resource(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let secret = call.find_usable_secret()?;
    let (name, mut tags) = (secret.name.clone(), secret.tags.clone());
    tags.extend(call.body.member_tags("Tags"));
    check_tags(&tags)?;
    call.secret_mut(&name)?.tags = tags;
    Ok(json!({}))
}

pub(super) fn untag_resource(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let name = call.find_usable_secret()?.name.clone();
    let keys = call.body.member_texts("TagKeys");
    call.secret_mut(&name)?.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if tags.len() > MAX_TAGS {
        return Err(invalid_parameter(format!("A secret can't have more than {MAX_TAGS} tags.")));
    }
    match tags.keys().find(|key| key.is_empty() || key.starts_with("aws:")) {
        Some(key) => Err(invalid_parameter(format!("The tag key '{key}' is reserved or empty."))),
        None => Ok(()),
    }
}

/// `{"ARN", "Name", "VersionId"}`, the response of most operations.
pub(super) fn identity_answer(secret: &StoredSecret, version: Option<&str>) -> Value {
    let mut answer = json!({ "ARN": secret.arn, "Name": secret.name });
    if let Some(version) = version {
        answer["VersionId"] = json!(version);
    }
    answer
}

/// The members that `DescribeSecret` and `ListSecrets` share.
pub(super) fn summary_members(secret: &StoredSecret) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("ARN".to_owned(), json!(secret.arn));
    members.insert("Name".to_owned(), json!(secret.name));
    if let Some(description) = &secret.description {
        members.insert("Description".to_owned(), json!(description));
    }
    if let Some(key) = &secret.kms_key_id {
        members.insert("KmsKeyId".to_owned(), json!(key));
    }
    if let Some(function) = &secret.rotation {
        members.insert("RotationEnabled".to_owned(), json!(true));
        members.insert("RotationLambdaARN".to_owned(), json!(function));
    }
    // Only a secret with replicas names its own region.
    if !secret.replicas.is_empty() {
        let region = secret.arn.split(':').nth(3).unwrap_or_default();
        members.insert("PrimaryRegion".to_owned(), json!(region));
    }
    members.insert("LastChangedDate".to_owned(), json!(epoch_s(secret.changed)));
    if let Some(accessed) = secret.accessed {
        members.insert("LastAccessedDate".to_owned(), json!(epoch_s(accessed)));
    }
    members.insert("CreatedDate".to_owned(), json!(epoch_s(secret.created)));
    if !secret.tags.is_empty() {
        members.insert("Tags".to_owned(), tag_list(&secret.tags));
    }
    members
}

/// Version ids with their labels. Versions without labels are deprecated and left out.
pub(super) fn version_stages(secret: &StoredSecret) -> Value {
    let labelled = secret.versions.iter().filter(|(_, version)| !version.stages.is_empty());
    labelled.map(|(id, version)| (id.clone(), json!(version.stages))).collect::<Map<_, _>>().into()
}
