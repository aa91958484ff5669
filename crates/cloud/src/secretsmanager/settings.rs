//! A secret's resource policy, rotation and replicas. They are stored and returned, and have no effect but that a secret
//! with replicas can't be deleted.

use serde_json::{Value, json};

use super::secrets::identity_answer;
use super::{ApiError, SecretsManagerCall, StoredSecret, invalid_parameter};

pub(super) fn put_resource_policy(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let policy = call.body.required_text("ResourcePolicy")?.to_owned();
    if !serde_json::from_str::<Value>(&policy).is_ok_and(|policy| policy.is_object()) {
        return Err(ApiError::bad_request(
            "MalformedPolicyDocumentException",
            "This resource policy contains a syntax error.",
        ));
    }
    change_secret(call, |secret| secret.policy = Some(policy))
}

pub(super) fn delete_resource_policy(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    change_secret(call, |secret| secret.policy = None)
}

pub(super) fn rotate_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let function = call.body.required_text("RotationLambdaARN")?.to_owned();
    change_secret(call, |secret| secret.rotation = Some(function))
}

pub(super) fn cancel_rotate_secret(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    change_secret(call, |secret| secret.rotation = None)
}

pub(super) fn replicate_secret_to_regions(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let regions = call.body.member_list("AddReplicaRegions").iter().filter_map(|replica| replica["Region"].as_str());
    let regions: Vec<String> = regions.map(ToOwned::to_owned).collect();
    if regions.is_empty() {
        return Err(invalid_parameter("AddReplicaRegions must not be empty."));
    }
    let mut answer = change_secret(call, |secret| secret.replicas.extend(regions))?;
    answer["ReplicationStatus"] = replication_status(call.find_usable_secret()?);
    Ok(answer)
}

pub(super) fn remove_regions_from_replication(call: &mut SecretsManagerCall<'_, '_>) -> Result<Value, ApiError> {
    let regions = call.body.member_texts("RemoveReplicaRegions");
    change_secret(call, |secret| secret.replicas.retain(|region| !regions.contains(region)))
}

/// `ReplicationStatus`, of a secret with replicas.
pub(super) fn replication_status(secret: &StoredSecret) -> Value {
    secret.replicas.iter().map(|region| json!({ "Region": region, "Status": "InSync" })).collect()
}

fn change_secret(
    call: &mut SecretsManagerCall<'_, '_>,
    change: impl FnOnce(&mut StoredSecret),
) -> Result<Value, ApiError> {
    let name = call.find_usable_secret()?.name.clone();
    let secret = call.secret_mut(&name)?;
    change(secret);
    Ok(identity_answer(secret, None))
}
