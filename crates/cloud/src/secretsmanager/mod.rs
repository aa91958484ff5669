//! AWS Secrets Manager: secrets, their versions, and their deletion with a recovery window.
//!
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/>

mod deletion;
mod list;
mod secrets;
mod settings;
mod values;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) use deletion::deletion_key;

use super::table::{StoredTable, stored_parts};
use super::{ApiError, CloudAnswer, CloudContext, CloudRequest, HandlerOutcome, JsonBody, dispatch};

/// The label of the version that is returned by default.
const CURRENT: &str = "AWSCURRENT";
/// The label of the previous version.
const PREVIOUS: &str = "AWSPREVIOUS";

stored_parts! {
    /// The secrets of a region, by name.
    pub struct SecretsManagerState {
        pub secrets: StoredTable<StoredSecret>,
        /// The names of those that are to be deleted, by [`deletion_key`]. A name stays until then if its secret is
        /// restored.
        pub deletions: StoredTable<String>,
    }
}

/// A secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSecret {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub created: Timestamp,
    pub changed: Timestamp,
    pub accessed: Option<Timestamp>,
    pub deletion: Option<SecretDeletion>,
    /// By version id.
    pub versions: BTreeMap<String, StoredSecretVersion>,
    /// The resource policy's text.
    #[serde(default)]
    pub policy: Option<String>,
    /// The ARN of the function that rotates it.
    #[serde(default)]
    pub rotation: Option<String>,
    /// The regions that have replicas.
    #[serde(default)]
    pub replicas: Vec<String>,
}

/// A scheduled deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretDeletion {
    pub requested: Timestamp,
    /// When the secret is removed. Until then it can be restored.
    pub due: Timestamp,
}

/// One value of a secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSecretVersion {
    pub string: Option<String>,
    /// Base64.
    pub binary: Option<String>,
    pub stages: Vec<String>,
    pub created: Timestamp,
}

impl std::fmt::Debug for StoredSecret {
    /// Leaves out the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).field("deletion", &self.deletion).finish_non_exhaustive()
    }
}

impl SecretsManagerState {
    /// Finds a secret by name, ARN, or ARN without its random suffix.
    pub(super) fn find_secret(&self, id: &str) -> Option<&StoredSecret> {
        let Some((_, name)) = id.strip_prefix("arn:").and_then(|rest| rest.split_once(":secret:")) else {
            return self.secrets.get(id);
        };
        let whole = name.rsplit_once('-').and_then(|(name, _)| self.secrets.get(name));
        let partial = || {
            let is_it = |secret: &&StoredSecret| secret.arn.rsplit_once('-').is_some_and(|(start, _)| start == id);
            self.secrets.get(name).filter(is_it)
        };
        whole.filter(|secret| secret.arn == id).or_else(partial)
    }
}

/// One request to Secrets Manager.
struct SecretsManagerCall<'a, 'b> {
    cx: &'a mut CloudContext<'b>,
    body: &'a JsonBody,
}

impl SecretsManagerCall<'_, '_> {
    fn secrets_state(&self) -> &SecretsManagerState {
        &self.cx.region_state().secretsmanager
    }

    /// The secret named by `SecretId`, even if it is scheduled for deletion.
    fn find_any_secret(&self) -> Result<&StoredSecret, ApiError> {
        self.secrets_state().find_secret(self.body.required_text("SecretId")?).ok_or_else(not_found)
    }

    /// The secret named by `SecretId`. It is an error if the secret is scheduled for deletion.
    fn find_usable_secret(&self) -> Result<&StoredSecret, ApiError> {
        let secret = self.find_any_secret()?;
        if secret.deletion.is_some() {
            return Err(invalid_request(
                "You can't perform this operation on the secret because it was marked for deletion.",
            ));
        }
        Ok(secret)
    }

    /// The secret with this name, for changes. The caller has already found it.
    fn secret_mut(&mut self, name: &str) -> Result<&mut StoredSecret, ApiError> {
        self.cx.region_state_mut().secretsmanager.secrets.get_mut(name).ok_or_else(not_found)
    }
}

fn not_found() -> ApiError {
    ApiError::bad_request("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn invalid_request(message: &str) -> ApiError {
    ApiError::bad_request("InvalidRequestException", message)
}

fn invalid_parameter(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("InvalidParameterException", message)
}

pub(super) fn handle_request(
    cx: &mut CloudContext<'_>,
    operation: &str,
    request: &CloudRequest,
) -> Result<HandlerOutcome, ApiError> {
    let body = &JsonBody::parse_body(&request.body)?;
    deletion::purge_due_secrets(cx);
    let mut call = SecretsManagerCall { cx, body };
    let call = &mut call;
    let answer = match operation {
        "CreateSecret" => secrets::create_secret(call),
        "DescribeSecret" => secrets::describe_secret(call),
        "GetResourcePolicy" => secrets::get_resource_policy(call),
        "PutResourcePolicy" => settings::put_resource_policy(call),
        "DeleteResourcePolicy" => settings::delete_resource_policy(call),
        "RotateSecret" => settings::rotate_secret(call),
        "CancelRotateSecret" => settings::cancel_rotate_secret(call),
        "ReplicateSecretToRegions" => settings::replicate_secret_to_regions(call),
        "RemoveRegionsFromReplication" => settings::remove_regions_from_replication(call),
        "UpdateSecret" => secrets::update_secret(call),
        "TagResource" => secrets::tag_resource(call),
        "UntagResource" => secrets::untag_resource(call),
        "ListSecrets" => list::list_secrets(call),
        "GetSecretValue" => values::get_secret_value(call),
        "PutSecretValue" => values::put_secret_value(call),
        "DeleteSecret" => deletion::delete_secret(call),
        "RestoreSecret" => deletion::restore_secret(call),
        _ => Err(dispatch::not_implemented("secretsmanager", operation)),
    };
    answer.map(|body| CloudAnswer::from_json(&body).into())
}
